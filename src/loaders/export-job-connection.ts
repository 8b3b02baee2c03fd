import type { ExportJob } from '../domain/export-job.ts';
import { type ExportJobFilter, matchesExportJobFilter } from '../domain/export-job-filter.ts';
import { type ExportJobId, platformId } from '../domain/ids.ts';
import type { ExportJobCursor, ExportJobsApi } from '../upstream/platform-api.ts';
import { type Connection, readConnection } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor } from './cursor.ts';

export interface ExportJobConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly filter: ExportJobFilter | null;
}

const list = 'exportJobs';

/**
 * Export jobs, newest first, over the platform's keyset paging.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readExportJobs(
  api: Pick<ExportJobsApi, 'list'>,
  options: ExportJobConnectionOptions,
): Promise<Connection<ExportJob>> {
  const { first, filter } = options;
  const createdAfter = filter?.createdAfter;
  return readConnection<ExportJob, ExportJobCursor>({
    first,
    after: options.after === null ? null : decode(options.after),
    idOf: (job) => job.id,
    encode: ({ createdAtMs, id }) => encodeCursor(list, [createdAtMs, id]),
    readPage: async (after, limit) => {
      const { jobs, next } = await api.list({ limit, cursor: after ?? undefined });
      return {
        rows: jobs.map((node) => ({ node, position: { createdAtMs: node.createdAt.getTime(), id: node.id } })),
        next,
      };
    },
    matches: filter === null ? undefined : (job) => matchesExportJobFilter(job, filter),
    isPast: createdAfter === undefined ? undefined : (job) => job.createdAt <= createdAfter,
  });
}

function decode(cursor: string): ExportJobCursor {
  const [createdAtMs, id] = decodeCursor(list, cursor);
  if (typeof createdAtMs !== 'number' || !Number.isSafeInteger(createdAtMs) || typeof id !== 'string')
    throw badCursor();
  return { createdAtMs, id: platformId<ExportJobId>(id) };
}
