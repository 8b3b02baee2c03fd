import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { NotFoundError, ShuttingDownError } from '../errors.ts';
import type { EventLog } from '../events/log.ts';
import { createMemoryEventLog } from '../events/memory-log.ts';
import { EndWait } from '../events/subscriber/end-wait.ts';
import { SnapshotRefresher } from '../events/subscriber/snapshot-refresh.ts';
import { type StreamObserver, WatchStream, type WatchStreamOptions } from '../events/subscriber/stream.ts';
import { TokenExpiryTimers } from '../events/subscriber/token-expiry.ts';
import type { WaitOptions, WaitResult, Watch, WatchEvent, WatchOptions } from '../events/watch.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { RunStatistics } from '../runs/run-statistics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { PullSource } from '../runtime/pull-source.ts';
import { TurnLimiter } from '../runtime/turn-limiter.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { Tracing } from '../tracing/trace.ts';
import { AuthorizationLeases, type RightProof } from './authorization.ts';
import { Feed } from './feed.ts';
import { PlatformHolds } from './holds.ts';
import type { LeaderElections } from './leader/election.ts';
import { createMemoryElections } from './leader/memory.ts';
import type { FeedMember } from './members.ts';
import type { FeedSource } from './sources/source.ts';
import type { FeedNote } from './state.ts';
import { TenantFeeds, type WatchStats } from './tenant-feeds.ts';

/** The right of a subscriber. It is part of every reader, because polls are shared, but rights are not. */
export interface ProvenReader {
  /** Null: the right comes from the gateway's own credential, so the subscriber cannot lose it. */
  readonly proof: RightProof | null;
}

export interface FeedRegistryOptions<Entity extends object, Reader, Checkpoint> {
  readonly source: FeedSource<Entity, Reader, Checkpoint>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** Creates the log of one feed. @default in the memory of this process */
  readonly createLog?: (tenant: Tenant) => EventLog<Entity>;
  /** Decides which replica polls. @default within this process */
  readonly elections?: LeaderElections;
  /** Times until which tenants must not call a service, shared by the registries of all kinds. @default its own */
  readonly holds?: PlatformHolds;
  readonly metrics: PollMetrics;
  /** Creates the spans of rounds. @default rounds are not traced */
  readonly tracing?: Tracing | null;
  /** The ended runs, from which the end of running entities is expected. @default no end is expected */
  readonly runs?: RunStatistics;
  /** Shortest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  /** Longest pause between two rounds, in milliseconds, unless the platform requests a longer one. */
  readonly pollMaxMs: number;
  /** Time for which a feed stays ready after its last subscriber left, in milliseconds. @default 3_000 */
  readonly lingerMs?: number;
  /**
   * Time for which the log of a stopped feed is kept for clients that resume, in milliseconds; 0 if Redis keeps it.
   * @default 600_000 // 10 minutes
   */
  readonly retentionMs?: number;
  /** Maximum number of kept logs of stopped feeds. The longest unused is dropped first. @default 100 */
  readonly maxIdleFeeds?: number;
  /** Validity of the proof of a subscriber's right, in milliseconds. */
  readonly authorizationLeaseMs: number;
  /** Interval in which subscribers receive the current state again, in milliseconds; null: never. */
  readonly confirmStateMs: number | null;
  /** Maximum number of events that wait for one slow subscriber. @default 1_000 */
  readonly maxPendingEvents?: number;
  /** Returns a random number from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** The parts of a registry that connect its feeds with those of other replicas. */
export type FeedSharing = <Entity extends object>(
  source: Pick<FeedSource<Entity, never, never>, 'kind' | 'key'>,
) => Pick<FeedRegistryOptions<Entity, never, never>, 'createLog' | 'elections' | 'retentionMs'>;

/** No sharing: each replica polls for its own subscribers. */
export const unshared: FeedSharing = () => ({});

/** The feeds of one kind, one per tenant, and their subscribers. */
export interface FeedRegistry<Entity, Reader> extends AsyncDisposable {
  /** Creates the watch of one caller. The feed reads the platform through `reader`. */
  connect(tenant: Tenant, reader: Reader): Watch<Entity>;
  stats(): WatchStats;
  /**
   * Ends all waits: with the current state, or with ShuttingDownError if it was not read yet. Later waits return as soon
   * as they know the state.
   * @returns the number of waits that were ended
   */
  endWaits(): number;
  /** Ends all streams with ShuttingDownError and all rounds. Resolves when nothing runs and no timer is left. */
  close(): Promise<void>;
}

export function createFeedRegistry<Entity extends object, Reader extends ProvenReader, Checkpoint>(
  options: FeedRegistryOptions<Entity, Reader, Checkpoint>,
): FeedRegistry<Entity, Reader> {
  return new Registry(options);
}

/**
 * Maximum number of events that all subscribers of one kind receive before other requests are served, and that one of
 * them receives before the next one. Subscribers at about the same event share its results.
 */
const eventsPerTurn = { perTurn: 1_000, perReader: 100 };

class Registry<Entity extends object, Reader extends ProvenReader, Checkpoint> implements FeedRegistry<Entity, Reader> {
  readonly #options: FeedRegistryOptions<Entity, Reader, Checkpoint>;
  readonly #elections: LeaderElections;
  readonly #feeds: TenantFeeds<Entity, Reader, Checkpoint>;
  readonly #leases: AuthorizationLeases;
  readonly #streams = new Set<WatchStream<Entity>>();
  readonly #observer: StreamObserver;
  readonly #turns = new TurnLimiter(eventsPerTurn);
  readonly #confirmations: SnapshotRefresher;
  readonly #expiries: TokenExpiryTimers;
  /** Subscriptions that have not begun to deliver. */
  readonly #starting = new Set<AbortController>();
  /** Functions that end the waits. */
  readonly #waits = new Set<() => void>();
  #endsWaits = false;
  readonly #holds: PlatformHolds;
  #closed: ShuttingDownError | null = null;

  constructor(options: FeedRegistryOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
    this.#elections = options.elections ?? createMemoryElections();
    const { clock, logger, authorizationLeaseMs: leaseMs, random = Math.random } = options;
    const { retentionMs = 600_000, maxIdleFeeds = 100 } = options;
    this.#feeds = new TenantFeeds({
      createFeed: (tenant, onIdle) => this.#createFeed(tenant, onIdle),
      ...{ clock, logger, retentionMs, maxIdleFeeds },
    });
    this.#leases = new AuthorizationLeases({ clock, leaseMs, random });
    const { metrics, source } = options;
    const { kind } = source;
    this.#observer = {
      merged: (count) => metrics.merged({ kind }, count),
      dropped: (count) => metrics.dropped({ kind }, count),
      resynced: () => metrics.resynced({ kind }),
    };
    this.#confirmations = new SnapshotRefresher({ clock, intervalMs: options.confirmStateMs });
    this.#expiries = new TokenExpiryTimers(clock);
    this.#holds = options.holds ?? new PlatformHolds({ clock, logger });
  }

  connect(tenant: Tenant, reader: Reader): Watch<Entity> {
    return {
      subscribe: (options) => this.#subscribe(tenant, reader, options, this.#turns),
      wait: (options) => this.#wait(tenant, reader, options),
      nudge: () => this.#nudge(tenant),
    };
  }

  #nudge(tenant: Tenant): void {
    const feed = this.#feeds.get(tenant);
    if (feed !== undefined) {
      feed.nudge();
      return;
    }
    const { source, logger } = this.#options;
    this.#elections
      .send({ tenant, kind: source.kind }, { kind: 'nudge' })
      .catch((err: unknown) => logger.debug({ kind: source.kind, ...tenant, err }, 'could not notify other replicas'));
  }

  stats(): WatchStats {
    return this.#feeds.stats();
  }

  endWaits(): number {
    this.#endsWaits = true;
    for (const end of this.#waits) end();
    return this.#waits.size;
  }

  async close(): Promise<void> {
    this.#closed ??= new ShuttingDownError();
    for (const controller of this.#starting) controller.abort(this.#closed);
    for (const stream of this.#streams) stream.fail(this.#closed);
    await this.#feeds.close();
    // Otherwise the connection of the store may close first, and the next replica would call the platform at once.
    await this.#holds.stored();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #subscribe(
    tenant: Tenant,
    reader: Reader,
    options: WatchOptions<Entity>,
    turns?: TurnLimiter,
  ): Promise<PullSource<WatchEvent<Entity>>> {
    using start = this.#abortable(options.signal);
    const { signal } = start;
    const right = rightOf(tenant, reader);
    let lose = start.abort;
    const onLost = (error: Error) => lose(error);
    const resumes = options.after !== undefined;
    const lease =
      right === null ? null : await this.#leases.hold({ ...right, ids: options.ids, resumes, onLost }, signal);
    let undo = () => lease?.[Symbol.dispose]();
    try {
      signal.throwIfAborted();
      const feed = this.#feeds.acquire(tenant);
      const member: FeedMember<Reader> = {
        reader,
        credential: right?.credential ?? null,
        ids: options.ids === null ? null : new Set(options.ids),
        withResults: options.withResults ?? false,
        onRefused: () => {
          if (right !== null) this.#leases.invalidate(right.credential);
        },
      };
      const leave = () => {
        feed.leave(member);
        lease?.[Symbol.dispose]();
      };
      undo = leave;
      feed.join(member);
      const unknown = await untilAborted(feed.ready(member), signal);
      signal.throwIfAborted();
      const stream = this.#createStream(feed.log, leave, { ...options, turns });
      lose = (error) => stream.fail(error);
      undo = () => void stream.return();
      await stream.open(options);
      const [missing] = unknown;
      // A subscriber that resumes receives the removal, or has received it. Any other subscriber cannot wait for an
      // entity that does not exist.
      if (missing === undefined || stream.start === 'replay') return stream;
      throw new NotFoundError(missing, { message: `The platform does not know ${missing}.` });
    } catch (error) {
      undo();
      throw error;
    }
  }

  async #wait(
    tenant: Tenant,
    reader: Reader,
    { id, timeoutMs, expiresAt = null, signal }: WaitOptions,
  ): Promise<WaitResult<Entity> | null> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    // A wait that ends at once needs the state of its entity, so it does not wait for its turn.
    const stream = await this.#beginWait(signal, (start) =>
      this.#subscribe(tenant, reader, { ids: [id], matches: null, expiresAt, signal: start }),
    );
    if (stream === null) return null;
    const wait = new EndWait(stream);
    const end = () => wait.release();
    const onAbort = () => wait.fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const leftMs = timeoutMs - (clock.monotonicMs() - startedMs);
    if (leftMs <= 0 || this.#endsWaits) end();
    if (signal.aborted) onAbort();
    this.#waits.add(end);
    const timeout = clock.alarm(Math.max(0, leftMs), end);
    return wait.result.finally(() => {
      timeout[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
      this.#waits.delete(end);
    });
  }

  /** @returns null when the platform does not know the entity */
  async #beginWait<Stream>(
    signal: AbortSignal,
    subscribe: (signal: AbortSignal) => Promise<Stream>,
  ): Promise<Stream | null> {
    using start = this.#abortable(signal);
    const end = () => start.abort(new ShuttingDownError());
    this.#waits.add(end);
    try {
      return await subscribe(start.signal);
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    } finally {
      this.#waits.delete(end);
    }
  }

  /**
   * The caller's signal, which also aborts when the registry closes. It is disposed of when the subscription has begun.
   */
  #abortable(
    outer: AbortSignal,
  ): Disposable & { readonly signal: AbortSignal; readonly abort: (reason: unknown) => void } {
    outer.throwIfAborted();
    if (this.#closed !== null) throw this.#closed;
    const controller = new AbortController();
    const onAbort = () => controller.abort(outer.reason);
    outer.addEventListener('abort', onAbort, { once: true });
    this.#starting.add(controller);
    return {
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      [Symbol.dispose]: () => {
        outer.removeEventListener('abort', onAbort);
        this.#starting.delete(controller);
      },
    };
  }

  /** @param leave called when the stream has ended */
  #createStream(
    log: EventLog<Entity>,
    leave: () => void,
    options: WatchOptions<Entity> & Pick<WatchStreamOptions<Entity>, 'turns'>,
  ): WatchStream<Entity> {
    const { expiresAt = null, turns } = options;
    const { source, clock, maxPendingEvents } = this.#options;
    const { key, isTerminal, results, newestFirst } = source;
    const { ids, matches, endedWithinSeconds, withResults = false } = options;
    const stream = new WatchStream<Entity>({
      ids,
      matches,
      endedWithinSeconds,
      withResults,
      log,
      key,
      isTerminal,
      results,
      newestFirst,
      endedAtMs: (entity, note) => endedAtMs(source, entity, note),
      clock,
      maxPendingEvents,
      observer: this.#observer,
      turns,
      onEnd: () => {
        this.#streams.delete(stream);
        this.#confirmations.delete(stream);
        if (expiresAt !== null) this.#expiries.delete(stream, expiresAt);
        leave();
      },
    });
    this.#streams.add(stream);
    this.#confirmations.add(stream);
    if (expiresAt !== null) this.#expiries.add(stream, expiresAt);
    return stream;
  }

  #createFeed(tenant: Tenant, onIdle: () => void): Feed<Entity, Reader, Checkpoint> {
    const {
      source,
      clock,
      logger,
      createLog = () => createMemoryEventLog({ key: source.key, clock }),
      pollMinMs,
      pollMaxMs,
      lingerMs = 3_000,
      random = Math.random,
      metrics,
      tracing = null,
      runs,
    } = this.#options;
    return new Feed({
      tenant,
      source,
      log: createLog(tenant),
      elections: this.#elections,
      hold: this.#holds.of(tenant, source.service),
      metrics,
      tracing,
      runs: runs?.of(tenant) ?? null,
      clock,
      logger,
      pollMinMs,
      pollMaxMs,
      lingerMs,
      random,
      onIdle,
    });
  }
}

/**
 * Returns null if there is nothing to prove. The name of the credential includes the tenant, because rights differ
 * between tenants.
 */
function rightOf(tenant: Tenant, { proof }: ProvenReader): RightProof | null {
  return proof === null ? null : { ...proof, credential: JSON.stringify([tenantKey(tenant), proof.credential]) };
}

/**
 * Returns the end that the gateway observed, if the log has one, because the platform reports no plausible time for
 * such an end.
 */
function endedAtMs<Entity extends object, Checkpoint>(
  { key, endedAt }: Pick<FeedSource<Entity, unknown, Checkpoint>, 'key' | 'endedAt'>,
  entity: Entity,
  note: unknown,
): number | null {
  // Only PollRounds writes notes, and replicas that write another kind of note use a log of their own.
  const seen = (note as FeedNote<Checkpoint> | null)?.endedSeen.get(key(entity));
  return seen ?? endedAt(entity)?.getTime() ?? null;
}
