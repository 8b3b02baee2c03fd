import { label, type MetricDefinitions } from './definitions.ts';

/** Reports of creates with an idempotency key. */
export type WriteMetrics = ReturnType<typeof defineWriteMetrics>;

export const defineWriteMetrics = (define: MetricDefinitions) => ({
  keyUsed: define.counter({
    name: 'aep_idempotency_keys_total',
    help: 'Creates with an idempotency key; "replayed": an earlier request had created, "failed": nothing is known to be created.',
    labels: { outcome: label<'created' | 'replayed' | 'failed'>() },
  }),
});
