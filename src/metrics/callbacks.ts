import type { CallbackOutcome } from '../server/transports/callbacks/types.ts';
import { label, type MetricDefinitions } from './definitions.ts';

/** Reports of callbacks. None names a router or a caller. */
export type CallbackMetrics = ReturnType<typeof defineCallbackMetrics>;

export function defineCallbackMetrics(define: MetricDefinitions) {
  const running = define.gauge({
    name: 'aep_watch_callback_subscriptions',
    help: 'Open subscriptions of this replica that are served by HTTP callbacks.',
    labels: {},
  });
  return {
    /** One more subscription runs by callbacks, until `ended`. */
    began: (): void => running({}, 1),
    ended: (): void => running({}, -1),
    /** A callback has its outcome, or is `retried` first. */
    sent: define.counter({
      name: 'aep_watch_callbacks_total',
      help: 'HTTP callbacks to federation routers; "retried": each retry, "gone": the router returned 404.',
      labels: { outcome: label<CallbackOutcome | 'retried'>() },
    }),
  };
}
