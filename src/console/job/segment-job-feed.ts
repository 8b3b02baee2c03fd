import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import { type SegmentJobDetailFragment, SegmentJobWatchDocument } from '../operations.generated.ts';
import { StatusChanges } from './status-changes.ts';

export type SegmentJob = SegmentJobDetailFragment;

export interface SegmentJobFeed extends Feed<SegmentJob> {
  readonly changes: StatusChanges;
}

/** Follows one segment job until it has ended. */
export function createSegmentJobFeed(client: Client, clock: Pick<Clock, 'after'>, id: string): SegmentJobFeed {
  const changes = new StatusChanges();
  const feed = createFeed<SegmentJob>(clock, (take) => {
    const { unsubscribe } = client.subscription(SegmentJobWatchDocument, { id }).subscribe(({ data, error }) => {
      const changed = data?.segmentJobChanged;
      if (changed !== undefined) changes.add(changed);
      take({ event: changed === undefined ? null : { ...changed, row: changed.job }, error });
    });
    return unsubscribe;
  });
  return { ...feed, changes };
}

interface Count {
  readonly namespace: string;
  readonly count: number;
}

/** Profiles per namespace of all segments together, as `comparison` counts them. */
export function namespacesOf({ segments }: Pick<SegmentJob, 'segments'>): Count[] {
  const counts = new Map<string, number>();
  for (const { profilesByNamespace } of segments)
    for (const { namespace, count } of profilesByNamespace) counts.set(namespace, (counts.get(namespace) ?? 0) + count);
  return [...counts].map(([namespace, count]) => ({ namespace, count }));
}
