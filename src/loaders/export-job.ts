import type { ExportJob } from '../domain/export-job.ts';
import type { ExportJobId } from '../domain/ids.ts';
import type { ExportJobReads } from '../upstream/apis/export-jobs.ts';
import { createLoader, type Loader, type LoadFailure, loadEach } from './by-id.ts';

/** Maximum number of jobs in one page of the platform's list. */
const newestPageSize = 100;

/**
 * The platform cannot read export jobs in bulk. Jobs that are loaded together are mostly recent, so that the newest
 * page of the list is read first, and only jobs that are not on it need a separate call.
 */
export function createExportJobLoader<Job extends ExportJob>(
  api: ExportJobReads<Job>,
): Loader<ExportJobId, ExportJob | Job> {
  const loadEachById = loadEach((id: ExportJobId) => api.get(id));

  const loadMany = (ids: readonly ExportJobId[]): Promise<readonly (Job | LoadFailure<ExportJobId>)[]> =>
    ids.length === 1 ? loadEachById(ids) : loadFromNewest(ids);

  const loadFromNewest = async (ids: readonly ExportJobId[]): Promise<readonly (Job | LoadFailure<ExportJobId>)[]> => {
    const { jobs } = await api.list({ limit: newestPageSize });
    const listed = new Set(jobs.map(({ id }) => id));
    return [...jobs, ...(await loadEachById(ids.filter((id) => !listed.has(id))))];
  };

  return createLoader<ExportJobId, ExportJob | Job>({ idOf: ({ id }) => id, loadMany });
}
