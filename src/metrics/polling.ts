import type { FeedChange } from '../events/log.ts';
import { label, type MetricDefinitions } from './definitions.ts';

type EventKind = FeedChange<unknown>['kind'];

/** Numbers of the feeds of one kind, in this replica. */
export interface WatchNumbers {
  readonly feeds: number;
  /** Feeds that this replica polls. */
  readonly polling: number;
  readonly subscribers: number;
  /** End of the last good round; null: there was none. */
  readonly lastRoundAt: Date | null;
}

/** Reports of the poll loops. `kind` is the kind of the feed. No report names a tenant. */
export type PollMetrics = ReturnType<typeof definePollMetrics>;

export function definePollMetrics(define: MetricDefinitions) {
  const kinds = new Map<string, () => WatchNumbers>();
  const kind = label<string>();
  const readAll = () => [...kinds].map(([name, read]) => ({ kind: name, ...read() }));
  const events = define.counter({
    name: 'aep_watch_events_total',
    help: 'Events that this replica has written to the event logs.',
    labels: { kind, event: label<EventKind>() },
  });
  define.readGauge(
    {
      name: 'aep_watch_feeds',
      help: 'Feeds with subscribers on this replica; role "polling" if this replica polls the platform, else "following".',
      labels: { kind, role: label<'polling' | 'following'>() },
    },
    () =>
      readAll().flatMap(({ kind, feeds, polling }) => [
        { labels: { kind, role: 'polling' }, value: polling },
        { labels: { kind, role: 'following' }, value: feeds - polling },
      ]),
  );
  define.readGauge({ name: 'aep_watch_subscribers', help: 'Subscribers of all feeds.', labels: { kind } }, () =>
    readAll().map(({ kind, subscribers }) => ({ labels: { kind }, value: subscribers })),
  );
  define.readGauge(
    {
      name: 'aep_watch_last_round_timestamp_seconds',
      help: 'End of the last successful poll round of this replica, in seconds since 1970.',
      labels: { kind },
    },
    () =>
      readAll().flatMap(({ kind, lastRoundAt }) =>
        lastRoundAt === null ? [] : [{ labels: { kind }, value: lastRoundAt.getTime() / 1_000 }],
      ),
  );
  const calls = define.counter({
    name: 'aep_watch_calls_total',
    help: 'Platform calls of successful poll rounds, without their retries.',
    labels: { kind },
  });
  const savedCalls = define.counter({
    name: 'aep_watch_saved_calls_total',
    help: 'Platform calls that were saved, because each poll round served all subscribers of its feed on this replica; one subscriber saves none.',
    labels: { kind },
  });
  return {
    /** A successful round made `calls` platform calls for `subscribers` of this replica. */
    roundServed: (round: { readonly kind: string; readonly calls: number; readonly subscribers: number }): void => {
      calls({ kind: round.kind }, round.calls);
      savedCalls({ kind: round.kind }, round.calls * Math.max(0, round.subscribers - 1));
    },
    /**
     * `interrupted`: the subscriber that owns the reader left. `lost`: the lease was lost. Both are independent of the
     * platform.
     */
    roundEnded: define.counter({
      name: 'aep_watch_rounds_total',
      help: 'Poll rounds; "interrupted": the subscriber whose credential was used left, "lost": another replica took over.',
      labels: { kind, outcome: label<'good' | 'interrupted' | 'lost' | 'failed'>() },
    }),
    /** Reports events that were written to the log. */
    emitted: (written: { readonly kind: string; readonly events: readonly EventKind[] }): void => {
      for (const event of written.events) events({ kind: written.kind, event });
    },
    leaseChanged: define.counter({
      name: 'aep_watch_lease_changes_total',
      help: 'Poll leases that this replica gained, released or lost.',
      labels: { kind, change: label<'gained' | 'lost' | 'released'>() },
    }),
    /** Events were merged for a slow subscriber. */
    merged: define.counter({
      name: 'aep_watch_events_merged_total',
      help: 'Events that a subscriber received as part of a later event of the same entity, because it was slow.',
      labels: { kind },
    }),
    /** Events of a slow subscriber were dropped. */
    dropped: define.counter({
      name: 'aep_watch_events_dropped_total',
      help: 'Events that were dropped, because too many waited for a slow subscriber; RESYNC and the state replaced them.',
      labels: { kind },
    }),
    /** Reports that a subscriber received RESYNC. */
    resynced: define.counter({
      name: 'aep_watch_resyncs_total',
      help: 'Subscribers that received RESYNC: they were too slow, disconnected for too long, or their event log was lost.',
      labels: { kind },
    }),
    /** Reports numbers of the feeds of one kind. They are read at the time of each request. */
    watch: (name: string, numbers: () => WatchNumbers): void => void kinds.set(name, numbers),
  };
}
