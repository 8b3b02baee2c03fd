import { createSubscriptionQuota, type SubscriptionQuota } from '../../src/context/subscription-quota.ts';

/** A quota with only a limit per caller, without metrics. */
export const quotaOf = (perCaller: number): SubscriptionQuota =>
  createSubscriptionQuota(
    { perCaller, perTenant: 1_000_000, total: 1_000_000 },
    { opened: () => {}, closed: () => {}, rejected: () => {} },
  );
