import type { EventLog, LogSnapshot } from '../events/log.ts';
import { entitiesByKey } from '../events/subscriber/events.ts';
import type { FeedSource } from './sources/source.ts';

/**
 * Data that a round writes to the log in addition to its changes, for the next lease holder and for waiting
 * subscribers.
 */
export interface FeedNote<Checkpoint> {
  /** Term of the lease under which the note was written. */
  readonly term: number;
  /** Number of the round. It grows with each note, regardless of the replica that writes it. */
  readonly round: number;
  /** Whether the running entities have been searched for under this term. All of them are followed since. */
  readonly discovered: boolean;
  /** Named ids that the platform does not have, with the last round that read them. */
  readonly missing: ReadonlyMap<string, number>;
  /** Known running entities without a watcher (see RoundResult). Their known state may be old. */
  readonly unfollowed: ReadonlySet<string>;
  /** Wall time (ms) at which the gateway saw an entity end, if the platform reports no plausible time. */
  readonly endedSeen: ReadonlyMap<string, number>;
  /**
   * Whether the round covered the results of the whole sandbox, and whether reading results failed (see ResultSource).
   */
  readonly results: { readonly everything: boolean; readonly failing: boolean };
  /** See FeedSource.lasting. */
  readonly checkpoint: Checkpoint;
}

/** The state of the log at one moment. */
export interface LoadedState<Entity, Checkpoint> {
  /** Null: there is no log, because nothing was written yet or Redis lost it. */
  readonly cursor: string | null;
  readonly known: ReadonlyMap<string, Entity>;
  readonly stale: LogSnapshot<Entity>['stale'];
  readonly note: FeedNote<Checkpoint> | null;
}

export interface FeedStateOptions<Entity extends object> {
  readonly log: EventLog<Entity>;
  readonly key: FeedSource<Entity, unknown, unknown>['key'];
}

/** The state of a feed, whichever replica wrote it. The log is read once after each write. */
export class FeedState<Entity extends object, Checkpoint> implements Disposable {
  readonly #options: FeedStateOptions<Entity>;
  readonly #watch: Disposable;
  #loading: Promise<LoadedState<Entity, Checkpoint>> | null = null;
  #current: LoadedState<Entity, Checkpoint> | null = null;

  /** @param changed called after each write. `load` then returns the new state. */
  constructor(options: FeedStateOptions<Entity>, changed: () => void) {
    this.#options = options;
    this.#watch = options.log.watch(() => {
      this.#loading = null;
      this.#current = null;
      changed();
    });
  }

  /** @throws {GatewayError} the log is out of reach */
  async load(): Promise<LoadedState<Entity, Checkpoint>> {
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

  /** Whether the log was not written since the view was loaded. */
  isCurrent(view: LoadedState<Entity, Checkpoint>): boolean {
    return this.#current === view;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  async #read(): Promise<LoadedState<Entity, Checkpoint>> {
    const { log, key } = this.#options;
    const snapshot = await log.snapshot();
    if (snapshot === null) return { cursor: null, known: new Map(), stale: new Set(), note: null };
    const { cursor, stale, note } = snapshot;
    const known = entitiesByKey(snapshot, key);
    // Only PollRounds writes notes, and replicas that write another kind of note use a log of their own.
    return { cursor, known, stale, note: note as FeedNote<Checkpoint> | null };
  }
}
