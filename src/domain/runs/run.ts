import { createHash } from 'node:crypto';
import type { EventListSelection, ExportFilter, ExportJob, SegmentSelection } from '../export-job.ts';
import type { SegmentId } from '../ids.ts';
import { isTerminalJob, type NamespaceCount, sumOfCounts, type TimeSpan } from '../job.ts';
import { everySegment, type SegmentJob } from '../segment-job.ts';

/** The features of a job by which earlier runs of the same shape are found. */
export interface RunShape {
  readonly id: string;
  /** Null if no schedule started the job. The platform reports no schedule of export jobs. */
  readonly scheduleId: string | null;
  /** Digest of the request. Jobs with equal requests have equal digests. */
  readonly request: string;
  readonly createdAtMs: number;
}

/** An ended job, reduced to plain data for statistics. */
export interface Run extends RunShape {
  readonly succeeded: boolean;
  /** Milliseconds from the creation to the end. Null if the platform reports no plausible times. */
  readonly totalMs: number | null;
  /** Milliseconds from the start to the end (see `elapsedMs`). Null if the platform reports no plausible times. */
  readonly durationMs: number | null;
  /** Null if the platform reports no count. */
  readonly profiles: number | null;
  /** Empty if the platform reports no counts. */
  readonly namespaces: readonly NamespaceCount[];
  /** Ids of the segments. Empty for all profiles, or for all segments. */
  readonly segments: readonly string[];
}

interface TimedJob {
  readonly createdAt: Date;
  readonly metrics: { readonly totalTime: TimeSpan | null } | null;
}

/** Longest duration that is plausible, in milliseconds. A longer one comes from a wrong clock. */
const longestRunMs = 31 * 24 * 3_600_000;

/**
 * Milliseconds from the start of a job to its end, or to `now` if it has not ended. The start is the time that the
 * platform reports, else the creation. Null if the job has ended and the platform reports no plausible end.
 */
export function elapsedMs(job: TimedJob & { readonly status: ExportJob['status'] }, now: Date): number | null {
  const { startedAt, endedAt, durationMs } = job.metrics?.totalTime ?? {};
  const startMs = (startedAt ?? job.createdAt).getTime();
  // A job may begin in the future of the gateway's clock.
  if (!isTerminalJob(job)) return Math.max(0, now.getTime() - startMs);
  return plausible(endedAt == null ? null : endedAt.getTime() - startMs) ?? plausible(durationMs ?? null);
}

/** The shape of an export job. */
export const exportShape = (job: ExportJob): RunShape => ({
  id: job.id,
  scheduleId: null,
  request: digest([
    segmentsKey(job.filter?.segments ?? []),
    sorted(job.fields),
    filterKey(job.filter),
    eventsKey(job.eventList),
    job.mergePolicy?.id ?? null,
    job.destination.datasetId,
    job.destination.segmentPerBatch,
  ]),
  createdAtMs: job.createdAt.getTime(),
});

/** The shape of a segment job. */
export const segmentationShape = (job: SegmentJob): RunShape => ({
  id: job.id,
  scheduleId: job.scheduleId,
  request: digest(evaluatesAll(job) ? everySegment : sorted(job.segments.map(({ segmentId }) => segmentId))),
  createdAtMs: job.createdAt.getTime(),
});

/** The run of an export job. Null if the job has not ended. */
export function exportRun(job: ExportJob): Run | null {
  if (!isTerminalJob(job)) return null;
  return runOf(exportShape(job), job, {
    succeeded: job.status === 'SUCCEEDED',
    profiles: job.metrics.totalExportedProfiles,
    namespaces: job.metrics.exportedProfilesByNamespace,
    segments: sorted((job.filter?.segments ?? []).map(({ segmentId }) => segmentId)) ?? [],
  });
}

/** The run of a segment job. Its count per namespace is the sum over its segments. Null if the job has not ended. */
export function segmentationRun(job: SegmentJob): Run | null {
  if (!isTerminalJob(job)) return null;
  const counts = new Map<string, number>();
  for (const { profilesByNamespace } of job.segments) {
    for (const { namespace, count } of profilesByNamespace)
      counts.set(namespace, sumOfCounts(counts.get(namespace) ?? 0, count));
  }
  return runOf(segmentationShape(job), job, {
    succeeded: job.status === 'SUCCEEDED',
    profiles: job.metrics?.totalProfiles ?? null,
    namespaces: [...counts].map(([namespace, count]) => ({ namespace, count })),
    segments: evaluatesAll(job) ? [] : (sorted(job.segments.map(({ segmentId }) => segmentId)) ?? []),
  });
}

function runOf(
  { id, scheduleId, request, createdAtMs }: RunShape,
  job: TimedJob & { readonly status: ExportJob['status'] },
  { succeeded, profiles, namespaces, segments }: Pick<Run, 'succeeded' | 'profiles' | 'namespaces' | 'segments'>,
): Run {
  const endedAt = job.metrics?.totalTime?.endedAt ?? null;
  const totalMs = endedAt === null ? null : plausible(endedAt.getTime() - job.createdAt.getTime());
  const durationMs = elapsedMs(job, job.createdAt);
  return { id, scheduleId, request, createdAtMs, totalMs, durationMs, succeeded, profiles, namespaces, segments };
}

/** A clock that was set back during a run leaves an end before the start. */
const plausible = (ms: number | null): number | null => (ms !== null && ms >= 0 && ms <= longestRunMs ? ms : null);

const evaluatesAll = ({ segments }: SegmentJob): boolean =>
  segments.some(({ segmentId }) => segmentId === everySegment);

const segmentsKey = (segments: readonly SegmentSelection[]): readonly unknown[] =>
  segments
    .map(({ segmentId, segmentNs, statuses }) => JSON.stringify([segmentNs, segmentId, statuses.toSorted()]))
    .toSorted();

/** Times differ from run to run of an incremental export, so only their presence counts. */
const filterKey = (filter: ExportFilter | null): readonly unknown[] => [
  filter?.emptyProfiles ?? false,
  (filter?.fromIngestTimestamp ?? null) !== null,
  (filter?.segmentQualificationTime?.startTime ?? null) !== null,
  (filter?.segmentQualificationTime?.endTime ?? null) !== null,
];

const eventsKey = (events: EventListSelection | null): readonly unknown[] | null =>
  events === null
    ? null
    : [sorted(events.fields), events.fromIngestTimestamp !== null, events.toIngestTimestamp !== null];

const sorted = (values: readonly (SegmentId | string)[] | null): readonly string[] | null => values?.toSorted() ?? null;

/** 96 bits, so that two requests of a tenant do not share a digest by chance. */
const digest = (parts: unknown): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
