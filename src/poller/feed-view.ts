import type { EventLog, LogSnapshot } from '../events/event-log.ts';
import type { FeedSource, Observed } from './feed-source.ts';

/** What a good round leaves in the log beside its changes, for whoever makes the next one and for those who wait. */
export interface FeedNote<Memory> {
  /** That of the lease under which the round was made. */
  readonly term: number;
  /** Good rounds of the feed, in whatever replica. */
  readonly round: number;
  /** What may interest a watcher of the whole sandbox has been looked for under this term, and followed since. */
  readonly discovered: boolean;
  /** Keys of what the round read. */
  readonly read: ReadonlySet<string>;
  /** See RoundResult. */
  readonly memory: Memory;
}

/** The log as it is now. */
export interface LoadedView<Entity, Memory> {
  /** Null: the log does not exist. */
  readonly cursor: string | null;
  /** When the last write was made. */
  readonly observedAt: Date;
  readonly known: ReadonlyMap<string, Entity>;
  readonly stale: LogSnapshot<Entity>['stale'];
  readonly note: FeedNote<Memory> | null;
}

export interface FeedViewOptions<Entity extends Observed> {
  readonly log: EventLog<Entity>;
  readonly key: FeedSource<Entity, unknown, unknown>['key'];
}

/** The state of a feed, whichever replica wrote it: read from the log once after each write. */
export class FeedView<Entity extends Observed, Memory> implements Disposable {
  readonly #options: FeedViewOptions<Entity>;
  readonly #watch: Disposable;
  #loading: Promise<LoadedView<Entity, Memory>> | null = null;
  #current: LoadedView<Entity, Memory> | null = null;

  /** @param changed called after each write; `load` then shows it */
  constructor(options: FeedViewOptions<Entity>, changed: () => void) {
    this.#options = options;
    this.#watch = options.log.watch(() => {
      this.#loading = null;
      this.#current = null;
      changed();
    });
  }

  /** @throws {GatewayError} the log cannot be reached */
  async load(): Promise<LoadedView<Entity, Memory>> {
    const loading = this.#loading ?? this.#read();
    this.#loading = loading;
    try {
      const view = await loading;
      if (this.#loading === loading) this.#current = view;
      return view;
    } catch (error) {
      if (this.#loading === loading) this.#loading = null;
      throw error;
    }
  }

  /** Whether nothing has been written since. */
  isCurrent(view: LoadedView<Entity, Memory>): boolean {
    return this.#current === view;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  async #read(): Promise<LoadedView<Entity, Memory>> {
    const { log, key } = this.#options;
    const snapshot = await log.snapshot();
    if (snapshot === null) {
      return { cursor: null, observedAt: new Date(0), known: new Map(), stale: new Set(), note: null };
    }
    const { cursor, observedAt, entities, stale, note } = snapshot;
    const known = new Map(entities.map((one) => [key(one), one]));
    // Only FeedPoller writes notes, and replicas that write another kind of them have a log of their own.
    return { cursor, observedAt, known, stale, note: note as FeedNote<Memory> | null };
  }
}
