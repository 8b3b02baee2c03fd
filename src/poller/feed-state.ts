import type { EventLog, FeedChange } from '../events/event-log.ts';
import { diffSnapshots, isSameState } from './diff.ts';
import type { FeedSource, Observed } from './feed-source.ts';

/** What a reading says about the entities. */
export interface Reading<Entity> {
  readonly read: readonly Entity[];
  /** Asked about those of `read` that are not known: whether they are told as created. */
  readonly hasAppeared: (entity: Entity) => boolean;
  readonly gone: readonly string[];
  readonly forgotten: readonly string[];
}

export interface FeedStateOptions<Entity extends Observed> {
  readonly log: EventLog<Entity>;
  readonly source: Pick<FeedSource<Entity, unknown, unknown>, 'key' | 'isTerminal'>;
}

/** The one writer of an event log: compares what was read with what is known and writes the difference. */
export class FeedState<Entity extends Observed> {
  readonly #log: EventLog<Entity>;
  readonly #source: FeedStateOptions<Entity>['source'];
  /** The log's snapshot. Null: not loaded yet, or the log failed and must be asked again. */
  #known: ReadonlyMap<string, Entity> | null = null;
  #stale = false;
  #writing: Promise<unknown> = Promise.resolve();

  constructor({ log, source }: FeedStateOptions<Entity>) {
    this.#log = log;
    this.#source = source;
  }

  async known(): Promise<ReadonlyMap<string, Entity>> {
    if (this.#known !== null) return this.#known;
    const { entities, stale } = await this.#log.snapshot();
    this.#stale = stale;
    this.#known ??= new Map(entities.map((entity) => [this.#source.key(entity), entity]));
    return this.#known;
  }

  /**
   * Brings a reading into the log. Readings are applied one after the other; one that was made before what is known
   * already changes nothing.
   * @returns how many entities changed, came or went
   */
  apply(reading: Reading<Entity>, options: { readonly recovered: boolean; readonly at: Date }): Promise<number> {
    return this.#oneByOne(async () => {
      const before = await this.known();
      const learned: Entity[] = [];
      const after = new Map(before);
      for (const entity of reading.read) {
        const key = this.#source.key(entity);
        const previous = before.get(key);
        if (previous === undefined) {
          if (!reading.hasAppeared(entity)) learned.push(entity);
          after.set(key, entity);
        } else if (this.#isNews(previous, entity)) after.set(key, entity);
      }
      for (const key of reading.gone) after.delete(key);
      const changes = diffSnapshots(
        new Map([...before, ...learned.map((one) => [this.#source.key(one), one] as const)]),
        after,
      );
      for (const key of reading.forgotten) after.delete(key);

      const recovered = options.recovered && this.#stale;
      const told: FeedChange<Entity>[] = recovered ? [{ kind: 'RECOVERED' }, ...changes] : [...changes];
      await this.#log.write({ learned, changes: told, forgotten: reading.forgotten }, { observedAt: options.at });
      this.#known = after;
      if (recovered) this.#stale = false;
      return changes.length;
    });
  }

  /** Tells that what is known may be out of date, once until the next `apply` that recovers. */
  stale(at: Date): Promise<void> {
    return this.#oneByOne(async () => {
      await this.known();
      if (this.#stale) return;
      await this.#log.write({ changes: [{ kind: 'STALE' }] }, { observedAt: at });
      this.#stale = true;
    });
  }

  /** Replicas behind the platform's API may lag: a state is news when it was read later and does not undo an end. */
  #isNews(previous: Entity, entity: Entity): boolean {
    if (entity.observedAt < previous.observedAt || isSameState(previous, entity)) return false;
    return this.#source.isTerminal(entity) || !this.#source.isTerminal(previous);
  }

  async #oneByOne<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (error) {
      this.#known = null;
      throw error;
    }
  }
}
