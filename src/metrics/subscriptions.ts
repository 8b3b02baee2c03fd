import { label, type MetricDefinitions } from './definitions.ts';

/** A limit of the number of open subscriptions. */
export type QuotaLevel = 'caller' | 'tenant' | 'total';

/** Reports of the subscriptions of this replica, over all transports. */
export type SubscriptionMetrics = ReturnType<typeof defineSubscriptionMetrics>;

export function defineSubscriptionMetrics(define: MetricDefinitions) {
  const open = define.gauge({
    name: 'aep_subscriptions',
    help: 'Open subscriptions of this replica that count toward its limits.',
    labels: {},
  });
  return {
    /** A subscription counts toward the limits until `closed`. */
    opened: (): void => open({}, 1),
    closed: (): void => open({}, -1),
    rejected: define.counter({
      name: 'aep_subscriptions_refused_total',
      help: 'Subscriptions that were rejected because a limit was reached: of the caller, of the tenant, or in total.',
      labels: { limit: label<QuotaLevel>() },
    }),
  };
}
