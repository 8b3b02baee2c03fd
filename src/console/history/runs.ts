import { everySegment } from '../board/job.ts';
import type {
  ExportJobStatus,
  ExportRunFragment,
  RunChangesFragment,
  SegmentRunFragment,
} from '../operations.generated.ts';
import { type ExpectedDuration, expectedDuration, maxRuns } from './expected-duration.ts';

/** An ended job, as the history shows it. */
export interface Run {
  readonly id: string;
  readonly platformId: string;
  readonly status: ExportJobStatus;
  readonly createdAt: string;
  /** Milliseconds from the creation to the end; null if the platform reports no plausible times. */
  readonly totalMs: number | null;
  /** Null if the platform reports no count. */
  readonly profiles: number | null;
  readonly comparison: RunChangesFragment | null;
  /** Runs with the same text have the same request, apart from times. */
  readonly request: string;
}

/** A run with the expectation that earlier runs give. */
export interface ExpectedRun extends Run {
  readonly expected: ExpectedDuration | null;
}

/** Longest duration that is plausible, in milliseconds. A longer one comes from a wrong clock. */
const longestRunMs = 31 * 24 * 3_600_000;

export const exportRunOf = (job: ExportRunFragment): Run => ({
  ...commonOf(job),
  totalMs: totalMs(job.createdAt, job.metrics.totalTime?.endedAt),
  profiles: job.metrics.totalExportedProfiles,
  request: exportRequest(job),
});

export const segmentRunOf = (job: SegmentRunFragment): Run => ({
  ...commonOf(job),
  totalMs: totalMs(job.createdAt, job.metrics?.totalTime?.endedAt),
  profiles: job.metrics?.totalProfiles ?? null,
  request: segmentRequest(job),
});

const commonOf = ({ id, platformId, status, createdAt, comparison }: ExportRunFragment | SegmentRunFragment) => ({
  id,
  platformId,
  status,
  createdAt,
  comparison,
});

function totalMs(createdAt: string, endedAt: string | null | undefined): number | null {
  if (endedAt === null || endedAt === undefined) return null;
  const ms = Date.parse(endedAt) - Date.parse(createdAt);
  return ms >= 0 && ms <= longestRunMs ? ms : null;
}

/** Times differ from run to run of an incremental export, so only their presence counts. */
function exportRequest({ fields, eventList, filter, mergePolicy, destination }: ExportRunFragment): string {
  const qualified = filter?.segmentQualificationTime ?? null;
  const segments = (filter?.segments ?? []).map(({ segmentNs, segmentId, statuses }) =>
    JSON.stringify([segmentNs, segmentId, statuses.toSorted()]),
  );
  return JSON.stringify([
    segments.toSorted(),
    fields?.toSorted() ?? null,
    filter?.emptyProfiles === true,
    isPresent(filter?.fromIngestTimestamp),
    isPresent(qualified?.startTime),
    isPresent(qualified?.endTime),
    eventList === null
      ? null
      : [
          eventList.fields?.toSorted() ?? null,
          isPresent(eventList.fromIngestTimestamp),
          isPresent(eventList.toIngestTimestamp),
        ],
    mergePolicy?.platformId ?? null,
    destination.datasetId,
    destination.segmentPerBatch,
  ]);
}

/** A job that evaluates all segments names them too when it has ended. */
function segmentRequest({ scheduleId, segments }: SegmentRunFragment): string {
  const ids = segments.map(({ segmentId }) => segmentId);
  return JSON.stringify([scheduleId, ids.includes(everySegment) ? [everySegment] : ids.toSorted()]);
}

const isPresent = (value: unknown): boolean => value !== null && value !== undefined;

/**
 * Adds the expectation to the newest runs. It comes from the successful runs before each of them.
 * @param runs newest first; more than the shown ones, so that the oldest shown ones have an expectation too
 */
export function withExpectations(runs: readonly Run[], shown: number): readonly ExpectedRun[] {
  return runs.slice(0, shown).map((run, index) => {
    const earlier = runs
      .slice(index + 1)
      .flatMap(({ status, totalMs: ms }) => (status === 'SUCCEEDED' && ms !== null ? [ms] : []));
    return { ...run, expected: expectedDuration(earlier.slice(0, maxRuns)) };
  });
}

/** Numbers of runs by outcome. */
export interface Outcomes {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Ended with a status that the gateway does not know. */
  readonly unknown: number;
}

export const outcomes = ['succeeded', 'failed', 'cancelled', 'unknown'] as const satisfies readonly (keyof Outcomes)[];

export function outcomeOf({ status }: Pick<Run, 'status'>): keyof Outcomes {
  if (status === 'SUCCEEDED') return 'succeeded';
  if (status === 'FAILED') return 'failed';
  return status === 'CANCELLED' ? 'cancelled' : 'unknown';
}

export function countOutcomes(runs: readonly Pick<Run, 'status'>[]): Outcomes {
  const counts = { succeeded: 0, failed: 0, cancelled: 0, unknown: 0 };
  for (const run of runs) counts[outcomeOf(run)] += 1;
  return counts;
}

/** Whether a run took longer than expected. */
export const isLate = ({ totalMs: ms, expected }: Pick<ExpectedRun, 'totalMs' | 'expected'>): boolean =>
  ms !== null && expected !== null && ms > expected.latestMs;
