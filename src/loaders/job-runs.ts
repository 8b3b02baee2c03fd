import type { ExportJob } from '../domain/export-job.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import type { JobRuns, RunningJob } from '../runs/job-runs.ts';
import type { TenantRuns } from '../runs/run-statistics.ts';
import type { ExportJobReads } from '../upstream/apis/export-jobs.ts';
import type { SegmentJobsApi } from '../upstream/apis/segment-jobs.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';

/** The runs of the tenant, by kind. A promise is returned only if something has to be read first. */
export interface RunReads {
  exportJobs(): JobRuns<ExportJob> | Promise<JobRuns<ExportJob>>;
  segmentJobs(): JobRuns<SegmentJob> | Promise<JobRuns<SegmentJob>>;
}

/** Number of jobs on the additional page: the platform's maximum. */
const pageSize = 100;

/**
 * Reads the runs for one operation.
 * @param api reads the additional page (see JobRuns.ready). Null: no page is read, because the result belongs to
 *   several callers, or to an event, which must not cost a call.
 */
export const createRunReads = (runs: TenantRuns, api: PlatformApi | null): RunReads => ({
  exportJobs: prepared<ExportJob>(
    runs.exportJobs,
    api && (async () => (await api.exportJobs.lazy.list({ limit: pageSize, status: 'SUCCEEDED' })).jobs),
  ),
  segmentJobs: prepared(
    runs.segmentJobs,
    api && (async () => (await api.segmentJobs.list({ limit: pageSize, status: 'SUCCEEDED' })).jobs),
  ),
});

/** All fields of an operation share one preparation. */
function prepared<Job extends RunningJob>(
  runs: JobRuns<Job>,
  readPage: (() => Promise<readonly Job[]>) | null,
): () => JobRuns<Job> | Promise<JobRuns<Job>> {
  let ready: JobRuns<Job> | Promise<JobRuns<Job>> | undefined;
  return () => {
    ready ??= runs.ready(readPage ?? undefined)?.then(() => runs) ?? runs;
    return ready;
  };
}

/** The reads of export jobs, which add the ended jobs to the runs. */
export const notingExports = <Job extends ExportJob>(
  api: ExportJobReads<Job>,
  runs: JobRuns<ExportJob>,
): ExportJobReads<Job> => ({
  list: (options) =>
    api.list(options).then((page) => {
      runs.note(page.jobs);
      return page;
    }),
  get: (id) =>
    api.get(id).then((job) => {
      if (job !== null) runs.note([job]);
      return job;
    }),
});

/** The reads of segment jobs, which add the ended jobs to the runs. */
export const notingSegmentations = (
  api: Pick<SegmentJobsApi, 'list' | 'getMany'>,
  runs: JobRuns<SegmentJob>,
): Pick<SegmentJobsApi, 'list' | 'getMany'> => ({
  list: async (options) => {
    const page = await api.list(options);
    runs.note(page.jobs);
    return page;
  },
  getMany: async (ids, limits) => {
    const result = await api.getMany(ids, limits);
    runs.note(result.found);
    return result;
  },
});
