import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { countCalls } from './call-metrics.ts';
import type { QuotaMetrics } from './context/subscription-quota.ts';
import type { WatchStats } from './polling/feed-registry.ts';
import type { PollMetrics } from './polling/metrics.ts';
import type { CallbackMetrics } from './server/transports/callbacks/metrics.ts';
import type { UpstreamMetrics } from './upstream/index.ts';

/** Metrics in the text format of Prometheus. No label contains an id, a tenant or a token. */
export interface Metrics {
  readonly upstream: UpstreamMetrics;
  readonly polls: PollMetrics;
  readonly callbacks: CallbackMetrics;
  readonly subscriptions: QuotaMetrics;
  /** Reports numbers of the live views of one kind. They are read at the time of each request. */
  watch(kind: string, stats: () => WatchNumbers): void;
  /** Reports the state of Redis. It is read at the time of each request. */
  watchRedis(state: () => 'ready' | 'away' | 'rejecting'): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Numbers of the live views of one kind, in this replica. */
type WatchNumbers = Pick<WatchStats, 'feeds' | 'polling' | 'subscribers' | 'lastRoundAt'>;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const anomalies = new Counter({
    name: 'aep_decode_anomalies_total',
    help: 'Records of the platform that had an unexpected form, but were used.',
    labelNames: ['resource', 'kind'],
    registers,
  });
  const retries = new Counter({
    name: 'aep_upstream_retries_total',
    help: 'Retries of platform calls, by reason.',
    labelNames: ['service', 'reason'],
    registers,
  });
  const sharedCalls = new Counter({
    name: 'aep_upstream_shared_calls_total',
    help: 'Reads that shared the platform call of another read in progress.',
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
    help: 'Time for which calls waited for the budget of their tenant; outcome "refused" if they did not get it. Calls without a wait are not counted.',
    labelNames: ['priority', 'outcome'],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30],
    registers,
  });
  const lostCreates = new Counter({
    name: 'aep_upstream_lost_creates_total',
    help: 'Creates whose response was lost; outcome "found" if their result was found, else "unknown".',
    labelNames: ['service', 'outcome'],
    registers,
  });
  const rounds = new Counter({
    name: 'aep_watch_rounds_total',
    help: 'Poll rounds; "interrupted": the subscriber whose credential was used left, "lost": another replica took over.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const events = new Counter({
    name: 'aep_watch_events_total',
    help: 'Events that this replica has written to the event logs.',
    labelNames: ['kind', 'event'],
    registers,
  });
  const leaseChanges = new Counter({
    name: 'aep_watch_lease_changes_total',
    help: 'Poll leases that this replica gained, released or lost.',
    labelNames: ['kind', 'change'],
    registers,
  });
  const resyncs = new Counter({
    name: 'aep_watch_resyncs_total',
    help: 'Subscribers that received RESYNC: they were too slow, disconnected for too long, or their event log was lost.',
    labelNames: ['kind'],
    registers,
  });
  const callbackSubscriptions = new Gauge({
    name: 'aep_watch_callback_subscriptions',
    help: 'Open subscriptions of this replica that are served by HTTP callbacks.',
    registers,
  });
  const callbacks = new Counter({
    name: 'aep_watch_callbacks_total',
    help: 'HTTP callbacks to federation routers; "retried": each retry, "gone": the router returned 404.',
    labelNames: ['outcome'],
    registers,
  });
  const openSubscriptions = new Gauge({
    name: 'aep_subscriptions',
    help: 'Open subscriptions of this replica that count toward its limits.',
    registers,
  });
  const rejectedSubscriptions = new Counter({
    name: 'aep_subscriptions_refused_total',
    help: 'Subscriptions that were rejected because a limit was reached: of the caller, of the tenant, or in total.',
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
    'Feeds with subscribers on this replica; role "polling" if this replica polls the platform, else "following".',
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
    'End of the last successful poll round of this replica, in seconds since 1970.',
    [],
    ({ lastRoundAt }) => (lastRoundAt === null ? [] : [{ labels: {}, value: lastRoundAt.getTime() / 1_000 }]),
  );

  return {
    upstream: {
      callEnded: countCalls(registry),
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
      emitted: ({ kind, events: changes }) => {
        for (const event of changes) events.inc({ kind, event });
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
      rejected: ({ limit }) => rejectedSubscriptions.inc({ limit }),
    },
    watch: (kind, stats) => void watches.set(kind, stats),
    watchRedis: (state) => {
      new Gauge({
        name: 'aep_redis_unavailable',
        help: '1 while Redis is unavailable: state "away" without a connection or a timely reply, "rejecting" while it rejects commands.',
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
