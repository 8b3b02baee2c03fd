import { LRUCache } from 'lru-cache';
import { RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Caller } from '../upstream/platform-api.ts';

export interface RateLimiterOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Sustained rate per principal; 0 for no limit. */
  readonly perSecond: number;
  /** Operations that a principal may make at once after a pause. */
  readonly burst: number;
  /** Whether the platform has accepted the credential of a caller, so that the caller has not invented it. */
  readonly isAccepted: (caller: Caller) => boolean;
}

/** A caller, with the name that all its requests share. */
export interface LimitedCaller extends Caller {
  readonly principal: string;
}

export interface RateLimiter {
  /** @throws {RateLimitedError} the principal has made too many operations recently; it holds the time to wait */
  take(caller: LimitedCaller): void;
}

/** Principals in memory, of accepted and of other credentials each. The least recently used ones are discarded first. */
const maxPrincipals = 10_000;

/**
 * A token bucket per principal, in the memory of this process. It is kept in the form of the generic cell rate algorithm,
 * which needs one time per principal: when its bucket is full again.
 *
 * Principals whose credential the platform has not accepted have a place of their own, because anybody can invent
 * thousands of them. Otherwise these would displace real principals, whose limits would start again.
 */
export function createRateLimiter({ clock, perSecond, burst, isAccepted }: RateLimiterOptions): RateLimiter {
  const intervalMs = 1_000 / perSecond;
  const accepted = new LRUCache<string, number>({ max: maxPrincipals });
  const others = new LRUCache<string, number>({ max: maxPrincipals });
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
