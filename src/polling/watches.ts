import type { Config } from '../config/config.ts';
import type { ExportJob } from '../domain/export-job.ts';
import { platformId } from '../domain/ids.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SegmentJob } from '../domain/segment-job.ts';
import type { Watch } from '../events/watch.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Caller, PlatformApi, Upstream } from '../upstream/platform-api.ts';
import type { RightProof } from './authorization.ts';
import type { FeedSharing } from './feed-registry.ts';
import { createFeedRegistry, type FeedRegistry } from './feed-registry.ts';
import { PlatformHolds } from './holds.ts';
import type { PollMetrics } from './metrics.ts';
import { type ExportJobReader, exportJobSource } from './sources/export-jobs.ts';
import { type ScheduleReader, scheduleSource } from './sources/schedules.ts';
import { type SegmentJobReader, segmentJobSource } from './sources/segment-jobs.ts';

export interface WatchesOptions {
  readonly upstream: Pick<Upstream, 'connect'>;
  /** Whether callers read with their own credentials instead of the gateway's. */
  readonly ownRights: boolean;
  readonly sharing: FeedSharing;
  readonly polling: Config['polling'];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PollMetrics;
}

/** Watches of all kinds of entities. */
export interface PlatformWatches {
  /** Returns the watches of one caller. */
  of(caller: Caller): CallerWatches;
  /** The feeds behind the watches, by kind. */
  readonly feeds: ReadonlyMap<string, Feeds>;
}

type Feeds = Pick<FeedRegistry<never, never>, 'stats' | 'close'>;

export function createWatches(options: WatchesOptions): PlatformWatches {
  const { upstream, ownRights, sharing, polling, clock, logger, metrics } = options;
  const { minMs: pollMinMs, maxMs: pollMaxMs, authorizationLeaseMs, confirmStateMs } = polling;
  const holds = new PlatformHolds(clock);
  const common = { clock, logger, metrics, holds, pollMinMs, pollMaxMs, authorizationLeaseMs, confirmStateMs };
  const registries: Registries = {
    exportJobs: createFeedRegistry({ ...common, ...sharing(exportJobSource), source: exportJobSource }),
    segmentJobs: createFeedRegistry({ ...common, ...sharing(segmentJobSource), source: segmentJobSource }),
    schedules: createFeedRegistry({ ...common, ...sharing(scheduleSource), source: scheduleSource }),
  };
  const services = { registries, upstream, ownRights };
  return {
    of: (caller) => new CallerWatches(caller, services),
    feeds: new Map<string, Feeds>([
      [exportJobSource.kind, registries.exportJobs],
      [segmentJobSource.kind, registries.segmentJobs],
      [scheduleSource.kind, registries.schedules],
    ]),
  };
}

interface Services extends Pick<WatchesOptions, 'upstream' | 'ownRights'> {
  readonly registries: Registries;
}

interface Registries {
  readonly exportJobs: FeedRegistry<ExportJob, ExportJobReader>;
  readonly segmentJobs: FeedRegistry<SegmentJob, SegmentJobReader>;
  readonly schedules: FeedRegistry<Schedule, ScheduleReader>;
}

/** Creates each view on first use, because an operation watches at most one kind, and most operations watch none. */
class CallerWatches {
  readonly #caller: Caller;
  readonly #services: Services;

  constructor(caller: Caller, services: Services) {
    this.#caller = caller;
    this.#services = services;
  }

  get exportJobs(): Watch<ExportJob> {
    return this.#services.registries.exportJobs.connect(this.#caller.tenant, {
      exportJobs: (signal) => this.#poll(signal).exportJobs,
      batches: (signal) => this.#poll(signal).batches,
      proof: this.#proof({
        list: ({ exportJobs }) => exportJobs.list({ limit: 1 }),
        get: ({ exportJobs }, id) => exportJobs.get(platformId(id)),
      }),
    });
  }

  get segmentJobs(): Watch<SegmentJob> {
    return this.#services.registries.segmentJobs.connect(this.#caller.tenant, {
      segmentJobs: (signal) => this.#poll(signal).segmentJobs,
      proof: this.#proof({
        list: ({ segmentJobs }) => segmentJobs.list({ limit: 1 }),
        get: ({ segmentJobs }, id) => segmentJobs.get(platformId(id)),
      }),
    });
  }

  get schedules(): Watch<Schedule> {
    return this.#services.registries.schedules.connect(this.#caller.tenant, {
      schedules: (signal) => this.#poll(signal).schedules,
      proof: this.#proof({
        list: ({ schedules }) => schedules.list(),
        get: ({ schedules }, id) => schedules.get(platformId(id)),
      }),
    });
  }

  #poll(signal: AbortSignal): PlatformApi {
    return this.#services.upstream.connect(this.#caller, { signal, priority: 'poll' });
  }

  /** Rights that come from the gateway's own credential need no proof. A caller's credential is proved by using it. */
  #proof({ list, get }: ProvingReads): RightProof | null {
    const { ownRights, upstream } = this.#services;
    if (!ownRights) return null;
    const { credential } = this.#caller;
    const connect = (signal: AbortSignal) => upstream.connect(this.#caller, { signal });
    return {
      credential: credential.fingerprint,
      prove: async (signal) => void (await list(connect(signal))),
      proveOne: async (id, signal) => (await get(connect(signal), id)) !== null,
    };
  }
}

/** Calls that prove the rights of a credential for one kind of entity. */
interface ProvingReads {
  list(api: PlatformApi): Promise<unknown>;
  /** Resolves with null when the platform does not know the entity. */
  get(api: PlatformApi, id: string): Promise<unknown>;
}
