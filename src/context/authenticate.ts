import { orgProblem, parseTenant, sandboxProblem, type Tenant } from '../domain/tenant.ts';
import { type InputIssue, InvalidInputError, UnauthenticatedError } from '../errors.ts';
import type { Caller, Credential } from '../upstream/platform-api.ts';
import type { RequestHeaders } from './request-headers.ts';

/** An authenticated caller with its tenant, its platform credential and its rights. */
export interface Session extends Caller {
  /** Name under which limits are counted. It is the same for all requests of one caller, and not secret. */
  readonly principal: string;
  /** Sandboxes that the caller may name; null: the platform decides. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Time at which all rights of the caller end; null: the gateway does not know it, and the platform decides. */
  readonly expiresAt: Date | null;
}

/**
 * Determines the caller of a request, before any call to the platform. A failure is thrown, or rejects the promise.
 * @param connection connection of the request, if it can have several requests. The session of its last request is kept
 *   for as long as the connection, and returned again for the same headers.
 * @returns the session, or a promise if it is not available yet
 * @throws {UnauthenticatedError} the request has no credential although one is required, or an invalid one
 * @throws {TokenExpiredError} its token has expired
 * @throws {ForbiddenError} its token does not permit the organization or sandbox that it names
 * @throws {InvalidInputError} the organization or sandbox that it names is not a valid name
 * @throws {UpstreamUnreachableError} the keys for verifying tokens cannot be read
 */
export type Authenticate = (headers: RequestHeaders, connection?: object) => Promise<Session> | Session;

/** The gateway has no roles of its own in these modes, so the platform decides on each read and write. */
const platformDecides = { allowedSandboxes: null, canRead: true, canWrite: true, expiresAt: null } as const;

/**
 * Authentication in front of an emulator. Every caller uses the gateway's own credential and may choose the sandbox.
 */
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

/** A session, with the headers that it was made of. */
interface Remembered {
  readonly authorization: string | null;
  readonly apiKey: string | null;
  readonly org: string | null;
  readonly sandbox: string | null;
  readonly session: Session;
}

/**
 * Authentication with the caller's own credential. No other credential is sent to the platform. Clients send the same
 * token with each request of a connection, so that its digest is computed once.
 */
export function passthroughAuthentication(options: PassthroughOptions): Authenticate {
  const authenticate = passthroughSession(options);
  const remembered = new WeakMap<object, Remembered>();
  const begin = async (headers: RequestHeaders, connection: object | undefined): Promise<Session> => {
    const session = authenticate(headers);
    if (connection === undefined) return session;
    remembered.set(connection, {
      authorization: headers('authorization'),
      apiKey: headers('x-api-key'),
      org: headers('x-gw-ims-org-id'),
      sandbox: headers('x-sandbox-name'),
      session,
    });
    return session;
  };
  return (headers, connection) => {
    const last = connection === undefined ? undefined : remembered.get(connection);
    const isSame =
      last !== undefined &&
      headers('authorization') === last.authorization &&
      headers('x-api-key') === last.apiKey &&
      headers('x-gw-ims-org-id') === last.org &&
      headers('x-sandbox-name') === last.sandbox;
    return isSame ? last.session : begin(headers, connection);
  };
}

function passthroughSession(options: PassthroughOptions): (headers: RequestHeaders) => Session {
  const { defaultOrg, defaultSandbox, defaultApiKey, createCredential } = options;
  return (headers) => {
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

/** @param issuer end of the sentence that names the issuer of the token, such as `of the platform` */
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

/**
 * Reports a header as an invalid argument. Its value is not repeated, because it may be a credential in the wrong
 * header.
 */
export const issueOf = (header: string, problem: string | null): readonly InputIssue[] =>
  problem === null ? [] : [{ path: header, message: `the header ${problem}` }];
