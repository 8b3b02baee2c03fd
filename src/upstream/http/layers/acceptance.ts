import { GatewayError, UnauthenticatedError } from '../../../errors.ts';
import { growingLru } from '../../../runtime/lru.ts';
import type { Caller } from '../../caller.ts';
import type { CallLayer } from '../call.ts';
import { keysOf } from '../caller-keys.ts';

/** Maximum number of accepted credentials, and of rejected ones. The least recently used are discarded first. */
const maxEntries = 10_000;

/** Statuses of responses about the request itself. A service returns them only after it has accepted the credential. */
const acceptingStatuses: ReadonlySet<number> = new Set([404, 409, 412, 416, 422]);

/**
 * The callers' credentials that the platform has accepted, for each organization. A credential enters with its first
 * response that is a success or about the request itself, and leaves when the platform rejects it. The gateway's own
 * credential always counts as accepted, because no caller can have invented it.
 *
 * A 403 does not make a credential accepted: a valid token of another organization receives it as well.
 */
export class AcceptedCredentials {
  readonly #accepted = growingLru<true>(maxEntries);
  readonly #rejected = growingLru<true>(maxEntries);

  get size(): number {
    return this.#accepted.size;
  }

  has(caller: Caller): boolean {
    return caller.credential.owner === 'gateway' || this.#accepted.has(keyOf(caller));
  }

  /** Whether the last response to a credential was a rejection. */
  wasRejected(caller: Caller): boolean {
    return this.#rejected.has(keyOf(caller));
  }

  /** Adds a credential after a response that shows that the platform accepts it. */
  accept(caller: Caller): void {
    if (caller.credential.owner === 'gateway') return;
    const key = keyOf(caller);
    // No credential is in both sets. `get` also marks an entry as used, at a lower cost than `set`.
    if (this.#accepted.get(key) !== undefined) return;
    this.#rejected.delete(key);
    this.#accepted.set(key, true);
  }

  /** Removes a credential after the platform has rejected it. */
  reject(caller: Caller): void {
    if (caller.credential.owner === 'gateway') return;
    const key = keyOf(caller);
    this.#accepted.delete(key);
    this.#rejected.set(key, true);
  }
}

/** Updates the accepted credentials from the response to each call. */
export const withAcceptance =
  (accepted: AcceptedCredentials): CallLayer =>
  (next) =>
  (request) =>
    next(request).then(
      (response) => {
        accepted.accept(request.caller);
        return response;
      },
      (error: unknown) => {
        if (error instanceof UnauthenticatedError) accepted.reject(request.caller);
        else if (showsAcceptance(error)) accepted.accept(request.caller);
        throw error;
      },
    );

/** Whether a failure is about the request itself, so that the platform has accepted its credential. */
export const showsAcceptance = (error: unknown): boolean =>
  error instanceof GatewayError && acceptingStatuses.has(error.upstream?.status ?? 0);

/** The key has no sandbox, because a credential belongs to an organization. */
const keyOf = (caller: Caller): string => keysOf(caller).credential;
