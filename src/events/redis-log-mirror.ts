import { GatewayError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import {
  compareRecordIds,
  type RedisStreamReader,
  type StreamFollower,
  type StreamRecord,
} from '../runtime/redis-stream-reader.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { LogView } from './log-view.ts';
import { decodeRecord } from './redis-log-codec.ts';
import type { LogHead, RedisLogStore, StoredLog } from './redis-log-store.ts';
import { outOfReach } from './redis-reach.ts';

export interface RedisLogMirrorOptions<Entity> {
  readonly view: LogView<Entity>;
  readonly store: Pick<RedisLogStore<Entity>, 'head' | 'load' | 'restore'>;
  /** Key of the stream. */
  readonly stream: string;
  readonly reader: Pick<RedisStreamReader, 'follow' | 'moved'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** How long Redis may be out of reach before subscribers are told and requests fail, in milliseconds. */
const graceMs = 2_000;
/**
 * Pause between two looks at whether the log in Redis is still the one that is followed, in milliseconds. They also keep
 * it alive. A lost connection is noticed without them; a flushed database is not.
 */
const checkIntervalMs = 3_000;
/** Pause before another attempt while Redis does not answer, in milliseconds. */
const retryPauseMs = 200;
/** How long a record may take from Redis to this replica, in milliseconds. */
const arrivalTimeoutMs = 3_000;

/** Up to date, on the way there, or out of touch for longer than the grace. */
type Link = 'in step' | 'behind' | 'away';

interface Waiter {
  /** The record that it waits for; null: until the mirror is in step. */
  readonly record: string | null;
  resolve(): void;
  reject(error: unknown): void;
}

/** Keeps what this replica knows of a log in step with Redis, and tells its readers when it cannot. */
export class RedisLogMirror<Entity> implements StreamFollower {
  readonly #options: RedisLogMirrorOptions<Entity>;
  readonly #closed = new AbortController();
  readonly #waiters = new Set<Waiter>();
  #running: { readonly following: Disposable; readonly checking: Promise<void> } | null = null;
  #link: Link = 'behind';
  #connected = false;
  /** The last record that the view holds. */
  #record = '0-0';
  /** Whether the view goes on from there; otherwise it has to be loaded anew. */
  #continues = false;
  /** The record that has to be read until the mirror is in step; null until that is found out. */
  #target: string | null = null;
  /** Counts what a look at the log may not know of that is under way. */
  #doubts = 0;
  #term = 0;
  #toldStale = false;
  #grace: AbortController | null = null;
  #pause: AbortController | null = null;

  constructor(options: RedisLogMirrorOptions<Entity>) {
    this.#options = options;
  }

  get head(): LogHead {
    return { epoch: this.#options.view.epoch, record: this.#record };
  }

  /** Follows the log from now on. */
  begin(): void {
    if (this.#running !== null || this.#closed.signal.aborted) return;
    const { reader, stream } = this.#options;
    void this.#giveGrace();
    this.#running = { following: reader.follow(stream, this), checking: this.#check() };
  }

  /**
   * Resolves when the view is up to date.
   * @throws {GatewayError} Redis has been out of reach for longer than the grace.
   */
  inStep(): Promise<void> {
    this.begin();
    if (this.#link === 'in step') return Promise.resolve();
    if (this.#link === 'away' || this.#closed.signal.aborted) return Promise.reject(outOfReach());
    return this.#wait(null);
  }

  /**
   * Resolves when the view shows the record.
   * @throws {GatewayError} it has not come in time.
   */
  async arrival(record: string): Promise<void> {
    if (compareRecordIds(this.#record, record) >= 0) return;
    using deadline = this.#options.clock.deadline(arrivalTimeoutMs);
    try {
      await untilAborted(this.#wait(record), deadline.signal);
    } catch (error) {
      throw error instanceof GatewayError ? error : outOfReach(error);
    }
  }

  /** A write was made with this term. */
  wroteWith(term: number): void {
    this.#term = Math.max(this.#term, term);
  }

  /** The log in Redis was found to be another one, or behind what was read of it. */
  lost(): void {
    this.#doubt();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    // What is on its way from Redis comes too late.
    this.#doubts += 1;
    this.#running?.following[Symbol.dispose]();
    this.#grace?.abort();
    this.#pause?.abort();
    this.#settle(({ reject }) => reject(outOfReach()));
    await this.#running?.checking;
  }

  position(): string | null {
    return this.#continues ? this.#record : null;
  }

  take(records: readonly StreamRecord[]): void {
    const { view, logger } = this.#options;
    try {
      for (const one of records) {
        const { id, after, write, bytes } = decodeRecord<Entity>(one);
        if (after !== `${view.epoch}.${this.#record}`) {
          this.#beginAnew();
          return;
        }
        const { observedAt, ...rest } = write;
        view.apply(rest, observedAt, bytes);
        this.#record = id;
      }
    } catch (err) {
      logger.warn({ err }, 'event log not understood');
      this.#beginAnew();
      return;
    }
    this.#arrive();
  }

  connected(): void {
    this.#connected = true;
    this.#doubt();
  }

  disconnected(): void {
    this.#connected = false;
    this.#doubt();
  }

  async #check(): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const doubts = this.#doubts;
      let pauseMs = checkIntervalMs;
      try {
        await untilAborted(this.#locate(), signal);
      } catch (err) {
        if (signal.aborted) return;
        // That Redis is away is said by its connection.
        if (!(err instanceof GatewayError)) logger.warn({ err }, 'event log not followed');
        pauseMs = retryPauseMs;
      }
      if (this.#doubts === doubts) await this.#sleep(pauseMs);
    }
  }

  /** Finds out where the log is, and loads or restores it where the view cannot go on from what it has. */
  async #locate(): Promise<void> {
    const { store, view } = this.#options;
    const doubts = this.#doubts;
    const head = await store.head();
    if (this.#doubts !== doubts) return;
    const isKnown = head !== null && head.epoch === view.epoch;
    const isBehind = isKnown && compareRecordIds(head.record, this.#record) < 0;
    if (isKnown && !isBehind && this.#continues) {
      this.#target = head.record;
    } else {
      this.#continues = false;
      if (head === null || isBehind) await store.restore({ head: this.head, term: this.#term, state: view.state });
      const stored = await store.load();
      if (this.#doubts !== doubts) return;
      if (stored === null) throw outOfReach();
      this.#load(stored);
    }
    this.#arrive();
  }

  #load({ head, term, state }: StoredLog<Entity>): void {
    const { view, reader } = this.#options;
    if (head.epoch !== view.epoch) {
      this.#settle(({ record, reject }) => {
        if (record !== null) reject(outOfReach());
      });
    }
    if (this.#link === 'away') {
      // Readers begin anew at once, and may be before the connection over which the stream is read is back.
      this.#link = 'behind';
      void this.#giveGrace();
    }
    view.reset(state);
    this.#record = head.record;
    this.#target = head.record;
    this.#term = term;
    this.#continues = true;
    reader.moved();
  }

  #beginAnew(): void {
    this.#continues = false;
    this.#doubt();
  }

  /** Something was read or found out: perhaps this is all there is. */
  #arrive(): void {
    if (!this.#connected || !this.#continues || this.#target === null) return;
    if (compareRecordIds(this.#record, this.#target) < 0) return;
    const { view, clock } = this.#options;
    this.#link = 'in step';
    this.#grace?.abort();
    if (this.#toldStale) view.markLocal('out of reach', false, clock.now());
    this.#toldStale = false;
    this.#settle(({ record, resolve }) => {
      if (record === null || compareRecordIds(this.#record, record) >= 0) resolve();
    });
  }

  /** What is known of the log may not be true any more: look again. */
  #doubt(): void {
    this.#doubts += 1;
    this.#target = null;
    if (this.#link === 'in step') {
      this.#link = 'behind';
      void this.#giveGrace();
    }
    this.#pause?.abort();
  }

  /** After it, requests fail at once, and subscribers here are told that what they see may be out of date. */
  async #giveGrace(): Promise<void> {
    const { view, clock } = this.#options;
    const grace = new AbortController();
    this.#grace = grace;
    await clock.sleep(graceMs, grace.signal).catch(() => undefined);
    if (grace.signal.aborted) return;
    this.#link = 'away';
    this.#settle(({ reject }) => reject(outOfReach()));
    if (view.epoch === '') return;
    view.markLocal('out of reach', true, clock.now());
    this.#toldStale = true;
  }

  async #sleep(ms: number): Promise<void> {
    const pause = new AbortController();
    this.#pause = pause;
    await this.#options.clock.sleep(ms, pause.signal).catch(() => undefined);
    this.#pause = null;
  }

  #wait(record: string | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        record,
        resolve: () => {
          this.#waiters.delete(waiter);
          resolve();
        },
        reject: (error) => {
          this.#waiters.delete(waiter);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #settle(settle: (waiter: Waiter) => void): void {
    for (const waiter of this.#waiters) settle(waiter);
  }
}
