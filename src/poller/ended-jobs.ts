import { maxEndedWithinSeconds } from '../domain/job.ts';

/** Ended jobs behind the newest page that are kept for new subscribers at most, the last ended. */
export const maxEndedKept = 5_000;

/** Of these ended jobs, those that a new subscriber may receive. */
export function endedRecently<Job>(
  ended: readonly Job[],
  endedAt: (job: Job) => Date | null,
  now: Date,
): readonly Job[] {
  const endMs = (job: Job) => endedAt(job)?.getTime() ?? 0;
  const sinceMs = now.getTime() - maxEndedWithinSeconds * 1_000;
  const recent = ended.filter((job) => endMs(job) >= sinceMs);
  return recent.length <= maxEndedKept ? recent : recent.toSorted((a, b) => endMs(b) - endMs(a)).slice(0, maxEndedKept);
}
