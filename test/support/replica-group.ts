import type { ScheduleId } from '../../src/domain/ids.ts';
import type { Schedule } from '../../src/domain/schedule.ts';
import type { Tenant } from '../../src/domain/tenant.ts';
import type { WatchEvent } from '../../src/events/watch.ts';
import { createFeedRegistry, type FeedRegistry } from '../../src/polling/feed-registry.ts';
import { shareByRedis } from '../../src/polling/leader/redis-sharing.ts';
import { type ScheduleReader, scheduleSource } from '../../src/polling/sources/schedules.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { startRedis } from '../../src/runtime/redis.ts';
import { defaultPolling } from './default-config.ts';
import { tenantOf } from './tenants.ts';
import { uncountedPolls } from './uncounted-metrics.ts';

/** Number of feeds that one replica begins to watch concurrently. */
const feedsAtOnce = 50;
/** Maximum number of attempts to subscribe, a tenth of a second apart. */
const maxAttempts = 300;
/** Number of schedules per sandbox. */
const schedulesPerSandbox = 20;

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

/** A platform in memory whose schedules change only when a test changes them. */
export class ScriptedPlatform {
  readonly #schedules = new Map<string, Schedule[]>();
  /** Number of calls so far. */
  calls = 0;

  /** A reader for a gateway with its own credential and this clock. */
  readerOf(tenant: Tenant, clock: Pick<Clock, 'now'> = systemClock): ScheduleReader {
    return {
      proof: null,
      schedules: () => ({
        listWith: async () => {
          this.calls += 1;
          const at = clock.now();
          const found = this.#of(tenant).map((schedule) => ({ ...schedule, requestedAt: at, observedAt: at }));
          return { found, failed: [], calls: 1 };
        },
      }),
    };
  }

  /** Changes the state of the first schedule. */
  change(tenant: Tenant): void {
    const schedules = this.#of(tenant);
    const [first] = schedules;
    if (first !== undefined) schedules[0] = { ...first, state: first.state === 'ACTIVE' ? 'INACTIVE' : 'ACTIVE' };
  }

  #of({ org, sandbox }: Tenant): Schedule[] {
    const name = `${org} ${sandbox}`;
    const known = this.#schedules.get(name);
    if (known !== undefined) return known;
    const schedules = Array.from({ length: schedulesPerSandbox }, (_, index) => scheduleOf(index));
    this.#schedules.set(name, schedules);
    return schedules;
  }
}

function scheduleOf(index: number): Schedule {
  const at = new Date(Date.UTC(2030, 0, 1) + index * 1_000);
  return {
    // The assertion holds because ids of the platform have this form.
    id: `${hex(index, 8)}-0000-4000-8000-000000000000` as ScheduleId,
    name: `schedule ${index}`,
    type: 'BATCH_SEGMENTATION',
    rawType: 'batch_segmentation',
    state: 'ACTIVE',
    schedule: '0 0 1 * * ?',
    frequency: 'daily',
    segmentIds: [],
    createdAt: at,
    updatedAt: at,
    requestedAt: at,
    observedAt: at,
  };
}

export interface GroupOptions {
  readonly url: string;
  readonly replicas: number;
  readonly feeds: number;
  /** Shortest and longest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
  /** Shortest pause from which replicas derive the duration of their leases, in milliseconds. @default pollMinMs */
  readonly leasePollMs?: number;
  /** One clock per replica. @default the clock of the machine */
  readonly clocks?: readonly Clock[];
}

/** A group of replicas with one subscriber per feed in each replica. */
export interface ReplicaGroup extends AsyncDisposable {
  readonly platform: ScriptedPlatform;
  readonly tenants: readonly Tenant[];
  readonly registries: readonly FeedRegistry<Schedule, ScheduleReader>[];
  /** Number of events that subscribers have received so far. */
  readonly events: number;
  /** Called with each event and the number of its replica. */
  onEvent: (event: WatchEvent<Schedule>, replica: number) => void;
  /** Ends one replica, as a graceful stop of its process does. */
  stop(replica: number): Promise<void>;
}

/** Starts replicas in this process, with separate connections. Each of them watches every feed. */
export async function startReplicaGroup(options: GroupOptions): Promise<ReplicaGroup> {
  const { url, replicas, feeds, pollMinMs, pollMaxMs, leasePollMs = pollMinMs, clocks = [] } = options;
  const platform = new ScriptedPlatform();
  const tenants = Array.from({ length: feeds }, (_, index) => tenantOf(`sandbox-${index}`));
  const logger = createLogger({ level: 'silent' });
  const lifecycles: Lifecycle[] = [];
  const registries: FeedRegistry<Schedule, ScheduleReader>[] = [];
  let events = 0;
  for (let index = 0; index < replicas; index += 1) {
    const clock = clocks[index] ?? systemClock;
    const lifecycle = new Lifecycle();
    lifecycles.push(lifecycle);
    const redis = startRedis({ url, clock, logger });
    lifecycle.add('Redis', () => redis[Symbol.asyncDispose]());
    const sharing = shareByRedis({ redis, clock, logger, pollMinMs: leasePollMs, lifecycle })(scheduleSource);
    const polling = { ...defaultPolling, pollMinMs, pollMaxMs };
    const registry = createFeedRegistry({
      metrics: uncountedPolls,
      source: scheduleSource,
      ...sharing,
      clock,
      logger,
      ...polling,
    });
    lifecycle.add('registry', () => registry.close());
    registries.push(registry);
  }
  const group: ReplicaGroup = {
    platform,
    tenants,
    registries,
    get events() {
      return events;
    },
    onEvent: () => undefined,
    stop: async (replica) => {
      await lifecycles[replica]?.close();
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(lifecycles.map((lifecycle) => lifecycle.close()));
    },
  };
  const follow = async (replica: number, tenant: Tenant) => {
    const watch = registries[replica]?.connect(tenant, platform.readerOf(tenant, clocks[replica]));
    const stream = await connected(() =>
      watch?.subscribe({ ids: null, matches: null, signal: new AbortController().signal }),
    );
    if (stream === undefined) return;
    const drain = () => {
      for (let result = readNext(stream); result !== null && result.done !== true; result = readNext(stream)) {
        events += 1;
        group.onEvent(result.value, replica);
      }
    };
    stream.listen({ onReadable: drain });
    drain();
  };
  for (let replica = 0; replica < replicas; replica += 1) {
    for (let first = 0; first < feeds; first += feedsAtOnce) {
      await Promise.all(tenants.slice(first, first + feedsAtOnce).map((tenant) => follow(replica, tenant)));
    }
  }
  return group;
}

/** Repeats a failing attempt until the connections are established. */
async function connected<Result>(attempt: () => Promise<Result> | undefined): Promise<Result | undefined> {
  for (let attempts = 0; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (attempts === maxAttempts) throw error;
      await systemClock.sleep(100);
    }
  }
}

/** Reads the next value; null at the end, and also for a failed stream, because its replica was stopped. */
function readNext<Value>(stream: {
  read(): IteratorResult<Value, undefined> | null;
}): IteratorResult<Value, undefined> | null {
  try {
    return stream.read();
  } catch {
    return null;
  }
}
