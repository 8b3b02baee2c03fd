import { randomBytes } from 'node:crypto';

/**
 * A part of the view that may be out of date: the whole feed, the list of entities (new ones may be missing), the
 * results of the entities (see ResultSource), or one entity by key.
 */
export type StaleSubject = 'feed' | 'list' | 'results' | `entity:${string}`;

/**
 * A change of one entity, or of a stale subject, between two rounds. For one subject, STALE and RECOVERED alternate.
 * The subject of an entity recovers at the latest in the write that removes or forgets the entity.
 */
export type FeedChange<Entity> =
  | { readonly kind: 'CREATED'; readonly entity: Entity }
  | { readonly kind: 'CHANGED'; readonly entity: Entity; readonly previous: Entity }
  /** The entity runs longer than expected. Only its mark differs from the previous state. */
  | { readonly kind: 'OVERDUE'; readonly entity: Entity; readonly previous: Entity }
  | { readonly kind: 'REMOVED'; readonly entity: Entity }
  | { readonly kind: 'STALE' | 'RECOVERED'; readonly subject: StaleSubject };

/**
 * A change that only the readers of this process receive, because the copy of the log in this process may be out of
 * date. No log contains it.
 */
export interface LocalChange {
  readonly kind: 'STALE' | 'RECOVERED';
  readonly subject: 'local';
}

/** A change with its position in the log. */
export interface LogEntry<Entity> {
  /**
   * `epoch.sequence` or `epoch.sequence.mark`. The epoch identifies one life of the log. The sequence grows by one with
   * each entry. The mark distinguishes the entry from a lost one with the same sequence.
   */
  readonly cursor: string;
  readonly observedAt: Date;
  readonly change: FeedChange<Entity> | LocalChange;
}

/** All entities after the entry at `cursor`. */
export interface LogSnapshot<Entity> {
  readonly cursor: string;
  readonly observedAt: Date;
  readonly entities: readonly Entity[];
  /** Subjects whose last transition is STALE. */
  readonly stale: ReadonlySet<StaleSubject | 'local'>;
  /** The last note that was written; null: none was written. */
  readonly note: unknown;
}

/** One write. Its parts are applied in the order of these fields. */
export interface LogWrite<Entity> {
  /**
   * Entities that are added to the snapshot without an entry, because they are new to the gateway, but not to the
   * platform. Entities that the snapshot already contains stay unchanged.
   */
  readonly adopted?: readonly Entity[] | undefined;
  readonly changes?: readonly FeedChange<Entity>[] | undefined;
  /**
   * Keys that are dropped from the snapshot without an entry. Their entities still exist, but no subscriber follows
   * them. This bounds the size of the snapshot. Keys that the snapshot does not contain are ignored.
   */
  readonly evicted?: readonly string[] | undefined;
  /**
   * State of the writer for the next lease holder. It consists of plain data, Dates, Maps and Sets, and must not be
   * modified afterwards. Absent: the last note is kept.
   */
  readonly note?: unknown;
}

export interface LogWriteOptions {
  readonly observedAt: Date;
  /** Term of the writer's lease. A later lease has a greater term. @default not fenced */
  readonly term?: number | undefined;
  /**
   * Cursor of the snapshot on which the write is based. The write succeeds only while this snapshot is the current one.
   * This makes a write safe to repeat when the outcome of the previous one is unknown. Null: there is no log yet. The
   * write then begins a new epoch, and its `adopted` contains all entities.
   * @default the current snapshot
   */
  readonly expectedCursor?: string | null | undefined;
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
      /** The current state, which includes the missed entries. */
      readonly snapshot: LogSnapshot<Entity>;
    };

/**
 * Every later entry, in order. It is a position in the log and holds no entries. A reader that stops reading disposes
 * of it.
 */
export interface LogTail<Entity> extends Disposable {
  /** Whether the log is closed, so that no further entry will arrive. */
  readonly ended: boolean;
  /** The current state, which the reader has reached when `read` returns null. All readers receive the same object. */
  readonly snapshot: LogSnapshot<Entity>;
  /**
   * Returns the next entry; null: there is none yet.
   * @throws {LogOverflowError} the reader was so slow that entries it had not read were dropped
   */
  read(): LogEntry<Entity> | null;
}

export interface LogReader<Entity> {
  readonly start: LogStart<Entity>;
  readonly tail: LogTail<Entity>;
}

export interface LogOpenOptions {
  /** Cursor of the last entry that the reader has seen. */
  readonly after?: string | undefined;
  /**
   * Called soon after there is something to read: entries, their loss, or the end. The calls stop when the tail is
   * disposed of. It must not throw.
   */
  readonly onReadable: () => void;
}

/**
 * Thrown to a reader that is further behind than the log reaches back. The reader can open the log again with its last
 * cursor.
 */
export class LogOverflowError extends Error {
  override readonly name = 'LogOverflowError';
}

/** Thrown to a writer whose lease has passed to another writer. Nothing was written. */
export class LogFencedError extends Error {
  override readonly name = 'LogFencedError';
}

/** Thrown to a writer whose `expectedCursor` is not the current state, or null although the log exists. Nothing was written. */
export class LogConflictError extends Error {
  override readonly name = 'LogConflictError';
}

/** Limits of the entries that a log keeps for replay. */
export interface LogBounds {
  /** Maximum number of entries. @default 10_000 */
  readonly maxEntries: number;
  /**
   * Maximum total size of the entries, in bytes of their text. The newest entry is always kept.
   * @default 16 MiB, some thousands of changes of jobs with many batches
   */
  readonly maxBytes: number;
}

export const defaultBounds: LogBounds = { maxEntries: 10_000, maxBytes: 16 * 1024 * 1024 };

/** Creates the name of one life of a log from 96 random bits. */
export const newEpoch = (): string => randomBytes(12).toString('base64url');

/**
 * The ordered, bounded history of one feed. It has one writer (the feed) and any number of readers.
 *
 * All methods are asynchronous, because the log may live in another process.
 */
export interface EventLog<Entity> extends AsyncDisposable {
  /**
   * Writes everything atomically, so that a reader that opens the log sees all of it or nothing.
   * @returns the cursor of the last entry in the log
   * @throws {LogFencedError} a writer with a greater term has written before
   * @throws {LogConflictError} the log was written since `expectedCursor`, has begun a new epoch, or exists although `expectedCursor`
   *   is null
   * @throws {GatewayError} the log is unreachable. It may have received the write.
   */
  write(write: LogWrite<Entity>, options: LogWriteOptions): Promise<string>;
  /**
   * Resolves with null while the log does not exist, because nothing was written yet or Redis has lost it.
   * @throws {GatewayError} the log is unreachable
   */
  snapshot(): Promise<LogSnapshot<Entity> | null>;
  /**
   * Opens a reader. A log of this process that does not exist yet begins with an empty snapshot. A log that replicas
   * share is awaited instead, because an empty snapshot would mean that all entities are gone.
   * @throws {GatewayError} the log is unreachable, or no replica has begun it in time
   */
  open(options: LogOpenOptions): Promise<LogReader<Entity>>;
  /**
   * Calls the listener after each write of any replica, as soon as `snapshot` shows it. This includes writes without an
   * entry, which no tail returns, and a new epoch.
   */
  watch(listener: () => void): Disposable;
  /**
   * Turns the local stale subject on or off. While it is on, the log is stale with the subject `local` for the readers
   * of this process. No replica polls the platform for the log at that time, so no replica would write STALE.
   */
  markUnattended(on: boolean): void;
}
