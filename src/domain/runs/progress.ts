import { isTerminalJob, type JobProgress } from '../job.ts';
import type { RunExpectation } from './run-index.ts';

/** Estimate of the progress at the likely end, and at the latest expected end. Only an ended job has 1. */
const atLikelyEnd = 0.95;
const atLatestEnd = 0.99;

/**
 * Whether a job that has not ended runs longer than expected.
 * @param now a time at which the job had not ended
 */
export const isOverdue = (job: JobProgress, expectation: RunExpectation | null, now: Date): boolean =>
  !isTerminalJob(job) && expectation !== null && now > expectation.latestEndAt;

/**
 * Estimate of the share of the work that is done, from 0 to 1. It grows linearly to 0.95 at the likely end, and then to
 * 0.99 at the latest expected end, so that it never decreases while the expectation stays the same. 1 after success;
 * null after a failure, and without an expectation.
 */
export function progressOf(
  job: JobProgress & { readonly createdAt: Date },
  expectation: RunExpectation | null,
  now: Date,
): number | null {
  if (isTerminalJob(job)) return job.status === 'SUCCEEDED' ? 1 : null;
  if (expectation === null) return null;
  const { likelyMs, latestMs } = expectation.duration;
  const elapsedMs = Math.max(0, now.getTime() - job.createdAt.getTime());
  if (elapsedMs < likelyMs) return (atLikelyEnd * elapsedMs) / likelyMs;
  if (elapsedMs >= latestMs) return atLatestEnd;
  return atLikelyEnd + ((atLatestEnd - atLikelyEnd) * (elapsedMs - likelyMs)) / (latestMs - likelyMs);
}
