import { createSubscriptionQuota, type SubscriptionQuota } from '../../src/context/subscription-quota.ts';
import { uncountedSubscriptions } from './uncounted-metrics.ts';

/** A quota with only a limit per caller, without metrics. */
export const quotaOf = (perCaller: number): SubscriptionQuota =>
  createSubscriptionQuota({ perCaller, perTenant: 1_000_000, total: 1_000_000 }, uncountedSubscriptions);
