import { platformId, type SegmentJobId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import type { SegmentJobListOptions, SegmentJobsApi } from '../../upstream/apis/segment-jobs.ts';
import { concernsOneCall } from '../failure.ts';
import type { ProvenReader } from '../feed-registry.ts';
import { watchKind } from '../watch-kind.ts';
import { endedAt, endedRecently, isAbove, mayFollow, neverListedMs } from './job-list.ts';
import { readByIds } from './read-by-ids.ts';
import type { FeedSource, RoundCalls, RoundRequest, RoundResult } from './source.ts';

/** Access to the platform for the feed of segment jobs, with one subscriber's credential. */
export interface SegmentJobReader extends ProvenReader {
  segmentJobs(calls: RoundCalls): Pick<SegmentJobsApi, 'list' | 'getMany'>;
}

interface SegmentJobMemory {
  /** Creation time (ms) of the last job on the newest page; null: the page was the end of the list. */
  readonly floorMs: number | null;
  /** Ended jobs that the list omits although they exist. They are not read again. */
  readonly unlisted: ReadonlySet<string>;
  /**
   * Number of the round, and the round in which each followed job was last read by id. Not shared with other replicas.
   */
  readonly round: number;
  readonly readAt: ReadonlyMap<string, number>;
}

type Request = RoundRequest<SegmentJob, SegmentJobMemory>;

/** The platform's maximum page size and maximum size of a bulk read. */
const pageSize = 100;
/** Running jobs behind the newest page are searched for by these statuses. */
const runningStatuses = [
  'NEW',
  'QUEUED',
  'PROCESSING',
  'CANCELLING',
] as const satisfies SegmentJobListOptions['status'][];
type RunningStatus = (typeof runningStatuses)[number];
/**
 * Maximum number of list pages of one search for running jobs: 2,000 jobs of one status, and a page of each other
 * status.
 */
const maxPagesPerSearch = 23;
/** Maximum number of searches in one round. */
const maxPasses = 3;

/**
 * Source of segment jobs. Each round reads the newest list page, and by bulk reads the followed jobs that it does not
 * show, however old they are. If these are more than the calls of a round can read, the least recently read jobs come
 * first.
 */
export const segmentJobSource: FeedSource<SegmentJob, SegmentJobReader, SegmentJobMemory> = {
  kind: 'segment-jobs',
  service: 'segmentation',
  key: ({ id }) => id,
  isTerminal: isTerminalJob,
  mayFollow,
  updatedAt: ({ updatedAt }) => updatedAt,
  endedAt,
  hasAppeared: (job, checkpoint) => checkpoint !== null && isAbove(job, checkpoint.floorMs),
  lasting: (checkpoint) => ({ ...checkpoint, round: 0, readAt: new Map() }),
  newestFirst: (a, b) => b.createdAt.getTime() - a.createdAt.getTime(),
  lateness: {
    runsOf: ({ segmentJobs }) => segmentJobs,
    timesOf: (job) => job,
    overdueAt: ({ overdueAt }) => overdueAt,
    marked: (job, overdueAt) => copyWith(job, { overdueAt }),
  },

  async read(reader, request) {
    const { known, discover, checkpoint, now, signal } = request;
    const api = reader.segmentJobs(request);
    let newest: Awaited<ReturnType<typeof api.list>>;
    try {
      newest = await api.list({ limit: pageSize });
    } catch (error) {
      const result = await readNamed(api, request, error);
      if (result === null) throw error;
      return result;
    }
    const oldest = newest.jobs.at(-1);
    const floorMs = newest.next === null || oldest === undefined ? null : oldest.createdAt.getTime();
    const jobs = new Map<string, SegmentJob>(newest.jobs.map((job) => [job.id, job]));
    const newestPage = new Set(jobs.keys());

    const wasListed = checkpoint !== null && checkpoint.floorMs !== neverListedMs;
    const isGap = wasListed && newest.jobs.every(({ id }) => !known.has(id));
    // If no job on the newest page is known, reading continues until a page shows a known job.
    const limits = { next: newest.next, maxPages: maxPagesPerSearch, known, signal };
    const gap = isGap ? await readPages(api, { limit: pageSize }, limits) : noSearch;
    const running = discover && floorMs !== null ? await readRunning(api, signal) : noSearch;
    for (const job of [...gap.found, ...running.found]) if (!jobs.has(job.id)) jobs.set(job.id, job);

    const byId = await readByIds(
      (ids, limits) => api.getMany(ids, limits),
      idsToReadById(request, jobs, floorMs),
      request,
    );
    const { found, absent, failed, requested, incomplete } = byId;

    const after = new Map([...known, ...jobs, ...found.map((job) => [job.id, job] as const)]);
    for (const id of absent) after.delete(platformId(id));
    const ended = [...after.values()].filter(isTerminalJob);
    const follows = (id: string) => after.has(platformId(id)) && !jobs.has(id);
    const round = (checkpoint?.round ?? 0) + 1;
    const readAt = [...(checkpoint?.readAt ?? []), ...requested.map((id) => [id, round] as const)];
    return {
      read: [...jobs.values(), ...found].toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime()),
      absent,
      failed,
      evicted: forgettable(after, request, newestPage, floorMs, now),
      // Bulk reads are cheap enough to follow all running jobs.
      unfollowed: [],
      incomplete,
      truncated: gap.truncated || running.truncated,
      spansPages: gap.pages > 0,
      calls: { lists: 1 + gap.pages + running.pages, bulkGets: byId.calls },
      checkpoint: {
        // Jobs of a gap count as new when they are found later.
        floorMs: gap.truncated ? (checkpoint?.floorMs ?? null) : floorMs,
        unlisted: new Set([...(checkpoint?.unlisted ?? []), ...ended.map(({ id }) => id)].filter(follows)),
        round,
        readAt: new Map(readAt.filter(([id]) => follows(id))),
      },
    };
  },
};

export const segmentJobs = watchKind({
  source: segmentJobSource,
  reader: (connect, proof) => ({ proof, segmentJobs: (calls) => connect(calls).segmentJobs }),
  proof: {
    list: (api) => api.segmentJobs.list({ limit: 1 }),
    get: (api, id) => api.segmentJobs.get(platformId(id)),
  },
});

/**
 * Reads the followed jobs by one bulk read when the list cannot be read, so that its failure does not concern named jobs.
 * Null if not all of them can be read, because the others would be out of date without a sign.
 * @param failure of the list
 */
async function readNamed(
  api: Pick<SegmentJobsApi, 'getMany'>,
  { known, scope, unread, checkpoint, signal }: Request,
  failure: unknown,
): Promise<RoundResult<SegmentJob, SegmentJobMemory> | null> {
  signal.throwIfAborted();
  if (scope.everything || !concernsOneCall(failure)) return null;
  const running = [...known.values()].filter((job) => !isTerminalJob(job)).map(({ id }) => id);
  const ids = [...new Set([...unread.map((id) => platformId<SegmentJobId>(id)), ...running])];
  if (ids.length === 0 || ids.length > pageSize) return null;
  const byId = await readByIds((each, limits) => api.getMany(each, limits), ids, { signal, allowance: 0 });
  if (byId.failedCall !== null) return null;
  return {
    read: byId.found.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime()),
    absent: byId.absent,
    failed: byId.failed,
    evicted: [],
    unfollowed: [],
    incomplete: failure,
    truncated: false,
    spansPages: false,
    calls: { lists: 1, bulkGets: byId.calls },
    checkpoint: checkpoint ?? { floorMs: neverListedMs, unlisted: new Set(), round: 0, readAt: new Map() },
  };
}

/** Selects jobs that the page does not show and that may have changed: unread, running, or missing from the page. */
function idsToReadById(
  { known, checkpoint, unread, allowance }: Request,
  listed: { has(id: string): boolean },
  floorMs: number | null,
): readonly SegmentJobId[] {
  const lastRead = (id: string) => checkpoint?.readAt.get(id) ?? -1;
  const followed = [...known.values()]
    .filter((job) => !listed.has(job.id))
    .filter((job) => (isTerminalJob(job) ? isAbove(job, floorMs) && !checkpoint?.unlisted.has(job.id) : true))
    .map(({ id }) => id)
    .toSorted((a, b) => lastRead(a) - lastRead(b));
  const unseen = unread.filter((id) => !listed.has(id)).map((id) => platformId<SegmentJobId>(id));
  return [...new Set([...unseen, ...followed.slice(0, allowance * pageSize)])];
}

interface Search {
  readonly found: readonly SegmentJob[];
  readonly pages: number;
  readonly truncated: boolean;
}

const noSearch: Search = { found: [], pages: 0, truncated: false };

/**
 * Searches for running jobs by status. Jobs that end meanwhile shift the rows of a status with several pages, so that a
 * page may omit a job. Such a status is searched again until that finds no further job.
 */
async function readRunning(api: Pick<SegmentJobsApi, 'list'>, signal: AbortSignal): Promise<Search> {
  let all = noSearch;
  let statuses: readonly RunningStatus[] = runningStatuses;
  for (let pass = 1; pass <= maxPasses && statuses.length > 0 && !all.truncated; pass += 1) {
    const { long, ...search } = await readStatuses(api, statuses, signal);
    const found = new Map([...all.found, ...search.found].map((job) => [job.id, job]));
    const isOver = pass > 1 && found.size === all.found.length;
    all = { found: [...found.values()], pages: all.pages + search.pages, truncated: search.truncated };
    statuses = isOver ? [] : long;
  }
  return all;
}

/** One search. `long` are the statuses with several pages. */
async function readStatuses(
  api: Pick<SegmentJobsApi, 'list'>,
  statuses: readonly RunningStatus[],
  signal: AbortSignal,
): Promise<Search & { readonly long: readonly RunningStatus[] }> {
  let all = noSearch;
  const long: RunningStatus[] = [];
  for (const status of statuses) {
    const maxPages = Math.max(1, maxPagesPerSearch - all.pages);
    const { found, pages, truncated } = await readPages(
      api,
      { limit: pageSize, status },
      { next: 0, maxPages, signal },
    );
    if (pages > 1) long.push(status);
    all = { found: [...all.found, ...found], pages: all.pages + pages, truncated: all.truncated || truncated };
  }
  return { ...all, long };
}

/** Reads pages to the end of the list, or until a page shows a known job. */
async function readPages(
  api: Pick<SegmentJobsApi, 'list'>,
  options: SegmentJobListOptions,
  limits: {
    readonly next: number | null;
    readonly maxPages: number;
    readonly known?: { readonly size: number; has(id: string): boolean };
    readonly signal: AbortSignal;
  },
): Promise<Search> {
  const { maxPages, known, signal } = limits;
  const found = new Map<string, SegmentJob>();
  let pages = 0;
  for (let start = limits.next; start !== null; ) {
    signal.throwIfAborted();
    if (pages === maxPages) return { found: [...found.values()], pages, truncated: true };
    const { jobs, next } = await api.list({ ...options, start });
    pages += 1;
    const before = found.size;
    for (const job of jobs) found.set(job.id, job);
    if (jobs.some(({ id }) => known?.has(id))) return { found: [...found.values()], pages, truncated: false };
    // Rows shift while jobs are created. A page without a new job is the end, even if the platform reports another
    // page.
    start = found.size === before ? null : next;
  }
  // Known jobs that a list does not show exist nevertheless, so a lagging replica may have answered.
  return { found: [...found.values()], pages, truncated: known !== undefined && known.size > 0 };
}

function forgettable(
  after: ReadonlyMap<string, SegmentJob>,
  { scope }: Request,
  newestPage: ReadonlySet<string>,
  floorMs: number | null,
  now: Date,
): readonly string[] {
  const behind = [...after.values()].filter(
    (job) => !newestPage.has(job.id) && !isAbove(job, floorMs) && !scope.ids.has(job.id),
  );
  const ended = behind.filter(isTerminalJob);
  const kept = new Set(scope.everything ? endedRecently(ended, now, endedAt) : []);
  return ended.filter((job) => !kept.has(job)).map(({ id }) => id);
}
