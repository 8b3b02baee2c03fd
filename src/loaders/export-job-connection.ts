import type { ExportJob } from '../domain/export-job.ts';
import { type ExportJobFilter, matchesExportJobFilter } from '../domain/export-job-filter.ts';
import { type ExportJobId, platformId } from '../domain/ids.ts';
import type { ExportJobCursor, ExportJobsApi } from '../upstream/platform-api.ts';
import { type Connection, readConnection } from './connection.ts';
import { isCount } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

export interface ExportJobConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly filter: ExportJobFilter | null;
}

/** Null at the newest job. */
interface ExportJobPlace {
  readonly cursor: ExportJobCursor | null;
}

/**
 * Export jobs, newest first, over the platform's keyset paging.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readExportJobs(
  api: Pick<ExportJobsApi, 'list'>,
  { first, after, filter }: ExportJobConnectionOptions,
): Promise<Connection<ExportJob>> {
  const createdAfter = filter?.createdAfter;
  const list: UpstreamList<ExportJob, ExportJobPlace> = {
    name: 'exportJobs',
    idOf: ({ id }) => id,
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    start: { cursor: null },
    read: async (place, limit) => {
      const { jobs, next } = await api.list({ limit, cursor: place.cursor ?? undefined });
      return { place, rows: jobs, next: next === null ? null : { cursor: next }, total: null };
    },
    behind: ({ place, rows }, count) => {
      const job = rows[count - 1];
      return job === undefined ? place : { cursor: { createdAtMs: job.createdAt.getTime(), id: job.id } };
    },
    reportsEnd: true,
    encodePlace: ({ cursor }) => (cursor === null ? [] : [cursor.createdAtMs, cursor.id]),
    decodePlace: ([createdAtMs, id]) => {
      if (createdAtMs === undefined) return { cursor: null };
      if (!isCount(createdAtMs) || typeof id !== 'string') return null;
      return { cursor: { createdAtMs, id: platformId<ExportJobId>(id) } };
    },
  };
  return readConnection(list, {
    first,
    after,
    matches: filter === null ? undefined : (job) => matchesExportJobFilter(job, filter),
    isPast: createdAfter === undefined ? undefined : (job) => job.createdAt <= createdAfter,
  });
}
