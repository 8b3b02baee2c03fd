import { type Tenant, tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Feed } from './feed.ts';

export interface WatchStats {
  /** Number of running feeds, including lingering ones. */
  readonly feeds: number;
  /**
   * Number of running feeds that this replica polls. The others are polled by another replica, or by none at the
   * moment.
   */
  readonly polling: number;
  /** Number of logs that are kept for clients that resume. */
  readonly idleFeeds: number;
  readonly subscribers: number;
  /** Number of good rounds of all feeds since the start. */
  readonly rounds: number;
  /** End of the last good round; null: there was none. */
  readonly lastRoundAt: Date | null;
}

export interface TenantFeedsOptions<Entity extends object, Reader, Checkpoint> {
  /** @param onIdle called when the feed has stopped, because it has no subscribers */
  readonly createFeed: (tenant: Tenant, onIdle: () => void) => Feed<Entity, Reader, Checkpoint>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'warn'>;
  /** Time for which a stopped feed is kept, in milliseconds. */
  readonly retentionMs: number;
  /** Maximum number of stopped feeds that are kept. The longest unused is dropped first. */
  readonly maxIdleFeeds: number;
}

interface Slot<Entity extends object, Reader, Checkpoint> {
  readonly feed: Feed<Entity, Reader, Checkpoint>;
  /** Null while the feed runs. */
  idleSinceMs: number | null;
}

/** The feeds of one kind by tenant: those that run, and stopped ones that are kept for clients that resume. */
export class TenantFeeds<Entity extends object, Reader, Checkpoint> {
  readonly #options: TenantFeedsOptions<Entity, Reader, Checkpoint>;
  /** Feeds by tenant. Idle ones are in the order in which they became idle. */
  readonly #slots = new Map<string, Slot<Entity, Reader, Checkpoint>>();
  #roundsOfDropped = 0;
  #lastRoundOfDropped: Date | null = null;

  constructor(options: TenantFeedsOptions<Entity, Reader, Checkpoint>) {
    this.#options = options;
  }

  /** The feed of a tenant, which is created if there is none. */
  acquire(tenant: Tenant): Feed<Entity, Reader, Checkpoint> {
    this.#sweep();
    const key = tenantKey(tenant);
    const slot = this.#slots.get(key);
    if (slot !== undefined) {
      slot.idleSinceMs = null;
      return slot.feed;
    }
    const feed = this.#options.createFeed(tenant, () => this.#idle(key));
    this.#slots.set(key, { feed, idleSinceMs: null });
    return feed;
  }

  /** The feed of a tenant; undefined: there is none. */
  get(tenant: Tenant): Feed<Entity, Reader, Checkpoint> | undefined {
    return this.#slots.get(tenantKey(tenant))?.feed;
  }

  stats(): WatchStats {
    const feeds = this.#feeds;
    const running = feeds.filter((feed) => feed.running).length;
    const times = [this.#lastRoundOfDropped, ...feeds.map((feed) => feed.lastRoundAt)].filter((time) => time !== null);
    return {
      feeds: running,
      polling: feeds.filter((feed) => feed.polls).length,
      idleFeeds: feeds.length - running,
      subscribers: feeds.reduce((sum, feed) => sum + feed.subscribers, 0),
      rounds: feeds.reduce((sum, feed) => sum + feed.rounds, this.#roundsOfDropped),
      lastRoundAt: times.reduce<Date | null>((last, time) => (last === null || time > last ? time : last), null),
    };
  }

  /** Resolves when no feed runs and no timer is left. */
  async close(): Promise<void> {
    await Promise.all(this.#feeds.map((feed) => feed.close()));
  }

  get #feeds(): readonly Feed<Entity, Reader, Checkpoint>[] {
    return [...this.#slots.values()].map(({ feed }) => feed);
  }

  #idle(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    // A feed that never made a good round has nothing to resume from.
    if (slot.feed.rounds === 0) {
      this.#drop(slot.feed);
      return;
    }
    slot.idleSinceMs = this.#options.clock.monotonicMs();
    this.#slots.set(key, slot);
    this.#sweep();
  }

  /** Drops logs that no client came back for. It runs when feeds start and stop, so that no timer is needed. */
  #sweep(): void {
    const { clock, maxIdleFeeds, retentionMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const idle = [...this.#slots].filter(([, { idleSinceMs }]) => idleSinceMs !== null);
    const excess = idle.length - maxIdleFeeds;
    for (const [index, [key, { feed, idleSinceMs }]] of idle.entries()) {
      if (index >= excess && nowMs - (idleSinceMs ?? nowMs) < retentionMs) continue;
      this.#slots.delete(key);
      this.#drop(feed);
    }
  }

  #drop(feed: Feed<Entity, Reader, Checkpoint>): void {
    this.#roundsOfDropped += feed.rounds;
    if (feed.lastRoundAt !== null) this.#lastRoundOfDropped = feed.lastRoundAt;
    feed.close().catch((err: unknown) => this.#options.logger.warn({ err }, 'could not close the event log'));
  }
}
