import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import {
  SegmentJobChangesDocument,
  type SegmentJobRowFragment,
  SegmentJobsPageDocument,
} from '../operations.generated.ts';
import { type BoardFilters, isInPeriod, segmentJobFilter } from './filters.ts';
import { everySegment, type Job } from './job.ts';
import type { ReadPage } from './use-pages.ts';

export const segmentJobOf = (row: SegmentJobRowFragment): Job => ({
  ...row,
  segments: row.segments.map(({ segmentId }) => segmentId).filter((id) => id !== everySegment),
  // The job names all segments of the sandbox too when it has ended.
  everything: row.segments.some(({ segmentId }) => segmentId === everySegment) ? 'segments' : null,
  profiles: row.metrics?.totalProfiles ?? null,
  startedAt: row.metrics?.totalTime?.startedAt ?? null,
  endedAt: row.metrics?.totalTime?.endedAt ?? null,
  target: row.scheduleId === null ? null : { type: 'Schedule', id: row.scheduleId },
});

/** All segment jobs that have not ended, those that ended within an hour, and every change. */
export const createSegmentJobFeed = (client: Client, clock: Pick<Clock, 'after'>): Feed<Job> =>
  createFeed(clock, (take) => {
    const { unsubscribe } = client.subscription(SegmentJobChangesDocument, {}).subscribe(({ data, error }) => {
      const changed = data?.segmentJobChanged;
      const row = changed?.job == null ? null : segmentJobOf(changed.job);
      take({ event: changed === undefined ? null : { ...changed, row }, error });
    });
    return unsubscribe;
  });

export const readSegmentJobs =
  (client: Client, filters: BoardFilters): ReadPage<Job> =>
  async (after) => {
    const variables = { after, filter: segmentJobFilter(filters) };
    const context = { requestPolicy: 'network-only' } as const;
    const { data, error } = await client.query(SegmentJobsPageDocument, variables, context).toPromise();
    const page = data?.segmentJobs ?? null;
    if (page === null) return { page, error };
    // The list has no filter for times, and its newest jobs come first.
    const last = page.nodes.at(-1);
    const isEnd = last !== undefined && !isInPeriod(last, { from: filters.from, to: null });
    const rows = page.nodes.filter((node) => isInPeriod(node, filters)).map(segmentJobOf);
    return { page: { ...page.pageInfo, ...(isEnd ? { hasNextPage: false } : {}), rows }, error };
  };
