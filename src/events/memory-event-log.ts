import { stringify } from 'devalue';
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
  newEpoch,
} from './event-log.ts';
import { LogView } from './log-view.ts';

export interface MemoryEventLogOptions<Entity> extends Partial<LogBounds> {
  /** What tells entities apart. */
  readonly key: (entity: Entity) => string;
  /** Names this life of the log: letters, digits, `-` and `_`. @default 96 random bits */
  readonly epoch?: string;
}

/** An event log that lives as long as this process. */
export function createMemoryEventLog<Entity>(options: MemoryEventLogOptions<Entity>): EventLog<Entity> {
  return new MemoryEventLog(options);
}

class MemoryEventLog<Entity> implements EventLog<Entity> {
  readonly #view: LogView<Entity>;
  /** The greatest that was written with. */
  #term = 0;

  constructor({ epoch = newEpoch(), ...options }: MemoryEventLogOptions<Entity>) {
    this.#view = new LogView({ ...defaultBounds, ...options });
    this.#view.reset({ epoch, sequence: 0, observedAt: new Date(0), entities: [], stale: false, note: null });
  }

  // No method awaits anything, so each of them is one step for everybody else.

  async write(
    write: LogWrite<Entity>,
    { observedAt, term = this.#term, basis = this.#view.cursor }: LogWriteOptions,
  ): Promise<string> {
    if (term < this.#term) throw new LogFencedError('Another writer has taken over.');
    if (basis !== this.#view.cursor) throw new LogConflictError('The log has gone on since.');
    this.#term = term;
    const { changes = [] } = write;
    this.#view.apply(write, observedAt, changes.length === 0 ? 0 : stringify(changes).length);
    return this.#view.cursor;
  }

  async snapshot(): Promise<LogSnapshot<Entity>> {
    return this.#view.snapshot;
  }

  async open(options: LogOpenOptions): Promise<LogReader<Entity>> {
    return this.#view.open(options);
  }

  watch(listener: () => void): Disposable {
    return this.#view.watch(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#view.close();
  }
}
