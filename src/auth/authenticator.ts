import type { RequestLog } from '../runtime/request-log.ts';
import type { Caller } from '../upstream/caller.ts';
import type { RequestHeaders } from './caller-headers.ts';

/** An authenticated caller with its tenant, its platform credential and its rights. */
export interface Session extends Caller {
  /** Name under which limits are counted. It is the same for all requests of one caller, and not secret. */
  readonly principal: string;
  /** Name of the caller in log lines: stable, neither secret nor personal, and of bounded length. */
  readonly loggedAs: string;
  /**
   * Name of the caller in its platform credential, for log lines only. Null before the platform has accepted this
   * credential, without a name in it, and if the gateway calls the platform with its own.
   */
  readonly platformUser: string | null;
  /** Sandboxes that the caller may name; null: the platform decides. */
  readonly allowedSandboxes: readonly string[] | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Whether the caller may read the contents of files: previews, conversions and downloads. They are personal data. */
  readonly canReadData: boolean;
  /** Time at which all rights of the caller end; null: the gateway does not know it, and the platform decides. */
  readonly expiresAt: Date | null;
}

/**
 * Determines the caller of a request, before any call to the platform. A failure is thrown, or rejects the promise.
 * @param connection connection of the request, if it can have several requests. The session of its last request is kept
 *   for as long as the connection, and returned again for the same headers.
 * @param log of the request. The reason of a rejection is logged there.
 * @returns the session, or a promise if it is not available yet
 * @throws {UnauthenticatedError} the request has no credential although one is required, or an invalid one
 * @throws {TokenExpiredError} its token has expired
 * @throws {ForbiddenError} its token does not permit the organization or sandbox that it names
 * @throws {InvalidInputError} the organization or sandbox that it names is not a valid name
 * @throws {UpstreamUnreachableError} the keys for verifying tokens cannot be read
 */
export type Authenticate = (
  headers: RequestHeaders,
  connection?: object,
  log?: RequestLog,
) => Promise<Session> | Session;
