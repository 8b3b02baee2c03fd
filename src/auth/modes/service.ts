import { createHash } from 'node:crypto';
import { errors, type JWTPayload } from 'jose';
import { scopeNames } from '../../domain/scopes.ts';
import { orgProblem, parseTenant, sandboxProblem } from '../../domain/tenant.ts';
import {
  ForbiddenError,
  GatewayError,
  InvalidInputError,
  TokenExpiredError,
  UnauthenticatedError,
} from '../../errors.ts';
import type { TokenRejection } from '../../metrics/credentials.ts';
import { type Clock, lastMomentMs } from '../../runtime/clock.ts';
import type { Credential } from '../../upstream/caller.ts';
import type { Authenticate } from '../authenticator.ts';
import type { RequestHeaders } from '../caller-headers.ts';
import { nameOfSubject } from '../caller-name.ts';
import { claimAt, namesIn } from '../claims.ts';
import { issueOf, notBearer } from '../header-tenant.ts';
import { type TokenRejections, tokenRejectionOf } from '../token-rejections.ts';
import { clockToleranceSeconds, type TrustedIssuer, verifyToken } from '../verify-token.ts';

/** Claims of a token that contain its rights, each as a name or as a path (see `claimAt`). */
export interface ClaimNames {
  /** One organization id: `0123456789ABCDEF01234567@AdobeOrg`. */
  readonly organization: string;
  /** Sandbox names (see `namesIn`). */
  readonly sandboxes: string;
  /** Scopes (see `namesIn`). Only `exports:read`, `exports:write` and `exports:data` have an effect. */
  readonly scopes: string;
}

export interface ServiceOptions {
  /** The gateway's own credential, used for all calls to the platform. */
  readonly credential: Credential;
  readonly trusted: TrustedIssuer;
  readonly claims: ClaimNames;
  /** The only organization that is served; null: the organization of each token. */
  readonly onlyOrg: string | null;
  /** Sandbox of requests that name none, if their token names several and this one is among them. */
  readonly defaultSandbox: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly rejections: TokenRejections;
}

/** Maximum length of a token, in characters. Tokens with many claims have a few thousand. */
const maxTokenLength = 16_384;
/**
 * Maximum length of a principal that is stored unchanged, in characters, because limits keep thousands of principals in
 * memory.
 */
const maxPrincipalLength = 512;

/**
 * Authenticates callers by a JWT of the configured issuer. Its claims name the permitted organization, sandboxes and
 * scopes.
 */
export function serviceAuthenticator(options: ServiceOptions): Authenticate {
  const { credential, claims, onlyOrg, defaultSandbox, rejections } = options;
  return async (headers, _connection, log) => {
    const reject = (reason: TokenRejection) => rejections.add(reason, log);
    const payload = await verify(bearerToken(headers, reject), options, reject);
    const org = claimAt(payload, claims.organization);
    const sandboxes = namesIn(claimAt(payload, claims.sandboxes));
    if (typeof org !== 'string' || (onlyOrg !== null && org !== onlyOrg)) {
      reject('organization');
      throw new ForbiddenError({ message: 'The token names no organization that is served here.' });
    }
    const requestedOrg = headers('x-gw-ims-org-id');
    const requestedSandbox = headers('x-sandbox-name');
    const issues = [
      ...issueOf('x-gw-ims-org-id', requestedOrg === null ? null : orgProblem(requestedOrg)),
      ...issueOf('x-sandbox-name', requestedSandbox === null ? null : sandboxProblem(requestedSandbox)),
    ];
    if (issues.length > 0) throw new InvalidInputError(issues);
    if (requestedOrg !== null && requestedOrg !== org) {
      reject('organization');
      throw new ForbiddenError({ message: 'The token is not for the organization that the request names.' });
    }
    const [only = null, ...more] = sandboxes;
    const sandbox = requestedSandbox ?? (more.length === 0 ? only : defaultSandbox);
    if (sandbox === null || !sandboxes.includes(sandbox)) {
      reject('sandbox');
      throw new ForbiddenError({ message: notAllowed(requestedSandbox, sandboxes) });
    }
    const tenant = parseTenant(org, sandbox);
    if (tenant === null) {
      const [name, problem] =
        orgProblem(org) === null ? [claims.sandboxes, sandboxProblem(sandbox)] : [claims.organization, orgProblem(org)];
      throw new InvalidInputError([{ path: 'authorization', message: `the claim ${name} of the token ${problem}` }]);
    }
    const scopes = namesIn(claimAt(payload, claims.scopes));
    return {
      tenant,
      credential,
      principal: principalOf(payload, org),
      loggedAs: nameOfSubject(payload),
      platformUser: null,
      allowedSandboxes: sandboxes,
      canRead: scopes.includes(scopeNames.read),
      canWrite: scopes.includes(scopeNames.write),
      canReadData: scopes.includes(scopeNames.data),
      // `exp` is always present, because it is a required claim. Very large values are capped at the latest valid Date.
      expiresAt: new Date(Math.min(((payload.exp ?? 0) + clockToleranceSeconds) * 1_000, lastMomentMs)),
    };
  };
}

function principalOf({ iss, sub }: JWTPayload, org: string): string {
  const principal = JSON.stringify(['jwt', iss, sub ?? null, org]);
  if (principal.length <= maxPrincipalLength) return principal;
  return JSON.stringify(['jwt', createHash('sha256').update(principal).digest('base64url')]);
}

function notAllowed(requested: string | null, sandboxes: readonly string[]): string {
  if (requested !== null) return 'The token does not name the sandbox of the header x-sandbox-name.';
  return sandboxes.length === 0
    ? 'The token names no sandbox.'
    : 'The token names several sandboxes. Name one of them in the header x-sandbox-name.';
}

type Reject = (reason: TokenRejection) => void;

function bearerToken(headers: RequestHeaders, reject: Reject): string {
  const authorization = headers('authorization');
  const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) throw new UnauthenticatedError({ message: notBearer(authorization, 'of the issuer') });
  if (token.length <= maxTokenLength) return token;
  reject('too long');
  throw new UnauthenticatedError({
    message: `The header Authorization must hold a bearer token of at most ${maxTokenLength} characters.`,
  });
}

async function verify(
  token: string,
  { trusted, clock }: Pick<ServiceOptions, 'trusted' | 'clock'>,
  reject: Reject,
): Promise<JWTPayload> {
  try {
    return await verifyToken(token, trusted, clock);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    reject(tokenRejectionOf(error));
    if (error instanceof errors.JWTExpired) throw new TokenExpiredError({ message: 'The token has expired.' });
    // The client does not receive the reason, because the reason would help to forge a token.
    throw new UnauthenticatedError({ message: 'The token is not valid.', cause: error });
  }
}
