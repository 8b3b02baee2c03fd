import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Redis } from '../../runtime/redis.ts';
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
} from '../log.ts';
import { type AppliedWrite, LogView } from '../log-view.ts';
import { UndecodableError } from './codec.ts';
import type { FeedKeys } from './keys.ts';
import { type LogHeartbeat, RedisLogMirror } from './mirror.ts';
import { type OldestEntry, RedisLogStore } from './store.ts';

export interface RedisEventLogOptions<Entity> extends Partial<LogBounds> {
  /** Returns the key that identifies an entity. */
  readonly key: (entity: Entity) => string;
  readonly keys: FeedKeys;
  readonly redis: Pick<Redis, 'send' | 'subscribe'>;
  readonly heartbeat: LogHeartbeat;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
  /** Time for which the log remains in Redis when no replica follows it, in milliseconds. @default 600_000 */
  readonly retentionMs?: number;
}

/**
 * Creates an event log that replicas share. Each replica has a copy that follows the log in Redis. Readers are served
 * from the copy, and a write is done when the copy of its replica shows it.
 */
export function createRedisEventLog<Entity>(options: RedisEventLogOptions<Entity>): EventLog<Entity> {
  return new RedisEventLog(options);
}

class RedisEventLog<Entity> implements EventLog<Entity> {
  readonly #view: LogView<Entity>;
  readonly #store: RedisLogStore<Entity>;
  readonly #mirror: RedisLogMirror<Entity>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #logger: Pick<Logger, 'warn'>;
  /** The read of the oldest entry in progress, which concurrent replays share. */
  #oldest: Promise<OldestEntry | null> | null = null;
  #fetching: Promise<unknown> = Promise.resolve();
  /** The last record when a write last conflicted with other entries than this replica shows. */
  #conflictedAt: string | null = null;
  /** Replays after a cursor of this epoch up to this sequence are impossible, because records behind it are gone. */
  #unreplayable: { readonly epoch: string; readonly sequence: number } | null = null;

  constructor({ retentionMs = 600_000, ...options }: RedisEventLogOptions<Entity>) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#view = new LogView({ ...defaultBounds, ...options });
    this.#store = new RedisLogStore({ ...defaultBounds, ...options, retentionMs });
    this.#mirror = new RedisLogMirror({ ...options, retentionMs, view: this.#view, store: this.#store });
  }

  async write(write: LogWrite<Entity>, { observedAt, term, expectedCursor }: LogWriteOptions): Promise<string> {
    await this.#mirror.inStep();
    const outcome = await this.#store.write(write, { observedAt, term, expectedCursor, known: this.#mirror.head });
    switch (outcome.kind) {
      case 'fenced':
        throw new LogFencedError('Another writer has taken over the log.');
      case 'conflict':
        this.#resolveConflict();
        throw new LogConflictError('The log was written in the meantime.');
      case 'lost':
        this.#mirror.invalidate();
        throw new LogConflictError('The log is not the one that this replica followed.');
      case 'written':
        if (outcome.record === null) this.#mirror.invalidate();
        else this.#mirror.receive(outcome.record);
        await this.#mirror.inStep();
        return outcome.cursor;
    }
  }

  async snapshot(): Promise<LogSnapshot<Entity> | null> {
    await this.#mirror.inStep();
    return this.#mirror.head === null ? null : this.#view.snapshot;
  }

  async open(options: LogOpenOptions): Promise<LogReader<Entity>> {
    await this.#mirror.existing();
    const { after } = options;
    if (after !== undefined) {
      // Another replica may have delivered an entry that has not arrived here yet. A snapshot of the current view would
      // then take the client back to an older state.
      if (!this.#view.knows(after)) await this.#mirror.refresh();
      await this.#prepareReplay(after);
    }
    return this.#view.open(options);
  }

  /** Reads the records that this replica has missed, or the whole log if it has missed none since the last conflict. */
  #resolveConflict(): void {
    const head = this.#mirror.head?.text ?? null;
    if (head !== null && head === this.#conflictedAt) this.#mirror.reload();
    else this.#mirror.invalidate();
    this.#conflictedAt = head;
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

  /**
   * Fetches the writes that a replay after the cursor needs and that this replica does not have. Clients that resume
   * together share the reads.
   */
  async #prepareReplay(cursor: string): Promise<void> {
    const missing = this.#view.missing(cursor);
    if (missing === null || this.#isUnreplayable(missing.after)) return;
    this.#oldest ??= this.#store.oldest().finally(() => {
      this.#oldest = null;
    });
    const oldest = await this.#oldest;
    if (oldest === null || missing.after < oldest.sequence) return;
    const turn = this.#fetching.then(() => this.#fetch(cursor, oldest));
    this.#fetching = turn.catch(() => undefined);
    await turn;
  }

  async #fetch(cursor: string, oldest: OldestEntry): Promise<void> {
    const missing = this.#view.missing(cursor);
    if (missing === null || this.#isUnreplayable(missing.after)) return;
    const { epoch } = this.#view;
    const writes = await this.#readWrites(epoch, missing);
    if (this.#view.epoch !== epoch) return;
    if (writes === null) this.#unreplayable = { epoch, sequence: missing.after };
    else this.#view.prepend(writes, missing.upTo, oldest);
  }

  /**
   * Returns the writes with entries between two sequences, and the one that ends at the first of them; null: one of
   * them is gone.
   */
  async #readWrites(
    epoch: string,
    { after, upTo }: { readonly after: number; readonly upTo: number },
  ): Promise<readonly AppliedWrite<Entity>[] | null> {
    const found: AppliedWrite<Entity>[] = [];
    let reached: number | null = null;
    try {
      for await (const { head, write, bytes } of this.#store.records(`${after}-0`)) {
        if (head.epoch !== epoch) return null;
        if (head.sequence > upTo) break;
        const { observedAt, ...rest } = write;
        const from: number = head.sequence - (write.changes?.length ?? 0);
        if (reached === null ? from > after : from !== reached) return null;
        found.push({ write: rest, observedAt, mark: head.identity, bytes });
        reached = head.sequence;
      }
    } catch (err) {
      if (!(err instanceof UndecodableError)) throw err;
      this.#logger.warn(
        { err },
        'event log cannot be decoded, so clients that resume at an older cursor receive a RESYNC',
      );
      return null;
    }
    return reached === upTo ? found : null;
  }

  #isUnreplayable(sequence: number): boolean {
    const limit = this.#unreplayable;
    return limit !== null && limit.epoch === this.#view.epoch && sequence <= limit.sequence;
  }
}
