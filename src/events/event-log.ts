/** What happened to one entity, or to the feed as a whole, between two rounds of reading. */
export type FeedChange<Entity> =
  | { readonly kind: 'CREATED'; readonly entity: Entity }
  | { readonly kind: 'CHANGED'; readonly entity: Entity; readonly previous: Entity }
  | { readonly kind: 'REMOVED'; readonly entity: Entity }
  | { readonly kind: 'STALE' | 'RECOVERED' };

/** A change with its place in the log. */
export interface LogEntry<Entity> {
  /** `epoch.sequence`: the epoch names one life of the log, the sequence grows by one with each entry. */
  readonly cursor: string;
  readonly observedAt: Date;
  readonly change: FeedChange<Entity>;
}

/** All entities as they are after the entry at `cursor`. */
export interface LogSnapshot<Entity> {
  readonly cursor: string;
  readonly observedAt: Date;
  readonly entities: readonly Entity[];
  /** True after a STALE that no RECOVERED has followed yet. */
  readonly stale: boolean;
}

/** Where a reader begins; what follows in `tail` continues exactly there, with no gap and no double. */
export type LogStart<Entity> =
  | { readonly kind: 'snapshot'; readonly snapshot: LogSnapshot<Entity> }
  /** The cursor was known: `missed` is what came after it. */
  | { readonly kind: 'replay'; readonly missed: readonly LogEntry<Entity>[] }
  /** The cursor was too old or of another life of the log. */
  | { readonly kind: 'resync'; readonly snapshot: LogSnapshot<Entity> };

export interface LogReader<Entity> {
  readonly start: LogStart<Entity>;
  /**
   * Every later entry, in order; ends when the signal given to `open` aborts, at once, also when no entry ever comes.
   * May be iterated once.
   * @throws {LogOverflowError} the reader was so slow that entries it had not read were dropped.
   */
  readonly tail: AsyncIterable<LogEntry<Entity>>;
}

/** Thrown to a reader that fell further behind than the log reaches back. It may open again, with its last cursor. */
export class LogOverflowError extends Error {
  override readonly name = 'LogOverflowError';
}

/**
 * The ordered, bounded history of one feed. One writer (the feed), any number of readers.
 *
 * All methods are asynchronous because the log may live in another process.
 */
export interface EventLog<Entity> extends AsyncDisposable {
  /**
   * Appends changes in order, as one step: a reader that opens sees all of them in its snapshot or none.
   * @returns the cursor of the last entry (of the log's head when `changes` is empty)
   */
  append(changes: readonly FeedChange<Entity>[], observedAt: Date): Promise<string>;
  /**
   * Takes entities into the snapshot without an entry: they were not seen before because nobody had asked for them, so
   * nothing happened to them. Entities that the snapshot holds already are left alone.
   */
  learn(entities: readonly Entity[], observedAt: Date): Promise<void>;
  /**
   * Drops entities from the snapshot without an entry: they still exist, but nobody follows them any more. This is what
   * keeps the snapshot bounded. Keys that the snapshot does not hold are ignored.
   */
  forget(keys: readonly string[]): Promise<void>;
  snapshot(): Promise<LogSnapshot<Entity>>;
  /** @param after cursor of the last entry that the reader has seen */
  open(options: { readonly after?: string | undefined; readonly signal: AbortSignal }): Promise<LogReader<Entity>>;
}
