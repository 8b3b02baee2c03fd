import { label, type MetricDefinitions } from './definitions.ts';

/** A limit of the number of open subscriptions. */
export type QuotaLevel = 'caller' | 'tenant' | 'total';

/** Reason for the end of a subscription. */
export type SubscriptionEnd =
  /** It could not start: the platform or a check rejected it, or its client left before. */
  | 'not_started'
  /** All its entities have ended. */
  | 'completed'
  /** The client completed the subscription: by a message, a request, or the response 404 to a callback. */
  | 'client_completed'
  /** The client closed its WebSocket by a close frame. */
  | 'client_closed'
  /** The connection ended without a close frame. Over HTTP, this is how clients leave. */
  | 'disconnected'
  /** The client did not respond to pings. */
  | 'unresponsive'
  /** The client did not read its results. */
  | 'too_slow'
  /** The client violated the protocol of its transport. */
  | 'protocol_error'
  /** The router sent the request again, so that a later subscription serves it. */
  | 'replaced'
  /** The gateway shuts down. */
  | 'shutting_down'
  /** The token of its caller has expired. */
  | 'token_expired'
  /** Its caller may no longer read. */
  | 'forbidden'
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
    help: 'Subscriptions that have ended, each with one reason; "disconnected": the connection ended without a close frame, which is how clients over HTTP leave.',
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
