import { isTerminalJob, type JobProgress, maxEndedWithinSeconds } from '../domain/job.ts';

/** What the lists of export jobs and of segment jobs have in common. */
interface ListedJob extends JobProgress {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Ended jobs behind the newest page that are kept for new subscribers at most, the last ended. */
export const maxEndedKept = 5_000;

/** When a job ended: the time that the platform reports, else its last update; null: it has not ended. */
export function endedAt(job: ListedJob): Date | null {
  return isTerminalJob(job) ? (job.metrics?.totalTime?.endedAt ?? job.updatedAt) : null;
}

/** See FeedSource: an unknown status says less than the known end. */
export function mayFollow(known: JobProgress, job: JobProgress): boolean {
  return !isTerminalJob(known) || (isTerminalJob(job) && (job.status !== 'UNKNOWN' || known.status === 'UNKNOWN'));
}

/** Of these ended jobs, those that a new subscriber may receive. */
export function endedRecently<Job extends ListedJob>(ended: readonly Job[], now: Date): readonly Job[] {
  const endMs = (job: Job) => endedAt(job)?.getTime() ?? 0;
  const sinceMs = now.getTime() - maxEndedWithinSeconds * 1_000;
  const recent = ended.filter((job) => endMs(job) >= sinceMs);
  return recent.length <= maxEndedKept ? recent : recent.toSorted((a, b) => endMs(b) - endMs(a)).slice(0, maxEndedKept);
}

/**
 * Whether the job is surely on pages that reach down to a floor (ms); null: to the end of the list. Jobs of the same
 * millisecond as the floor may be on the next page.
 */
export function isAbove({ createdAt }: Pick<ListedJob, 'createdAt'>, floorMs: number | null): boolean {
  return floorMs === null || createdAt.getTime() > floorMs;
}
