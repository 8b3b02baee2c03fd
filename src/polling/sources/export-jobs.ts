import type { ExportJob } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import { GatewayError, NotFoundError, PlatformError } from '../../errors.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';
import type { ExportJobCursor, ExportJobPage, ExportJobsApi } from '../../upstream/apis/export-jobs.ts';
import { concernsOneCall, concernsOneEntity } from '../failure.ts';
import type { ProvenReader } from '../feed-registry.ts';
import { watchKind } from '../watch-kind.ts';
import { type BatchReader, exportBatches } from './export-batches.ts';
import {
  Coverage,
  type ExportJobCheckpoint,
  hasAppeared,
  leavesGap,
  leftBehind,
  leftoversOf,
  maxGetsPerRound,
  maxPagesPerRound,
  maxUnreadPerRound,
  maxUnreadWithoutPage,
  minDiscoveredJobs,
  neverListed,
  newestFirst,
  newestPageSize,
  nextByRotation,
  noRotation,
  type Rotation,
  sweeps,
} from './export-job-plan.ts';
import { endedAt, endedRecently, mayFollow } from './job-list.ts';
import type { FeedSource, RoundCalls, RoundRequest, RoundResult } from './source.ts';

/** Access to the platform for the feed of export jobs, with one subscriber's credential. */
export interface ExportJobReader extends ProvenReader, BatchReader {
  exportJobs(calls: RoundCalls): Pick<ExportJobsApi, 'list' | 'get'>;
}

type Api = Pick<ExportJobsApi, 'list' | 'get'>;
type Request = RoundRequest<ExportJob, ExportJobCheckpoint>;

/** Maximum number of unread jobs that are read at the same time. */
const concurrentReads = 5;

/**
 * Source of export jobs. Each round reads the newest list page. Followed jobs behind that page are read by id while
 * they are few. If they are many, each round reads the next deep pages of a sweep over the list, so that 10,000 running
 * jobs cost ten pages per sweep. The platform has no call that reads many jobs by id, and no filter for running jobs.
 */
export const exportJobSource: FeedSource<ExportJob, ExportJobReader, ExportJobCheckpoint> = {
  kind: 'export-jobs',
  service: 'export',
  key: ({ id }) => id,
  isTerminal: isTerminalJob,
  mayFollow,
  updatedAt: ({ updatedAt }) => updatedAt,
  endedAt,
  hasAppeared,
  lasting: (checkpoint) => ({ ...checkpoint, rotation: noRotation }),
  newestFirst,
  lateness: {
    runsOf: ({ exportJobs }) => exportJobs,
    timesOf: (job) => job,
    overdueAt: ({ overdueAt }) => overdueAt,
    marked: (job, overdueAt) => copyWith(job, { overdueAt }),
  },
  results: exportBatches,

  async read(reader, request) {
    const api = reader.exportJobs(request);
    const list = new ListReading(api, request);
    try {
      await list.readNewest();
    } catch (error) {
      const result = await readNamed(api, request, error);
      if (result === null) throw error;
      return result;
    }
    await list.readUnknown();
    await list.sweep();
    return conclude(request, list, await readById(api, list.idsToRead(), request.signal));
  },
};

export const exportJobs = watchKind({
  source: exportJobSource,
  reader: (connect, proof) => ({
    proof,
    exportJobs: (calls) => connect(calls).exportJobs,
    batches: (calls) => connect(calls).batches,
  }),
  proof: {
    list: (api) => api.exportJobs.list({ limit: 1 }),
    get: (api, id) => api.exportJobs.get(platformId(id)),
  },
});

/** The list pages of one round. */
class ListReading {
  readonly jobs = new Map<string, ExportJob>();
  readonly newestPage = new Set<string>();
  newestPageFloorMs: number | null = null;
  pages = 0;
  truncated = false;
  spansPages = false;
  /** Deep pages of a sweep in this round. */
  sweepPages = 0;
  rotation: Rotation;
  readonly coverage = new Coverage();
  readonly #api: Api;
  readonly #request: Request;
  /** Cursor behind the pages that were read without a gap from the top of the list; null: the list ends there. */
  #next: ExportJobCursor | null = null;

  constructor(api: Api, request: Request) {
    this.#api = api;
    this.#request = request;
    this.rotation = request.checkpoint?.rotation ?? noRotation;
  }

  async readNewest(): Promise<void> {
    const { jobs } = await this.#read(null, newestPageSize);
    for (const { id } of jobs) this.newestPage.add(id);
    this.newestPageFloorMs = this.#next?.createdAtMs ?? null;
  }

  /** Continues from the top as long as unknown jobs that are new, running or named may follow. */
  async readUnknown(): Promise<void> {
    const { checkpoint, discover, unread } = this.#request;
    let last: readonly ExportJob[] = [...this.jobs.values()];
    this.spansPages = leavesGap(checkpoint, this.#next?.createdAtMs ?? null);
    const goesOn = () => {
      if (leavesGap(checkpoint, this.#next?.createdAtMs ?? null)) return true;
      return discover && (this.jobs.size < minDiscoveredJobs || last.some(isRunning));
    };
    const manyUnread = () => this.pages === 1 && this.#unseen(unread).length > maxUnreadWithoutPage;
    while (this.#next !== null && (goesOn() || manyUnread())) {
      if (this.pages === maxPagesPerRound) {
        this.truncated = true;
        return;
      }
      last = (await this.#readDeep(this.#next)).jobs;
    }
  }

  /** Reads the next deep pages, if the followed jobs behind the newest pages are too many to be read by id. */
  async sweep(): Promise<void> {
    const { allowance } = this.#request;
    if (this.#next === null) return;
    const { missing, beyond } = this.leftovers;
    if (!sweeps(beyond.length, this.rotation)) return;
    // Missing jobs and the sweep take turns if only one call is left.
    if (allowance === 1 && missing.length > 0 && this.rotation.round % 2 === 1) return;
    // Creation time of the oldest running job. Pages behind it need not be read.
    const oldestMs = beyond.reduce(
      (oldest, { createdAt }) => Math.min(oldest, createdAt.getTime()),
      Number.POSITIVE_INFINITY,
    );
    const start = this.#next;
    let cursor = this.rotation.cursor ?? start;
    // The pages from the top have moved past the position at which the sweep stopped.
    if (cursor.createdAtMs > start.createdAtMs) cursor = start;
    const calls = allowance > 1 && missing.length > 0 ? allowance - 1 : allowance;
    for (let left = calls; left > 0 && this.pages < maxPagesPerRound; left -= 1) {
      const { next } = await this.#readDeep(cursor);
      this.sweepPages += 1;
      const pages = this.rotation.pages + 1;
      if (next === null || next.createdAtMs < oldestMs) {
        this.rotation = { ...this.rotation, cursor: null, pages: 0, pagesPerSweep: pages };
        return;
      }
      this.rotation = { ...this.rotation, cursor: next, pages };
      cursor = next;
    }
  }

  /** Ids that this round reads with one call each. */
  idsToRead(): { readonly unread: readonly string[]; readonly followed: readonly string[] } {
    const { unread, allowance } = this.#request;
    const { missing, beyond } = this.leftovers;
    const first = new Set(this.#unseen(unread).slice(0, maxUnreadPerRound));
    const byId = sweeps(beyond.length, this.rotation) ? missing : [...missing, ...beyond];
    const others = byId.filter(({ id }) => !first.has(id));
    const count = Math.min(maxGetsPerRound, allowance - this.sweepPages);
    return { unread: [...first], followed: nextByRotation(others, this.rotation, count).map(({ id }) => id) };
  }

  get leftovers() {
    const { known, scope, checkpoint } = this.#request;
    const { jobs: listed, coverage } = this;
    return leftoversOf(known.values(), { scope, listed, coverage, unlisted: checkpoint?.unlisted ?? new Set() });
  }

  #unseen(ids: readonly string[]): readonly string[] {
    return ids.filter((id) => !this.jobs.has(id));
  }

  /** Reads a deep page, or a smaller one if the platform rejects the size. */
  async #readDeep(cursor: ExportJobCursor): Promise<ExportJobPage> {
    const { pageSize } = this.rotation;
    try {
      return await this.#read(cursor, pageSize);
    } catch (error) {
      const rejected = error instanceof PlatformError && error.status === 400 && pageSize > newestPageSize;
      if (!rejected) throw error;
      this.rotation = { ...this.rotation, pageSize: newestPageSize };
      return await this.#read(cursor, newestPageSize);
    }
  }

  async #read(cursor: ExportJobCursor | null, limit: number): Promise<ExportJobPage> {
    this.#request.signal.throwIfAborted();
    this.pages += 1;
    const page = await this.#api.list({ limit, cursor: cursor ?? undefined });
    // A job that is created while the list is read appears once, where it was read first.
    for (const job of page.jobs) if (!this.jobs.has(job.id)) this.jobs.set(job.id, job);
    this.coverage.add(cursor?.createdAtMs ?? null, page.next?.createdAtMs ?? null);
    if (cursor === this.#next) this.#next = page.next;
    return page;
  }
}

const isRunning = (job: ExportJob): boolean => !isTerminalJob(job);

interface ReadingById {
  readonly found: readonly ExportJob[];
  readonly absent: readonly string[];
  readonly failed: ReadonlyMap<string, GatewayError>;
  readonly requested: readonly string[];
  readonly incomplete: GatewayError | null;
}

async function readById(
  api: Api,
  { unread, followed }: { readonly unread: readonly string[]; readonly followed: readonly string[] },
  signal: AbortSignal,
): Promise<ReadingById> {
  const found: ExportJob[] = [];
  const absent: string[] = [];
  const requested: string[] = [];
  const failed = new Map<string, GatewayError>();
  let incomplete: GatewayError | null = null;
  let stopped: GatewayError | null = null;
  const read = async (id: string): Promise<void> => {
    signal.throwIfAborted();
    if (stopped !== null) {
      failed.set(id, stopped);
      return;
    }
    requested.push(id);
    try {
      const job = await api.get(platformId(id));
      if (job === null) absent.push(id);
      else if (job.id === id) found.push(job);
      // The platform also finds a job by another form of its id, but events carry the form in the list.
      else
        failed.set(id, new NotFoundError(id, { message: `The platform knows this job as ${job.id}, not as ${id}.` }));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GatewayError)) throw error;
      incomplete = error;
      failed.set(id, error);
      // A 403 may concern one job, because the list was readable.
      if (!concernsOneEntity(error) && error.code !== 'FORBIDDEN') stopped = error;
    }
  };
  await mapBounded(unread, concurrentReads, read);
  await mapBounded(followed, 1, read);
  return { found, absent, failed, requested, incomplete };
}

/**
 * Reads the named jobs by id when the list cannot be read, so that its failure does not concern them. Null if not each
 * of them can be read, because the others would be out of date without a sign.
 * @param failure of the list
 */
async function readNamed(
  api: Api,
  { known, scope, unread, allowance, checkpoint, signal }: Request,
  failure: unknown,
): Promise<RoundResult<ExportJob, ExportJobCheckpoint> | null> {
  signal.throwIfAborted();
  if (scope.everything || !concernsOneCall(failure)) return null;
  const running = [...known.values()].filter(isRunning).map(({ id }) => id);
  const followed = running.filter((id) => scope.ids.has(id) && !unread.includes(id));
  const [first, ...others] = [...unread, ...followed];
  if (first === undefined || others.length >= maxGetsPerRound || followed.length > allowance) return null;
  // If the first one fails too, the whole service may be out of order.
  const one = await readById(api, { unread: [], followed: [first] }, signal);
  if (one.incomplete !== null) return null;
  const rest = await readById(api, { unread: [], followed: others }, signal);
  if (rest.incomplete !== null) return null;
  return {
    read: [...one.found, ...rest.found].toSorted((a, b) => newestFirst(b, a)),
    absent: [...one.absent, ...rest.absent],
    failed: new Map([...one.failed, ...rest.failed]),
    evicted: [],
    unfollowed: running.filter((id) => !scope.ids.has(id)),
    incomplete: failure,
    truncated: false,
    spansPages: false,
    calls: { pages: 1, gets: 1 + others.length },
    checkpoint: checkpoint ?? neverListed,
  };
}

function conclude(
  { known, scope, checkpoint, now, discover }: Request,
  list: ListReading,
  { found, absent, failed, requested, incomplete }: ReadingById,
): RoundResult<ExportJob, ExportJobCheckpoint> {
  const { jobs, newestPage, newestPageFloorMs, pages, coverage, rotation, truncated, spansPages } = list;
  const endedLately = new Set(discover ? endedRecently([...jobs.values()], now, endedAt).map(({ id }) => id) : []);
  const read: ExportJob[] = [];
  for (const job of jobs.values()) {
    // Deep pages contribute only jobs that are known, named, new, running, or recent enough for new subscribers.
    const matters = known.has(job.id) || scope.ids.has(job.id) || (scope.everything && isRunning(job));
    if (matters || newestPage.has(job.id) || hasAppeared(job, checkpoint) || endedLately.has(job.id)) read.push(job);
  }
  read.push(...found);
  const after = new Map(known);
  for (const job of read) after.set(job.id, job);
  for (const id of absent) after.delete(id);

  const round = rotation.round + 1;
  const listedMs = [...jobs.values()].map(({ createdAt }) => createdAt.getTime());
  const newestMs = listedMs.length === 0 ? null : listedMs.reduce((a, b) => Math.max(a, b));
  const follows = (id: string) => after.has(id) && !jobs.has(id);
  const readAt = [...rotation.readAt, ...requested.map((id) => [id, round] as const)];
  const hidden = found.filter((job) => isTerminalJob(job) && coverage.covers(job));
  const unlisted = [...(checkpoint?.unlisted ?? []), ...hidden.map(({ id }) => id)];
  return {
    read: read.toSorted((a, b) => newestFirst(b, a)),
    absent,
    failed,
    ...leftBehind(after, scope, { jobs: newestPage, floorMs: newestPageFloorMs }, now),
    incomplete,
    truncated,
    spansPages,
    calls: { pages, gets: requested.length },
    checkpoint: {
      newestMs,
      newestPageFloorMs,
      unlisted: new Set(unlisted.filter(follows)),
      rotation: { ...rotation, round, readAt: new Map(readAt.filter(([id]) => follows(id))) },
    },
  };
}
