import { UnauthenticatedError } from '../errors.ts';
import type { CallLayer } from './call.ts';
import type { Caller } from './platform-api.ts';

/** Accepted credentials that are kept; the one that was used longest ago is dropped first. */
const maxEntries = 10_000;

/**
 * The callers' credentials that the platform has accepted, for each organization. A credential enters with its first
 * successful response and leaves when the platform rejects it. The gateway's own credential always counts as accepted,
 * because no caller can have invented it.
 *
 * A 403 does not make a credential accepted: a valid token of another organization receives it as well.
 */
export class AcceptedCredentials {
  /** In the order of their last use. */
  readonly #keys = new Set<string>();

  get size(): number {
    return this.#keys.size;
  }

  has(caller: Caller): boolean {
    return caller.credential.owner === 'gateway' || this.#keys.has(keyOf(caller));
  }

  /** Adds a credential after a successful response. */
  accept(caller: Caller): void {
    if (caller.credential.owner === 'gateway') return;
    const key = keyOf(caller);
    this.#keys.delete(key);
    this.#keys.add(key);
    const [oldest] = this.#keys.size > maxEntries ? this.#keys : [];
    if (oldest !== undefined) this.#keys.delete(oldest);
  }

  /** Removes a credential after the platform has rejected it. */
  reject(caller: Caller): void {
    this.#keys.delete(keyOf(caller));
  }
}

/** Updates the accepted credentials from the response to each call. */
export const withAcceptance =
  (accepted: AcceptedCredentials): CallLayer =>
  (next) =>
  async (request) => {
    try {
      const answer = await next(request);
      accepted.accept(request.caller);
      return answer;
    } catch (error) {
      if (error instanceof UnauthenticatedError) accepted.reject(request.caller);
      throw error;
    }
  };

/** Without the sandbox, because a credential belongs to an organization. */
const keyOf = ({ tenant, credential }: Caller): string => JSON.stringify([tenant.org, credential.fingerprint]);
