import { randomBytes } from 'node:crypto';

/**
 * A part that may be out of date: the whole feed, the list of entities (new ones may be missing), what the entities leave
 * behind (see ResultSource), or one entity by key.
 */
export type StaleSubject = 'feed' | 'list' | 'results' | `entity:${string}`;

/**
 * A change of one entity, or of a stale subject, between two rounds of reading. STALE and RECOVERED of one subject
 * take turns. The subject of an entity recovers no later than with the write that removes or forgets the entity.
 */
export type FeedChange<Entity> =
  | { readonly kind: 'CREATED'; readonly entity: Entity }
  | { readonly kind: 'CHANGED'; readonly entity: Entity; readonly previous: Entity }
  | { readonly kind: 'REMOVED'; readonly entity: Entity }
  | { readonly kind: 'STALE' | 'RECOVERED'; readonly subject: StaleSubject };

/** A change that only the readers of this process receive and no log holds: the log may be out of date here. */
export interface LocalChange {
  readonly kind: 'STALE' | 'RECOVERED';
  readonly subject: 'local';
}

/** A change with its place in the log. */
export interface LogEntry<Entity> {
  /**
   * `epoch.sequence` or `epoch.sequence.mark`: the epoch names one life of the log, the sequence grows by one with each
   * entry, and the mark of an entry differs from that of a lost one with the same sequence.
   */
  readonly cursor: string;
  readonly observedAt: Date;
  readonly change: FeedChange<Entity> | LocalChange;
}

/** All entities as they are after the entry at `cursor`. */
export interface LogSnapshot<Entity> {
  readonly cursor: string;
  readonly observedAt: Date;
  readonly entities: readonly Entity[];
  /** Subjects with a STALE that no RECOVERED has followed yet. */
  readonly stale: ReadonlySet<StaleSubject | 'local'>;
  /** The last note that was written; null when none was. */
  readonly note: unknown;
}

/** One step of the writer. Its parts are applied in the order in which they stand here. */
export interface LogWrite<Entity> {
  /**
   * Entities added to the snapshot without an entry: they are new to the gateway, not to the platform. Entities that the
   * snapshot holds already stay as they are.
   */
  readonly learned?: readonly Entity[] | undefined;
  readonly changes?: readonly FeedChange<Entity>[] | undefined;
  /**
   * Keys dropped from the snapshot without an entry: their entities still exist, but no subscriber follows them. This
   * bounds the snapshot. Keys that the snapshot does not hold are ignored.
   */
  readonly forgotten?: readonly string[] | undefined;
  /**
   * State of the writer for its successor: plain data, Dates, Maps and Sets, which stay unchanged afterwards. Absent: the
   * last note stays.
   */
  readonly note?: unknown;
}

export interface LogWriteOptions {
  readonly observedAt: Date;
  /** Number of the lease under which is written; a later holder's is greater. @default not fenced */
  readonly term?: number | undefined;
  /**
   * Cursor of the snapshot from which the write was made: the write counts only while this snapshot is the present one.
   * A writer that does not know whether its last write arrived is safe with it. Null: there is no log yet. The write
   * begins a new epoch, and its `learned` holds all entities. @default whatever the present one is
   */
  readonly basis?: string | null | undefined;
}

/** The beginning of a reader. Its `tail` continues exactly there, with no gap and no duplicate. */
export type LogStart<Entity> =
  /** `resync`: the cursor was too old or of another epoch. */
  | { readonly kind: 'snapshot' | 'resync'; readonly snapshot: LogSnapshot<Entity> }
  /** The cursor was known. */
  | {
      readonly kind: 'replay';
      /** Subjects that were stale at the cursor. */
      readonly stale: ReadonlySet<StaleSubject>;
      /** Entries after the cursor, and a local STALE while there is one. */
      readonly missed: readonly LogEntry<Entity>[];
      /** The present state, with the missed entries. */
      readonly snapshot: LogSnapshot<Entity>;
    };

/**
 * Every later entry, in order. It is a place in the log and holds no entries itself. A reader that stops reading
 * disposes of it.
 */
export interface LogTail<Entity> extends Disposable {
  /** No entry will come: the log is closed. */
  readonly ended: boolean;
  /** The present state, which the reader has reached when `take` returns null: one object for all readers. */
  readonly snapshot: LogSnapshot<Entity>;
  /**
   * The next entry; null where there is none yet.
   * @throws {LogOverflowError} the reader was so slow that entries it had not read were dropped.
   */
  take(): LogEntry<Entity> | null;
}

export interface LogReader<Entity> {
  readonly start: LogStart<Entity>;
  readonly tail: LogTail<Entity>;
}

export interface LogOpenOptions {
  /** Cursor of the last entry that the reader has seen. */
  readonly after?: string | undefined;
  /**
   * Called soon after there is something to take: entries, their loss, or the end. The calls stop when the tail is
   * disposed of. May not throw.
   */
  readonly onGrowth: () => void;
}

/** Thrown to a reader that fell further behind than the log reaches back. It may open again, with its last cursor. */
export class LogOverflowError extends Error {
  override readonly name = 'LogOverflowError';
}

/** Thrown to a writer whose lease has passed to another one. Nothing was written. */
export class LogFencedError extends Error {
  override readonly name = 'LogFencedError';
}

/** Thrown to a writer whose `basis` is not the present state, or null while there is a log. Nothing was written. */
export class LogConflictError extends Error {
  override readonly name = 'LogConflictError';
}

/** Limits of the entries that a log keeps for replay. */
export interface LogBounds {
  /** How many entries. @default 10_000 */
  readonly maxEntries: number;
  /**
   * How large they may be together, in bytes of their text. The newest is always kept.
   * @default 16 MiB: some thousands of changes of jobs with many batches
   */
  readonly maxBytes: number;
}

export const defaultBounds: LogBounds = { maxEntries: 10_000, maxBytes: 16 * 1024 * 1024 };

/** A name for one life of a log: 96 random bits. */
export const newEpoch = (): string => randomBytes(12).toString('base64url');

/**
 * The ordered, bounded history of one feed. One writer (the feed), any number of readers.
 *
 * All methods are asynchronous because the log may live in another process.
 */
export interface EventLog<Entity> extends AsyncDisposable {
  /**
   * Writes everything as one step: a reader that opens sees all of it or nothing.
   * @returns the cursor of the log's head, which is that of the last change
   * @throws {LogFencedError} a writer with a greater term has written before.
   * @throws {LogConflictError} the log has gone on since `basis`, has begun a new epoch, or exists although `basis` is null.
   * @throws {GatewayError} the log is out of reach. The write may have arrived.
   */
  write(write: LogWrite<Entity>, options: LogWriteOptions): Promise<string>;
  /**
   * Resolves with null while the log does not exist: nothing has been written yet, or Redis has lost it.
   * @throws {GatewayError} the log is out of reach.
   */
  snapshot(): Promise<LogSnapshot<Entity> | null>;
  /**
   * A log of this process that does not exist yet begins with a snapshot without entities. One that replicas share is waited
   * for, because an empty snapshot would say that all entities are gone.
   * @throws {GatewayError} the log is out of reach, or nobody has begun it in time.
   */
  open(options: LogOpenOptions): Promise<LogReader<Entity>>;
  /**
   * Calls the listener after each write of any replica, as soon as `snapshot` shows it. This includes writes without an
   * entry, which no tail returns, and a new epoch.
   */
  watch(listener: () => void): Disposable;
  /**
   * While it is on, the log is stale with the subject `local` for the readers of this process: no replica reads the
   * platform for it, so no STALE would be written.
   */
  markUnattended(on: boolean): void;
}
