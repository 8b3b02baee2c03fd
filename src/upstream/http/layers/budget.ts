import { RateLimitedError } from '../../../errors.ts';
import type { PlatformMetrics } from '../../../metrics/platform.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Caller } from '../../caller.ts';
import type { CallLayer, UpstreamRequest } from '../call.ts';
import { keysOf } from '../caller-keys.ts';
import type { AcceptedCredentials } from './acceptance.ts';
import { createTenantBudgets, type Permit, type TenantBudget } from './tenant-budget.ts';
import type { BucketOptions } from './token-bucket.ts';

/** Maximum number of waiting calls of one tenant. */
const maxWaiting = 10_000;
/** Maximum numbers of waiting calls with unproven credentials, of one tenant and of all tenants together. */
const maxUnprovenWaiting = 1_000;
const maxUnprovenWaitingInAll = 2_000;
/** Rate of a tenant's unproven credentials, as a share of the tenant's rate. It is in addition to that rate. */
const unprovenShare = 1 / 4;
/** Key of the share that tenants without a separate share use together. */
const sharedKey = '';
/**
 * Maximum number of tenants with a separate share for unproven credentials. Callers can invent tenants; the others use
 * one share.
 */
const maxUnprovenTenants = 1_000;

export interface BudgetOptions extends BucketOptions {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  readonly accepted: AcceptedCredentials;
}

/**
 * Bounds how often the platform is called for one tenant (organization and sandbox), by a token bucket that halves when
 * the platform responds 429 and recovers slowly. Interactive calls go before polls, and the credentials of a tenant are
 * served in turn. Waiting ends with the signal of the call. At the deadline the call fails with a RateLimitedError that
 * contains the time after which there may be room. An unused budget is dropped.
 *
 * Credentials that the platform has not accepted yet use a small separate share, because any client can invent a token
 * and name any tenant with it. They also use the unused part of the tenant's budget, which is the upper half of its
 * bucket while none of its calls waits. Their 429s do not slow the tenant down. In this share, rejected credentials go
 * last. When a credential is accepted, its waiting calls move to the budget of the tenant.
 */
export function withBudget(options: BudgetOptions): CallLayer {
  const { accepted } = options;
  const unprovenWaiting = { size: 0 };
  const budgets = createTenantBudgets({ ...options, maxWaiting });
  options.metrics.watchBudgets(() => {
    const numbers = budgets.numbers();
    return { ...numbers, waiting: numbers.waiting + unprovenWaiting.size };
  });
  const unproven = createTenantBudgets({
    ...options,
    ratePerSecond: options.ratePerSecond * unprovenShare,
    burst: Math.max(1, options.burst * unprovenShare),
    maxWaiting: maxUnprovenWaiting,
    lenderOf: (key) => (key === sharedKey ? null : budgets.of(key)),
  });

  /** The share of a tenant, or the common share if there are too many tenants. */
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
        (response) => {
          permit[Symbol.dispose]();
          return response;
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
      // Calls in the tenant's own budget are never dismissed.
      return own.enter(request).then((granted) => (granted === null ? next(request) : send(request, granted)));
    };
  };
}

const tooManyStatus = 429;
