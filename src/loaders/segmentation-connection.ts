import type { ScheduleId } from '../domain/ids.ts';
import type { MergePolicy } from '../domain/merge-policy.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SegmentDefinition } from '../domain/segment-definition.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import { matchesSegmentJobFilter, type SegmentJobFilter } from '../domain/segment-job-filter.ts';
import type {
  MergePoliciesApi,
  SchedulesApi,
  SegmentDefinitionsApi,
  SegmentJobListOptions,
  SegmentJobsApi,
} from '../upstream/segmentation-api.ts';
import { type Connection, readConnection } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount } from './cursor.ts';
import { readShiftingConnection } from './shifting-connection.ts';

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
 * Segment jobs, newest first unless ordered otherwise. Ordered by their last change, a job that changes between two pages
 * moves to where it then belongs.
 * @throws {InvalidInputError} `after` is not a cursor of this connection in this order
 */
export function readSegmentJobs(
  api: Pick<SegmentJobsApi, 'list'>,
  { first, after, filter, orderBy }: SegmentJobConnectionOptions,
): Promise<Connection<SegmentJob>> {
  const { field, direction } = orderBy ?? ({ field: 'creationTime', direction: 'desc' } as const);
  // The platform filters by one status and one segment; what more is asked for is filtered here.
  const statuses = filter?.statuses ?? [];
  const [only] = statuses;
  const status = statuses.length === 1 && only !== 'UNKNOWN' ? only : undefined;
  const filteredThere = statuses.length === 0 || status !== undefined;
  return readShiftingConnection<SegmentJob>({
    list: `segmentJobs:${field}:${direction}`,
    first,
    after,
    direction,
    idOf: ({ id }) => id,
    keyOf: ({ createdAt, updatedAt }) => (field === 'creationTime' ? createdAt : updatedAt),
    readRows: async ({ start, limit }) => {
      const { jobs, next } = await api.list({
        start,
        limit,
        orderBy: { field, direction },
        status,
        segmentId: filter?.segmentId,
      });
      return { rows: jobs, next };
    },
    matches: filter === null || filteredThere ? undefined : (job) => matchesSegmentJobFilter(job, filter),
  });
}

/** The newest segment jobs that a schedule started. */
export async function readRunsOfSchedule(
  api: Pick<SegmentJobsApi, 'list'>,
  scheduleId: ScheduleId,
  first: number,
): Promise<readonly SegmentJob[]> {
  const { nodes } = await readShiftingConnection<SegmentJob>({
    list: 'runs',
    first,
    after: null,
    direction: 'desc',
    idOf: ({ id }) => id,
    keyOf: ({ createdAt }) => createdAt,
    readRows: async ({ start, limit }) => {
      const { jobs, next } = await api.list({ start, limit });
      return { rows: jobs, next };
    },
    matches: (job) => job.scheduleId === scheduleId,
  });
  return nodes;
}

/**
 * Segment definitions, newest first.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readSegmentDefinitions(
  api: Pick<SegmentDefinitionsApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<SegmentDefinition>> {
  return readShiftingConnection<SegmentDefinition>({
    list: 'segmentDefinitions',
    first,
    after,
    direction: 'desc',
    idOf: ({ id }) => id,
    keyOf: ({ createdAt }) => createdAt,
    readRows: async ({ start, limit }) => {
      const { definitions, next } = await api.list({ page: start, limit });
      return { rows: definitions, next };
    },
  });
}

/**
 * Merge policies, by name. The platform's own cursors are used: they say of a page where the next one begins, so that a
 * page which a smaller one interrupts is read again.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readMergePolicies(
  api: Pick<MergePoliciesApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<MergePolicy>> {
  const list = 'mergePolicies';
  return readConnection<MergePolicy, { readonly start: string; readonly given: number; readonly limit: number }>({
    first,
    after: after === null ? null : decodePolicyPosition(list, after),
    idOf: ({ id }) => id,
    encode: ({ start, given, limit }) => encodeCursor(list, [start, given, limit]),
    readPage: async (from, wanted) => {
      const { start, given, limit } = from ?? { start: '', given: 0, limit: wanted };
      const { policies, next } = await api.list({ limit, start: start === '' ? undefined : start });
      return {
        rows: policies.map((node, index) => ({ node, position: { start, given: index + 1, limit } })).slice(given),
        next: next === null ? null : { start: next, given: 0, limit },
      };
    },
  });
}

function decodePolicyPosition(list: string, cursor: string) {
  const [start, given, limit] = decodeCursor(list, cursor);
  if (typeof start !== 'string' || !isCount(given) || !isCount(limit) || limit < 1 || limit > 100) throw badCursor();
  return { start, given, limit };
}

/**
 * Schedules, newest first. There are so few that all of them are read at once.
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

  const rows = [...(await api.list())]
    .map((node) => ({ node, place: [timeOf(node), node.id] as const }))
    .sort((a, b) => compare(a.place, b.place))
    .filter(({ place }) => last === null || compare(last, place) < 0);
  const edges = rows.slice(0, first).map(({ node, place }) => ({ node, cursor: encodeCursor(list, place) }));
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
