import type { ExportJob } from '../domain/export-job.ts';
import type { ExportJobId } from '../domain/ids.ts';
import type { ExportJobReads } from '../upstream/platform-api.ts';
import { createLoader, type Loader, type LoadFailure, loadEach } from './create-loader.ts';

/** Jobs that the platform gives in one list page at most. */
const newestPageSize = 100;

/**
 * The platform has no call for many export jobs. Those that are asked for together are mostly recent ones: the newest
 * page of the list is read first, and only what is not on it costs a call of its own.
 */
export function createExportJobLoader<Job extends ExportJob>(
  api: ExportJobReads<Job>,
): Loader<ExportJobId, ExportJob | Job> {
  const loadEachById = loadEach((id: ExportJobId) => api.get(id));

  const loadMany = async (ids: readonly ExportJobId[]): Promise<readonly (Job | LoadFailure<ExportJobId>)[]> => {
    if (ids.length === 1) return loadEachById(ids);
    const { jobs } = await api.list({ limit: newestPageSize });
    const listed = new Set(jobs.map(({ id }) => id));
    return [...jobs, ...(await loadEachById(ids.filter((id) => !listed.has(id))))];
  };

  return createLoader<ExportJobId, ExportJob | Job>({ idOf: ({ id }) => id, loadMany });
}
