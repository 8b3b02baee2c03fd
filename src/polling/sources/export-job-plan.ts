import type { ExportJob } from '../../domain/export-job.ts';
import { isTerminalJob } from '../../domain/job.ts';
import type { ExportJobCursor } from '../../upstream/apis/export-jobs.ts';
import { isWatched, type WatchScope } from '../scope.ts';
import { endedAt, endedRecently, isAbove, neverListedMs } from './job-list.ts';

/** Number of jobs on the page that every round reads. */
export const newestPageSize = 100;
/** Number of jobs on the pages behind it. The platform documents no maximum; public clients request 1,000. */
export const deepPageSize = 1_000;
/** Maximum number of list pages of one round: 19,100 jobs. */
export const maxPagesPerRound = 20;
/** A search for running jobs covers at least this many of the newest jobs. */
export const minDiscoveredJobs = 1_000;
/** Maximum number of followed jobs that one round reads by id. */
export const maxGetsPerRound = 5;
/** Maximum number of jobs behind the newest page that are always read by id. */
export const maxLeftoversById = 3;
/** Maximum number of running jobs behind the newest page that are remembered without a watcher. */
export const maxUnwatchedRunning = 1_000;
/** Maximum number of unread ids that one round reads by id. The others follow in the next round. */
export const maxUnreadPerRound = 100;
/**
 * If there are more unread ids than this, one deep page is read first, because it may show many of them in one call.
 */
export const maxUnreadWithoutPage = 20;

/** State that a round leaves for the next one. */
export interface ExportJobCheckpoint {
  /** Creation time (ms) of the newest listed job; null: the list was empty. */
  readonly newestMs: number | null;
  /** Creation time (ms) of the last job on the newest page; null: the page was the end of the list. */
  readonly newestPageFloorMs: number | null;
  /** Ended jobs that the list omits although they exist. They are not read again. */
  readonly unlisted: ReadonlySet<string>;
  /** Not shared with other replicas. */
  readonly rotation: Rotation;
}

/** Order in which the followed jobs behind the newest page are read. */
export interface Rotation {
  /** Number of the round. */
  readonly round: number;
  /** Round in which each followed job behind the pages was last read by id. */
  readonly readAt: ReadonlyMap<string, number>;
  /** Cursor of the next deep page of a sweep; null: the sweep begins behind the newest page. */
  readonly cursor: ExportJobCursor | null;
  /** Number of deep pages of the current sweep so far. */
  readonly pages: number;
  /** Number of deep pages of the last complete sweep; null: there was none. */
  readonly pagesPerSweep: number | null;
  /** Size of deep pages. It is reduced if the platform rejects it. */
  readonly pageSize: number;
}

export const noRotation: Rotation = {
  round: 0,
  readAt: new Map(),
  cursor: null,
  pages: 0,
  pagesPerSweep: null,
  pageSize: deepPageSize,
};

/** Checkpoint of rounds that could not read the list. */
export const neverListed: ExportJobCheckpoint = {
  newestMs: neverListedMs,
  newestPageFloorMs: neverListedMs,
  unlisted: new Set(),
  rotation: noRotation,
};

/**
 * Creation times that the pages of a round cover. A job in a covered range that the pages do not show is missing from
 * the list.
 */
export class Coverage {
  readonly #ranges: { readonly ceilingMs: number | null; readonly floorMs: number | null }[] = [];

  /**
   * @param ceilingMs creation time above the page; null: the page is the top of the list
   * @param floorMs creation time below the page; null: the page is the end of the list
   */
  add(ceilingMs: number | null, floorMs: number | null): void {
    this.#ranges.push({ ceilingMs, floorMs });
  }

  /** The edges of a page are not covered, because jobs of the same millisecond may be on the next page. */
  covers({ createdAt }: ExportJob): boolean {
    const ms = createdAt.getTime();
    return this.#ranges.some(
      ({ ceilingMs, floorMs }) => (ceilingMs === null || ms < ceilingMs) && (floorMs === null || ms > floorMs),
    );
  }
}

/** Followed jobs that the pages read so far do not show. */
export interface Leftovers {
  /** Jobs in a range that the pages cover, although the pages do not show them. */
  readonly missing: readonly ExportJob[];
  /** Running jobs behind the pages. */
  readonly beyond: readonly ExportJob[];
}

export function leftoversOf(
  known: Iterable<ExportJob>,
  options: {
    readonly scope: WatchScope;
    readonly listed: { has(id: string): boolean };
    readonly coverage: Coverage;
    readonly unlisted: ReadonlySet<string>;
  },
): Leftovers {
  const { scope, listed, coverage, unlisted } = options;
  const missing: ExportJob[] = [];
  const beyond: ExportJob[] = [];
  for (const job of known) {
    if (listed.has(job.id)) continue;
    const ended = isTerminalJob(job);
    if (coverage.covers(job)) {
      if (!(ended && unlisted.has(job.id))) missing.push(job);
    } else if (!ended && isWatched(job.id, scope)) beyond.push(job);
  }
  return { missing, beyond };
}

/**
 * Whether deep pages are cheaper than reading these jobs by id. A sweep is estimated at the calls of the last sweep.
 * The first sweep always counts as cheaper.
 */
export function sweeps(beyond: number, { pagesPerSweep }: Rotation): boolean {
  return beyond > Math.max(maxLeftoversById, pagesPerSweep ?? 0);
}

/** Selects the jobs to read by id, least recently read first. */
export function nextByRotation(
  waiting: readonly ExportJob[],
  { readAt }: Rotation,
  count: number,
): readonly ExportJob[] {
  const lastRead = (job: ExportJob) => readAt.get(job.id) ?? -1;
  return waiting
    .toSorted((a, b) => lastRead(a) - lastRead(b) || a.createdAt.getTime() - b.createdAt.getTime())
    .slice(0, count);
}

/** Whether jobs that were created since the last round may lie behind the pages read. */
export function leavesGap(checkpoint: ExportJobCheckpoint | null, floorMs: number | null): boolean {
  if (checkpoint === null || floorMs === null) return false;
  return checkpoint.newestMs === null || floorMs >= checkpoint.newestMs;
}

/**
 * Whether an unknown job was created since the last round. That round read the newest page completely, so a job above
 * its floor that the page did not show did not exist at that time.
 */
export function hasAppeared(job: ExportJob, checkpoint: ExportJobCheckpoint | null): boolean {
  return checkpoint !== null && isAbove(job, checkpoint.newestPageFloorMs);
}

/** Known jobs behind the newest page that are no longer followed. */
export interface LeftBehind {
  readonly evicted: readonly string[];
  readonly unfollowed: readonly string[];
}

/**
 * Ended jobs behind the newest page are evicted when they are too old for new subscribers. Running jobs without a
 * watcher are remembered up to a maximum number, newest first.
 */
export function leftBehind(
  known: ReadonlyMap<string, ExportJob>,
  scope: WatchScope,
  newestPage: { readonly jobs: { has(id: string): boolean }; readonly floorMs: number | null },
  now: Date,
): LeftBehind {
  const ended: ExportJob[] = [];
  const unwatched: ExportJob[] = [];
  for (const [id, job] of known) {
    // A job that the page omits for a moment has not fallen off it. If it were evicted, it would reappear as a new
    // job.
    if (newestPage.jobs.has(id) || isAbove(job, newestPage.floorMs) || scope.ids.has(id)) continue;
    if (isTerminalJob(job)) ended.push(job);
    else if (!scope.everything) unwatched.push(job);
  }
  const kept = new Set(scope.everything ? endedRecently(ended, now, endedAt) : []);
  const remembered = unwatched.toSorted(newestFirst);
  const excess = remembered.splice(maxUnwatchedRunning);
  return {
    evicted: [...ended.filter((job) => !kept.has(job)), ...excess].map(({ id }) => id),
    unfollowed: remembered.map(({ id }) => id),
  };
}

export function newestFirst(a: ExportJob, b: ExportJob): number {
  const byTime = b.createdAt.getTime() - a.createdAt.getTime();
  if (byTime !== 0 || a.id === b.id) return byTime;
  return a.id < b.id ? 1 : -1;
}
