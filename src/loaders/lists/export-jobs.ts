import { type ExportJob, type ExportJobFilter, matchesExportJobFilter } from '../../domain/export-job.ts';
import { type DatasetId, type ExportJobId, platformId } from '../../domain/ids.ts';
import type { ExportJobCursor, ExportJobReads, ListedExportJobStatus } from '../../upstream/apis/export-jobs.ts';
import { pagingAfterRow, type RowPosition } from '../pagination/after-row.ts';
import { type Connection, conditions, type PageOptions, readConnection } from '../pagination/connection.ts';
import type { UpstreamList } from '../pagination/upstream-list.ts';

export interface ExportJobConnectionOptions extends PageOptions {
  readonly filter: ExportJobFilter | null;
  /** The dataset whose jobs are listed; null for all datasets. */
  readonly of?: DatasetId | null;
}

const paging = pagingAfterRow<ExportJob, ExportJobId>({
  keyOf: ({ createdAt, id }) => ({ createdAtMs: createdAt.getTime(), id }),
  toId: (id) => platformId(id),
});

/**
 * Export jobs, newest first, over the platform's keyset paging.
 * @param isOverdue determines whether a job is overdue. Required if the filter names it.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readExportJobs<Job extends ExportJob>(
  api: Pick<ExportJobReads<Job>, 'list'>,
  { first, after, filter: given, of = null }: ExportJobConnectionOptions,
  isOverdue?: (job: ExportJob) => boolean,
): Promise<Connection<Job>> {
  const filter: ExportJobFilter = of === null ? (given ?? {}) : { ...given, datasetId: of };
  const { createdAfter } = filter;
  const status = listedStatus(filter);
  const isOfOther = of !== null && given?.datasetId !== undefined && given.datasetId !== of;
  const list: UpstreamList<Job, RowPosition<ExportJobId>> = {
    name: 'exportJobs',
    idOf: ({ id }) => id,
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    start: { cursor: firstCursor(filter) },
    read: async (position, limit) => {
      if (isOfOther) return { position, rows: [], next: null, total: null };
      const { jobs, next } = await api.list({ limit, cursor: position.cursor ?? undefined, status });
      return { position, rows: jobs, next: next === null ? null : { cursor: next }, total: null };
    },
    ...paging,
  };
  return readConnection(list, {
    first,
    after,
    ...conditions(isListed(filter, status), (job) => matchesExportJobFilter(job, filter, isOverdue)),
    isPast: createdAfter === undefined ? undefined : (job) => job.createdAt <= createdAfter,
  });
}

/** The status of a filter if the platform can filter by it. It supports one of three statuses. */
function listedStatus({ statuses }: ExportJobFilter): ListedExportJobStatus | undefined {
  const [only, ...others] = new Set(statuses);
  if (others.length > 0) return undefined;
  return only === 'NEW' || only === 'SUCCEEDED' || only === 'FAILED' ? only : undefined;
}

/** The platform continues after a job, so that a list of jobs before a time begins after the first job of that time. */
function firstCursor({ createdBefore }: ExportJobFilter): ExportJobCursor | null {
  const createdAtMs = createdBefore?.getTime() ?? 0;
  return createdAtMs > 0 ? { createdAtMs, id: platformId<ExportJobId>('0') } : null;
}

/** Whether the platform's filter and the order of the list cover all conditions. */
const isListed = (filter: ExportJobFilter, status: ListedExportJobStatus | undefined): boolean =>
  filter.datasetId === undefined &&
  filter.segmentId === undefined &&
  filter.updatedAfter === undefined &&
  filter.mergePolicyId === undefined &&
  filter.isOverdue === undefined &&
  (filter.statuses === undefined || status !== undefined);
