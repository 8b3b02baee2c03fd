import { containsText } from '../../domain/contains-text.ts';
import type { ScheduleId } from '../../domain/ids.ts';
import type { MergePolicy } from '../../domain/merge-policy.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { SegmentDefinition, SegmentDefinitionFilter } from '../../domain/segment-definition.ts';
import {
  matchesSegmentJobFilter,
  type SegmentJob,
  type SegmentJobFilter,
  type SegmentJobStatus,
} from '../../domain/segment-job.ts';
import { isPlainText } from '../../upstream/apis/catalog-query.ts';
import type { MergePoliciesApi } from '../../upstream/apis/merge-policies.ts';
import type { SchedulesApi } from '../../upstream/apis/schedules.ts';
import type { SegmentDefinitionOrder, SegmentDefinitionsApi } from '../../upstream/apis/segment-definitions.ts';
import type { SegmentJobListOptions, SegmentJobsApi } from '../../upstream/apis/segment-jobs.ts';
import { type Connection, conditions, readConnection } from '../pagination/connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount, isPageSize } from '../pagination/cursor.ts';
import { numberedList } from '../pagination/numbered-pages.ts';
import type { UpstreamList } from '../pagination/upstream-list.ts';

export interface PageOptions {
  readonly first: number;
  readonly after: string | null;
}

export type SegmentJobOrder = NonNullable<SegmentJobListOptions['orderBy']>;

export interface SegmentJobConnectionOptions extends PageOptions {
  readonly filter: SegmentJobFilter | null;
  readonly orderBy: SegmentJobOrder | null;
}

/**
 * Segment jobs, newest first by default. In a list by last change, a job that changes between two pages moves to its
 * new place.
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
  const list = numberedList<SegmentJob>({
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
  const list = numberedList<SegmentJob>({
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

export interface SegmentDefinitionConnectionOptions extends PageOptions {
  readonly filter: SegmentDefinitionFilter | null;
  readonly orderBy: SegmentDefinitionOrder | null;
}

/**
 * Segment definitions, newest first by default.
 * @throws {InvalidInputError} `after` is not a cursor of this connection in this order
 */
export function readSegmentDefinitions(
  api: Pick<SegmentDefinitionsApi, 'list'>,
  { first, after, filter, orderBy }: SegmentDefinitionConnectionOptions,
): Promise<Connection<SegmentDefinition>> {
  const { field, direction } = orderBy ?? ({ field: 'creationTime', direction: 'desc' } as const);
  const keyOf = ({ createdAt, updatedAt }: SegmentDefinition) => (field === 'creationTime' ? createdAt : updatedAt);
  const list = numberedList<SegmentDefinition>({
    name: `segmentDefinitions:${field}:${direction}`,
    idOf: ({ id }) => id,
    // Names cannot be compared, because the collation of the platform is not known.
    order: field === 'name' ? undefined : { direction, keyOf },
    readRows: async ({ start, limit }) => {
      const { definitions, next, total } = await api.list({ page: start, limit, orderBy: { field, direction } });
      return { rows: definitions, next, total };
    },
  });
  const part = filter?.nameContains;
  const matches = part === undefined ? undefined : ({ name }: SegmentDefinition) => containsText(name, part);
  return readConnection(list, { first, after, matches });
}

/** A page of merge policies, which the platform identifies by an opaque text. */
interface PolicyPlace {
  /** Empty at the head of the list. */
  readonly start: string;
  /** Size of the page; null at the head of the list. */
  readonly limit: number | null;
}

/**
 * Merge policies, by name.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readMergePolicies(
  api: Pick<MergePoliciesApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<MergePolicy>> {
  const list: UpstreamList<MergePolicy, PolicyPlace> = {
    name: 'mergePolicies',
    idOf: ({ id }) => id,
    start: { start: '', limit: null },
    read: async ({ start, limit: size }, wanted) => {
      const limit = size ?? wanted;
      const { policies, next, total } = await api.list({ limit, start: start === '' ? undefined : start });
      return {
        place: { start, limit },
        rows: policies,
        next: next === null ? null : { start: next, limit },
        total,
      };
    },
    reportsEnd: true,
    encodePlace: ({ start, limit }) => [start, ...(limit === null ? [] : [limit])],
    decodePlace: ([start, limit = null]) => (typeof start === 'string' && isPageSize(limit) ? { start, limit } : null),
  };
  return readConnection(list, { first, after });
}

/**
 * Schedules, newest first. All schedules are read at once, because there are few.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readSchedules(
  api: Pick<SchedulesApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<Schedule>> {
  const list = 'schedules';
  const timeOf = ({ createdAt }: Schedule): number => createdAt?.getTime() ?? 0;
  const compare = (a: readonly [number, string], b: readonly [number, string]): number =>
    b[0] - a[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
  const [time, id] = after === null ? [] : decodeCursor(list, after);
  if (after !== null && (!isCount(time) || typeof id !== 'string')) throw badCursor();
  const last = isCount(time) && typeof id === 'string' ? ([time, id] as const) : null;

  const all = await api.list();
  const rows = all
    .map((node) => ({ node, place: [timeOf(node), node.id] as const }))
    .sort((a, b) => compare(a.place, b.place))
    .filter(({ place }) => last === null || compare(last, place) < 0);
  const edges = rows.slice(0, first).map(({ node, place }) => ({ node, cursor: encodeCursor(list, place) }));
  return {
    edges,
    totalCount: all.length,
    nodes: edges.map(({ node }) => node),
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
