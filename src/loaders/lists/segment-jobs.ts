import type { ScheduleId } from '../../domain/ids.ts';
import {
  matchesSegmentJobFilter,
  type SegmentJob,
  type SegmentJobFilter,
  type SegmentJobStatus,
} from '../../domain/segment-job.ts';
import { isPlainText } from '../../upstream/apis/catalog-query.ts';
import type { SegmentJobListOptions, SegmentJobsApi } from '../../upstream/apis/segment-jobs.ts';
import { listAfterNumberedPage } from '../pagination/after-page.ts';
import { type Connection, conditions, type PageOptions, readConnection } from '../pagination/connection.ts';

export type SegmentJobOrder = NonNullable<SegmentJobListOptions['orderBy']>;

export interface SegmentJobConnectionOptions extends PageOptions {
  readonly filter: SegmentJobFilter | null;
  readonly orderBy: SegmentJobOrder | null;
}

/**
 * Segment jobs, newest first by default. In a list by last change, a job that changes between two pages moves to its
 * new position.
 * @param isOverdue determines whether a job is overdue. Required if the filter names it.
 * @throws {InvalidInputError} `after` is not a cursor of this connection in this order
 */
export function readSegmentJobs(
  api: Pick<SegmentJobsApi, 'list'>,
  { first, after, filter, orderBy }: SegmentJobConnectionOptions,
  isOverdue?: (job: SegmentJob) => boolean,
): Promise<Connection<SegmentJob>> {
  const { field, direction } = orderBy ?? ({ field: 'creationTime', direction: 'desc' } as const);
  // The platform filters by one status and one segment. The gateway applies all other conditions.
  const [only, ...others] = new Set(filter?.statuses);
  const status = others.length === 0 && only !== undefined && hasOneWord(only) ? only : undefined;
  const segmentId = filter?.segmentId !== undefined && isPlainText(filter.segmentId) ? filter.segmentId : undefined;
  const isUnsent = segmentId !== filter?.segmentId;
  const isApplied = status === only && others.length === 0 && !isUnsent && filter?.isOverdue === undefined;
  const list = listAfterNumberedPage<SegmentJob>({
    name: `segmentJobs:${field}:${direction}`,
    idOf: ({ id }) => id,
    order: { direction, keyOf: ({ createdAt, updatedAt }) => (field === 'creationTime' ? createdAt : updatedAt) },
    readRows: async ({ start, limit }) => {
      const orderBy = { field, direction };
      const { jobs, next, total } = await api.list({ start, limit, orderBy, status, segmentId });
      return { rows: jobs, next, total };
    },
  });
  return readConnection(list, {
    first,
    after,
    ...(filter === null
      ? {}
      : conditions(
          isApplied,
          (job) => matchesSegmentJobFilter(job, filter, isOverdue) && (!isUnsent || names(job, filter)),
        )),
  });
}

/** Whether the platform finds a job by a segment. It finds jobs that name the segment, but not jobs of all segments. */
const names = ({ segments }: SegmentJob, filter: SegmentJobFilter): boolean =>
  segments.some(({ segmentId }) => segmentId === filter.segmentId);

/**
 * Whether the platform has exactly one word for a status. It has several words for cancelled jobs (CANCELLED, CANCELED,
 * KILLED), and its filter matches only one word.
 */
const hasOneWord = (status: SegmentJobStatus): status is SingleWordStatus =>
  status !== 'UNKNOWN' && status !== 'CANCELLED' && status !== 'CANCELLING';
type SingleWordStatus = Exclude<SegmentJobStatus, 'UNKNOWN' | 'CANCELLED' | 'CANCELLING'>;

/** The newest segment jobs that a schedule started. */
export async function readRunsOfSchedule(
  api: Pick<SegmentJobsApi, 'list'>,
  scheduleId: ScheduleId,
  first: number,
): Promise<readonly SegmentJob[]> {
  const list = listAfterNumberedPage<SegmentJob>({
    name: 'runs',
    idOf: ({ id }) => id,
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    readRows: async ({ start, limit }) => {
      const { jobs, next, total } = await api.list({ start, limit });
      return { rows: jobs, next, total };
    },
  });
  const matches = (job: SegmentJob) => job.scheduleId === scheduleId;
  const { nodes } = await readConnection(list, { first, after: null, matches });
  return nodes;
}
