import { PlatformError, upsCodes } from '../errors.ts';
import { type Call, json, type Operation, type Platform } from '../http/operation.ts';
import { requestIdFor } from '../http/request-id.ts';
import { createSegmentJob as storeSegmentJob } from '../jobs/create-segment-job.ts';
import { checkFlexibleEvaluation, parseSegmentJobRequest } from '../jobs/segment-job-request.ts';
import type { SegmentJob } from '../store/platform-store-segment-jobs.ts';
import { bulkGet } from './bulk-get.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';
import { segmentJobRecord } from './segment-job-record.ts';

/** `POST /segment/jobs`, with an array of segments or an object that contains one. The status is 200. */
export const createSegmentJob: Operation = async (call, { store, clock, quirks, segmentJobs }) => {
  const segmentIds = parseSegmentJobRequest(call.body);
  const now = clock.now();
  const job = await store.transaction(async (records) => {
    if (quirks.flexibleEvaluation) await checkFlexibleEvaluation(records, call.sandbox, segmentIds, now);
    const created = await storeSegmentJob(records, {
      sandbox: call.sandbox,
      segmentIds,
      requestId: requestIdFor(call, quirks),
      run: null,
      now: now.getTime(),
    });
    checkSegments(created, quirks.unknownSegmentStatus);
    return created;
  });
  segmentJobs.start(job);
  return json(segmentJobRecord(job, await embeddedSandbox(call.sandbox, store), quirks));
};

/** `GET /segment/jobs/{id}` */
export const getSegmentJob: Operation = async (call, { store, quirks }) =>
  json(segmentJobRecord(await findJob(call, store), await embeddedSandbox(call.sandbox, store), quirks));

/** `DELETE /segment/jobs/{id}`: marks a job for cancelling. A job that has ended does not change. */
export const cancelSegmentJob: Operation = async (call, { store, segmentJobs, quirks }) => {
  const job = await findJob(call, store);
  await segmentJobs.cancel(job);
  // A 204 has no body, although the newest documentation shows one.
  return quirks.cancelReply === 'empty'
    ? { kind: 'empty', status: 204 }
    : json({ status: true, message: `Segment job with id '${job.id}' has been marked for cancelling` });
};

/** `POST /segment/jobs/bulk-get` */
export const bulkGetSegmentJobs: Operation = (call, { store, quirks }) =>
  bulkGet(call, { code: upsCodes.unknownJob, kind: 'Segment job' }, async (ids) => {
    const jobs = await store.segmentJobs.findMany(call.sandbox, ids);
    const sandbox = await embeddedSandbox(call.sandbox, store);
    return new Map(jobs.map((job) => [job.id, segmentJobRecord(job, sandbox, quirks)]));
  });

async function findJob({ parameters, sandbox }: Call, store: Platform['store']): Promise<SegmentJob> {
  const id = parameters['jobId'] ?? '';
  const job = await store.segmentJobs.find(sandbox, id);
  if (job === null) throw new PlatformError(404, upsCodes.unknownJob, `Segment job ${id} does not exist.`);
  return job;
}

function checkSegments({ segments }: SegmentJob, unknownSegmentStatus: 400 | 404 | null): void {
  const unknown = segments?.find(({ segment }) => segment === null);
  if (unknownSegmentStatus === null || unknown === undefined) return;
  throw new PlatformError(
    unknownSegmentStatus,
    unknownSegmentStatus === 404 ? upsCodes.unknownSegment : upsCodes.invalidRequest,
    `Segment definition ${unknown.segmentId} does not exist.`,
  );
}
