import { Counter, type Metric, type Registry } from 'prom-client';
import type { UpstreamMetrics } from './upstream/index.ts';

/** Upper bounds of the durations, in seconds. The last bucket has no bound. */
const bounds = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const durationName = 'aep_upstream_request_duration_seconds';

/** Calls with the same labels. */
interface Tally {
  readonly labels: Readonly<Record<'service' | 'method' | 'status', string | number>>;
  count: number;
}

/** Durations of the calls to one service: their sum in seconds, and how many of them are in each bucket. */
interface Durations {
  readonly counts: number[];
  sum: number;
}

/**
 * Counts calls to the platform. prom-client sorts, checks and joins the labels of each observation, which took longer than
 * all other layers of a call together. The numbers are kept here, and handed to prom-client when they are read.
 */
export function countCalls(registry: Registry): UpstreamMetrics['callEnded'] {
  const tallies = new Map<string, Tally>();
  const services = new Map<string, Durations>();

  new Counter({
    name: 'aep_upstream_requests_total',
    help: 'HTTP requests to the platform; status "none" if no response arrived.',
    labelNames: ['service', 'method', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of tallies.values()) this.inc(labels, count);
    },
  });
  const durations = {
    name: durationName,
    help: 'Duration of HTTP requests to the platform.',
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ ...durations, values: [...services].flatMap(([service, found]) => valuesOf(service, found)) }),
    reset: () => services.clear(),
  };
  // The type of prom-client has its own classes only. Its registry reads these members of any metric.
  registry.registerMetric(durations as unknown as Metric);

  return ({ service, method, status, seconds }) => {
    const key = `${service} ${method} ${status}`;
    const tally = tallies.get(key);
    if (tally === undefined) tallies.set(key, { labels: { service, method, status: status ?? 'none' }, count: 1 });
    else tally.count += 1;
    let found = services.get(service);
    if (found === undefined) {
      found = { counts: [...bounds, Number.POSITIVE_INFINITY].map(() => 0), sum: 0 };
      services.set(service, found);
    }
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    found.counts[bucket] = (found.counts[bucket] ?? 0) + 1;
    found.sum += seconds;
  };
}

/** The samples of one service, as the histograms of Prometheus have them: each bucket contains all smaller ones. */
function valuesOf(service: string, { counts, sum }: Durations) {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return { metricName: `${durationName}_bucket`, labels: { le: bounds[index] ?? '+Inf', service }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${durationName}_sum`, labels: { service }, value: sum },
    { metricName: `${durationName}_count`, labels: { service }, value: total },
  ];
}
