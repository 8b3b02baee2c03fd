import type { Clock } from '../runtime/clock.ts';
import type { FeedSource } from './sources/source.ts';

export interface OlderReadingsOptions<Entity extends object> {
  readonly source: Pick<FeedSource<Entity, never, never>, 'key' | 'isTerminal' | 'updatedAt'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/**
 * Time after which an older state counts as the current one although the platform dates it before the known state, in
 * milliseconds. Replicas of the platform lag by seconds, but its clock may have been set back.
 */
const maxLagMs = 60_000;

/**
 * Recognizes readings that lagging replicas of the platform have answered, by the time of the last change. Subscribers
 * would otherwise receive an older state after a newer one, and the newer one again.
 */
export class OlderReadings<Entity extends object> {
  readonly #options: OlderReadingsOptions<Entity>;
  /** Time since which only older states of an entity were read, in monotonic milliseconds. */
  readonly #sinceMs = new Map<string, number>();

  constructor(options: OlderReadingsOptions<Entity>) {
    this.#options = options;
  }

  /**
   * Returns the entities that were read, with the known state in place of an older one.
   * @param known state before the round
   */
  replaced(read: readonly Entity[], known: ReadonlyMap<string, Entity>): readonly Entity[] {
    const { source, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const id of this.#sinceMs.keys()) if (!known.has(id)) this.#sinceMs.delete(id);
    return read.map((entity) => {
      const id = source.key(entity);
      const previous = known.get(id);
      if (previous === undefined || !this.#isOlder(previous, entity)) {
        this.#sinceMs.delete(id);
        return entity;
      }
      const sinceMs = this.#sinceMs.get(id) ?? nowMs;
      this.#sinceMs.set(id, sinceMs);
      return nowMs - sinceMs < maxLagMs ? previous : entity;
    });
  }

  #isOlder(previous: Entity, entity: Entity): boolean {
    const { isTerminal, updatedAt } = this.#options.source;
    // A running entity may end without a change of the time.
    if (isTerminal(entity) && !isTerminal(previous)) return false;
    return isEarlier(updatedAt(entity), updatedAt(previous));
  }
}

/** Whether a time of the platform is certainly earlier than another one; null: the platform reports none. */
export function isEarlier(time: Date | null, other: Date | null): boolean {
  const [ms, otherMs] = [time?.getTime(), other?.getTime()];
  if (ms === undefined || otherMs === undefined) return false;
  // Some responses of the platform contain the time in seconds.
  return ms % 1_000 === 0 ? ms < Math.floor(otherMs / 1_000) * 1_000 : ms < otherMs;
}
