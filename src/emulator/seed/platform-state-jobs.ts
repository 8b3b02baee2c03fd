import { mergePolicyFor } from '../catalog/merge-policy-of-request.ts';
import type { JsonObject } from '../json.ts';
import { failedBatchFields, olderMetrics, writtenMetrics } from '../store/batch-metrics.ts';
import { newBatchDocument } from '../store/catalog-documents.ts';
import type { ReceivedExportRequest } from '../store/export-request.ts';
import type { Batch, BatchStatus } from '../store/platform-store-batches.ts';
import {
  batchIdsOf,
  type ExportJob,
  type ExportJobMetrics,
  type ExportJobStatus,
} from '../store/platform-store-export-jobs.ts';
import { type SeededSandbox, webEventsDatasetId } from './platform-state-datasets.ts';
import type { Draws } from './platform-state-draws.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Number of past jobs per sandbox. */
const jobsBySandbox = { prod: 60, dev: 12 } as const satisfies Record<SeededSandbox, number>;

/** Age of the oldest past job, in days. */
const historyDays = 35;

/** Age in days at which the batch of an export expires. An expired batch is `inactive` and has no files. */
const retentionDays = 7;

/** A past job with its batches, newest batch last. */
export interface PastJob {
  readonly job: ExportJob;
  readonly batches: readonly Batch[];
}

/**
 * Creates the past jobs of a sandbox, oldest first. `profilesOf` returns the number of profiles in each batch of a
 * request.
 */
export async function pastJobs(
  sandbox: SeededSandbox,
  requests: readonly ReceivedExportRequest[],
  { draws, now, firstId }: { readonly draws: Draws; readonly now: Date; readonly firstId: number },
  profilesOf: (job: ExportJob) => Promise<readonly number[]>,
): Promise<PastJob[]> {
  const count = jobsBySandbox[sandbox];
  const history: PastJob[] = [];
  for (let index = 0; index < count; index += 1) {
    const request = requests[index % requests.length];
    if (request === undefined) throw new Error('There is no request to make past jobs of.');
    const status = statusAt(index, count);
    const creationTime = creationTimeAt(index, count, draws, now);
    const job = pastJob({ id: firstId + index, sandbox, status, creationTime, draws, now }, request);
    const profiles = status === 'SUCCEEDED' ? await profilesOf(job) : [];
    history.push(withCounts(job, profiles, now));
  }
  return history;
}

/**
 * Status of a past job. Most jobs, including the newest, succeeded. Among the newest, one hangs in each unfinished
 * state.
 */
function statusAt(index: number, count: number): ExportJobStatus {
  switch (count - index) {
    case 1:
      return 'SUCCEEDED';
    case 2:
      return 'NEW';
    case 3:
      return 'PROCESSING';
    case 5:
      return 'CANCELLING';
    default:
      if (index % 9 === 4) return 'FAILED';
      return index % 13 === 7 ? 'CANCELLED' : 'SUCCEEDED';
  }
}

/** Creation times are spread evenly over the weeks with some jitter; the newest is about two hours old. */
function creationTimeAt(index: number, count: number, draws: Draws, now: Date): number {
  const stepMs = (historyDays * dayMs) / count;
  const jitterMs = draws.integer(`creation ${index}`, 0, Math.floor(stepMs / 2));
  return Math.floor(now.getTime() - 2 * hourMs - (count - 1 - index) * stepMs - jitterMs);
}

interface PastJobFacts {
  readonly id: number;
  readonly sandbox: SeededSandbox;
  readonly status: ExportJobStatus;
  readonly creationTime: number;
  readonly draws: Draws;
  readonly now: Date;
}

function pastJob(facts: PastJobFacts, { request, sent }: ReceivedExportRequest): ExportJob {
  const { id, sandbox, status, creationTime, draws } = facts;
  const started = status !== 'NEW';
  const timing = metricsOf(facts);
  const failure = failureAt(id);
  return {
    id,
    sandbox,
    status,
    creationTime,
    updateTime: timing.totalTime.endTimeInMs ?? timing.profileExportTime?.startTimeInMs ?? creationTime,
    requestId: draws.hex(`request ${id}`, 32),
    request: status === 'FAILED' && failure.wrongDataset ? { ...request, datasetId: webEventsDatasetId } : request,
    sent,
    mergePolicy: mergePolicyFor(request),
    output:
      request.segmentPerBatch && request.segments !== null
        ? {
            kind: 'per-segment',
            batches: request.segments.map(({ segmentId, segmentNs, statuses }) => ({
              segmentId,
              segmentNs,
              status: statuses,
              batchId: draws.hex(`batch ${id} ${segmentId}`, 32),
            })),
          }
        : { kind: 'single', batchId: draws.hex(`batch ${id}`, 32) },
    errors: status === 'FAILED' ? failure.errors : [],
    metrics: timing,
    computeGatewayJobId: {
      ...(started && { exportJob: draws.uuid(`compute ${id}`) }),
      ...(status === 'SUCCEEDED' && { pushJob: draws.uuid(`push ${id}`) }),
    },
    hanging: status === 'NEW' || status === 'PROCESSING' || status === 'CANCELLING',
  };
}

function metricsOf({ id, status, creationTime, draws }: PastJobFacts): ExportJobMetrics {
  const exportStart = creationTime + draws.integer(`wait ${id}`, 40 * secondMs, 3 * minuteMs);
  const exportEnd = exportStart + draws.integer(`export ${id}`, minuteMs, 9 * minuteMs);
  const writeStart = exportEnd + draws.integer(`pause ${id}`, secondMs, minuteMs);
  const writeEnd = writeStart + draws.integer(`write ${id}`, secondMs, 40 * secondMs);
  const total = (end: number) => span(creationTime, end);
  switch (status) {
    case 'NEW':
      return { totalTime: { startTimeInMs: creationTime } };
    case 'PROCESSING':
    case 'CANCELLING':
      return { totalTime: { startTimeInMs: creationTime }, profileExportTime: { startTimeInMs: exportStart } };
    case 'CANCELLED':
      return { totalTime: total(exportEnd), profileExportTime: { startTimeInMs: exportStart } };
    case 'FAILED':
      return { totalTime: total(exportEnd), profileExportTime: span(exportStart, exportEnd) };
    case 'SUCCEEDED':
      return {
        totalTime: total(writeEnd),
        profileExportTime: span(exportStart, exportEnd),
        aCPDatasetWriteTime: span(writeStart, writeEnd),
      };
  }
}

function span(startTimeInMs: number, endTimeInMs: number) {
  return { startTimeInMs, endTimeInMs, totalTimeInMs: endTimeInMs - startTimeInMs };
}

function failureAt(id: number): { readonly wrongDataset: boolean; readonly errors: ExportJob['errors'] } {
  const callStack = 'com.adobe.aep.unifiedprofile.export.ExportJob';
  if (id % 2 === 0) {
    const msg = `Dataset '${webEventsDatasetId}' is not on the union schema of XDM Individual Profile.`;
    return { wrongDataset: true, errors: [{ code: '0100000005', msg, callStack }] };
  }
  return {
    wrongDataset: false,
    errors: [
      { code: '0090000009', msg: `Error writing profiles to output path 'adl://emulator/snapshot/${id}'`, callStack },
      { code: 'unknown', msg: 'Job aborted.', callStack: 'org.apache.spark.SparkException: Job aborted.' },
    ],
  };
}

function withCounts(job: ExportJob, profiles: readonly number[], now: Date): PastJob {
  const batches = batchIdsOf(job).map((id, index) => pastBatch(id, job, profiles[index] ?? 0, now));
  if (job.status !== 'SUCCEEDED') return { job, batches };
  const totalExportedProfileCounter = profiles.reduce((sum, each) => sum + each, 0);
  return { job: { ...job, metrics: { ...job.metrics, totalExportedProfileCounter } }, batches };
}

function pastBatch(id: string, job: ExportJob, profiles: number, now: Date): Batch {
  const { creationTime, updateTime, request, metrics } = job;
  const status = batchStatusOf(job, now);
  const started = metrics.profileExportTime?.startTimeInMs;
  const end = metrics.totalTime.endTimeInMs;
  return {
    id,
    datasetId: request.datasetId,
    created: creationTime,
    document: {
      ...newBatchDocument(request.datasetId, creationTime),
      status,
      updated: updateTime,
      started,
      completed: end,
      ...outcomeOf(job, profiles, started),
    },
  };
}

/** Metrics of a job. The id determines which of the two generations of metrics it has. */
function outcomeOf(job: ExportJob, profiles: number, started: number | undefined): JsonObject {
  const end = job.metrics.totalTime.endTimeInMs;
  switch (job.status) {
    case 'SUCCEEDED':
      return {
        recordCount: profiles,
        failedRecordCount: 0,
        metrics:
          job.id % 2 === 0
            ? writtenMetrics({ rows: profiles, sizeBytes: null, files: null })
            : olderMetrics(profiles, started, end),
      };
    case 'FAILED':
      return failedBatchFields(job.errors, { startTime: started, endTime: end });
    default:
      return {};
  }
}

function batchStatusOf({ id, status, creationTime }: ExportJob, now: Date): BatchStatus {
  switch (status) {
    case 'NEW':
      return 'loading';
    case 'PROCESSING':
    case 'CANCELLING':
      return 'processing';
    case 'FAILED':
      return id % 2 === 0 ? 'failed' : 'failure';
    case 'CANCELLED':
      return 'aborted';
    case 'SUCCEEDED':
      return now.getTime() - creationTime > retentionDays * dayMs ? 'inactive' : 'success';
  }
}
