import type { ExportJobFilter, ExportJobStatus, SegmentJobFilter } from '../operations.generated.ts';
import type { Job } from './job.ts';

/** Parts of the list that a person can choose. */
export const jobStates = ['all', 'running', 'overdue', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** Filters of the board. They are in the URL. */
export interface BoardFilters {
  readonly state: JobState;
  /** Platform id of the dataset of export jobs; null: all datasets. */
  readonly dataset: string | null;
  /** Platform id of the segment; null: all. */
  readonly segment: string | null;
  /** Only jobs that were created after this time, as RFC 3339 text in UTC. */
  readonly from: string | null;
  /** Only jobs that were created before this time, as RFC 3339 text in UTC. */
  readonly to: string | null;
}

export const noFilters: BoardFilters = { state: 'all', dataset: null, segment: null, from: null, to: null };

/** Reads the filters of a URL. Unknown values count as absent, because a person can edit a URL. */
export function filtersOf(params: URLSearchParams): BoardFilters {
  const state = jobStates.find((each) => each === params.get('state')) ?? 'all';
  const timeOf = (name: 'from' | 'to') => {
    const ms = Date.parse(params.get(name) ?? '');
    return Number.isNaN(ms) ? null : new Date(ms).toISOString();
  };
  return {
    state,
    dataset: params.get('dataset') || null,
    segment: params.get('segment') || null,
    from: timeOf('from'),
    to: timeOf('to'),
  };
}

/** Writes the filters into the parameters of a URL, and keeps its other parameters. */
export function withFilters(params: URLSearchParams, { state, ...others }: BoardFilters): URLSearchParams {
  const changed = new URLSearchParams(params);
  const entries = { state: state === 'all' ? null : state, ...others };
  for (const [name, value] of Object.entries(entries)) {
    if (value === null) changed.delete(name);
    else changed.set(name, value);
  }
  return changed;
}

const statusesOf: Readonly<Record<JobState, readonly ExportJobStatus[] | null>> = {
  all: null,
  running: ['NEW', 'QUEUED', 'PROCESSING', 'CANCELLING'],
  overdue: null,
  succeeded: ['SUCCEEDED'],
  failed: ['FAILED'],
  cancelled: ['CANCELLED'],
};

/** The filters for the list of export jobs. Null: no filter. */
export function exportJobFilter(filters: BoardFilters): ExportJobFilter | null {
  const { dataset, from, to } = filters;
  return orNull({
    ...commonFilter(filters),
    ...(dataset === null ? {} : { datasetId: dataset }),
    ...(from === null ? {} : { createdAfter: from }),
    ...(to === null ? {} : { createdBefore: to }),
  });
}

/** The filters for the list of segment jobs, which have no dataset, and cannot be filtered by time. Null: no filter. */
export const segmentJobFilter = (filters: BoardFilters): SegmentJobFilter | null => orNull(commonFilter(filters));

function commonFilter({ state, segment }: BoardFilters) {
  const statuses = statusesOf[state];
  return {
    ...(statuses === null ? {} : { statuses: [...statuses] }),
    ...(state === 'overdue' ? { isOverdue: true } : {}),
    ...(segment === null ? {} : { segmentId: segment }),
  };
}

const orNull = <Filter extends object>(filter: Filter): Filter | null =>
  Object.keys(filter).length === 0 ? null : filter;

/** Whether a job was created in the period of the filters. */
export const isInPeriod = (
  { createdAt }: { readonly createdAt: string },
  { from, to }: Pick<BoardFilters, 'from' | 'to'>,
) =>
  (from === null || Date.parse(createdAt) > Date.parse(from)) &&
  (to === null || Date.parse(createdAt) < Date.parse(to));

/** Whether a row that a live view has delivered belongs to the filtered list. */
export function matches(
  job: Pick<Job, 'status' | 'isOverdue' | 'target' | 'segments' | 'createdAt'>,
  filters: BoardFilters,
): boolean {
  const { status, isOverdue, target, segments } = job;
  const { state, dataset, segment } = filters;
  const statuses = statusesOf[state];
  return (
    isInPeriod(job, filters) &&
    (statuses === null || statuses.includes(status)) &&
    (state !== 'overdue' || isOverdue) &&
    (dataset === null || target?.id === dataset) &&
    (segment === null || segments.includes(segment))
  );
}
