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
  const retries = new Counter({
    name: 'aep_upstream_retries_total',
    help: 'Calls to the platform that were sent again, by why.',
    labelNames: ['service', 'reason'],
    registers,
  });
  const sharedCalls = new Counter({
    name: 'aep_upstream_shared_calls_total',
    help: 'Reads that did not go to the platform, because the same one was under way.',
    labelNames: ['service'],
    registers,
  });
  const openCircuits = new Gauge({
    name: 'aep_upstream_circuit_open',
    help: '1 while calls to a service of the platform are stopped because it keeps failing.',
    labelNames: ['service'],
    registers,
  });
  const budgetWaits = new Histogram({
    name: 'aep_upstream_budget_wait_seconds',
    help: 'How long calls waited for the budget of their tenant, of those that had to; outcome "refused" where in vain.',
    labelNames: ['priority', 'outcome'],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30],
    registers,
  });
  const lostCreates = new Counter({
    name: 'aep_upstream_lost_creates_total',
    help: 'Creates whose answer was lost; outcome "found" where their result was found, else "unknown".',
    labelNames: ['service', 'outcome'],
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
      retried: ({ service, reason }) => retries.inc({ service, reason }),
      shared: ({ service }) => sharedCalls.inc({ service }),
      circuitChanged: ({ service, open }) => openCircuits.set({ service }, open ? 1 : 0),
      budgetWaited: ({ priority, seconds, granted }) =>
        budgetWaits.observe({ priority, outcome: granted ? 'granted' : 'refused' }, seconds),
      createLost: ({ service, found }) => lostCreates.inc({ service, outcome: found ? 'found' : 'unknown' }),
      anomaly: ({ resource, kind }) => anomalies.inc({ resource, kind }),
    },
    watch: (kind, stats) => void watches.set(kind, stats),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
