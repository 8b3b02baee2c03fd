import type { ExportJob } from '../domain/export-job.ts';
import { isTerminalJobStatus } from '../domain/job.ts';
import type { WatchScope } from './watch-scope.ts';

/** List pages read in one round. */
export const maxPagesPerRound = 10;
/** Jobs read by name in one round. */
export const maxGetsPerRound = 5;
/** Up to this many jobs beyond the pages read are read by name; for more of them another page is likely to be cheaper. */
export const maxLeftoversByName = 3;
/** Jobs off the newest page that run but are watched by nobody are remembered up to this number, the newest of them. */
export const maxUnwatchedRunning = 1_000;

/** What outlives a round. */
export interface ExportJobMemory {
  /** Creation time (ms) of the newest job that was listed; null: there was none. */
  readonly newestMs: number | null;
  /** Creation time (ms) down to which the newest page reached; null: to the end of the list. */
  readonly newestPageFloorMs: number | null;
  readonly round: number;
  /** The round in which a job was last read by name, for those that are not listed. */
  readonly readByName: ReadonlyMap<string, number>;
  /** Ended jobs that the list leaves out although they exist: no reason to ask for them again. */
  readonly unlisted: ReadonlySet<string>;
}

/** What is known in the middle of a round, after at least one page. */
export interface RoundProgress {
  readonly known: ReadonlyMap<string, ExportJob>;
  readonly scope: WatchScope;
  readonly discover: boolean;
  readonly memory: ExportJobMemory | null;
  /** Ids on the pages read so far. */
  readonly listed: { has(id: string): boolean };
  readonly pages: number;
  /** Everything created after this time (ms) has been on the pages; null: the list has been read to its end. */
  readonly floorMs: number | null;
}

export type RoundStep =
  | { readonly kind: 'page' }
  /** The list is done with; these jobs are read one by one, then the round is over. */
  | { readonly kind: 'gets'; readonly ids: readonly string[] };

/**
 * The next step of a round. The list goes on while it has to reach further back: to find what is not known (`discover`), to close
 * the gap to the last round, or because more than a few watched jobs lie beyond it. What is left is read by name: jobs
 * that the list should have shown and did not, and watched jobs beyond it, those first that have waited longest.
 */
export function nextStep(progress: RoundProgress): RoundStep {
  const { known, discover, memory, listed, pages, floorMs } = progress;
  const missing: ExportJob[] = [];
  const beyond: ExportJob[] = [];
  for (const [id, job] of known) {
    if (listed.has(id)) continue;
    const ended = isTerminalJobStatus(job.status);
    if (isCovered(job, floorMs)) {
      if (!(ended && memory?.unlisted.has(id))) missing.push(job);
    } else if (!ended && isWatched(job, progress.scope)) beyond.push(job);
  }
  if (floorMs !== null && pages < maxPagesPerRound) {
    if (discover || beyond.length > maxLeftoversByName || leavesGap(memory, floorMs)) return { kind: 'page' };
  }
  const lastRead = (job: ExportJob) => memory?.readByName.get(job.id) ?? -1;
  const waiting = [...missing, ...beyond].toSorted(
    (a, b) => lastRead(a) - lastRead(b) || a.createdAt.getTime() - b.createdAt.getTime(),
  );
  return { kind: 'gets', ids: waiting.slice(0, maxGetsPerRound).map(({ id }) => id) };
}

/** Whether jobs that were created since the last round may lie beyond the pages read. */
export function leavesGap(memory: ExportJobMemory | null, floorMs: number | null): boolean {
  if (memory === null || floorMs === null) return false;
  return memory.newestMs === null || floorMs >= memory.newestMs;
}

/**
 * Whether a job that nobody knew is new on the platform. The newest page of the last round was taken in as a whole, so
 * what lies above its end and was not on it did not exist then.
 */
export function hasAppeared(job: ExportJob, memory: ExportJobMemory | null): boolean {
  return memory !== null && isCovered(job, memory.newestPageFloorMs);
}

/** Of the same millisecond as the end of a page, some may be on the next one: only what is younger is surely covered. */
export function isCovered(job: ExportJob, floorMs: number | null): boolean {
  return floorMs === null || job.createdAt.getTime() > floorMs;
}

export function isWatched(job: ExportJob, { everything, ids }: WatchScope): boolean {
  return everything || ids.has(job.id);
}

/**
 * The known jobs off the newest page that need not be remembered: ended and not watched by name, or running, watched
 * by nobody and too many.
 */
export function forgettable(
  known: ReadonlyMap<string, ExportJob>,
  scope: WatchScope,
  newestPage: { readonly jobs: { has(id: string): boolean }; readonly floorMs: number | null },
): readonly string[] {
  const ended: string[] = [];
  const unwatched: ExportJob[] = [];
  for (const [id, job] of known) {
    // What the page leaves out for a moment has not fallen off it: it would come back as new.
    if (newestPage.jobs.has(id) || isCovered(job, newestPage.floorMs) || scope.ids.has(id)) continue;
    if (isTerminalJobStatus(job.status)) ended.push(id);
    else if (!scope.everything) unwatched.push(job);
  }
  const excess = unwatched.toSorted(newestFirst).slice(maxUnwatchedRunning);
  return [...ended, ...excess.map(({ id }) => id)];
}

export function newestFirst(a: ExportJob, b: ExportJob): number {
  const byTime = b.createdAt.getTime() - a.createdAt.getTime();
  if (byTime !== 0 || a.id === b.id) return byTime;
  return a.id < b.id ? 1 : -1;
}
