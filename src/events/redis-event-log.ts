import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Redis } from '../runtime/redis.ts';
import type { RedisStreamReader } from '../runtime/redis-stream-reader.ts';
import {
  defaultBounds,
  type EventLog,
  type LogBounds,
  LogConflictError,
  LogFencedError,
  type LogOpenOptions,
  type LogReader,
  type LogSnapshot,
  type LogWrite,
  type LogWriteOptions,
} from './event-log.ts';
import { LogView } from './log-view.ts';
import type { FeedKeys } from './redis-keys.ts';
import { type LogRecord, sequenceOf } from './redis-log-codec.ts';
import { RedisLogMirror } from './redis-log-mirror.ts';
import { RedisLogStore } from './redis-log-store.ts';

export interface RedisEventLogOptions<Entity> extends Partial<LogBounds> {
  /** What tells entities apart. */
  readonly key: (entity: Entity) => string;
  readonly keys: FeedKeys;
  readonly redis: Pick<Redis, 'send'>;
  readonly reader: Pick<RedisStreamReader, 'follow' | 'moved'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  /** How long the log stays in Redis when no replica follows it any more, in milliseconds. @default 600_000 */
  readonly retentionMs?: number;
}

/**
 * An event log that replicas share. Each of them holds a copy that follows the one in Redis: readers are served from the
 * copy, and a write is done when the copy of its replica shows it.
 */
export function createRedisEventLog<Entity>(options: RedisEventLogOptions<Entity>): EventLog<Entity> {
  return new RedisEventLog(options);
}

class RedisEventLog<Entity> implements EventLog<Entity> {
  readonly #view: LogView<Entity>;
  readonly #store: RedisLogStore<Entity>;
  readonly #mirror: RedisLogMirror<Entity>;
  readonly #clock: Pick<Clock, 'now'>;
  #fetching: Promise<unknown> = Promise.resolve();

  constructor({ retentionMs = 600_000, ...options }: RedisEventLogOptions<Entity>) {
    this.#clock = options.clock;
    this.#view = new LogView({ ...defaultBounds, ...options });
    this.#store = new RedisLogStore({ ...defaultBounds, ...options, retentionMs });
    this.#mirror = new RedisLogMirror({
      ...options,
      view: this.#view,
      store: this.#store,
      stream: options.keys.events,
    });
  }

  async write(write: LogWrite<Entity>, { observedAt, term, basis: cursor }: LogWriteOptions): Promise<string> {
    await this.#mirror.inStep();
    const basis = typeof cursor === 'string' ? this.#view.sequenceOf(cursor) : undefined;
    if (basis === null) throw new LogConflictError('The log has begun a new life since.');
    const known = this.#mirror.head;
    const outcome = await this.#store.write(write, { observedAt, term, basis, begins: cursor === null, known });
    switch (outcome.kind) {
      case 'fenced':
        throw new LogFencedError('Another writer has taken over.');
      case 'conflict':
        throw new LogConflictError('The log has gone on since.');
      case 'lost':
        this.#mirror.lost();
        throw new LogConflictError('The log is not the one that was followed.');
      case 'written':
        this.#mirror.wroteWith(term ?? 0);
        await this.#mirror.arrival(outcome.record);
        return `${known.epoch}.${sequenceOf(outcome.record)}`;
    }
  }

  async snapshot(): Promise<LogSnapshot<Entity> | null> {
    await this.#mirror.inStep();
    const { snapshot } = this.#view;
    const isUnwritten = this.#mirror.head.record === '0-0' && snapshot.entities.length === 0 && snapshot.note === null;
    return isUnwritten ? null : snapshot;
  }

  async open(options: LogOpenOptions): Promise<LogReader<Entity>> {
    await this.#mirror.inStep();
    if (options.after !== undefined) await this.#prepareReplay(options.after);
    return this.#view.open(options);
  }

  watch(listener: () => void): Disposable {
    this.#mirror.begin();
    return this.#view.watch(listener);
  }

  markUnattended(on: boolean): void {
    this.#view.markLocal('unattended', on, this.#clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#view.close();
    await this.#mirror.close();
  }

  /** Fetches what a replay after the cursor needs and this replica has not seen, one after the other: many come back at once. */
  async #prepareReplay(cursor: string): Promise<void> {
    if (this.#view.missing(cursor) === null) return;
    const turn = this.#fetching.then(() => this.#fetch(cursor));
    this.#fetching = turn.catch(() => undefined);
    await turn;
  }

  async #fetch(cursor: string): Promise<void> {
    const missing = this.#view.missing(cursor);
    if (missing === null) return;
    const { epoch } = this.#view;
    const found: LogRecord<Entity>[] = [];
    let reached: number | null = null;
    for await (const record of this.#store.records(missing.after, missing.upTo)) {
      const last = sequenceOf(record.id);
      const from = last - (record.write.changes?.length ?? 0);
      const continues = reached === null ? from <= missing.after : from === reached;
      // What is gone, or of another life of the log, cannot be replayed.
      if (!continues || !record.after.startsWith(`${epoch}.`)) return;
      found.push(record);
      reached = last;
    }
    if (reached !== missing.upTo || this.#view.epoch !== epoch) return;
    const entries = found.flatMap(({ write: { changes = [], observedAt } }) =>
      changes.map((change) => ({ change, observedAt })),
    );
    const bytes = found.reduce((sum, record) => sum + record.bytes, 0);
    this.#view.prepend(entries, missing.upTo, bytes);
  }
}
