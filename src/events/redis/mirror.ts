import { GatewayError } from '../../errors.ts';
import { backoffMs } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { growingLru } from '../../runtime/lru.ts';
import type { Redis } from '../../runtime/redis.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';
import type { LogView } from '../log-view.ts';
import { isLater, type LogHead, type LogRecord, splitMessage, UndecodableError } from './codec.ts';
import { subscriptionsUnavailable } from './errors.ts';
import type { FeedKeys } from './keys.ts';
import { MirrorWaiters } from './mirror-waiters.ts';
import { type LogReading, readLog, readRecordsAfter } from './read-log.ts';
import { discardedMessage, type RedisLogStore } from './store.ts';

/** The part of this replica's heartbeat that its logs use. */
export interface LogHeartbeat {
  /** Keeps existing keys for `ms` milliseconds at a time, until the result is disposed of. */
  keepAlive(keys: readonly string[], ms: number): Disposable;
  listen(listener: { databaseReplaced(): void }): Disposable;
}

export interface RedisLogMirrorOptions<Entity> {
  readonly view: LogView<Entity>;
  readonly store: Pick<RedisLogStore<Entity>, 'head' | 'state' | 'entities' | 'records' | 'decode' | 'discard'>;
  readonly keys: FeedKeys;
  readonly redis: Pick<Redis, 'subscribe'>;
  readonly heartbeat: LogHeartbeat;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  /** Time for which the log remains in Redis when no replica follows it, in milliseconds. */
  readonly retentionMs: number;
}

/** Time for which Redis may be unreachable before readers receive STALE and requests fail, in milliseconds. */
const graceMs = 2_000;
/**
 * Time for which readers keep the state of a lost log before they receive STALE, in milliseconds. A poller begins the
 * log again with its next good round, and cannot write STALE before.
 */
const lostGraceMs = 60_000;
/** Pause before the next attempt to read the log, in milliseconds. */
const retryPauseMs = 200;
/** Minimum time between two warnings about the log, in milliseconds. */
const warningPauseMs = 60_000;
/** Pauses after this replica discarded a log before it may discard one again. */
const discardBackoff = { firstMs: 10_000, maxMs: 600_000 };
/**
 * Number of records whose second arrival is recognized. A record can arrive by a write of this replica, by reading a
 * gap, and on the channel.
 */
const maxRecentRecords = 128;

/** `in step`: up to date. `behind`: being updated. `away`: Redis was unreachable for longer than the grace period. */
type Link = 'in step' | 'behind' | 'away';

/**
 * Keeps the view of this replica up to date with the log in Redis. Records arrive on a channel. Whenever a record may
 * have been missed, the mirror reads the head of the log. It then reads only the missing records, or the whole log if
 * these are gone.
 */
export class RedisLogMirror<Entity> {
  readonly #options: RedisLogMirrorOptions<Entity>;
  readonly #closed = new AbortController();
  readonly #waiters = new MirrorWaiters();
  readonly #following: Disposable[] = [];
  #begun = false;
  #subscribed = false;
  #link: Link = 'behind';
  /** The last record that the view shows; null before the first load. */
  #head: LogHead | null = null;
  /** Whether Redis has a log. If not, the view shows the last one. */
  #exists = false;
  readonly #recent = growingLru<true>(maxRecentRecords);
  /** Whether records may have been missed since the head was last read. */
  #outdated = false;
  /** Whether the view may differ from the log although it shows its last record. */
  #doubtful = false;
  #locating: Promise<void> | null = null;
  /** The last read of the head for `refresh`, and the next one. */
  #reading: Promise<unknown> = Promise.resolve();
  #nextRead: Promise<LogHead | null> | null = null;
  #grace: AbortController | null = null;
  /** Aborts the wait for a new log after one was lost. */
  #lostGrace: AbortController | null = null;
  /** Epoch of a log whose state cannot be decoded; null: there is none. */
  #undecodable: string | null = null;
  #nextWarningMs = 0;
  #nextDiscardMs = 0;
  /** Number of times that this replica has discarded a log. */
  #discards = 0;

  constructor(options: RedisLogMirrorOptions<Entity>) {
    this.#options = options;
  }

  /** The last record that the view shows; null while there is no log. */
  get head(): LogHead | null {
    return this.#exists ? this.#head : null;
  }

  /** Follows the log from now on. The subscription comes first, so that no record is missed while the log is loaded. */
  begin(): void {
    if (this.#begun || this.#closed.signal.aborted) return;
    this.#begun = true;
    const { redis, heartbeat, keys, retentionMs } = this.#options;
    void this.#giveGrace();
    const subscriber = {
      onMessage: (text: string) => this.#receiveMessage(text),
      onSubscribed: () => {
        this.#subscribed = true;
        this.invalidate();
      },
      onLost: () => {
        this.#subscribed = false;
        this.invalidate();
      },
    };
    this.#following.push(
      redis.subscribe(keys.channel, subscriber),
      heartbeat.keepAlive([keys.events, keys.snapshot, keys.meta], retentionMs),
      heartbeat.listen({ databaseReplaced: () => this.invalidate() }),
    );
  }

  /**
   * Resolves when the view is up to date.
   * @throws {GatewayError} Redis was unreachable for longer than the grace period
   */
  inStep(): Promise<void> {
    this.begin();
    if (this.#link === 'in step') return Promise.resolve();
    if (this.#link === 'away' || this.#closed.signal.aborted) return Promise.reject(subscriptionsUnavailable());
    return this.#waiters.wait({ needsLog: false, signal: null });
  }

  /**
   * Resolves when the view is up to date and there is a log.
   * @throws {GatewayError} Redis is unreachable, or no replica has begun the log within the grace period
   */
  async existing(): Promise<void> {
    await this.inStep();
    if (this.#exists) return;
    using deadline = this.#options.clock.deadline(graceMs);
    await this.#waiters.wait({ needsLog: true, signal: deadline.signal });
  }

  /**
   * Resolves when the view shows every write of any replica before the call.
   * @throws {GatewayError} Redis is unreachable
   */
  async refresh(): Promise<void> {
    const stored = await this.#readHead();
    if (stored?.text === this.head?.text) return;
    this.invalidate();
    await this.inStep();
  }

  /** Applies a record from any source. If records before it are missing, they are read. */
  receive(record: LogRecord<Entity>): void {
    if (this.#recent.has(record.head.text)) return;
    if (this.#locating === null && this.#subscribed && record.after === this.head?.text) this.#apply(record);
    else this.invalidate();
  }

  /** Reads the head of the log, because the view may have missed a record. */
  invalidate(): void {
    // A write may end after the log was closed.
    if (this.#closed.signal.aborted) return;
    this.#outdated = true;
    if (this.#link === 'in step') {
      this.#link = 'behind';
      void this.#giveGrace();
    }
    if (this.#subscribed) this.#locating ??= this.#locate();
  }

  /** Reads the whole log, even if the view shows its last record. */
  reload(): void {
    this.#doubtful = true;
    this.invalidate();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const one of this.#following) one[Symbol.dispose]();
    this.#grace?.abort();
    this.#lostGrace?.abort();
    this.#waiters.reject();
    await this.#locating;
  }

  /** How the log is read. */
  get #reads(): LogReading<Entity> {
    return { store: this.#options.store, onUndecodable: (error) => this.#warn(error) };
  }

  /** Starts a read of the head after the call. Calls during a read share the next one. */
  #readHead(): Promise<LogHead | null> {
    this.#nextRead ??= this.#reading.then(() => {
      this.#nextRead = null;
      const read = this.#options.store.head();
      this.#reading = read.catch(() => undefined);
      return read;
    });
    return this.#nextRead;
  }

  #receiveMessage(text: string): void {
    if (this.#closed.signal.aborted) return;
    if (text === discardedMessage) {
      this.invalidate();
      return;
    }
    try {
      this.receive(this.#options.store.decode(splitMessage(text)));
    } catch (err) {
      this.#warn(err);
      this.invalidate();
    }
  }

  #apply({ head, write: { observedAt, ...write }, bytes }: LogRecord<Entity>): void {
    this.#options.view.apply({ write, observedAt, mark: head.identity, bytes });
    this.#setHead(head);
  }

  #setHead(head: LogHead): void {
    this.#head = head;
    this.#recent.set(head.text, true);
  }

  /** Updates the view until no record can have been missed in the meantime. */
  async #locate(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closed;
    while (this.#subscribed && this.#outdated && !signal.aborted) {
      this.#outdated = false;
      try {
        await untilAborted(this.#catchUp(), signal);
      } catch (err) {
        if (signal.aborted) break;
        this.#outdated = true;
        // The Redis connection logs that it is unreachable.
        if (!(err instanceof GatewayError)) this.#warn(err, 'event log not followed');
        await clock.sleep(retryPauseMs, signal).catch(() => undefined);
      }
    }
    this.#locating = null;
    if (this.#subscribed && !this.#outdated && !signal.aborted) this.#arrive();
  }

  async #catchUp(): Promise<void> {
    const { store } = this.#options;
    const stored = await store.head();
    const isDoubtful = this.#doubtful;
    if (stored === null) this.#lose();
    else if (isDoubtful) await this.#load(stored);
    else if (stored.text === this.#head?.text) this.#findAgain();
    else if (!(await this.#readGap(stored))) await this.#load(stored);
    if (isDoubtful) this.#doubtful = false;
  }

  /**
   * Applies the records that the view has missed.
   * @returns whether this was possible. It is not if a failover has lost the view's last record.
   */
  async #readGap(stored: LogHead): Promise<boolean> {
    const from = this.#head;
    if (from === null || stored.epoch !== from.epoch || !isLater(stored, from)) return false;
    const records = await readRecordsAfter(from, this.#reads);
    this.#closed.signal.throwIfAborted();
    if (records === null) return false;
    this.#endLoss();
    for (const record of records) this.#apply(record);
    return true;
  }

  async #load(stored: LogHead): Promise<void> {
    const { clock } = this.#options;
    if (this.#undecodable === stored.epoch && clock.monotonicMs() < this.#nextDiscardMs) {
      this.#lose();
      return;
    }
    try {
      await this.#loadAll();
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      this.#warn(error);
      await this.#discard(stored);
    }
  }

  async #loadAll(): Promise<void> {
    const log = await readLog(this.#reads);
    this.#closed.signal.throwIfAborted();
    if (log === null) {
      this.#lose();
      return;
    }
    this.#endAway();
    this.#endLoss();
    this.#options.view.reset(log.state);
    this.#recent.clear();
    this.#setHead(log.head);
    for (const record of log.records) this.#apply(record);
  }

  /** Removes the log for all replicas. Other replicas may be able to decode it, but they all follow the next epoch. */
  async #discard({ epoch }: LogHead): Promise<void> {
    const { clock, store } = this.#options;
    this.#undecodable = epoch;
    this.#lose();
    if (clock.monotonicMs() < this.#nextDiscardMs) return;
    this.#discards += 1;
    this.#nextDiscardMs = clock.monotonicMs() + backoffMs(discardBackoff, this.#discards);
    await store.discard(epoch);
  }

  /** Notes that there is no log. Readers keep their state until the next log begins. */
  #lose(): void {
    if (this.#closed.signal.aborted) return;
    if (!this.#exists) return;
    this.#exists = false;
    this.#options.view.noteExistence();
    void this.#awaitNext();
  }

  async #awaitNext(): Promise<void> {
    const { view, clock } = this.#options;
    const grace = new AbortController();
    this.#lostGrace = grace;
    await clock.sleep(lostGraceMs, grace.signal).catch(() => undefined);
    if (!grace.signal.aborted) view.markLocal('lost', true, clock.now());
  }

  /** Notes that there is a log. */
  #endLoss(): void {
    const { view, clock } = this.#options;
    this.#exists = true;
    this.#lostGrace?.abort();
    view.markLocal('lost', false, clock.now());
  }

  /** Notes that the log is the one that the view shows. If it was lost in the meantime, the watchers are notified. */
  #findAgain(): void {
    if (this.#exists) return;
    this.#endLoss();
    this.#options.view.noteExistence();
  }

  /** Restarts the grace period, because readers open the log again as soon as it is loaded and must not fail then. */
  #endAway(): void {
    if (this.#link !== 'away') return;
    this.#link = 'behind';
    void this.#giveGrace();
  }

  #arrive(): void {
    const { view, clock } = this.#options;
    this.#link = 'in step';
    this.#grace?.abort();
    view.markLocal('out of reach', false, clock.now());
    this.#waiters.resolve({ hasLog: this.#exists });
  }

  /** Starts the grace period. After it requests fail at once, and the readers of this process receive STALE. */
  async #giveGrace(): Promise<void> {
    const { view, clock } = this.#options;
    const grace = new AbortController();
    this.#grace?.abort();
    this.#grace = grace;
    await clock.sleep(graceMs, grace.signal).catch(() => undefined);
    if (grace.signal.aborted) return;
    this.#link = 'away';
    this.#waiters.reject();
    view.markLocal('out of reach', true, clock.now());
  }

  #warn(err: unknown, message = 'event log cannot be decoded, so its missing entries are treated as lost'): void {
    const { clock, logger, keys } = this.#options;
    if (clock.monotonicMs() < this.#nextWarningMs) return;
    this.#nextWarningMs = clock.monotonicMs() + warningPauseMs;
    logger.warn({ err, log: keys.prefix }, message);
  }
}
