import { isDeepStrictEqual } from 'node:util';
import type { FeedChange } from '../events/event-log.ts';
import type { Observed } from './feed-source.ts';

/**
 * What happened between two snapshots, keyed alike: removals, then changes and creations in the order of `after`.
 *
 * Every field counts except the times of the reading, which move with each. A time of update alone would not do: the
 * platform's samples show jobs that ended without it moving.
 */
export function diffSnapshots<Entity extends Observed>(
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

const noTimes = { requestedAt: null, observedAt: null };

/** Whether two readings show the same, whenever they were made. */
export function isSameState<Entity extends Observed>(a: Entity, b: Entity): boolean {
  return a === b || isDeepStrictEqual({ ...a, ...noTimes }, { ...b, ...noTimes });
}
