import { platformId, type SegmentJobId } from '../domain/ids.ts';
import { isTerminalJobStatus } from '../domain/job.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import { GatewayError } from '../errors.ts';
import type { SegmentJobListOptions, SegmentJobsApi } from '../upstream/segmentation-api.ts';
import type { FeedSource, RoundRequest } from './feed-source.ts';
import type { ProvenReader } from './watch-registry.ts';

/** What the feed of segment jobs reads the platform through: one subscriber's credential. */
export interface SegmentJobReader extends ProvenReader {
  /** Calls are given up when the signal aborts. */
  segmentJobs(signal: AbortSignal): Pick<SegmentJobsApi, 'list' | 'getMany' | 'get'>;
}

/** Creation time (ms) down to which the newest page reached; null: to the end of the list. */
interface SegmentJobMemory {
  readonly floorMs: number | null;
  /** Ended jobs that the list leaves out although they exist: no reason to ask for them again. */
  readonly unlisted: ReadonlySet<string>;
}

type Request = RoundRequest<SegmentJob, SegmentJobMemory>;

/** The platform's largest page. */
const pageSize = 100;
/** What runs further back than the newest page is found by its status: one call for each. */
const runningStatuses = [
  'NEW',
  'QUEUED',
  'PROCESSING',
  'CANCELLING',
] as const satisfies SegmentJobListOptions['status'][];

/**
 * Segment jobs: the newest list page for what is new, and one bulk read for everything else that may still change,
 * however far back it is.
 */
export const segmentJobSource: FeedSource<SegmentJob, SegmentJobReader, SegmentJobMemory> = {
  kind: 'segment-jobs',
  key: ({ id }) => id,
  isTerminal: ({ status }) => isTerminalJobStatus(status),
  hasAppeared: (job, memory) => memory !== null && isCovered(job, memory.floorMs),
  newestFirst: (a, b) => b.createdAt.getTime() - a.createdAt.getTime(),
  find: (reader, id, signal) => reader.segmentJobs(signal).get(platformId<SegmentJobId>(id)),

  async read(reader, request) {
    const { known, discover, memory, scope, signal } = request;
    const api = reader.segmentJobs(signal);
    const newest = await api.list({ limit: pageSize });
    const oldest = newest.jobs.at(-1);
    const floorMs = newest.next === null || oldest === undefined ? null : oldest.createdAt.getTime();
    const jobs = new Map<string, SegmentJob>(newest.jobs.map((job) => [job.id, job]));
    const newestPage = new Set(jobs.keys());

    const looksBack = discover && floorMs !== null;
    const running = looksBack ? await readRunning(api, signal) : [];
    for (const job of running) if (!jobs.has(job.id)) jobs.set(job.id, job);

    const wanted = idsToReadByName(request, jobs, floorMs);
    const { found, failed } = wanted.length === 0 ? { found: [], failed: [] } : await api.getMany(wanted);
    const answered = new Set<string>([...found, ...failed].map(({ id }) => id));
    const gone = wanted.filter((id) => !answered.has(id));

    const after = new Map([...known, ...jobs, ...found.map((job) => [job.id, job] as const)]);
    for (const id of gone) after.delete(id);
    const ended = [...after.values()].filter(({ status }) => isTerminalJobStatus(status));
    const [failure] = failed;
    return {
      read: [...jobs.values(), ...found].toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime()),
      gone,
      forgotten: ended.filter(({ id }) => !newestPage.has(id) && !scope.ids.has(id)).map(({ id }) => id),
      incomplete: failure?.error instanceof GatewayError ? failure.error : null,
      cutShort: floorMs !== null && memory !== null && newest.jobs.every(({ id }) => !known.has(id)),
      calls: { lists: looksBack ? 1 + runningStatuses.length : 1, names: wanted.length },
      memory: {
        floorMs,
        unlisted: new Set(
          [...(memory?.unlisted ?? []), ...ended.map(({ id }) => id)].filter(
            (id) => after.has(platformId(id)) && !jobs.has(id),
          ),
        ),
      },
    };
  },
};

/** What the page does not show and may have changed: everything that runs, and what it should have shown. */
function idsToReadByName(
  { known, memory }: Request,
  listed: { has(id: string): boolean },
  floorMs: number | null,
): readonly SegmentJobId[] {
  return [...known.values()]
    .filter((job) => !listed.has(job.id))
    .filter((job) =>
      isTerminalJobStatus(job.status) ? isCovered(job, floorMs) && !memory?.unlisted.has(job.id) : true,
    )
    .map(({ id }) => id);
}

async function readRunning(api: Pick<SegmentJobsApi, 'list'>, signal: AbortSignal): Promise<readonly SegmentJob[]> {
  const found: SegmentJob[] = [];
  for (const status of runningStatuses) {
    signal.throwIfAborted();
    found.push(...(await api.list({ limit: pageSize, status })).jobs);
  }
  return found;
}

/** Of the same millisecond as the end of the page, some may be on the next one: only what is younger is surely covered. */
const isCovered = (job: SegmentJob, floorMs: number | null): boolean =>
  floorMs === null || job.createdAt.getTime() > floorMs;
