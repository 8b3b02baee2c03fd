import type { ExportJobStatus } from '../operations.generated.ts';
import type { Job, JobBatch } from './job-feed.ts';
import type { SegmentJob } from './segment-job-feed.ts';
import type { StatusChange } from './status-changes.ts';

type StageName = 'reading' | 'writing' | 'evaluating';

interface Span {
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** The fields of an export job or a segment job that the timeline shows. */
export interface TimedJob extends Pick<Job, 'status' | 'isTerminal' | 'isOverdue' | 'createdAt'> {
  readonly expectation: Pick<NonNullable<Job['expectation']>, 'likelyEndAt' | 'latestEndAt'> | null;
  /** In their order. Null or absent times: the platform does not report them. */
  readonly stages: readonly { readonly name: StageName; readonly time: Span | null | undefined }[];
  readonly endedAt: string | null;
  readonly batches: readonly JobBatch[];
}

export const timedExport = (job: Job): TimedJob => ({
  ...job,
  stages: [
    { name: 'reading', time: job.metrics.profileExportTime },
    { name: 'writing', time: job.metrics.datasetWriteTime },
  ],
  endedAt: job.metrics.totalTime?.endedAt ?? null,
  batches: job.destination.batches,
});

export const timedEvaluation = (job: SegmentJob): TimedJob => ({
  ...job,
  stages: [{ name: 'evaluating', time: job.metrics?.profileSegmentationTime }],
  endedAt: job.metrics?.totalTime?.endedAt ?? null,
  batches: [],
});

/** One entry of the history of a job. */
export type TimelineEntry =
  | { readonly kind: 'created'; readonly at: string }
  | { readonly kind: 'stage-started' | 'stage-ended'; readonly at: string; readonly stage: StageName }
  | { readonly kind: 'ended'; readonly at: string; readonly status: ExportJobStatus }
  | { readonly kind: 'status'; readonly at: string; readonly from: ExportJobStatus; readonly to: ExportJobStatus }
  | {
      readonly kind: 'batch-started' | 'batch-readable' | 'batch-failed';
      readonly at: string;
      readonly batchId: string;
    }
  | { readonly kind: 'overdue' | 'likely-end' | 'latest-end'; readonly at: string };

/** Past and expected events of a job, oldest first. Entries after `now` are expectations. */
export function timelineOf(job: TimedJob, changes: readonly StatusChange[]): readonly TimelineEntry[] {
  const entries: TimelineEntry[] = [{ kind: 'created', at: job.createdAt }];
  for (const { name: stage, time } of job.stages) {
    const { startedAt = null, endedAt = null } = time ?? {};
    if (startedAt !== null) entries.push({ kind: 'stage-started', at: startedAt, stage });
    if (endedAt !== null) entries.push({ kind: 'stage-ended', at: endedAt, stage });
  }
  const endedAt = job.isTerminal ? job.endedAt : null;
  for (const { at, from, to } of changes) {
    // The end has an entry of its own, with the time of the platform.
    if (endedAt === null || to !== job.status) entries.push({ kind: 'status', at, from, to });
  }
  for (const { batchId, batch } of job.batches) {
    if (batch === null) continue;
    if (batch.startedAt !== null) entries.push({ kind: 'batch-started', at: batch.startedAt, batchId });
    if (batch.completedAt === null) continue;
    if (isReadable(batch.status)) entries.push({ kind: 'batch-readable', at: batch.completedAt, batchId });
    else if (batch.status === 'FAILED') entries.push({ kind: 'batch-failed', at: batch.completedAt, batchId });
  }
  if (job.expectation !== null) {
    const { likelyEndAt, latestEndAt } = job.expectation;
    if (job.isOverdue) entries.push({ kind: 'overdue', at: latestEndAt });
    else entries.push({ kind: 'likely-end', at: likelyEndAt }, { kind: 'latest-end', at: latestEndAt });
  }
  if (endedAt !== null) entries.push({ kind: 'ended', at: endedAt, status: job.status });
  // Entries of the same time stay in the order in which they were added.
  return entries.toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

/** Whether the files of a batch can be read. */
export const isReadable = (status: string): boolean => status === 'ACTIVE' || status === 'SUCCESS';

/** A stage on the time axis of its job; `start` and `width` are shares of the whole time. */
export interface Stage {
  readonly name: 'waiting' | StageName;
  readonly start: number;
  readonly width: number;
  readonly ms: number;
  readonly isRunning: boolean;
}

/** Stages from the creation to the end, or to now. @param now milliseconds since 1970 */
export function stagesOf(job: TimedJob, now: number): readonly Stage[] {
  const begin = Date.parse(job.createdAt);
  const ended = job.endedAt;
  if (job.isTerminal && ended === null) return [];
  const end = Math.max(begin + 1, ended === null ? now : Date.parse(ended));
  const stage = (name: Stage['name'], from: string | null | undefined, to: string | null | undefined) => {
    if (from === null || from === undefined) return [];
    const start = Math.min(Math.max(Date.parse(from), begin), end);
    const stop = to === null || to === undefined ? end : Math.min(Math.max(Date.parse(to), start), end);
    const share = (ms: number) => ms / (end - begin);
    const isRunning = !job.isTerminal && (to === null || to === undefined);
    return [{ name, start: share(start - begin), width: share(stop - start), ms: stop - start, isRunning }];
  };
  const started = job.stages.map(({ time }) => time?.startedAt ?? null).find((at) => at !== null);
  return [
    ...stage('waiting', job.createdAt, started),
    ...job.stages.flatMap(({ name, time }) => stage(name, time?.startedAt, time?.endedAt)),
  ];
}
