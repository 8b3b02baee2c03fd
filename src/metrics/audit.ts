import { label, type MetricDefinitions } from './definitions.ts';

/** Reports of the audit log. */
export type AuditMetrics = ReturnType<typeof defineAuditMetrics>;

export function defineAuditMetrics(define: MetricDefinitions) {
  let kept: () => number = () => 0;
  define.readGauge(
    {
      name: 'aep_audit_unwritten_lines',
      help: 'Lines of the audit log that could not be written and are kept in memory. Above 0, changes are refused.',
      labels: {},
    },
    () => [{ labels: {}, value: kept() }],
  );
  return {
    written: define.counter({
      name: 'aep_audit_lines_total',
      help: 'Lines of the audit log, by the outcome of the change; "replayed": an earlier change with the same idempotency key was done.',
      labels: { outcome: label<'done' | 'replayed' | 'rejected' | 'failed' | 'unknown'>() },
    }),
    /** Reports the number of lines that are kept. It is read at each request. */
    watchKept: (count: () => number): void => {
      kept = count;
    },
  };
}
