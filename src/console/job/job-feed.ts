import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { ValueStore } from '../app/value-store.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import { type ExportJobDetailFragment, type ExportJobStatus, ExportJobWatchDocument } from '../operations.generated.ts';

export type Job = ExportJobDetailFragment;
export type JobBatch = Job['destination']['batches'][number];

/** A change of the status that this page has seen. */
export interface StatusChange {
  /** Time at which the gateway saw it, as RFC 3339 text. */
  readonly at: string;
  readonly from: ExportJobStatus;
  readonly to: ExportJobStatus;
}

export interface JobFeed extends Feed<Job> {
  /** Oldest first. */
  readonly changes: ValueStore<readonly StatusChange[]>;
}

/** Follows one job until it has ended and its batches are readable. */
export function createJobFeed(client: Client, clock: Pick<Clock, 'after'>, id: string): JobFeed {
  const changes = new ValueStore<readonly StatusChange[]>([]);
  const remember = rememberBatches();
  const feed = createFeed<Job>(clock, (take) => {
    const { unsubscribe } = client.subscription(ExportJobWatchDocument, { id }).subscribe(({ data, error }) => {
      const changed = data?.exportJobChanged;
      if (changed === undefined) return take({ event: null, error });
      const { kind, observedAt, previousStatus, job } = changed;
      const seen = changes.get();
      const isChange = kind === 'CHANGED' && previousStatus !== null && job !== null && previousStatus !== job.status;
      // urql emits an event again when its cache changes.
      const isNew = isChange && !seen.some(({ at, to }) => at === observedAt && to === job.status);
      if (isNew) changes.set([...seen, { at: observedAt, from: previousStatus, to: job.status }]);
      take({ event: { kind, observedAt, row: job === null ? null : remember(job) }, error });
    });
    return unsubscribe;
  });
  return { ...feed, changes };
}

/** Keeps the state of batches: the batch of an event is null until the gateway has read it. */
export function rememberBatches(): (job: Job) => Job {
  const known = new Map<string, JobBatch['batch']>();
  return (job) => {
    const batches = job.destination.batches.map((each) => {
      if (each.batch !== null) known.set(each.batchId, each.batch);
      return { ...each, batch: known.get(each.batchId) ?? null };
    });
    return { ...job, destination: { ...job.destination, batches } };
  };
}
