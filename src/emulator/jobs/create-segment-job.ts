import { randomUUID } from 'node:crypto';
import type { PlatformRecords } from '../store/platform-store.ts';
import type { SegmentJob } from '../store/platform-store-segment-jobs.ts';
import { everySegment, snapshotsOf } from './segment-snapshots.ts';

export interface NewSegmentJob {
  readonly sandbox: string;
  /** Segment ids; the single entry `*` stands for all segments. */
  readonly segmentIds: readonly string[];
  readonly requestId: string;
  readonly run: SegmentJob['run'];
  /** Unix epoch milliseconds. */
  readonly now: number;
}

/** Stores a NEW segment job. */
export async function createSegmentJob(
  records: PlatformRecords,
  { sandbox, segmentIds, requestId, run, now }: NewSegmentJob,
): Promise<SegmentJob> {
  const job: SegmentJob = {
    id: randomUUID(),
    sandbox,
    status: 'NEW',
    creationTime: now,
    updateTime: now,
    requestId,
    run,
    batchId: randomUUID(),
    computeJobId: await records.segmentJobs.nextComputeJobId(),
    computeGatewayJobId: null,
    segments: segmentIds.includes(everySegment) ? null : await snapshotsOf(records, sandbox, segmentIds),
    errors: [],
    metrics: null,
    hanging: false,
  };
  await records.segmentJobs.insert([job]);
  return job;
}
