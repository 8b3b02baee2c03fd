import {
  type FeedChange,
  type LocalChange,
  type LogBounds,
  type LogEntry,
  type LogOpenOptions,
  LogOverflowError,
  type LogReader,
  type LogSnapshot,
  type LogTail,
  type LogWrite,
  type StaleSubject,
} from './event-log.ts';
import { partialCursor } from './watch-events.ts';

/** The bounds are also how far a reader may fall behind: it holds a place in the one list and no entries of its own. */
export interface LogViewOptions<Entity> extends LogBounds {
  /** Identifies an entity. */
  readonly key: (entity: Entity) => string;
}

/** A log as it stands at one moment. */
export interface LogState<Entity> {
  /** Names this life of the log: letters, digits, `-` and `_`. */
  readonly epoch: string;
  /** That of the last entry; 0 before the first. */
  readonly sequence: number;
  readonly observedAt: Date;
  readonly entities: readonly Entity[];
  readonly stale: ReadonlySet<StaleSubject>;
  readonly note: unknown;
}

/** A reason for which the log may be out of date in this process alone: no replica polls, or Redis is out of reach. */
export type LocalReason = 'unattended' | 'out of reach';

interface Slot<Entity> {
  readonly entry: LogEntry<Entity>;
  /** Sequence number of the entry; of a local one, that of the entry before it. */
  readonly sequence: number;
  /** The entry is in no log: the readers of this process alone receive it. */
  readonly isLocal: boolean;
  readonly bytes: number;
}

const cursorPattern = /^([\w-]+)\.(0|[1-9]\d{0,14})$/;

/**
 * One log as a process knows it: the present state, the newest entries, and their readers. Everything that one method
 * does is one step for all readers.
 */
export class LogView<Entity> {
  readonly #options: LogViewOptions<Entity>;
  #epoch = '';
  #sequence = 0;
  /** The sequence after which every entry is held. */
  #floor = 0;
  #observedAt = new Date(0);
  readonly #entities = new Map<string, Entity>();
  #stale = new Set<StaleSubject>();
  readonly #localReasons = new Set<LocalReason>();
  /** When the log became stale for this process alone; null: it is not. */
  #localSince: Date | null = null;
  /** The local STALE as a reader receives it that resumes now, shared by those that resume at one place. */
  #localEntry: LogEntry<Entity> | null = null;
  #note: unknown = null;
  /** Null: something of it has changed since it was last made. */
  #snapshot: LogSnapshot<Entity> | null = null;
  #slots: Slot<Entity>[] = [];
  #bytes = 0;
  /** Place of the first slot, in the order of telling. */
  #first = 0;
  /** Identifies the list of entries. A reader of an earlier list has lost entries. */
  #list = Symbol();
  #closed = false;
  readonly #tails = new Set<Tail<Entity>>();
  #waking = false;
  readonly #watchers = new Set<{ readonly listener: () => void }>();

  constructor(options: LogViewOptions<Entity>) {
    this.#options = options;
  }

  get cursor(): string {
    return this.#cursor(this.#sequence);
  }

  get epoch(): string {
    return this.#epoch;
  }

  get state(): LogState<Entity> {
    return {
      epoch: this.#epoch,
      sequence: this.#sequence,
      observedAt: this.#observedAt,
      entities: [...this.#entities.values()],
      stale: new Set(this.#stale),
      note: this.#note,
    };
  }

  /** The same object until something changes, so that those who begin together can share what is made of it. */
  get snapshot(): LogSnapshot<Entity> {
    if (this.#snapshot === null) {
      const { observedAt, entities, stale, note } = this.state;
      const subjects = this.#localReasons.size === 0 ? stale : new Set([...stale, 'local' as const]);
      this.#snapshot = { cursor: this.cursor, observedAt, entities, stale: subjects, note };
    }
    return this.#snapshot;
  }

  /** Puts another state in place of what is known. Readers go on only where no entry lies between the two. */
  reset(state: LogState<Entity>): void {
    const lostNothing = state.epoch === this.#epoch && state.sequence === this.#sequence;
    this.#entities.clear();
    for (const entity of state.entities) this.#entities.set(this.#options.key(entity), entity);
    this.#observedAt = state.observedAt;
    this.#stale = new Set(state.stale);
    this.#note = state.note;
    if (!lostNothing) {
      this.#epoch = state.epoch;
      this.#sequence = state.sequence;
      this.#floor = state.sequence;
      this.#slots = [];
      this.#bytes = 0;
      this.#list = Symbol();
      this.#wake();
    }
    this.#notify();
  }

  /** @param bytes size of the changes, as text */
  apply(write: LogWrite<Entity>, observedAt: Date, bytes: number): void {
    const { key } = this.#options;
    const { learned = [], changes = [], forgotten = [], note } = write;
    this.#observedAt = observedAt;
    for (const entity of learned) if (!this.#entities.has(key(entity))) this.#entities.set(key(entity), entity);
    for (const change of changes) {
      this.#change(change);
      this.#sequence += 1;
      const entry = { cursor: this.cursor, observedAt, change };
      this.#push({ entry, sequence: this.#sequence, isLocal: false, bytes: bytes / changes.length });
    }
    for (const one of forgotten) this.#entities.delete(one);
    if (note !== undefined) this.#note = note;
    this.#trim();
    if (changes.length > 0) this.#wake();
    this.#notify();
  }

  /**
   * Sends the readers of this process, in no log, STALE with the first reason and RECOVERED when the last is gone. The
   * cursor of this STALE is partial: the log holds no RECOVERED for a subscriber that resumes there.
   */
  markLocal(reason: LocalReason, on: boolean, observedAt: Date): void {
    const was = this.#localReasons.size > 0;
    if (on) this.#localReasons.add(reason);
    else this.#localReasons.delete(reason);
    if (was === this.#localReasons.size > 0) return;
    this.#snapshot = null;
    this.#localSince = on ? observedAt : null;
    const change: LocalChange = { kind: 'RECOVERED', subject: 'local' };
    const entry = this.#localStale() ?? { cursor: this.cursor, observedAt, change };
    this.#push({ entry, sequence: this.#sequence, isLocal: true, bytes: 0 });
    this.#trim();
    this.#wake();
  }

  /**
   * Which entries a replay after this cursor needs beyond those that are held: those after `after`, up to `upTo`. Null:
   * none, or they would not help.
   */
  missing(cursor: string): { readonly after: number; readonly upTo: number } | null {
    const after = this.sequenceOf(cursor);
    if (after === null || after >= this.#floor || this.#sequence - after > this.#options.maxEntries) return null;
    return { after, upTo: this.#floor };
  }

  /** Takes in older entries. Does nothing unless they end where those that are held begin. */
  prepend(
    entries: readonly { readonly change: FeedChange<Entity>; readonly observedAt: Date }[],
    upTo: number,
    bytes: number,
  ): void {
    if (upTo !== this.#floor) return;
    const from = upTo - entries.length;
    const slots = entries.map(({ change, observedAt }, index): Slot<Entity> => {
      const sequence = from + index + 1;
      const entry = { cursor: this.#cursor(sequence), observedAt, change };
      return { entry, sequence, isLocal: false, bytes: bytes / entries.length };
    });
    this.#slots = [...slots, ...this.#slots];
    this.#first -= slots.length;
    this.#floor = from;
    this.#bytes += bytes;
    this.#trim();
  }

  open({ after, onGrowth }: LogOpenOptions): LogReader<Entity> {
    const tail = new Tail(this, { list: this.#list, position: this.#first + this.#slots.length, onGrowth });
    this.#tails.add(tail);
    const from = after === undefined ? null : this.sequenceOf(after);
    if (from !== null && from >= this.#floor) {
      const begin = this.#slots.findLastIndex(({ sequence }) => sequence <= from) + 1;
      const missed = this.#slots.slice(begin).filter(({ isLocal }) => !isLocal);
      const entries = missed.map(({ entry }) => entry);
      const stale = staleBefore(entries, this.#stale);
      const local = this.#localStale();
      if (local !== null) entries.push(local);
      return { start: { kind: 'replay', stale, missed: entries, snapshot: this.snapshot }, tail };
    }
    return { start: { kind: after === undefined ? 'snapshot' : 'resync', snapshot: this.snapshot }, tail };
  }

  /** Calls the listener after everything that changes the snapshot. */
  watch(listener: () => void): Disposable {
    const watcher = { listener };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The entry at a place in the order of telling; null when there is none yet.
   * @throws {LogOverflowError} the entry has been dropped, or the list is an earlier one
   */
  entryAt(list: symbol, position: number): LogEntry<Entity> | null {
    if (list !== this.#list || position < this.#first) {
      throw new LogOverflowError('Entries that were not read yet have been dropped.');
    }
    return this.#slots[position - this.#first]?.entry ?? null;
  }

  leave(tail: Tail<Entity>): void {
    this.#tails.delete(tail);
  }

  /** Ends all tails. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The local STALE at the present place, with a cursor that no log continues; null: there is none. */
  #localStale(): LogEntry<Entity> | null {
    if (this.#localSince === null) return null;
    const cursor = partialCursor(this.cursor);
    if (this.#localEntry?.cursor !== cursor || this.#localEntry.observedAt !== this.#localSince) {
      this.#localEntry = { cursor, observedAt: this.#localSince, change: { kind: 'STALE', subject: 'local' } };
    }
    return this.#localEntry;
  }

  #cursor(sequence: number): string {
    return `${this.#epoch}.${sequence}`;
  }

  /** Null when the cursor is not one of this life of the log. */
  sequenceOf(cursor: string): number | null {
    const [, epoch, digits] = cursorPattern.exec(cursor) ?? [];
    if (epoch !== this.#epoch) return null;
    const sequence = Number(digits);
    return sequence <= this.#sequence ? sequence : null;
  }

  #change(change: FeedChange<Entity>): void {
    switch (change.kind) {
      case 'CREATED':
      case 'CHANGED':
        this.#entities.set(this.#options.key(change.entity), change.entity);
        return;
      case 'REMOVED':
        this.#entities.delete(this.#options.key(change.entity));
        return;
      case 'STALE':
        this.#stale.add(change.subject);
        return;
      case 'RECOVERED':
        this.#stale.delete(change.subject);
        return;
    }
  }

  #push(slot: Slot<Entity>): void {
    this.#slots.push(slot);
    this.#bytes += slot.bytes;
  }

  #trim(): void {
    const { maxEntries, maxBytes } = this.#options;
    let excess = 0;
    for (const { sequence, bytes } of this.#slots) {
      const kept = this.#slots.length - excess;
      if (kept <= maxEntries && (this.#bytes <= maxBytes || kept === 1)) break;
      excess += 1;
      this.#bytes -= bytes;
      this.#floor = sequence;
    }
    this.#slots.splice(0, excess);
    this.#first += excess;
  }

  /** Readers go on when the step that brought them something is done, all of them in one turn. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      for (const tail of this.#tails) tail.onGrowth();
    });
  }

  #notify(): void {
    this.#snapshot = null;
    for (const { listener } of this.#watchers) listener();
  }
}

/** Subjects that were stale before the entries, given those after them: STALE and RECOVERED of a subject take turns. */
function staleBefore(
  entries: readonly LogEntry<unknown>[],
  after: ReadonlySet<StaleSubject>,
): ReadonlySet<StaleSubject> {
  const stale = new Set(after);
  for (const { change } of entries.toReversed()) {
    if (!('subject' in change) || change.subject === 'local') continue;
    if (change.kind === 'STALE') stale.delete(change.subject);
    else stale.add(change.subject);
  }
  return stale;
}

interface TailOptions {
  readonly list: symbol;
  readonly position: number;
  readonly onGrowth: () => void;
}

class Tail<Entity> implements LogTail<Entity> {
  readonly onGrowth: () => void;
  readonly #view: LogView<Entity>;
  readonly #list: symbol;
  #position: number;

  constructor(view: LogView<Entity>, { list, position, onGrowth }: TailOptions) {
    this.onGrowth = onGrowth;
    this.#view = view;
    this.#list = list;
    this.#position = position;
  }

  get ended(): boolean {
    return this.#view.closed;
  }

  get snapshot(): LogSnapshot<Entity> {
    return this.#view.snapshot;
  }

  take(): LogEntry<Entity> | null {
    if (this.ended) return null;
    const entry = this.#view.entryAt(this.#list, this.#position);
    if (entry !== null) this.#position += 1;
    return entry;
  }

  [Symbol.dispose](): void {
    this.#view.leave(this);
  }
}
