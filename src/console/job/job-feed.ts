import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import { type ExportJobDetailFragment, ExportJobWatchDocument } from '../operations.generated.ts';
import { StatusChanges } from './status-changes.ts';

export type Job = ExportJobDetailFragment;
export type JobBatch = Job['destination']['batches'][number];

export interface JobFeed extends Feed<Job> {
  readonly changes: StatusChanges;
}

/** Follows one job until it has ended and its batches are readable. */
export function createJobFeed(client: Client, clock: Pick<Clock, 'after'>, id: string): JobFeed {
  const changes = new StatusChanges();
  const remember = rememberBatches();
  const feed = createFeed<Job>(clock, (take) => {
    const { unsubscribe } = client.subscription(ExportJobWatchDocument, { id }).subscribe(({ data, error }) => {
      const changed = data?.exportJobChanged;
      if (changed === undefined) return take({ event: null, error });
      changes.add(changed);
      const { kind, observedAt, job } = changed;
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
