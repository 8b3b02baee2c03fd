import { type EntryPosition, HeldEntries, type HeldEntry } from './held-entries.ts';
import type {
  FeedChange,
  LocalChange,
  LogBounds,
  LogEntry,
  LogOpenOptions,
  LogReader,
  LogSnapshot,
  LogTail,
  LogWrite,
  StaleSubject,
} from './log.ts';
import { partialCursor } from './subscriber/events.ts';

/**
 * The bounds also limit how far a reader may fall behind, because it holds only a position in the shared list and no
 * entries.
 */
export interface LogViewOptions<Entity> extends LogBounds {
  /** Returns the key that identifies an entity. */
  readonly key: (entity: Entity) => string;
}

/** The state of a log at one moment. */
export interface LogState<Entity> {
  /** Name of this life of the log: letters, digits, `-` and `_`. */
  readonly epoch: string;
  /** Sequence number of the last entry; 0 before the first. */
  readonly sequence: number;
  /** Mark of the write that contains the last entry. */
  readonly mark: string;
  readonly observedAt: Date;
  readonly entities: readonly Entity[];
  readonly stale: ReadonlySet<StaleSubject>;
  readonly note: unknown;
}

/** One write in the form that `LogView` applies. */
export interface AppliedWrite<Entity> {
  readonly write: LogWrite<Entity>;
  readonly observedAt: Date;
  /**
   * Part of the cursors of the entries: 8 letters, digits, `-` and `_`, or empty. It distinguishes the write from a
   * lost one.
   */
  readonly mark: string;
  /** Size of the changes, in bytes of their text. */
  readonly bytes: number;
}

/**
 * Reason for which the log may be out of date in this process alone: no replica polls, Redis is unreachable, or Redis
 * has lost the log and no replica has begun a new one.
 */
export type LocalReason = 'unattended' | 'out of reach' | 'lost';

const cursorPattern = /^([\w-]+)\.(0|[1-9]\d{0,14})(?:\.([\w-]{8}))?$/;

/**
 * The copy of one log in this process: the current state, the newest entries, and their readers. Each method is atomic
 * for all readers.
 */
export class LogView<Entity> {
  readonly #options: LogViewOptions<Entity>;
  #epoch = '';
  #sequence = 0;
  #mark = '';
  #observedAt = new Date(0);
  readonly #entities = new Map<string, Entity>();
  #stale = new Set<StaleSubject>();
  readonly #localReasons = new Set<LocalReason>();
  /** Time at which the log became stale for this process alone; null: it is not. */
  #localSince: Date | null = null;
  /** The local STALE entry for readers that resume now. Readers that resume at the same position share it. */
  #localEntry: LogEntry<Entity> | null = null;
  #note: unknown = null;
  /** Null: the snapshot has changed since it was last created. */
  #snapshot: LogSnapshot<Entity> | null = null;
  readonly #held: HeldEntries<Entity>;
  #closed = false;
  readonly #tails = new Set<Tail<Entity>>();
  #waking = false;
  readonly #watchers = new Set<{ readonly listener: () => void }>();

  constructor(options: LogViewOptions<Entity>) {
    this.#options = options;
    this.#held = new HeldEntries(options);
  }

  get cursor(): string {
    return this.#cursor(this.#sequence, this.#mark);
  }

  get epoch(): string {
    return this.#epoch;
  }

  get state(): LogState<Entity> {
    return {
      epoch: this.#epoch,
      sequence: this.#sequence,
      mark: this.#mark,
      observedAt: this.#observedAt,
      entities: [...this.#entities.values()],
      stale: new Set(this.#stale),
      note: this.#note,
    };
  }

  /**
   * Returns the same object until something changes, so that readers that begin together can share values computed from
   * it.
   */
  get snapshot(): LogSnapshot<Entity> {
    if (this.#snapshot === null) {
      const { observedAt, entities, stale, note } = this.state;
      const subjects = this.#localReasons.size === 0 ? stale : new Set([...stale, 'local' as const]);
      this.#snapshot = { cursor: this.cursor, observedAt, entities, stale: subjects, note };
    }
    return this.#snapshot;
  }

  /** Replaces the state. Readers of the former state overflow, and open the log again. */
  reset(state: LogState<Entity>): void {
    this.#entities.clear();
    for (const entity of state.entities) this.#entities.set(this.#options.key(entity), entity);
    this.#observedAt = state.observedAt;
    this.#stale = new Set(state.stale);
    this.#note = state.note;
    this.#epoch = state.epoch;
    this.#sequence = state.sequence;
    this.#mark = state.mark;
    this.#held.reset(state);
    this.#wake();
    this.#notify();
  }

  apply({ write, observedAt, mark, bytes }: AppliedWrite<Entity>): void {
    const { key } = this.#options;
    const { adopted = [], changes = [], evicted = [], note } = write;
    this.#observedAt = observedAt;
    for (const entity of adopted) if (!this.#entities.has(key(entity))) this.#entities.set(key(entity), entity);
    for (const change of changes) {
      this.#change(change);
      this.#sequence += 1;
      this.#mark = mark;
      const entry = { cursor: this.cursor, observedAt, change };
      this.#held.push({ entry, sequence: this.#sequence, isLocal: false, mark, bytes: bytes / changes.length });
    }
    for (const one of evicted) this.#entities.delete(one);
    if (note !== undefined) this.#note = note;
    this.#held.trim();
    if (changes.length > 0) this.#wake();
    this.#notify();
  }

  /**
   * Sends a STALE to the readers of this process with the first reason, and a RECOVERED when the last reason is gone.
   * No log contains them. The cursor of this STALE is partial, because the log has no RECOVERED for a subscriber that
   * resumes there.
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
    this.#held.push({ entry, sequence: this.#sequence, isLocal: true, mark: this.#mark, bytes: 0 });
    this.#held.trim();
    this.#wake();
  }

  /**
   * Returns the range of entries that a replay after this cursor needs in addition to those that are held: after
   * `after`, up to `upTo`. Null: it needs none, or they would not suffice.
   */
  missing(cursor: string): { readonly after: number; readonly upTo: number } | null {
    const after = this.#sequenceOf(cursor);
    if (after === null || after >= this.#held.floor || this.#sequence - after > this.#options.maxEntries) return null;
    return { after, upTo: this.#held.floor };
  }

  /**
   * Adds older writes. Does nothing unless they end where the held entries begin.
   * @param oldest the entry before all entries of the log
   */
  prepend(writes: readonly AppliedWrite<Entity>[], upTo: number, oldest: EntryPosition): void {
    if (upTo !== this.#held.floor) return;
    const from = upTo - writes.reduce((sum, { write }) => sum + (write.changes?.length ?? 0), 0);
    const older: HeldEntry<Entity>[] = [];
    for (const { write, observedAt, mark, bytes } of writes) {
      const { changes = [] } = write;
      for (const change of changes) {
        const sequence = from + older.length + 1;
        const entry = { cursor: this.#cursor(sequence, mark), observedAt, change };
        older.push({ entry, sequence, isLocal: false, mark, bytes: bytes / changes.length });
      }
    }
    this.#held.prepend(older, oldest);
  }

  open({ after, onReadable }: LogOpenOptions): LogReader<Entity> {
    const tail = new Tail(this, { list: this.#held.list, position: this.#held.end, onReadable });
    this.#tails.add(tail);
    const from = after === undefined ? null : this.#sequenceOf(after);
    if (from !== null && from >= this.#held.floor) {
      const entries = this.#held.after(from);
      const stale = staleBefore(entries, this.#stale);
      const local = this.#localStale();
      if (local !== null) entries.push(local);
      return { start: { kind: 'replay', stale, missed: entries, snapshot: this.snapshot }, tail };
    }
    return { start: { kind: after === undefined ? 'snapshot' : 'resync', snapshot: this.snapshot }, tail };
  }

  /** Whether the cursor belongs to this life of the log, up to the current position. */
  knows(cursor: string): boolean {
    return this.#sequenceOf(cursor) !== null;
  }

  /** Calls the listener after every change of the snapshot. */
  watch(listener: () => void): Disposable {
    const watcher = { listener };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Notifies the watchers that the log was lost, or exists again unchanged. The known state remains. */
  noteExistence(): void {
    this.#notify();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Returns the entry at a position; null: there is none yet.
   * @throws {LogOverflowError} the entry was dropped, or the list is an earlier one
   */
  entryAt(list: symbol, position: number): LogEntry<Entity> | null {
    return this.#held.at(list, position);
  }

  leave(tail: Tail<Entity>): void {
    this.#tails.delete(tail);
  }

  /** Ends all tails. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /**
   * Returns the local STALE entry at the current position, with a cursor that no log continues; null: there is none.
   */
  #localStale(): LogEntry<Entity> | null {
    if (this.#localSince === null) return null;
    const cursor = partialCursor(this.cursor);
    if (this.#localEntry?.cursor !== cursor || this.#localEntry.observedAt !== this.#localSince) {
      this.#localEntry = { cursor, observedAt: this.#localSince, change: { kind: 'STALE', subject: 'local' } };
    }
    return this.#localEntry;
  }

  #cursor(sequence: number, mark: string): string {
    const position = `${this.#epoch}.${sequence}`;
    return mark === '' ? position : `${position}.${mark}`;
  }

  /**
   * Returns the sequence of a cursor; null: the cursor does not belong to this life of the log. An entry before the
   * floor is not verified, so it may be a lost one.
   */
  #sequenceOf(cursor: string): number | null {
    const [, epoch, digits, mark = ''] = cursorPattern.exec(cursor) ?? [];
    if (epoch !== this.#epoch) return null;
    const sequence = Number(digits);
    if (sequence < this.#held.floor) return sequence;
    return this.#held.hasMark({ sequence, mark }) ? sequence : null;
  }

  #change(change: FeedChange<Entity>): void {
    switch (change.kind) {
      case 'CREATED':
      case 'CHANGED':
      case 'OVERDUE':
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

  /** Notifies all readers in one turn, after the current step is done. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      for (const tail of this.#tails) tail.onReadable();
    });
  }

  #notify(): void {
    this.#snapshot = null;
    for (const { listener } of this.#watchers) listener();
  }
}

/**
 * Subjects that were stale before the entries, given those after them. This works because STALE and RECOVERED of one
 * subject alternate.
 */
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
  readonly onReadable: () => void;
}

class Tail<Entity> implements LogTail<Entity> {
  readonly onReadable: () => void;
  readonly #view: LogView<Entity>;
  readonly #list: symbol;
  #position: number;

  constructor(view: LogView<Entity>, { list, position, onReadable }: TailOptions) {
    this.onReadable = onReadable;
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

  read(): LogEntry<Entity> | null {
    if (this.ended) return null;
    const entry = this.#view.entryAt(this.#list, this.#position);
    if (entry !== null) this.#position += 1;
    return entry;
  }

  [Symbol.dispose](): void {
    this.#view.leave(this);
  }
}
