import type { EventLog, LogSnapshot } from '../events/event-log.ts';
import { entitiesByKey } from '../events/watch-events.ts';
import type { FeedSource, Observed } from './feed-source.ts';

/** What a round leaves in the log besides its changes, for the next holder of the lease and for waiting subscribers. */
export interface FeedNote<Memory> {
  /** Term of the lease under which the note was written. */
  readonly term: number;
  /** Number of the round. It grows with each note, whichever replica writes it. */
  readonly round: number;
  /** Under this term, the running entities have been searched for, and all of them have been followed since. */
  readonly discovered: boolean;
  /** Named ids that the platform does not have, with the round that read them last. */
  readonly missing: ReadonlyMap<string, number>;
  /** See RoundResult: their known state may be old. */
  readonly unfollowed: ReadonlySet<string>;
  /** When the gateway saw an entity end (wall time, ms), where the platform reports no plausible time for it. */
  readonly endedSeen: ReadonlyMap<string, number>;
  /** Results (see ResultSource): whether the round covered those of the whole sandbox, and whether they could not be read. */
  readonly results: { readonly everything: boolean; readonly failing: boolean };
  /** See FeedSource.lasting. */
  readonly memory: Memory;
}

/** The log at one moment. */
export interface LoadedView<Entity, Memory> {
  /** Null: there is no log, because nothing was written yet or Redis lost it. */
  readonly cursor: string | null;
  readonly known: ReadonlyMap<string, Entity>;
  readonly stale: LogSnapshot<Entity>['stale'];
  readonly note: FeedNote<Memory> | null;
}

export interface FeedViewOptions<Entity extends Observed> {
  readonly log: EventLog<Entity>;
  readonly key: FeedSource<Entity, unknown, unknown>['key'];
}

/** The state of a feed, whichever replica wrote it. The log is read once after each write. */
export class FeedView<Entity extends Observed, Memory> implements Disposable {
  readonly #options: FeedViewOptions<Entity>;
  readonly #watch: Disposable;
  #loading: Promise<LoadedView<Entity, Memory>> | null = null;
  #current: LoadedView<Entity, Memory> | null = null;

  /** @param changed called after each write; `load` then returns its result */
  constructor(options: FeedViewOptions<Entity>, changed: () => void) {
    this.#options = options;
    this.#watch = options.log.watch(() => {
      this.#loading = null;
      this.#current = null;
      changed();
    });
  }

  /** @throws {GatewayError} the log is out of reach */
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
    if (snapshot === null) return { cursor: null, known: new Map(), stale: new Set(), note: null };
    const { cursor, stale, note } = snapshot;
    const known = entitiesByKey(snapshot, key);
    // Only FeedPoller writes notes, and replicas that write another kind of note use a log of their own.
    return { cursor, known, stale, note: note as FeedNote<Memory> | null };
  }
}
