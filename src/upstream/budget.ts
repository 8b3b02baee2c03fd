import { RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AcceptedCredentials } from './accepted-credentials.ts';
import type { CallLayer, UpstreamRequest } from './call.ts';
import { keysOf } from './caller-keys.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { Caller } from './platform-api.ts';
import { createTenantBudgets, type Permit, type TenantBudget } from './tenant-budget.ts';
import type { BucketOptions } from './token-bucket.ts';

/** Calls of one tenant that wait at most. */
const maxWaiting = 10_000;
/** Calls with unproven credentials that wait at most, of one tenant and of all together. */
const maxUnprovenWaiting = 1_000;
const maxUnprovenWaitingInAll = 2_000;
/** The part of a tenant's rate that unproven credentials have, in addition to it. */
const unprovenShare = 1 / 4;
/** The key of what tenants without a share of their own have together. */
const sharedKey = '';
/** Tenants with a share for unproven credentials at most; callers can invent more, which then have one share together. */
const maxUnprovenTenants = 1_000;

export interface BudgetOptions extends BucketOptions {
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
  readonly accepted: AcceptedCredentials;
}

/**
 * Bounds how often the platform is called for one tenant (organization and sandbox), by a token bucket that halves when
 * the platform responds 429 and recovers slowly. Interactive calls go before polls, and the credentials of a tenant are
 * served in turn. Waiting ends with the signal of the call; at its deadline it fails with a RateLimitedError and the time
 * after which there may be room. A tenant that is not served for long enough is forgotten.
 *
 * A credential that the platform has not accepted yet draws on a small share of its own, because everybody can invent a
 * token and name any tenant with it, and on what the tenant leaves unused: the upper half of its bucket, while none of its
 * calls waits. The 429s that such calls provoke do not slow the tenant down. In this share, credentials that the platform has rejected go last. As soon as one is accepted, its waiting calls move to the
 * budget of the tenant.
 */
export function withBudget(options: BudgetOptions): CallLayer {
  const { accepted } = options;
  const unprovenWaiting = { size: 0 };
  const budgets = createTenantBudgets({ ...options, maxWaiting });
  const unproven = createTenantBudgets({
    ...options,
    ratePerSecond: options.ratePerSecond * unprovenShare,
    burst: Math.max(1, options.burst * unprovenShare),
    maxWaiting: maxUnprovenWaiting,
    lenderOf: (key) => (key === sharedKey ? null : budgets.of(key)),
  });

  /** The share of a tenant, or the one of all tenants for which there is no other. */
  const shareOf = (caller: Caller): TenantBudget => {
    const key = keysOf(caller).tenant;
    return unproven.has(key) || unproven.size < maxUnprovenTenants ? unproven.of(key) : unproven.of(sharedKey);
  };

  const enterUnproven = async (request: UpstreamRequest): Promise<Permit | null> => {
    const own = shareOf(request.caller);
    if (unprovenWaiting.size >= maxUnprovenWaitingInAll) throw own.noRoom(request);
    unprovenWaiting.size += 1;
    try {
      return await own.enter(accepted.wasRejected(request.caller) ? { ...request, priority: 'poll' } : request);
    } finally {
      unprovenWaiting.size -= 1;
    }
  };

  const ownOf = ({ caller }: UpstreamRequest): TenantBudget => budgets.of(keysOf(caller).tenant);

  return (next) => {
    const send = (request: UpstreamRequest, permit: Permit): ReturnType<typeof next> =>
      next(request).then(
        (answer) => {
          permit[Symbol.dispose]();
          return answer;
        },
        (error: unknown) => {
          if (error instanceof RateLimitedError && error.upstream?.status === tooManyStatus) permit.refused();
          permit[Symbol.dispose]();
          throw error;
        },
      );
    const sendUnproven = async (request: UpstreamRequest): Promise<Awaited<ReturnType<typeof next>>> => {
      const { caller } = request;
      const permit = (await enterUnproven(request)) ?? (await ownOf(request).enter(request));
      try {
        return await (permit === null ? next(request) : send(request, permit));
      } finally {
        if (accepted.has(caller)) shareOf(caller).dismiss(caller.credential.fingerprint);
      }
    };
    return (request) => {
      if (!accepted.has(request.caller)) return sendUnproven(request);
      if (request.signal.aborted) return Promise.reject(request.signal.reason);
      const own = ownOf(request);
      const permit = own.tryEnter();
      if (permit !== null) return send(request, permit);
      // Nothing dismisses the calls of the tenant's own budget.
      return own.enter(request).then((granted) => (granted === null ? next(request) : send(request, granted)));
    };
  };
}

const tooManyStatus = 429;
