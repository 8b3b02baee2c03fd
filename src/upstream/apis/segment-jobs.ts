import type { SegmentId, SegmentJobId } from '../../domain/ids.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { fitOfSegmentJob } from '../creates/matches-create.ts';
import { createWithRecovery } from '../creates/with-recovery.ts';
import type { BoundClient } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeChildren, nextStart } from '../wire/children.ts';
import { decodeSegmentJob, encodeNewSegmentJob } from '../wire/segment-job.ts';
import { bulkGet } from './bulk-get.ts';
import type { BulkLimits, BulkResult } from './bulk-read.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { type Counted, createOne, deleteOne, getOne, type WritableCollection } from './collection.ts';
import { countDisorder } from './list-order.ts';
import { throwOnlyErrors } from './list-rows.ts';
import { type NamedPart, rejectedPart, rejectedSegments } from './rejected-input.ts';

export interface SegmentJobsApi {
  /**
   * One upstream call. Jobs are sorted by time of creation or of the last change. `start` is the `next` of the previous
   * page, which is null on the last page. The platform's documentation differs on whether it counts pages or rows, and
   * rows shift while jobs are added, so that a row may be returned twice. The caller must drop ids that it has seen,
   * and stop at a page without new ids.
   */
  list(
    options: SegmentJobListOptions,
  ): Promise<Counted & { readonly jobs: readonly SegmentJob[]; readonly next: number | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly SegmentJobId[], limits?: BulkLimits): Promise<BulkResult<SegmentJobId, SegmentJob>>;
  /** One upstream call. */
  get(id: SegmentJobId): Promise<SegmentJob | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, a second call looks for the job. */
  create(segmentIds: readonly SegmentId[]): Promise<SegmentJob>;
  /** Marks the job for cancelling; the platform stops it later. False if the platform does not have it. */
  cancel(id: SegmentJobId): Promise<boolean>;
}

export interface SegmentJobListOptions {
  /** 1 to 100. */
  readonly limit: number;
  /** @default 0 */
  readonly start?: number;
  /** The platform filters by one status at a time, and has no status UNKNOWN. */
  readonly status?: Exclude<SegmentJob['status'], 'UNKNOWN'> | undefined;
  readonly segmentId?: SegmentId | undefined;
  /** @default creationTime, newest first */
  readonly orderBy?: { readonly field: 'creationTime' | 'updateTime'; readonly direction: 'asc' | 'desc' };
}

const root = '/data/core/ups/segment/jobs';
const service = 'segmentation';
/** Number of newest jobs that are searched for the result of a lost create. It is the platform's largest page. */
const newestPageSize = 100;

const newestFirst = { field: 'creationTime', direction: 'desc' } as const satisfies SegmentJobListOptions['orderBy'];

/**
 * Segment jobs. A list omits and counts a record without id or status, so that one bad record does not hide the others.
 * A single job without them is an UpstreamUnreadableError.
 */
export function createSegmentJobsApi(client: PlatformClient): SegmentJobsApi {
  const context = decodeContextOf(client.metrics, 'SegmentJob');
  const collection: WritableCollection<SegmentJob> = {
    service,
    entity: 'SegmentJob',
    root,
    invalidEntityMessage: 'It is not a segment job: id or status is missing.',
    decode: (value, reading) => decodeSegmentJob(value, context, reading),
  };

  const readPage = async (client: BoundClient, options: SegmentJobListOptions) => {
    const request = {
      service,
      method: 'GET',
      path: `${root}?${listQuery(options)}`,
      effect: 'read',
      input: rejectedPart([filterOf(options)]),
    } as const;
    const response = await client.call(request);
    const page = decodeChildren(response.json, (value) => collection.decode(value, response.reading));
    if (page === null) throw unreadableResponse(request, response, 'It contains no list of segment jobs.');
    const { start = 0, limit } = options;
    throwOnlyErrors(request, response, page, { isFirst: start === 0, limit });
    const { entities: jobs, unusable, total } = page;
    const { field, direction } = options.orderBy ?? newestFirst;
    const keyOf = ({ createdAt, updatedAt }: SegmentJob) => (field === 'creationTime' ? createdAt : updatedAt);
    countDisorder(jobs, { direction, keyOf }, context);
    return { jobs, unusable, next: nextStart(page, start, limit), total };
  };

  return {
    list: async (options) => {
      const { jobs, next, total } = await readPage(client, options);
      return { jobs, next, total };
    },

    getMany: (ids, limits) => bulkGet(client, { ...collection, ...limits, path: `${root}/bulk-get`, ids }),

    get: (id) => getOne(client, collection, id),

    create: (segmentIds) => {
      const body = encodeNewSegmentJob(segmentIds);
      return createWithRecovery(client, {
        service,
        entity: collection.entity,
        group: JSON.stringify(segmentIds.toSorted()),
        body,
        send: (sender) => createOne(sender, collection, body, rejectedSegments(segmentIds)),
        newest: async (lookups) => {
          const page = await readPage(lookups, { limit: newestPageSize });
          return { entities: page.jobs, isAll: page.next === null, unusable: page.unusable };
        },
        fitOf: (candidate: SegmentJob) => fitOfSegmentJob(segmentIds, candidate),
      });
    },

    cancel: (id) => deleteOne(client, collection, { id, action: 'cancel' }),
  };
}

function listQuery({ limit, start = 0, status, segmentId, orderBy = newestFirst }: SegmentJobListOptions) {
  const query = new URLSearchParams({ limit: String(limit), sort: `${orderBy.field}:${orderBy.direction}` });
  if (start > 0) query.set('start', String(start));
  if (status !== undefined) query.set('status', status);
  if (segmentId !== undefined) query.set('property', `segments~segmentId==${segmentId}`);
  return query;
}

const filterOf = ({ status, segmentId }: SegmentJobListOptions): NamedPart => ({
  path: 'filter',
  values: [status ?? '', segmentId ?? ''],
  properties: [
    ...(status === undefined ? [] : ['status']),
    ...(segmentId === undefined ? [] : ['property', 'segmentId', 'segments']),
  ],
});
