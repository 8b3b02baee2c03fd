import { RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';

export interface RateLimiterOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Operations that a principal may make in the long run; 0 means as many as it likes. */
  readonly perSecond: number;
  /** Operations that it may make at once after a rest. */
  readonly burst: number;
}

export interface RateLimiter {
  /** @throws {RateLimitedError} the principal has made too many operations lately; it says when the next one may be made */
  take(principal: string): void;
}

/** Principals that are remembered; the one that has been quiet the longest is forgotten first. */
const maxPrincipals = 10_000;

/**
 * A token bucket for each principal, in the memory of this process. Kept as the generic cell rate algorithm has it: one
 * time for each, at which the bucket will be full again.
 */
export function createRateLimiter({ clock, perSecond, burst }: RateLimiterOptions): RateLimiter {
  const intervalMs = 1_000 / perSecond;
  /** In the order of their last use. */
  const fullAtMs = new Map<string, number>();
  return {
    take: (principal) => {
      if (perSecond === 0) return;
      const nowMs = clock.now().getTime();
      const fullAt = Math.max(nowMs, fullAtMs.get(principal) ?? nowMs);
      const waitMs = fullAt - nowMs - (burst - 1) * intervalMs;
      fullAtMs.delete(principal);
      fullAtMs.set(principal, waitMs > 0 ? fullAt : fullAt + intervalMs);
      const [oldest] = fullAtMs.size > maxPrincipals ? fullAtMs.keys() : [];
      if (oldest !== undefined) fullAtMs.delete(oldest);
      if (waitMs <= 0) return;
      throw new RateLimitedError({
        message: 'Too many operations at this moment.',
        retryAfterMs: Math.ceil(waitMs),
      });
    },
  };
}
