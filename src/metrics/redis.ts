import { label, type MetricDefinitions } from './definitions.ts';

/** Declares the metrics of Redis. Call it only if Redis is configured. */
export function defineRedisMetrics(define: MetricDefinitions, state: () => 'ready' | 'away' | 'rejecting'): void {
  define.readGauge(
    { name: 'aep_redis_connected', help: '1 while Redis is connected and accepts commands, else 0.', labels: {} },
    () => [{ labels: {}, value: state() === 'ready' ? 1 : 0 }],
  );
  define.readGauge(
    {
      name: 'aep_redis_unavailable',
      help: '1 while Redis is unavailable: state "away" without a connection or a timely reply, "rejecting" while it rejects commands.',
      labels: { state: label<'away' | 'rejecting'>() },
    },
    () =>
      (['away', 'rejecting'] as const).map((each) => ({ labels: { state: each }, value: state() === each ? 1 : 0 })),
  );
}
