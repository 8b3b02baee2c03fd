import { orgProblem, parseTenant, sandboxProblem, type Tenant } from '../domain/tenant.ts';
import { type InputIssue, InvalidInputError, UnauthenticatedError } from '../errors.ts';
import type { Caller, Credential } from '../upstream/platform-api.ts';
import type { RequestHeaders } from './request-headers.ts';

/** Who calls, for which tenant, with which platform credential, and what they may do. */
export interface Session extends Caller {
  /** Whom limits count: the same for all requests of one caller, and no secret. */
  readonly principal: string;
  /** The sandboxes that the caller may name; null where the platform decides. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** When the right to anything ends; null where the gateway does not know it and the platform decides. */
  readonly expiresAt: Date | null;
}

/**
 * Finds out for whom a request is made, before anything is asked of the platform.
 * @throws {UnauthenticatedError} the request brings no credential where one is needed, or one that is not valid
 * @throws {TokenExpiredError} its token has run out
 * @throws {ForbiddenError} its token gives no right to what it asks for
 * @throws {InvalidInputError} the organization or sandbox that it names cannot be one
 * @throws {UpstreamUnreachableError} the keys that tokens are checked with cannot be read
 */
export type Authenticate = (headers: RequestHeaders) => Promise<Session>;

/** Without roles of its own, the gateway lets the platform decide about each read and write. */
const platformDecides = { allowedSandboxes: null, canRead: true, canWrite: true, expiresAt: null } as const;

/** An emulator behind: every caller uses the gateway's own credential and may choose the sandbox. */
export function embeddedAuthentication(credential: Credential, defaultTenant: Tenant): Authenticate {
  return async (headers) => ({
    tenant: tenantOf(headers, defaultTenant.org, defaultTenant.sandbox),
    credential,
    principal: 'embedded',
    ...platformDecides,
  });
}

export interface PassthroughOptions {
  readonly defaultOrg: string | null;
  readonly defaultSandbox: string;
  readonly defaultApiKey: string | null;
  readonly createCredential: (options: { readonly authorization: string; readonly apiKey: string }) => Credential;
}

/** The caller's own credential goes upstream, and nothing else does. */
export function passthroughAuthentication(options: PassthroughOptions): Authenticate {
  const { defaultOrg, defaultSandbox, defaultApiKey, createCredential } = options;
  return async (headers) => {
    const authorization = headers('authorization');
    const apiKey = headers('x-api-key') ?? defaultApiKey;
    if (authorization === null || !/^bearer +\S/i.test(authorization)) {
      throw new UnauthenticatedError({ message: notBearer(authorization, 'of the platform') });
    }
    if (apiKey === null) throw new UnauthenticatedError({ message: 'The header x-api-key is missing.' });
    const tenant = tenantOf(headers, defaultOrg, defaultSandbox);
    const credential = createCredential({ authorization, apiKey });
    return { tenant, credential, principal: credential.fingerprint, ...platformDecides };
  };
}

/** @param issuer who gives out the tokens: `of the platform` */
export function notBearer(authorization: string | null, issuer: string): string {
  const rule = `must hold a bearer token ${issuer}`;
  if (authorization === null) return `The header Authorization is missing. It ${rule}.`;
  return authorization.trim() === ''
    ? `The header Authorization is empty. It ${rule}.`
    : `The header Authorization ${rule}: Bearer, a space and the token.`;
}

function tenantOf(headers: RequestHeaders, defaultOrg: string | null, defaultSandbox: string): Tenant {
  const org = headers('x-gw-ims-org-id') ?? defaultOrg;
  const sandbox = headers('x-sandbox-name') ?? defaultSandbox;
  const issues = [
    issueOf('x-gw-ims-org-id', org === null ? 'is missing' : orgProblem(org)),
    issueOf('x-sandbox-name', sandboxProblem(sandbox)),
  ].flat();
  const tenant = org === null || issues.length > 0 ? null : parseTenant(org, sandbox);
  if (tenant === null) throw new InvalidInputError(issues);
  return tenant;
}

/** The header as an invalid argument: its value is not repeated, because it may be a credential in the wrong place. */
export const issueOf = (header: string, problem: string | null): readonly InputIssue[] =>
  problem === null ? [] : [{ path: header, message: `the header ${problem}` }];
