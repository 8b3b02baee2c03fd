import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { QuotaMetrics } from './context/subscription-quota.ts';
import type { PollMetrics } from './poller/poll-metrics.ts';
import type { WatchStats } from './poller/watch-registry.ts';
import type { CallbackMetrics } from './server/callback-metrics.ts';
import type { UpstreamMetrics } from './upstream/index.ts';

/** Metrics in the text format of Prometheus. No label holds an id, a tenant or a token. */
export interface Metrics {
  readonly upstream: UpstreamMetrics;
  readonly polls: PollMetrics;
  readonly callbacks: CallbackMetrics;
  readonly subscriptions: QuotaMetrics;
  /** Reports numbers that another part keeps, as they are at the time of the request. */
  watch(kind: string, stats: () => WatchNumbers): void;
  /** Reports whether Redis can be used, as it is at the time of the request. */
  watchRedis(state: () => 'ready' | 'away' | 'rejecting'): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Of the live views of one kind, in this replica. */
type WatchNumbers = Pick<WatchStats, 'feeds' | 'polling' | 'subscribers' | 'lastRoundAt'>;

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
    help: 'Organizations whose calls to a service of the platform are stopped because it keeps failing.',
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
  const rounds = new Counter({
    name: 'aep_watch_rounds_total',
    help: 'Rounds of polling; "interrupted": the subscriber whose credential polled left, "lost": another replica took over.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const events = new Counter({
    name: 'aep_watch_events_total',
    help: 'Events that this replica has written into the logs from which all replicas serve their subscribers.',
    labelNames: ['kind', 'event'],
    registers,
  });
  const leaseChanges = new Counter({
    name: 'aep_watch_lease_changes_total',
    help: 'How often this replica began to poll a feed for all, gave that up, or lost it.',
    labelNames: ['kind', 'change'],
    registers,
  });
  const resyncs = new Counter({
    name: 'aep_watch_resyncs_total',
    help: 'Subscribers that had to begin anew: too slow, away for too long, or with a log that is gone.',
    labelNames: ['kind'],
    registers,
  });
  const callbackSubscriptions = new Gauge({
    name: 'aep_watch_callback_subscriptions',
    help: 'Subscriptions that this replica answers by HTTP callbacks.',
    registers,
  });
  const callbacks = new Counter({
    name: 'aep_watch_callbacks_total',
    help: 'HTTP callbacks to federation routers; "retried" each time that one is sent again, "gone": answered with 404.',
    labelNames: ['outcome'],
    registers,
  });
  const openSubscriptions = new Gauge({
    name: 'aep_subscriptions',
    help: 'Open subscriptions of this replica, which its limits count.',
    registers,
  });
  const refusedSubscriptions = new Counter({
    name: 'aep_subscriptions_refused_total',
    help: 'Subscriptions that were refused because a limit was reached: of their caller, of their tenant, or in total.',
    labelNames: ['limit'],
    registers,
  });
  const watches = new Map<string, () => WatchNumbers>();
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (numbers: WatchNumbers) => readonly { readonly labels: Record<Label, string>; readonly value: number }[],
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['kind', ...labelNames],
      registers,
      collect() {
        this.reset();
        for (const [kind, numbers] of watches)
          for (const { labels, value } of read(numbers())) this.set({ kind, ...labels }, value);
      },
    });
  gauge(
    'aep_watch_feeds',
    'Feeds that are watched here; role "polling" where this replica asks the platform, else "following".',
    ['role'],
    ({ feeds, polling }) => [
      { labels: { role: 'polling' }, value: polling },
      { labels: { role: 'following' }, value: feeds - polling },
    ],
  );
  gauge('aep_watch_subscribers', 'Subscribers of all feeds.', [], ({ subscribers }) => [
    { labels: {}, value: subscribers },
  ]);
  gauge(
    'aep_watch_last_round_timestamp_seconds',
    'When the last good round of this replica ended, in seconds since 1970.',
    [],
    ({ lastRoundAt }) => (lastRoundAt === null ? [] : [{ labels: {}, value: lastRoundAt.getTime() / 1_000 }]),
  );

  return {
    upstream: {
      callEnded: ({ service, method, status, seconds }) => {
        calls.inc({ service, method, status: status ?? 'none' });
        durations.observe({ service }, seconds);
      },
      retried: ({ service, reason }) => retries.inc({ service, reason }),
      shared: ({ service }) => sharedCalls.inc({ service }),
      circuitChanged: ({ service, open }) => openCircuits.inc({ service }, open ? 1 : -1),
      budgetWaited: ({ priority, seconds, granted }) =>
        budgetWaits.observe({ priority, outcome: granted ? 'granted' : 'refused' }, seconds),
      createLost: ({ service, found }) => lostCreates.inc({ service, outcome: found ? 'found' : 'unknown' }),
      anomaly: ({ resource, kind }) => anomalies.inc({ resource, kind }),
    },
    polls: {
      roundEnded: ({ kind, outcome }) => rounds.inc({ kind, outcome }),
      told: ({ kind, events: told }) => {
        for (const event of told) events.inc({ kind, event });
      },
      leaseChanged: ({ kind, change }) => leaseChanges.inc({ kind, change }),
      resynced: ({ kind }) => resyncs.inc({ kind }),
    },
    callbacks: {
      began: () => callbackSubscriptions.inc(),
      ended: () => callbackSubscriptions.dec(),
      sent: ({ outcome }) => callbacks.inc({ outcome }),
    },
    subscriptions: {
      opened: () => openSubscriptions.inc(),
      closed: () => openSubscriptions.dec(),
      refused: ({ limit }) => refusedSubscriptions.inc({ limit }),
    },
    watch: (kind, stats) => void watches.set(kind, stats),
    watchRedis: (state) => {
      new Gauge({
        name: 'aep_redis_unavailable',
        help: '1 while Redis cannot be used: state "away" without a connection or a reply in time, "rejecting" when it replies that it cannot serve.',
        labelNames: ['state'],
        registers,
        collect() {
          for (const one of ['away', 'rejecting'] as const) this.set({ state: one }, state() === one ? 1 : 0);
        },
      });
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
