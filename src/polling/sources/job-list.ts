import { isTerminalJob, type JobProgress, maxEndedWithinSeconds } from '../../domain/job.ts';

/** Common fields of export jobs and segment jobs. */
interface ListedJob extends JobProgress {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * Maximum number of ended jobs behind the newest page that are kept for new subscribers. The last ended ones are kept.
 */
export const maxEndedKept = 5_000;

/**
 * Creation time (ms) of the newest listed job in a checkpoint of rounds that could not read the list. Every job counts as
 * older, so that none appears as new when the list is readable.
 */
export const neverListedMs = Number.MAX_SAFE_INTEGER;

/** End time of a job: the time that the platform reports, else its last update; null: it has not ended. */
export function endedAt(job: ListedJob): Date | null {
  return isTerminalJob(job) ? (job.metrics?.totalTime?.endedAt ?? job.updatedAt) : null;
}

/** Implements FeedSource.mayFollow. The status UNKNOWN does not replace a known outcome. */
export function mayFollow(known: JobProgress, job: JobProgress): boolean {
  return !isTerminalJob(known) || (isTerminalJob(job) && (job.status !== 'UNKNOWN' || known.status === 'UNKNOWN'));
}

/** Selects the ended entities that a new subscriber may receive. */
export function endedRecently<Entity>(
  ended: readonly Entity[],
  now: Date,
  endOf: (entity: Entity) => Date | null,
): readonly Entity[] {
  const endMs = (entity: Entity) => endOf(entity)?.getTime() ?? 0;
  const sinceMs = now.getTime() - maxEndedWithinSeconds * 1_000;
  const recent = ended.filter((entity) => endMs(entity) >= sinceMs);
  return recent.length <= maxEndedKept ? recent : recent.toSorted((a, b) => endMs(b) - endMs(a)).slice(0, maxEndedKept);
}

/**
 * Whether the job is certainly on the pages down to a floor (ms); null: the pages reach the end of the list. Jobs of
 * the same millisecond as the floor may be on the next page.
 */
export function isAbove({ createdAt }: Pick<ListedJob, 'createdAt'>, floorMs: number | null): boolean {
  return floorMs === null || createdAt.getTime() > floorMs;
}
