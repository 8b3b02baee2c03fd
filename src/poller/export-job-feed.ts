import type { ExportJob } from '../domain/export-job.ts';
import { platformId } from '../domain/ids.ts';
import { isTerminalJobStatus } from '../domain/job.ts';
import { GatewayError } from '../errors.ts';
import type { ExportJobsApi } from '../upstream/platform-api.ts';
import {
  type ExportJobMemory,
  forgettable,
  hasAppeared,
  isCovered,
  leavesGap,
  newestFirst,
  nextStep,
  type RoundProgress,
} from './export-job-plan.ts';
import type { FeedSource, RoundRequest, RoundResult } from './feed-source.ts';
import type { ProvenReader } from './watch-registry.ts';

/** What the feed of export jobs reads the platform through: one subscriber's credential. */
export interface ExportJobReader extends ProvenReader {
  /** Calls are given up when the signal aborts. */
  exportJobs(signal: AbortSignal): Pick<ExportJobsApi, 'list' | 'get'>;
}

type Api = Pick<ExportJobsApi, 'list' | 'get'>;
type Request = RoundRequest<ExportJob, ExportJobMemory>;

/** The platform's largest page. */
const pageSize = 100;

/**
 * Export jobs: the newest list page, further pages only as far as they are needed, and a few jobs by name. There is no
 * call that reads many of them by id.
 */
export const exportJobSource: FeedSource<ExportJob, ExportJobReader, ExportJobMemory> = {
  kind: 'export-jobs',
  key: ({ id }) => id,
  isTerminal: ({ status }) => isTerminalJobStatus(status),
  hasAppeared,
  newestFirst,
  find: (reader, id, signal) => reader.exportJobs(signal).get(platformId(id)),

  async read(reader, request) {
    const api = reader.exportJobs(request.signal);
    const list = await readList(api, request);
    const named = await readByName(api, list.wanted, request.signal);
    return conclude(request, list, named);
  },
};

interface ListReading {
  readonly jobs: ReadonlyMap<string, ExportJob>;
  readonly newestPage: ReadonlySet<string>;
  readonly newestPageFloorMs: number | null;
  readonly floorMs: number | null;
  readonly pages: number;
  /** What the list leaves to be read by name. */
  readonly wanted: readonly string[];
}

async function readList(api: Api, { known, scope, discover, memory, signal }: Request): Promise<ListReading> {
  const first = await api.list({ limit: pageSize });
  const jobs = new Map<string, ExportJob>(first.jobs.map((job) => [job.id, job]));
  const newestPage = new Set(jobs.keys());
  const newestPageFloorMs = first.next?.createdAtMs ?? null;
  let next = first.next;
  for (let pages = 1; ; pages += 1) {
    signal.throwIfAborted();
    const floorMs = next?.createdAtMs ?? null;
    const progress: RoundProgress = { known, scope, discover, memory, listed: jobs, pages, floorMs };
    const step = nextStep(progress);
    if (step.kind === 'gets') return { jobs, newestPage, newestPageFloorMs, floorMs, pages, wanted: step.ids };
    const page = await api.list({ limit: pageSize, cursor: next ?? undefined });
    // A job that is created while the list is being read shows up once, where it was read first.
    for (const job of page.jobs) if (!jobs.has(job.id)) jobs.set(job.id, job);
    next = page.next;
  }
}

interface NamedReading {
  readonly found: readonly ExportJob[];
  readonly gone: readonly string[];
  readonly asked: readonly string[];
  readonly incomplete: GatewayError | null;
}

async function readByName(api: Api, ids: readonly string[], signal: AbortSignal): Promise<NamedReading> {
  const found: ExportJob[] = [];
  const gone: string[] = [];
  const asked: string[] = [];
  let incomplete: GatewayError | null = null;
  for (const id of ids) {
    signal.throwIfAborted();
    asked.push(id);
    try {
      const job = await api.get(platformId(id));
      if (job === null) gone.push(id);
      else found.push(job);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GatewayError)) throw error;
      incomplete = error;
      if (!concernsOneJob(error)) break;
    }
  }
  return { found, gone, asked, incomplete };
}

/** One job that cannot be read must not keep the others from being read. */
function concernsOneJob({ code }: GatewayError): boolean {
  return code === 'UPSTREAM_UNREADABLE' || code === 'PLATFORM_ERROR';
}

function conclude(
  { known, scope, memory }: Request,
  { jobs, newestPage, newestPageFloorMs, floorMs, pages }: ListReading,
  { found, gone, asked, incomplete }: NamedReading,
): RoundResult<ExportJob, ExportJobMemory> {
  const read: ExportJob[] = [];
  for (const job of jobs.values()) {
    // Of what lies further back, only that matters which is known, new, watched or still running.
    const matters = known.has(job.id) || scope.ids.has(job.id) || !isTerminalJobStatus(job.status);
    if (matters || newestPage.has(job.id) || hasAppeared(job, memory)) read.push(job);
  }
  read.push(...found);
  const after = new Map(known);
  for (const job of read) after.set(job.id, job);
  for (const id of gone) after.delete(id);

  const round = (memory?.round ?? 0) + 1;
  const listedMs = [...jobs.values()].map(({ createdAt }) => createdAt.getTime());
  const newestMs = listedMs.length === 0 ? null : Math.max(...listedMs);
  const follows = (id: string) => after.has(id) && !jobs.has(id);
  const names = [...(memory?.readByName ?? []), ...asked.map((id) => [id, round] as const)];
  const hidden = found.filter((job) => isTerminalJobStatus(job.status) && isCovered(job, floorMs));
  const unlisted = [...(memory?.unlisted ?? []), ...hidden.map(({ id }) => id)];
  return {
    read: read.toSorted((a, b) => newestFirst(b, a)),
    gone,
    forgotten: forgettable(after, scope, { jobs: newestPage, floorMs: newestPageFloorMs }),
    incomplete,
    cutShort: leavesGap(memory, floorMs),
    calls: { pages, gets: asked.length },
    memory: {
      newestMs,
      newestPageFloorMs,
      round,
      readByName: new Map(names.filter(([id]) => follows(id))),
      unlisted: new Set(unlisted.filter(follows)),
    },
  };
}
