import { parseQuartz } from '../../runtime/quartz.ts';
import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import type { Schedule } from '../store/platform-store-schedules.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import type { SegmentJob, SegmentJobCounts, SegmentJobStatus } from '../store/platform-store-segment-jobs.ts';
import type { SeededSandbox } from './platform-state-datasets.ts';
import type { Draws } from './platform-state-draws.ts';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Number of past daily runs of the schedule. */
const scheduledRuns = 21;
/** Number of past jobs that were created through the API. */
const onDemandJobs = { prod: 12, dev: 12 } as const satisfies Record<SeededSandbox, number>;
/**
 * Age of the newest of them, in hours. It is from the day before, so that no seeded job counts towards the daily limit.
 */
const newestHours = 26;
/** Days between the oldest and the newest of them. */
const onDemandDays = 24;

/** Values from which the history is created. */
export interface SegmentHistory {
  readonly sandbox: SeededSandbox;
  readonly definitions: readonly SegmentDefinition[];
  readonly schedules: readonly Schedule[];
  /** Counts of all segments at the start. Every past job that succeeded has them. */
  readonly counts: SegmentJobCounts;
  readonly draws: Draws;
  readonly now: Date;
  /** `computeJobId` of the first job. */
  readonly firstId: number;
}

/** Creates the past segment jobs of a sandbox, oldest first. */
export function pastSegmentJobs(history: SegmentHistory): SegmentJob[] {
  return [...scheduledStarts(history), ...onDemandStarts(history)]
    .toSorted((a, b) => a.creationTime - b.creationTime)
    .map((start, index) => pastJob(start, history.firstId + index, history));
}

interface JobStart {
  readonly creationTime: number;
  readonly status: SegmentJobStatus;
  readonly schedule: Schedule | null;
  /** Segments of the job; null = all. */
  readonly segments: readonly SegmentDefinition[] | null;
}

/** Starts of the scheduled runs in the last weeks. One of them failed, and one was cancelled. */
function scheduledStarts({ schedules, now, draws }: SegmentHistory): JobStart[] {
  const segmentations = schedules.filter(({ type }) => type === 'batch_segmentation');
  return segmentations.flatMap((schedule) =>
    parseQuartz(schedule.schedule)
      .nextRuns(new Date(now.getTime() - scheduledRuns * dayMs), scheduledRuns)
      // A run of the last hour would not have ended yet.
      .filter((run) => run.getTime() < now.getTime() - hourMs)
      .map((run, index) => ({
        creationTime: run.getTime() + draws.integer(`delay ${index}`, 0, secondMs),
        status: index === 6 ? 'FAILED' : index === 13 ? 'CANCELLED' : 'SUCCEEDED',
        schedule,
        segments: null,
      })),
  );
}

/** Starts of jobs with a few segments each. One hangs in each unfinished state; the newest succeeded. */
function onDemandStarts({ sandbox, definitions, now, draws }: SegmentHistory): JobStart[] {
  const count = onDemandJobs[sandbox];
  const stepMs = (onDemandDays * dayMs) / count;
  return Array.from({ length: count }, (_, index) => {
    const jitterMs = draws.integer(`on demand ${index}`, 0, Math.floor(stepMs / 2));
    const first = (index * 3) % Math.max(1, definitions.length);
    return {
      creationTime: Math.floor(
        now.getTime() - newestHours * hourMs - (count - 1 - index) * stepMs - (index === count - 1 ? 0 : jitterMs),
      ),
      status: onDemandStatus(count - index),
      schedule: null,
      segments: definitions.slice(first, first + 1 + (index % 3)),
    };
  });
}

function onDemandStatus(fromEnd: number): SegmentJobStatus {
  switch (fromEnd) {
    case 2:
      return 'NEW';
    case 3:
      return 'QUEUED';
    case 4:
      return 'PROCESSING';
    case 6:
      return 'CANCELLING';
    case 8:
      return 'FAILED';
    case 10:
      return 'CANCELLED';
    default:
      return 'SUCCEEDED';
  }
}

function pastJob(start: JobStart, computeJobId: number, { sandbox, draws, counts }: SegmentHistory): SegmentJob {
  const { creationTime, status, schedule, segments } = start;
  const metrics = metricsOf(start, computeJobId, draws, counts);
  return {
    id: draws.uuid(`segment job ${computeJobId}`),
    sandbox,
    status,
    creationTime,
    updateTime: metrics?.totalTime.endTimeInMs ?? metrics?.profileSegmentationTime.startTimeInMs ?? creationTime,
    requestId: schedule === null ? draws.hex(`segment request ${computeJobId}`, 32) : `${schedule.id}-${creationTime}`,
    run: schedule && { scheduleId: schedule.id, runId: draws.uuid(`run ${computeJobId}`) },
    batchId: draws.uuid(`segment batch ${computeJobId}`),
    computeJobId,
    computeGatewayJobId: metrics && draws.uuid(`segment compute ${computeJobId}`),
    segments:
      segments?.map(({ id, expression, mergePolicyId }) => {
        const { version } = findMergePolicy(mergePolicyId);
        return { segmentId: id, segment: { expression, mergePolicy: { id: mergePolicyId, version } } };
      }) ?? null,
    errors:
      status === 'FAILED'
        ? [
            {
              code: 'unknown',
              msg: 'Job aborted.',
              callStack: 'org.apache.spark.SparkException: Job aborted due to stage failure.',
            },
          ]
        : [],
    metrics,
    hanging: status === 'NEW' || status === 'QUEUED' || status === 'PROCESSING' || status === 'CANCELLING',
  };
}

function metricsOf(
  { status, creationTime, segments }: JobStart,
  computeJobId: number,
  draws: Draws,
  counts: SegmentJobCounts,
): SegmentJob['metrics'] {
  if (status === 'NEW' || status === 'QUEUED') return null;
  const start = creationTime + draws.integer(`segment wait ${computeJobId}`, 20 * secondMs, 3 * minuteMs);
  if (status === 'PROCESSING' || status === 'CANCELLING') {
    return {
      totalTime: { startTimeInMs: creationTime },
      profileSegmentationTime: { startTimeInMs: start },
      counts: null,
    };
  }
  const end = start + draws.integer(`segment evaluation ${computeJobId}`, minuteMs, 9 * minuteMs);
  return {
    totalTime: span(creationTime, end),
    profileSegmentationTime: span(start, end),
    counts: status === 'SUCCEEDED' ? countsOf(counts, segments) : null,
  };
}

function countsOf(counts: SegmentJobCounts, segments: JobStart['segments']): SegmentJobCounts {
  if (segments === null) return counts;
  const ids = new Set(segments.map(({ id }) => id));
  const only = <T>(counter: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(counter).filter(([id]) => ids.has(id)));
  return {
    ...counts,
    segmentedProfileCounter: only(counts.segmentedProfileCounter),
    segmentedProfileByNamespaceCounter: only(counts.segmentedProfileByNamespaceCounter),
    segmentedProfileByStatusCounter: only(counts.segmentedProfileByStatusCounter),
  };
}

function span(startTimeInMs: number, endTimeInMs: number) {
  return { startTimeInMs, endTimeInMs, totalTimeInMs: endTimeInMs - startTimeInMs };
}
