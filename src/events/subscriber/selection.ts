import type { Clock } from '../../runtime/clock.ts';
import type { LogEntry, LogSnapshot, StaleSubject } from '../log.ts';
import type { WatchEvent, WatchOptions } from '../watch.ts';
import { entitiesByKey } from './events.ts';
import type { ResultRules } from './result-rules.ts';

export interface SelectionOptions<Entity>
  extends Pick<WatchOptions<Entity>, 'ids' | 'matches' | 'endedWithinSeconds' | 'withResults'> {
  readonly key: (entity: Entity) => string;
  readonly isTerminal: (entity: Entity) => boolean;
  /** Absent if the entities have no results. */
  readonly results?: ResultRules<Entity> | undefined;
  readonly newestFirst: (a: Entity, b: Entity) => number;
  /**
   * Returns the wall time at which a terminal entity ended, in milliseconds, given the note of the log; null: unknown.
   */
  readonly endedAtMs: (entity: Entity, note: unknown) => number | null;
  readonly clock: Pick<Clock, 'now'>;
}

/** `local`: only this process knows that the view is stale. */
export type Subject = StaleSubject | 'local';

export const noSubjects: ReadonlySet<Subject> = new Set();

/** Whether only this process knows that the view is stale. The log has no RECOVERED for that. */
export const isLocalAlone = (stale: ReadonlySet<Subject>): boolean => stale.size === 1 && stale.has('local');

/** Which entities, changes and subjects a subscriber receives. It depends on the subscription alone, and never changes. */
export class Selection<Entity> {
  /** Null: all entities. */
  readonly ids: ReadonlySet<string> | null;
  readonly #options: SelectionOptions<Entity>;

  constructor(options: SelectionOptions<Entity>) {
    this.#options = options;
    this.ids = options.ids === null ? null : new Set(options.ids);
  }

  /** Whether the view of the subscriber is out of date while this subject is stale. */
  concerns(subject: Subject): boolean {
    switch (subject) {
      case 'feed':
      case 'local':
        return true;
      case 'list':
        return this.ids === null;
      case 'results':
        return this.#options.withResults === true;
      default:
        // The filter is not applied, because an entity that cannot be read may have entered it in the meantime.
        return this.ids === null || this.ids.has(subject.slice('entity:'.length));
    }
  }

  /** The subjects that concern the subscriber. */
  concerning(stale: ReadonlySet<Subject>): ReadonlySet<Subject> {
    if (stale.size === 0) return noSubjects;
    return new Set([...stale].filter((subject) => this.concerns(subject)));
  }

  /** The entities of a snapshot that the subscriber receives, in the order of their events. */
  entities(snapshot: LogSnapshot<Entity>, start: 'snapshot' | 'resync'): readonly Entity[] {
    const { key, matches, newestFirst } = this.#options;
    if (this.ids !== null) {
      const known = entitiesByKey(snapshot, key);
      const named = [...this.ids].map((id) => known.get(id)).filter((entity) => entity !== undefined);
      return matches === null ? named : named.filter(matches);
    }
    const wanted = matches === null ? snapshot.entities : snapshot.entities.filter(matches);
    // After a RESYNC all ended entities are sent, because the subscriber may have received them running.
    return (start === 'resync' ? wanted : this.#present(wanted, snapshot.note)).toSorted(newestFirst);
  }

  /** Selects entities that have not ended, or ended recently. */
  #present(entities: readonly Entity[], note: unknown): readonly Entity[] {
    const { isTerminal, endedAtMs, endedWithinSeconds = 0, clock } = this.#options;
    const isPresent = (one: Entity) => !isTerminal(one) || this.#awaitsResults(one);
    if (endedWithinSeconds === 0) return entities.filter(isPresent);
    const sinceMs = clock.now().getTime() - endedWithinSeconds * 1_000;
    return entities.filter((one) => isPresent(one) || (endedAtMs(one, note) ?? Number.NEGATIVE_INFINITY) >= sinceMs);
  }

  /** Whether the entity has ended and none of its results are awaited. */
  isOver(entity: Entity): boolean {
    const { isTerminal, withResults = false, results } = this.#options;
    return isTerminal(entity) && (!withResults || results === undefined || results.isSettled(entity));
  }

  /** Whether results of the entity have been read and may change. */
  #awaitsResults(entity: Entity): boolean {
    const { withResults = false, results } = this.#options;
    return withResults && results?.isKnown(entity) === true && !results.isSettled(entity);
  }

  /** Whether the change is visible in the entities or results that the subscriber watches. */
  isSeen(change: LogEntry<Entity>['change']): boolean {
    const { withResults = false, results } = this.#options;
    if (results === undefined || change.kind !== 'CHANGED') return true;
    switch (results.difference(change.previous, change.entity)) {
      case 'entity':
        return true;
      case 'results':
        return withResults;
      case 'nothing':
        return false;
    }
  }

  /** Whether the filter accepts the event. */
  isWanted(event: WatchEvent<Entity>): boolean {
    const { matches } = this.#options;
    if (matches === null || event.entity === null || matches(event.entity)) return true;
    return (event.kind === 'CHANGED' || event.kind === 'OVERDUE') && matches(event.previous);
  }
}
