import type { Batch, BatchStatus } from '../../../src/domain/batch.ts';
import type { ExportJob, ExportJobStatus } from '../../../src/domain/export-job.ts';
import { type BatchId, platformId } from '../../../src/domain/ids.ts';
import type { ReadingTimes } from '../../../src/domain/reading-times.ts';
import { parseTenant, type Tenant } from '../../../src/domain/tenant.ts';
import type { GatewayError } from '../../../src/errors.ts';
import type { WatchEvent, WatchOptions } from '../../../src/events/watch.ts';
import type { ExportJobReader } from '../../../src/polling/sources/export-jobs.ts';
import { readInBulk } from '../../../src/upstream/apis/bulk-read.ts';
import type { ExportJobPage, ExportJobsApi } from '../../../src/upstream/apis/export-jobs.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function tenantOf(sandbox = 'prod'): Tenant {
  const tenant = parseTenant('000000000000000000000000@AdobeOrg', sandbox);
  if (tenant === null) throw new Error('not a tenant');
  return tenant;
}

const nothingMeasured = {
  totalTime: null,
  profileExportTime: null,
  datasetWriteTime: null,
  totalExportedProfiles: null,
  exportedProfilesByNamespace: [],
} as const;

const emptyBatch: Omit<Batch, 'id' | 'status' | 'rawStatus'> = {
  datasetId: null,
  recordCount: null,
  failedRecordCount: null,
  sizeBytes: null,
  errors: [],
  startedAt: null,
  completedAt: null,
  createdAt: null,
  updatedAt: null,
  predecessorIds: [],
  successorId: null,
};

/** Creates the destination of a job with these batches. */
export const batchesOf = (...ids: readonly string[]): Pick<ExportJob, 'destination'> => ({
  destination: {
    datasetId: platformId('dataset'),
    segmentPerBatch: ids.length > 1,
    batches: ids.map((id) => ({ batchId: platformId(id), segment: null })),
  },
});

/** Creates a job. `createdAtMs` also determines its position in the list. */
export function exportJob(
  id: string,
  createdAtMs: number,
  status: ExportJobStatus = 'PROCESSING',
  more: Partial<ExportJob> = {},
): ExportJob {
  return {
    id: platformId(id),
    status,
    rawStatus: status,
    jobType: 'BATCH',
    fields: null,
    schemaName: '_xdm.context.profile',
    mergePolicy: null,
    filter: null,
    eventList: null,
    destination: { datasetId: platformId('dataset'), segmentPerBatch: false, batches: [] },
    metrics: nothingMeasured,
    errors: [],
    computeJobs: null,
    profileInstanceId: 'ups',
    requestId: null,
    organizationId: null,
    createdAt: new Date(createdAtMs),
    updatedAt: new Date(createdAtMs),
    requestedAt: new Date(createdAtMs),
    observedAt: new Date(createdAtMs),
    ...more,
  };
}

export interface PlatformCall {
  readonly kind: 'list' | 'get' | 'prove' | 'batches';
  readonly by: string;
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly cursor?: number | undefined;
  readonly limit?: number;
}

/** A state at one moment. The times of its reading end later. */
type Shown<Value> = (reading: ReadingTimes) => Value;

/** The export jobs of one sandbox, in memory. It records every call, and can fail or hold back its responses. */
export class FakePlatform {
  readonly clock: FakeClock;
  readonly calls: PlatformCall[] = [];
  /** Error of a call; null: the call succeeds. */
  failure: (call: PlatformCall) => GatewayError | null = () => null;
  /** Whether a credential may not see a job, so that a call by id does not find it. */
  hides: (call: PlatformCall) => boolean = () => false;
  /** Whether a call never receives a response. */
  hangs: (call: PlatformCall) => boolean = () => false;
  /** Wraps every call for jobs. */
  through: <Value>(call: () => Promise<Value>) => Promise<Value> = (call) => call();
  /** Ids that the list omits although they exist. */
  readonly unlisted = new Set<string>();
  /** Status of each batch that Catalog has. */
  readonly batches = new Map<string, BatchStatus>();
  /** Time of the last change of each batch, if Catalog reports it. */
  readonly batchUpdates = new Map<string, Date>();
  /** Errors that Catalog returns instead of batches. */
  readonly unreadableBatches = new Map<string, GatewayError>();
  readonly #jobs = new Map<string, ExportJob>();
  /** All jobs in the order of the list, until the next change: a sweep reads twenty pages of one state. */
  #sorted: readonly ExportJob[] | null = null;
  #gate: Promise<void> | null = null;
  inFlight = 0;
  mostInFlight = 0;

  constructor(clock = new FakeClock()) {
    this.clock = clock;
  }

  put(...jobs: readonly ExportJob[]): void {
    for (const job of jobs) this.#change((all) => all.set(job.id, job));
  }

  set(id: string, status: ExportJobStatus, more: Partial<ExportJob> = {}): void {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Error(`no job ${id}`);
    this.#change((all) => all.set(id, { ...job, status, rawStatus: status, ...more }));
  }

  delete(id: string): void {
    this.#change((all) => all.delete(id));
  }

  /** Hides the job until `end`, like a lagging read replica. It then reappears in its current state. */
  hide(id: string): { readonly end: () => void } {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new Error(`no job ${id}`);
    this.delete(id);
    return { end: () => this.put(job) };
  }

  job(id: string): ExportJob | undefined {
    return this.#jobs.get(id);
  }

  get jobs(): readonly ExportJob[] {
    return [...this.#jobs.values()];
  }

  /** Holds back responses for jobs until the returned function is called. */
  hold(): () => void {
    let open = () => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.#gate = null;
      open();
    };
  }

  count(kind: PlatformCall['kind']): number {
    return this.calls.filter((call) => call.kind === kind).length;
  }

  /** @param ownRights whether the reader uses the subscriber's own credential instead of the gateway's */
  reader(by = 'someone', ownRights = true): ExportJobReader {
    const proof = {
      credential: by,
      prove: (signal: AbortSignal) => this.#call({ kind: 'prove', by }, signal, () => () => undefined),
      proveOne: async (id: string, signal: AbortSignal) =>
        (await this.#call({ kind: 'prove', by, id }, signal, () => this.#read(id))) !== null,
    };
    return {
      proof: ownRights ? proof : null,
      batches: ({ signal }) => ({
        getMany: (all, limits) =>
          readInBulk<BatchId, Batch>(
            [all],
            async (ids, collector) => {
              const call = { kind: 'batches', by, ids } as const;
              const batches = await this.#call(call, signal, () => () => this.#batches(ids));
              for (const batch of batches) {
                const error = this.unreadableBatches.get(batch.id);
                if (error === undefined) collector.found.push(batch);
                else collector.fail(batch.id, error);
              }
            },
            limits,
          ),
      }),
      exportJobs: ({ signal }): Pick<ExportJobsApi, 'list' | 'get'> => ({
        list: ({ limit, cursor }) =>
          this.through(() =>
            this.#call({ kind: 'list', by, limit, cursor: cursor?.createdAtMs }, signal, () =>
              this.#page(limit, cursor),
            ),
          ),
        get: (id) =>
          this.through(() =>
            this.#call({ kind: 'get', by, id }, signal, () =>
              this.#read(this.hides({ kind: 'get', by, id }) ? 'hidden' : id),
            ),
          ),
      }),
    };
  }

  async #call<Value>(call: PlatformCall, signal: AbortSignal, answer: () => Shown<Value>): Promise<Value> {
    signal.throwIfAborted();
    const requestedAt = this.clock.now();
    this.calls.push(call);
    this.inFlight += call.kind === 'list' ? 1 : 0;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      const failure = this.failure(call);
      // As on the wire, the state is determined at the time of the call, and the response arrives later.
      const shown = failure === null ? answer() : null;
      const answered = (call.kind === 'prove' ? null : this.#gate) ?? turn();
      await untilEither(this.hangs(call) ? new Promise(() => undefined) : answered, signal);
      signal.throwIfAborted();
      if (shown === null) throw failure;
      return shown({ requestedAt, observedAt: this.clock.now() });
    } finally {
      this.inFlight -= call.kind === 'list' ? 1 : 0;
    }
  }

  #batches(ids: readonly BatchId[]): readonly Batch[] {
    return ids.flatMap((id) => {
      const status = this.batches.get(id);
      const updatedAt = this.batchUpdates.get(id) ?? null;
      return status === undefined ? [] : [{ ...emptyBatch, id, status, rawStatus: status.toLowerCase(), updatedAt }];
    });
  }

  #read(id: string): Shown<ExportJob | null> {
    const job = this.#jobs.get(id);
    return (reading) => (job === undefined ? null : { ...job, ...reading });
  }

  #change(change: (jobs: Map<string, ExportJob>) => void): void {
    change(this.#jobs);
    this.#sorted = null;
  }

  /** The jobs of the list, newest first. */
  #listed(): readonly ExportJob[] {
    this.#sorted ??= this.jobs.toSorted(
      (a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1),
    );
    return this.unlisted.size === 0 ? this.#sorted : this.#sorted.filter(({ id }) => !this.unlisted.has(id));
  }

  #page(
    limit: number,
    cursor: { readonly createdAtMs: number; readonly id: string } | undefined,
  ): Shown<ExportJobPage> {
    const listed = this.#listed();
    const first = cursor === undefined ? 0 : listed.findIndex((job) => isAfter(job, cursor));
    const rest = first === -1 ? [] : listed.slice(first);
    const jobs = rest.slice(0, limit);
    const last = jobs.at(-1);
    const goesOn = rest.length > limit && last !== undefined;
    const next = goesOn ? { createdAtMs: last.createdAt.getTime(), id: last.id } : null;
    return (reading) => ({ jobs: jobs.map((job) => ({ ...job, ...reading })), next });
  }
}

/** Whether the list, newest first, shows a job after the position of a cursor. */
function isAfter({ createdAt, id }: ExportJob, cursor: { readonly createdAtMs: number; readonly id: string }): boolean {
  const createdAtMs = createdAt.getTime();
  return createdAtMs === cursor.createdAtMs ? id < cursor.id : createdAtMs < cursor.createdAtMs;
}

function untilEither(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    void work.then(done);
  });
}

/** Takes all events from a stream as they arrive. */
export class Follower {
  readonly events: WatchEvent<ExportJob>[] = [];
  ended: 'completed' | { readonly error: unknown } | null = null;
  readonly #controller: AbortController;

  constructor(stream: AsyncIterable<WatchEvent<ExportJob>>, controller: AbortController) {
    this.#controller = controller;
    this.#follow(stream).then(
      () => {
        this.ended = 'completed';
      },
      (error: unknown) => {
        this.ended = { error };
      },
    );
  }

  get kinds(): readonly string[] {
    return this.events.map(({ kind, entity }) => (entity === null ? kind : `${kind} ${entity.id} ${entity.status}`));
  }

  get cursor(): string | undefined {
    return this.events.at(-1)?.cursor;
  }

  /** The state that results from the events. */
  get view(): ReadonlyMap<string, ExportJob> {
    return viewOf(this.events);
  }

  leave(): void {
    this.#controller.abort();
  }

  async #follow(stream: AsyncIterable<WatchEvent<ExportJob>>): Promise<void> {
    for await (const event of stream) this.events.push(event);
  }
}

export function viewOf(
  events: readonly WatchEvent<ExportJob>[],
  before: ReadonlyMap<string, ExportJob> = new Map(),
): ReadonlyMap<string, ExportJob> {
  const view = new Map(before);
  for (const { kind, entity } of events) {
    if (kind === 'RESYNC') view.clear();
    if (entity === null) continue;
    if (kind === 'REMOVED') view.delete(entity.id);
    else view.set(entity.id, entity);
  }
  return view;
}

export type Ask = Partial<Omit<WatchOptions<ExportJob>, 'signal'>>;

/** Lets all work complete that needs no time. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 40; count += 1) await turn();
}
