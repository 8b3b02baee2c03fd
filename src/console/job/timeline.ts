import type { ExportJobStatus } from '../operations.generated.ts';
import type { Job, StatusChange } from './job-feed.ts';

/** One entry of the history of a job. */
export type TimelineEntry =
  | { readonly kind: 'created' | 'reading' | 'read' | 'writing' | 'written'; readonly at: string }
  | { readonly kind: 'ended'; readonly at: string; readonly status: ExportJobStatus }
  | { readonly kind: 'status'; readonly at: string; readonly from: ExportJobStatus; readonly to: ExportJobStatus }
  | {
      readonly kind: 'batch-started' | 'batch-readable' | 'batch-failed';
      readonly at: string;
      readonly batchId: string;
    }
  | { readonly kind: 'overdue' | 'likely-end' | 'latest-end'; readonly at: string };

/** What a job has done and is expected to do, oldest first. Entries after `now` are expectations. */
export function timelineOf(job: Job, changes: readonly StatusChange[]): readonly TimelineEntry[] {
  const { profileExportTime: read, datasetWriteTime: write, totalTime: total } = job.metrics;
  const entries: TimelineEntry[] = [{ kind: 'created', at: job.createdAt }];
  const add = (kind: 'reading' | 'read' | 'writing' | 'written', at: string | null | undefined) => {
    if (at !== null && at !== undefined) entries.push({ kind, at });
  };
  add('reading', read?.startedAt);
  add('read', read?.endedAt);
  add('writing', write?.startedAt);
  add('written', write?.endedAt);
  const endedAt = job.isTerminal ? (total?.endedAt ?? null) : null;
  for (const { at, from, to } of changes) {
    // The end has an entry of its own, with the time of the platform.
    if (endedAt === null || to !== job.status) entries.push({ kind: 'status', at, from, to });
  }
  for (const { batchId, batch } of job.destination.batches) {
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
  readonly name: 'waiting' | 'reading' | 'writing';
  readonly start: number;
  readonly width: number;
  readonly ms: number;
  readonly isRunning: boolean;
}

/** Stages from the creation to the end, or to now. @param now milliseconds since 1970 */
export function stagesOf(job: Job, now: number): readonly Stage[] {
  const { profileExportTime: read, datasetWriteTime: write, totalTime: total } = job.metrics;
  const begin = Date.parse(job.createdAt);
  const ended = total?.endedAt ?? null;
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
  return [
    ...stage('waiting', job.createdAt, read?.startedAt ?? write?.startedAt),
    ...stage('reading', read?.startedAt, read?.endedAt),
    ...stage('writing', write?.startedAt, write?.endedAt),
  ];
}
