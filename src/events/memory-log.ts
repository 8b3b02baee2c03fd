import { stringify } from 'devalue';
import { type Clock, systemClock } from '../runtime/clock.ts';
import {
  defaultBounds,
  type EventLog,
  type FeedChange,
  type LogBounds,
  LogConflictError,
  LogFencedError,
  type LogOpenOptions,
  type LogReader,
  type LogSnapshot,
  type LogWrite,
  type LogWriteOptions,
  newEpoch,
} from './log.ts';
import { LogView } from './log-view.ts';

export interface MemoryEventLogOptions<Entity> extends Partial<LogBounds> {
  /** Returns the key that identifies an entity. */
  readonly key: (entity: Entity) => string;
  /** @default the clock of the machine */
  readonly clock?: Pick<Clock, 'now'>;
}

/** Creates an event log that lives as long as this process. */
export function createMemoryEventLog<Entity>(options: MemoryEventLogOptions<Entity>): EventLog<Entity> {
  return new MemoryEventLog(options);
}

class MemoryEventLog<Entity> implements EventLog<Entity> {
  readonly #view: LogView<Entity>;
  readonly #clock: Pick<Clock, 'now'>;
  #exists = false;
  /** The greatest term of a write so far. */
  #term = 0;

  constructor({ clock = systemClock, ...options }: MemoryEventLogOptions<Entity>) {
    this.#view = new LogView({ ...defaultBounds, ...options });
    this.#clock = clock;
    this.#begin(new Date(0));
  }

  // No method awaits anything, so each is atomic for all readers and writers.

  async write(
    write: LogWrite<Entity>,
    { observedAt, term = this.#term, expectedCursor }: LogWriteOptions,
  ): Promise<string> {
    if (term < this.#term) throw new LogFencedError('Another writer has taken over the log.');
    const cursor = this.#exists ? this.#view.cursor : null;
    if (expectedCursor !== undefined && expectedCursor !== cursor)
      throw new LogConflictError('The log was written in the meantime.');
    this.#term = term;
    if (expectedCursor === null) this.#begin(observedAt);
    this.#exists = true;
    const { changes = [] } = write;
    this.#view.apply({ write, observedAt, mark: '', bytes: estimateBytes(changes) });
    return this.#view.cursor;
  }

  /** Begins a new epoch. Readers that opened the log before the first write receive a RESYNC with it. */
  #begin(observedAt: Date): void {
    this.#view.reset({
      epoch: newEpoch(),
      sequence: 0,
      mark: '',
      observedAt,
      entities: [],
      stale: new Set(),
      note: null,
    });
  }

  async snapshot(): Promise<LogSnapshot<Entity> | null> {
    return this.#exists ? this.#view.snapshot : null;
  }

  async open(options: LogOpenOptions): Promise<LogReader<Entity>> {
    return this.#view.open(options);
  }

  watch(listener: () => void): Disposable {
    return this.#view.watch(listener);
  }

  markUnattended(on: boolean): void {
    this.#view.markLocal('unattended', on, this.#clock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#view.close();
  }
}

/** Estimates the size from the first change, because the entities of one feed have similar sizes. */
function estimateBytes(changes: readonly FeedChange<unknown>[]): number {
  return changes.length === 0 ? 0 : stringify(changes[0]).length * changes.length;
}
