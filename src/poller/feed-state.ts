import type { EventLog, FeedChange } from '../events/event-log.ts';
import { diffSnapshots, isSameState } from './diff.ts';
import type { FeedSource, Observed } from './feed-source.ts';
import type { FeedNote, FeedView } from './feed-view.ts';

/** What a reading says about the entities. */
export interface Reading<Entity> {
  readonly read: readonly Entity[];
  /** Asked about those of `read` that are not known: whether they are told as created. */
  readonly hasAppeared: (entity: Entity) => boolean;
  readonly gone: readonly string[];
  readonly forgotten: readonly string[];
}

export interface ApplyOptions<Memory> {
  readonly at: Date;
  /** That of the lease under which is written. */
  readonly term: number;
  /** The reading is a whole round: what was stale is so no more, and this is left for the next one. */
  readonly round?: FeedNote<Memory> | undefined;
}

export interface FeedStateOptions<Entity extends Observed, Memory> {
  readonly log: EventLog<Entity>;
  readonly view: FeedView<Entity, Memory>;
  readonly source: Pick<FeedSource<Entity, unknown, unknown>, 'key' | 'isTerminal'>;
}

/** The one writer of an event log: compares what was read with what is known and writes the difference. */
export class FeedState<Entity extends Observed, Memory> {
  readonly #options: FeedStateOptions<Entity, Memory>;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: FeedStateOptions<Entity, Memory>) {
    this.#options = options;
  }

  /**
   * Brings a reading into the log. Readings are applied one after the other; one that was made before what is known
   * already changes nothing.
   * @returns what was told
   * @throws {LogFencedError} another replica has taken over. Nothing was written.
   * @throws {LogConflictError} the last write arrived although it seemed to fail. Nothing was written, and the next
   *   attempt will know.
   */
  apply(
    reading: Reading<Entity>,
    { at, term, round }: ApplyOptions<Memory>,
  ): Promise<readonly FeedChange<Entity>['kind'][]> {
    return this.#oneByOne(async () => {
      const { log, view, source } = this.#options;
      const { cursor: basis, known: before, stale } = await view.load();
      const learned: Entity[] = [];
      const after = new Map(before);
      for (const entity of reading.read) {
        const key = source.key(entity);
        if (!this.#isNews(before.get(key), entity)) continue;
        if (!before.has(key) && !reading.hasAppeared(entity)) learned.push(entity);
        after.set(key, entity);
      }
      for (const key of reading.gone) after.delete(key);
      const changes = diffSnapshots(
        new Map([...before, ...learned.map((one) => [source.key(one), one] as const)]),
        after,
      );
      const recovered = round !== undefined && stale.has('feed');
      const told: FeedChange<Entity>[] = recovered
        ? [{ kind: 'RECOVERED', subject: 'feed' }, ...changes]
        : [...changes];
      const { forgotten } = reading;
      await log.write({ learned, changes: told, forgotten, note: round }, { observedAt: at, term, basis });
      return told.map(({ kind }) => kind);
    });
  }

  /**
   * Tells that what is known may be out of date, once until the next round that is applied.
   * @returns whether it is told now
   * @throws {LogFencedError} another replica has taken over. Nothing was written.
   * @throws {LogConflictError} the last write arrived although it seemed to fail. Nothing was written, and the next
   *   attempt will know.
   */
  stale({ at, term }: Pick<ApplyOptions<Memory>, 'at' | 'term'>): Promise<boolean> {
    return this.#oneByOne(async () => {
      const { log, view } = this.#options;
      const { cursor: basis, stale } = await view.load();
      if (stale.has('feed')) return false;
      await log.write({ changes: [{ kind: 'STALE', subject: 'feed' }] }, { observedAt: at, term, basis });
      return true;
    });
  }

  /** Whether the log shows already what was found by name, or something that may be later. */
  async shows(id: string, entity: Entity | null): Promise<boolean> {
    const { known } = await this.#options.view.load();
    return entity === null ? !known.has(id) : !this.#isNews(known.get(id), entity);
  }

  /**
   * A state is news when it was asked for after the one that is known had come, and does not undo an end. Of two readings
   * that overlap nobody can tell which is the older one, so that the first to arrive stands until the next one. (Replicas
   * behind the platform's API may lag.)
   */
  #isNews(previous: Entity | undefined, entity: Entity): boolean {
    if (previous === undefined) return true;
    if (entity.requestedAt < previous.observedAt || isSameState(previous, entity)) return false;
    const { isTerminal } = this.#options.source;
    return isTerminal(entity) || !isTerminal(previous);
  }

  #oneByOne<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    return turn;
  }
}
