import type { ExportJob, NewExportJob } from '../../domain/export-job.ts';
import type { ReportedExportJob } from '../../domain/export-request.ts';
import type { ExportJobId } from '../../domain/ids.ts';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import { fitOfExportJob } from '../creates/matches-create.ts';
import { createWithRecovery } from '../creates/with-recovery.ts';
import type { BoundClient, FindRejectedInput } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import type { DecodeContext } from '../wire/decode-context.ts';
import { decodeExportJob, decodeReportedExportJob, type LazyExportJob, lazyExportJob } from '../wire/export-job.ts';
import { decodeNextCursor, type ExportJobCursor, encodeExportCursor } from '../wire/export-job-page.ts';
import { encodeNewExportJob } from '../wire/new-export-job.ts';
import { asRecord } from '../wire/readers.ts';
import { decodeRows } from '../wire/rows.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { createOne, deleteOne, getOne, type WritableCollection } from './collection.ts';
import { countDisorder, type ListOrder } from './list-order.ts';
import { throwOnlyErrors } from './list-rows.ts';
import { rejectedInput, rejectedPart } from './rejected-input.ts';

export type { ExportJobCursor, LazyExportJob };

/** Reads of export jobs. */
export interface ExportJobReads<Job extends ExportJob> {
  /** One upstream call. Jobs are sorted newest first; `limit` is 1 to 1,000. */
  list(options: {
    readonly limit: number;
    readonly cursor?: ExportJobCursor | undefined;
    readonly status?: ListedExportJobStatus | undefined;
  }): Promise<ExportJobPage<Job>>;
  /** One upstream call. */
  get(id: ExportJobId): Promise<Job | null>;
}

export interface ExportJobsApi extends ExportJobReads<ExportJob> {
  /** Reads a job with all that its record shows of its request. One upstream call. */
  getReported(id: ExportJobId): Promise<ReportedExportJob | null>;
  /** The same reads for one operation. They decode only the fields that the operation reads. */
  readonly lazy: ExportJobReads<LazyExportJob>;
  /** One upstream call, which is sent once. If its outcome is unknown, a second call looks for the job. */
  create(job: NewExportJob): Promise<ExportJob>;
  /** Marks the job for cancelling; the platform stops it later. False if the platform does not have it. */
  cancel(id: ExportJobId): Promise<boolean>;
}

/** A status by which the platform can filter export jobs. */
export type ListedExportJobStatus = Extract<ExportJob['status'], 'NEW' | 'SUCCEEDED' | 'FAILED'>;

export interface ExportJobPage<Job extends ExportJob = ExportJob> {
  readonly jobs: readonly Job[];
  /** Cursor of the next page; null on the last page. */
  readonly next: ExportJobCursor | null;
}

const root = '/data/core/ups/export/jobs';
const service = 'export';
const entity = 'ExportJob';
/** Number of newest jobs that are searched for the result of a lost create. It is the platform's largest page. */
const newestPageSize = 100;

/** Null if the record is not an export job. */
type DecodeJob<Job> = (record: unknown, context: DecodeContext, reading: ReadingTimes) => Job | null;

const newestFirst: ListOrder<ExportJob> = { direction: 'desc', keyOf: ({ createdAt }) => createdAt };

/**
 * Export jobs, which the profile service keeps.
 *
 * A list omits and counts a record without id or status, so that one bad record does not hide the others. A single job
 * without them is an UpstreamUnreadableError.
 */
export function createExportJobsApi(client: PlatformClient): ExportJobsApi {
  const context = decodeContextOf(client.metrics, 'ExportJob');

  /** Created for each use, because an operation uses one or two of the decoders. */
  const decodedBy = <Job>(decoder: DecodeJob<Job>): WritableCollection<Job> => ({
    service,
    entity,
    root,
    invalidEntityMessage: 'It is not an export job: id or status is missing.',
    decode: (value, reading) => decoder(value, context, reading),
  });

  /** @returns the page, with the number of its rows that cannot be used */
  const readPage = async <Job extends ExportJob>(
    client: BoundClient,
    { limit, cursor, status }: Parameters<ExportJobsApi['list']>[0],
    decode: DecodeJob<Job>,
  ) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor !== undefined) query.set('offset', encodeExportCursor(cursor));
    if (status !== undefined) query.set('status', status);
    const input = rejectedPart(
      status === undefined ? [] : [{ path: 'filter', values: [status], properties: ['status'] }],
    );
    const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read', input } as const;
    const response = await client.call(request);
    const records = asRecord<'records'>(response.json)?.records;
    if (!Array.isArray(records)) throw unreadableResponse(request, response, 'It contains no list of export jobs.');
    const rows = decodeRows(records, (record: unknown) => decode(record, context, response.reading));
    throwOnlyErrors(request, response, rows, { isFirst: cursor === undefined, limit });
    const { entities: jobs, unusable } = rows;
    countDisorder(jobs, newestFirst, context);
    return { jobs, unusable, next: decodeNextCursor(response.json, jobs, cursor) };
  };

  return {
    list: (options) => readPage(client, options, decodeExportJob).then(withoutUnusable),
    get: (id) => getOne(client, decodedBy(decodeExportJob), id),
    getReported: (id) => getOne(client, decodedBy(decodeReportedExportJob), id),
    lazy: {
      list: (options) => readPage(client, options, lazyExportJob).then(withoutUnusable),
      get: (id) => getOne(client, decodedBy(lazyExportJob), id),
    },
    create: (job) => {
      const body = encodeNewExportJob(job);
      return createWithRecovery(client, {
        service,
        entity,
        group: job.datasetId,
        body,
        send: (sender) => createOne(sender, decodedBy(decodeExportJob), body, rejectedExportInput(job)),
        newest: async (lookups) => {
          const page = await readPage(lookups, { limit: newestPageSize }, decodeReportedExportJob);
          return { entities: page.jobs, isAll: page.next === null, unusable: page.unusable };
        },
        fitOf: (candidate: ReportedExportJob) => fitOfExportJob(job, candidate),
      });
    },
    cancel: (id) => deleteOne(client, decodedBy(decodeExportJob), { id, action: 'cancel' }),
  };
}

const withoutUnusable = <Job extends ExportJob>({ jobs, next }: ExportJobPage<Job>): ExportJobPage<Job> => ({
  jobs,
  next,
});

/**
 * Finds the argument of a create that the platform rejected. A 404 is about the dataset, a segment or the merge policy.
 */
function rejectedExportInput(job: NewExportJob): FindRejectedInput {
  const { datasetId, filter, mergePolicy, fields, eventList, schemaName } = job;
  const dataset = 'input.destination.target.datasetId';
  return rejectedInput({
    entities: [
      {
        word: /data\s*set/i,
        list: dataset,
        properties: ['datasetId', 'dataSetId'],
        named: [{ id: datasetId, path: dataset }],
      },
      {
        word: /segment|audience/i,
        list: 'input.filter.segments',
        properties: ['segmentId', 'segmentIds', 'segments'],
        named: (filter?.segments ?? []).map(({ segmentId }, index) => ({
          id: segmentId,
          path: `input.filter.segments.${index}.segmentId`,
        })),
      },
      {
        word: /merge\s*polic/i,
        list: 'input.mergePolicy.id',
        properties: ['mergePolicy', 'mergePolicyId'],
        named: mergePolicy === null ? [] : [{ id: mergePolicy.id, path: 'input.mergePolicy.id' }],
      },
    ],
    parts: [
      { path: 'input.eventList.fields', values: eventList?.fields ?? [] },
      { path: 'input.eventList', properties: ['additionalFields', 'eventList'] },
      { path: 'input.fields', values: fields ?? [], properties: ['fields'] },
      { path: 'input.schemaName', values: [schemaName] },
      { path: 'input.filter', properties: ['filter', ...filterProperties] },
      { path: 'input.destination', properties: ['destination', 'segmentPerBatch'] },
      { path: 'input.evaluateSegments', properties: ['evaluationInfo'] },
      { path: 'input.waitForBatch', properties: ['checkBatchStatusForSuccess'] },
    ],
    unknown: dataset,
  });
}

const filterProperties = [
  'segmentNs',
  'segmentQualificationTime',
  'fromIngestTimestamp',
  'toIngestTimestamp',
  'emptyProfiles',
];
