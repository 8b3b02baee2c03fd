import type { Client, CombinedError } from 'urql';
import {
  type ExportJobFilter,
  type ExportJobStatus,
  ExportRunByIdDocument,
  ExportRunsDocument,
  ScheduleRunsDocument,
  SegmentRunByIdDocument,
  SegmentRunsDocument,
} from '../operations.generated.ts';
import { maxRuns } from './expected-duration.ts';
import { exportRunOf, type Run, segmentRunOf } from './runs.ts';
import type { Selection } from './selection.ts';

/** Number of runs that the page shows. */
export const shownRuns = 30;

/** The runs before the shown ones give the oldest of these an expectation. */
const wantedRuns = shownRuns + maxRuns;

/** Maximum number of pages of 100 jobs that are read. */
const maxPages = 5;

const ended: readonly ExportJobStatus[] = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'UNKNOWN'];

export interface FoundRuns {
  /** Newest first. */
  readonly runs: readonly Run[];
  /** Ids of all ended jobs that were read, also of those with another request. */
  readonly seen: ReadonlySet<string>;
}

export type RunsResult =
  | ({ readonly kind: 'found' } & FoundRuns)
  /** The job or schedule of the selection does not exist. */
  | { readonly kind: 'not-found' }
  | { readonly kind: 'failed'; readonly error: CombinedError | undefined };

interface Page<Job> {
  readonly nodes: readonly Job[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

interface Result<Data> {
  readonly data?: Data | undefined;
  readonly error?: CombinedError | undefined;
}

const context = { requestPolicy: 'network-only' } as const;

/** Reads the newest ended runs of a selection. */
export function readRuns(client: Client, selection: Selection): Promise<RunsResult> {
  return selection.of === 'export-jobs' ? readExportRuns(client, selection) : readSegmentRuns(client, selection);
}

async function readExportRuns(client: Client, { job: id, dataset, segment }: Selection): Promise<RunsResult> {
  const filter = (datasetId: string | null): ExportJobFilter => ({
    statuses: [...ended],
    ...(datasetId === null ? {} : { datasetId }),
    ...(segment === null ? {} : { segmentId: segment }),
  });
  const read = (within: ExportJobFilter, request: string | null) =>
    collect(
      (after) => client.query(ExportRunsDocument, { after, filter: within }, context).toPromise(),
      (data) => data.exportJobs,
      exportRunOf,
      request,
    );
  if (id === null) return await read(filter(dataset), null);
  const { data, error } = await client.query(ExportRunByIdDocument, { id }, context).toPromise();
  const job = data?.exportJob ?? null;
  if (job === null) return missing(error);
  return await read(filter(job.destination.datasetId), exportRunOf(job).request);
}

async function readSegmentRuns(client: Client, { job: id, schedule, segment }: Selection): Promise<RunsResult> {
  if (schedule !== null) return await readScheduleRuns(client, schedule, segment);
  const filter = { statuses: [...ended], ...(segment === null ? {} : { segmentId: segment }) };
  const read = (request: string | null) =>
    collect(
      (after) => client.query(SegmentRunsDocument, { after, filter }, context).toPromise(),
      (data) => data.segmentJobs,
      segmentRunOf,
      request,
    );
  if (id === null) return await read(null);
  const { data, error } = await client.query(SegmentRunByIdDocument, { id }, context).toPromise();
  const job = data?.segmentJob ?? null;
  if (job === null) return missing(error);
  if (job.scheduleId !== null) return await readScheduleRuns(client, job.scheduleId, null);
  return await read(segmentRunOf(job).request);
}

/** The list of segment jobs has no filter for the schedule. */
async function readScheduleRuns(client: Client, id: string, segment: string | null): Promise<RunsResult> {
  const { data, error } = await client.query(ScheduleRunsDocument, { id }, context).toPromise();
  const jobs = data?.schedule?.recentRuns ?? null;
  if (jobs === null) return missing(error);
  const matching = jobs.filter(
    ({ isTerminal, segments }) =>
      isTerminal && (segment === null || segments.some(({ segmentId }) => segmentId === segment)),
  );
  return { kind: 'found', runs: matching.map(segmentRunOf), seen: new Set(jobs.map(({ id: each }) => each)) };
}

const missing = (error: CombinedError | undefined): RunsResult =>
  error === undefined ? { kind: 'not-found' } : { kind: 'failed', error };

/**
 * Reads pages until there are enough runs. A status that the gateway does not know can belong to a running job.
 * @param request null: runs of all requests
 */
async function collect<Data, Job extends { readonly isTerminal: boolean }>(
  read: (after: string | null) => Promise<Result<Data>>,
  pageOf: (data: Data) => Page<Job> | null,
  runOf: (job: Job) => Run,
  request: string | null,
): Promise<RunsResult> {
  const runs: Run[] = [];
  const seen = new Set<string>();
  let after: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const { data, error }: Result<Data> = await read(after);
    const page: Page<Job> | null = data === undefined ? null : pageOf(data);
    if (page === null) return { kind: 'failed', error };
    for (const run of page.nodes.filter(({ isTerminal }) => isTerminal).map(runOf)) {
      seen.add(run.id);
      if (request === null || run.request === request) runs.push(run);
    }
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage || runs.length >= wantedRuns || pages === maxPages) break;
  }
  return { kind: 'found', runs, seen };
}
