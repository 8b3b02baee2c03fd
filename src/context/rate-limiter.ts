import { RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { growingLru } from '../runtime/lru.ts';
import type { Caller } from '../upstream/caller.ts';

export interface RateLimiterOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Sustained rate per principal; 0: no limit. */
  readonly perSecond: number;
  /** Maximum number of operations that a principal may make at once after a pause. */
  readonly burst: number;
  /** Whether the platform has accepted the credential of a caller, which proves that the caller has not invented it. */
  readonly isAccepted: (caller: Caller) => boolean;
}

/** A caller with the name that all its requests share. */
export interface LimitedCaller extends Caller {
  readonly principal: string;
}

export interface RateLimiter {
  /**
   * @throws {RateLimitedError} the principal has made too many operations recently. The error contains the time to
   *   wait.
   */
  take(caller: LimitedCaller): void;
}

/**
 * Maximum number of principals in memory, for accepted and for other credentials each. The least recently used ones are
 * dropped first.
 */
const maxPrincipals = 10_000;

/**
 * A token bucket per principal, in the memory of this process. It uses the generic cell rate algorithm, which needs one
 * time per principal: the time at which its bucket is full again.
 *
 * Principals whose credential the platform has not accepted are stored separately, because anyone can invent thousands
 * of them. Otherwise these would displace real principals, whose limits would then restart.
 */
export function createRateLimiter({ clock, perSecond, burst, isAccepted }: RateLimiterOptions): RateLimiter {
  const intervalMs = 1_000 / perSecond;
  const accepted = growingLru<number>(maxPrincipals);
  const others = growingLru<number>(maxPrincipals);
  return {
    take: (caller) => {
      if (perSecond === 0) return;
      const { principal } = caller;
      const nowMs = clock.monotonicMs();
      const fullAt = Math.max(nowMs, accepted.get(principal) ?? others.get(principal) ?? nowMs);
      const waitMs = fullAt - nowMs - (burst - 1) * intervalMs;
      accepted.delete(principal);
      others.delete(principal);
      (isAccepted(caller) ? accepted : others).set(principal, waitMs > 0 ? fullAt : fullAt + intervalMs);
      if (waitMs <= 0) return;
      throw new RateLimitedError({
        message: 'Too many operations at this moment.',
        retryAfterMs: Math.ceil(waitMs),
      });
    },
  };
}
