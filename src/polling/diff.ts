import { isDeepStrictEqual } from 'node:util';
import type { FeedChange } from '../events/log.ts';

/**
 * Changes between two snapshots with the same keys: removals first, then changes and creations in the order of `after`.
 *
 * Every field is compared except the times of the reading, which differ in each. Comparing the update time alone is not
 * sufficient, because the platform's samples contain jobs that ended without a change of it.
 */
export function diffSnapshots<Entity extends object>(
  before: ReadonlyMap<string, Entity>,
  after: ReadonlyMap<string, Entity>,
): readonly FeedChange<Entity>[] {
  const changes: FeedChange<Entity>[] = [];
  for (const [key, entity] of before) if (!after.has(key)) changes.push({ kind: 'REMOVED', entity });
  for (const [key, entity] of after) {
    const previous = before.get(key);
    if (previous === undefined) changes.push({ kind: 'CREATED', entity });
    else if (!isSameState(previous, entity)) changes.push({ kind: 'CHANGED', entity, previous });
  }
  return changes;
}

/** The times of a reading, which the entities of some kinds contain. */
const noTimes = { requestedAt: null, observedAt: null };

/** Whether two readings show the same state, regardless of their times. */
export function isSameState<Entity extends object>(a: Entity, b: Entity): boolean {
  return a === b || isDeepStrictEqual({ ...a, ...noTimes }, { ...b, ...noTimes });
}
