import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { parseTenant } from '../domain/tenant.ts';
import { ForbiddenError, GatewayError, InvalidInputError, TokenExpiredError, UnauthenticatedError } from '../errors.ts';
import { type Clock, lastMomentMs } from '../runtime/clock.ts';
import type { Credential } from '../upstream/platform-api.ts';
import type { Authenticate } from './authenticate.ts';
import type { RequestHeaders } from './request-headers.ts';

/** Under which names a token's claims say what its bearer may do. */
export interface ClaimNames {
  /** One organization id: `0123456789ABCDEF01234567@AdobeOrg`. */
  readonly organization: string;
  /** A list of sandbox names, as an array or as a text with spaces between them. */
  readonly sandboxes: string;
  /** A list of scopes in either form, of which `exports:read` and `exports:write` count. */
  readonly scopes: string;
}

export interface ServiceOptions {
  /** The gateway's own credential, with which everything is asked of the platform. */
  readonly credential: Credential;
  readonly keys: JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  readonly claims: ClaimNames;
  /** The only organization that is served; null serves whichever the token names. */
  readonly onlyOrg: string | null;
  /** Taken when neither the request nor the token leaves one sandbox alone, provided that the token names it. */
  readonly defaultSandbox: string;
  readonly clock: Pick<Clock, 'now'>;
}

export const readScope = 'exports:read';
export const writeScope = 'exports:write';

/**
 * What a token may be signed with. Signatures by a shared secret are not among them: with them, everybody who can check
 * a token could make one, and a public key could be passed off as the secret.
 */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** How far the clocks of issuer and gateway may be apart. */
const clockToleranceSeconds = 30;
/** Characters that a token may have. Those with many claims reach a few thousand. */
const maxTokenLength = 16_384;

/**
 * Callers bring a JWT of the configured issuer. Its claims name the organization, the sandboxes and the scopes; what
 * they do not name is not allowed.
 */
export function serviceAuthentication(options: ServiceOptions): Authenticate {
  const { credential, claims, onlyOrg, defaultSandbox } = options;
  return async (headers) => {
    const payload = await verify(bearerToken(headers), options);
    const org = payload[claims.organization];
    const sandboxes = namesIn(payload[claims.sandboxes]);
    if (typeof org !== 'string' || (onlyOrg !== null && org !== onlyOrg)) {
      throw new ForbiddenError({ message: 'The token names no organization that is served here.' });
    }
    const askedOrg = headers('x-gw-ims-org-id');
    if (askedOrg !== null && askedOrg !== org) {
      throw new ForbiddenError({ message: 'The token is not for the organization that the request names.' });
    }
    const [only = null, ...more] = sandboxes;
    const sandbox = headers('x-sandbox-name') ?? (more.length === 0 ? only : defaultSandbox);
    if (sandbox === null || !sandboxes.includes(sandbox)) {
      throw new ForbiddenError({ message: 'The token does not name the sandbox of the request.' });
    }
    const tenant = parseTenant(org, sandbox);
    if (tenant === null) {
      throw new InvalidInputError([
        { path: 'authorization', message: 'the token’s claims do not name an organization and a sandbox' },
      ]);
    }
    const scopes = namesIn(payload[claims.scopes]);
    return {
      tenant,
      credential,
      principal: JSON.stringify(['jwt', payload.iss, payload.sub ?? null, org]),
      allowedSandboxes: sandboxes,
      canRead: scopes.includes(readScope),
      canWrite: scopes.includes(writeScope),
      // `exp` is required, so it is there; a token without it would be good for ever. One that shall be may name any number.
      expiresAt: new Date(Math.min(((payload.exp ?? 0) + clockToleranceSeconds) * 1_000, lastMomentMs)),
    };
  };
}

function bearerToken(headers: RequestHeaders): string {
  const token = /^bearer +(\S+)$/i.exec(headers('authorization') ?? '')?.[1];
  if (token !== undefined && token.length <= maxTokenLength) return token;
  throw new UnauthenticatedError({ message: 'The header Authorization must hold a bearer token of the issuer.' });
}

async function verify(token: string, { keys, issuer, audience, clock }: ServiceOptions): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms,
      issuer,
      audience,
      requiredClaims: ['exp'],
      clockTolerance: clockToleranceSeconds,
      currentDate: clock.now(),
    });
    return payload;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (error instanceof errors.JWTExpired) throw new TokenExpiredError({ message: 'The token has expired.' });
    // Which check failed is of use to whoever made the token up, too: it is told to nobody.
    throw new UnauthenticatedError({ message: 'The token is not valid.', cause: error });
  }
}

/** The names in a claim that is a list of texts, or one text with spaces between them; of anything else, none. */
function namesIn(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(/\s+/).filter((name) => name !== '');
  return Array.isArray(claim) ? claim.filter((name) => typeof name === 'string') : [];
}
