import { label, type MetricDefinitions } from './definitions.ts';

/** A limit of the number of open subscriptions. */
export type QuotaLevel = 'caller' | 'tenant' | 'total';

/** Reason for the end of a subscription. */
export type SubscriptionEnd =
  /** It could not start: the platform or a check rejected it. */
  | 'not_started'
  /** All its entities have ended. */
  | 'completed'
  /** Its client completed it, or the connection of the client ended. */
  | 'left'
  /** The token of its caller has expired. */
  | 'token_expired'
  /** Its caller may no longer read. */
  | 'forbidden'
  /** The gateway shuts down. */
  | 'shutting_down'
  | 'failed';

/** Reports of the subscriptions of this replica, over all transports. */
export type SubscriptionMetrics = ReturnType<typeof defineSubscriptionMetrics>;

export function defineSubscriptionMetrics(define: MetricDefinitions) {
  const open = define.gauge({
    name: 'aep_subscriptions',
    help: 'Open subscriptions of this replica that count toward its limits.',
    labels: {},
  });
  const started = define.counter({
    name: 'aep_subscriptions_started_total',
    help: 'Subscriptions that were opened. Those that have not ended are open.',
    labels: {},
  });
  const ended = define.counter({
    name: 'aep_subscriptions_ended_total',
    help: 'Subscriptions that have ended, each with one reason; "left": the client completed it, or its connection ended.',
    labels: { reason: label<SubscriptionEnd>() },
  });
  const results = define.counter({
    name: 'aep_subscription_results_total',
    help: 'Results of events that were handed to the transports of subscriptions.',
    labels: {},
  });
  return {
    /** A subscription counts toward the limits until `closed`. */
    opened: (): void => {
      started({});
      open({}, 1);
    },
    closed: (reason: SubscriptionEnd): void => {
      ended({ reason });
      open({}, -1);
    },
    /** The result of an event is sent to one subscriber. */
    delivered: (): void => results({}),
    rejected: define.counter({
      name: 'aep_subscriptions_refused_total',
      help: 'Subscriptions that were rejected because a limit was reached: of the caller, of the tenant, or in total.',
      labels: { limit: label<QuotaLevel>() },
    }),
  };
}
