import { randomBytes } from 'node:crypto';
import {
  type EventLog,
  type FeedChange,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
  type LogReader,
  type LogSnapshot,
  type LogWrite,
  type LogWriteOptions,
} from './event-log.ts';

export interface MemoryEventLogOptions<Entity> {
  /** What tells entities apart. */
  readonly key: (entity: Entity) => string;
  /**
   * How many entries are kept for replay. It is also how far a reader may fall behind: readers hold a place in the one
   * shared list and no entries of their own.
   * @default 10_000
   */
  readonly maxEntries?: number;
  /** Names this life of the log: letters, digits, `-` and `_`. @default 96 random bits */
  readonly epoch?: string;
}

const epochBytes = 12;
const cursorPattern = /^([\w-]+)\.(0|[1-9]\d{0,14})$/;

/** An event log that lives as long as this process. */
export function createMemoryEventLog<Entity>(options: MemoryEventLogOptions<Entity>): EventLog<Entity> {
  return new MemoryEventLog(options);
}

class MemoryEventLog<Entity> implements EventLog<Entity> {
  readonly #key: (entity: Entity) => string;
  readonly #maxEntries: number;
  readonly #epoch: string;
  /** The entry with sequence `n` is at index `n - #dropped - 1`. */
  readonly #entries: LogEntry<Entity>[] = [];
  #dropped = 0;
  readonly #entities = new Map<string, Entity>();
  #observedAt = new Date(0);
  #stale = false;
  #note: unknown = null;
  /** The greatest that was written with. */
  #term = 0;
  #closed = false;
  readonly #waiting = new Set<() => void>();
  readonly #watchers = new Set<{ readonly listener: () => void }>();

  constructor({
    key,
    maxEntries = 10_000,
    epoch = randomBytes(epochBytes).toString('base64url'),
  }: MemoryEventLogOptions<Entity>) {
    this.#key = key;
    this.#maxEntries = maxEntries;
    this.#epoch = epoch;
  }

  // No method awaits anything, so each of them is one step for everybody else.

  async write(write: LogWrite<Entity>, { observedAt, term = this.#term }: LogWriteOptions): Promise<string> {
    const { learned = [], changes = [], forgotten = [], note } = write;
    if (term < this.#term) throw new LogFencedError('Another writer has taken over.');
    this.#term = term;
    this.#observedAt = observedAt;
    for (const entity of learned) {
      const key = this.#key(entity);
      if (!this.#entities.has(key)) this.#entities.set(key, entity);
    }
    for (const change of changes) {
      this.#apply(change);
      this.#entries.push({ cursor: this.#cursor(this.#head + 1), observedAt, change });
    }
    for (const key of forgotten) this.#entities.delete(key);
    if (note !== undefined) this.#note = note;
    const excess = this.#entries.length - this.#maxEntries;
    if (excess > 0) {
      this.#entries.splice(0, excess);
      this.#dropped += excess;
    }
    if (changes.length > 0) this.#wake();
    for (const { listener } of this.#watchers) listener();
    return this.#cursor(this.#head);
  }

  async snapshot(): Promise<LogSnapshot<Entity>> {
    return {
      cursor: this.#cursor(this.#head),
      observedAt: this.#observedAt,
      entities: [...this.#entities.values()],
      stale: this.#stale,
      note: this.#note,
    };
  }

  async open({
    after,
    signal,
  }: {
    readonly after?: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<LogReader<Entity>> {
    const tail = this.#tail(this.#head, signal);
    const from = after === undefined ? null : this.#replayableSequence(after);
    if (from !== null) return { start: { kind: 'replay', missed: this.#entries.slice(from - this.#dropped) }, tail };
    const snapshot = await this.snapshot();
    return { start: { kind: after === undefined ? 'snapshot' : 'resync', snapshot }, tail };
  }

  watch(listener: () => void): Disposable {
    const watcher = { listener };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#wake();
  }

  get #head(): number {
    return this.#dropped + this.#entries.length;
  }

  #cursor(sequence: number): string {
    return `${this.#epoch}.${sequence}`;
  }

  /** Null when the cursor is not one of this log, or when entries after it are gone. */
  #replayableSequence(cursor: string): number | null {
    const [, epoch, digits] = cursorPattern.exec(cursor) ?? [];
    if (epoch !== this.#epoch) return null;
    const sequence = Number(digits);
    return sequence >= this.#dropped && sequence <= this.#head ? sequence : null;
  }

  #apply(change: FeedChange<Entity>): void {
    switch (change.kind) {
      case 'CREATED':
      case 'CHANGED':
        this.#entities.set(this.#key(change.entity), change.entity);
        return;
      case 'REMOVED':
        this.#entities.delete(this.#key(change.entity));
        return;
      case 'STALE':
        this.#stale = true;
        return;
      case 'RECOVERED':
        this.#stale = false;
        return;
    }
  }

  async *#tail(position: number, signal: AbortSignal): AsyncGenerator<LogEntry<Entity>, void, void> {
    let read = position;
    while (!signal.aborted && !this.#closed) {
      if (read < this.#dropped) throw new LogOverflowError('Entries that were not read yet have been dropped.');
      const entry = this.#entries[read - this.#dropped];
      if (entry === undefined) {
        await this.#growth(signal);
      } else {
        read += 1;
        yield entry;
      }
    }
  }

  /** Resolves when there may be something to do: entries, an abort, the end of the log. */
  #growth(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
