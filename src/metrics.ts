import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { UpstreamMetrics } from './upstream/index.ts';

/** What is counted, in the text format of Prometheus. No label holds an id, a tenant or a token. */
export interface Metrics {
  readonly upstream: UpstreamMetrics;
  /** Shows numbers that somebody else keeps, as they are when they are asked for. */
  watch(
    kind: string,
    stats: () => { readonly feeds: number; readonly subscribers: number; readonly rounds: number },
  ): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const calls = new Counter({
    name: 'aep_upstream_requests_total',
    help: 'HTTP exchanges with the platform; status "none" where no answer came.',
    labelNames: ['service', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'aep_upstream_request_duration_seconds',
    help: 'Duration of exchanges with the platform.',
    labelNames: ['service'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const anomalies = new Counter({
    name: 'aep_decode_anomalies_total',
    help: 'Records of the platform that differed from what is known, and were used all the same.',
    labelNames: ['resource', 'kind'],
    registers,
  });
  const watches = new Map<string, Parameters<Metrics['watch']>[1]>();
  const gauge = (name: string, help: string, read: (stats: ReturnType<Parameters<Metrics['watch']>[1]>) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers,
      collect() {
        for (const [kind, stats] of watches) this.set({ kind }, read(stats()));
      },
    });
  gauge('aep_watch_feeds', 'Feeds that poll the platform.', ({ feeds }) => feeds);
  gauge('aep_watch_subscribers', 'Subscribers of all feeds.', ({ subscribers }) => subscribers);
  gauge('aep_watch_rounds', 'Good rounds of polling since the start.', ({ rounds }) => rounds);

  return {
    upstream: {
      callEnded: ({ service, method, status, seconds }) => {
        calls.inc({ service, method, status: status ?? 'none' });
        durations.observe({ service }, seconds);
      },
      anomaly: ({ resource, kind }) => anomalies.inc({ resource, kind }),
    },
    watch: (kind, stats) => void watches.set(kind, stats),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
