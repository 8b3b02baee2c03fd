import type { LogEntry, LogSnapshot } from '../log.ts';
import type { WatchEvent } from '../watch.ts';

const partialSuffix = '.partial';

/**
 * A cursor that cannot continue in the log. A subscriber that resumes there receives RESYNC and a new snapshot. Every
 * event of a snapshot except the last has one, because the rest of the snapshot would be missing. Events that are
 * delivered while only this process knows that the view is stale also have one, because the log contains no RECOVERED
 * for that.
 */
export const partialCursor = (cursor: string): string =>
  cursorIsPartial(cursor) ? cursor : `${cursor}${partialSuffix}`;

export const cursorIsPartial = (cursor: string): boolean => cursor.endsWith(partialSuffix);

// Subscribers share events by identity, so that values computed from an event can be shared as well. A cached value was
// made from the entry, snapshot or event that is its key, so it has the same type of entity and the casts below are
// safe.

const ofEntries = new WeakMap<LogEntry<unknown>, WatchEvent<unknown>>();

/** The event of a log entry. Every subscriber receives the same object. */
export function entryEvent<Entity>(entry: LogEntry<Entity>): WatchEvent<Entity> {
  const known = ofEntries.get(entry) as WatchEvent<Entity> | undefined;
  if (known !== undefined) return known;
  const event = describe(entry);
  ofEntries.set(entry, event);
  return event;
}

const partial = new WeakMap<WatchEvent<unknown>, WatchEvent<unknown>>();

/** The event with a partial cursor. Every subscriber receives the same object. */
export function partialEvent<Entity>(event: WatchEvent<Entity>): WatchEvent<Entity> {
  const known = partial.get(event) as WatchEvent<Entity> | undefined;
  if (known !== undefined) return known;
  const made = { ...event, cursor: partialCursor(event.cursor) };
  partial.set(event, made);
  return made;
}

const merged = new WeakMap<WatchEvent<unknown>, WeakMap<WatchEvent<unknown>, WatchEvent<unknown>>>();

/**
 * Merges two events of one entity for a subscriber that has received neither. All such subscribers receive the same
 * object.
 */
export function mergedEvent<Entity>(earlier: WatchEvent<Entity>, later: WatchEvent<Entity>): WatchEvent<Entity> {
  const ofEarlier = merged.get(earlier) ?? new WeakMap<WatchEvent<unknown>, WatchEvent<unknown>>();
  merged.set(earlier, ofEarlier);
  const known = ofEarlier.get(later) as WatchEvent<Entity> | undefined;
  if (known !== undefined) return known;
  const event = merge(earlier, later);
  ofEarlier.set(later, event);
  return event;
}

const ofSnapshots = new WeakMap<LogSnapshot<unknown>, Map<string, Map<unknown, WatchEvent<unknown>>>>();

/** An event of a snapshot. Subscribers with the same event receive the same object. */
export function snapshotEvent<Entity>(snapshot: LogSnapshot<Entity>, event: WatchEvent<Entity>): WatchEvent<Entity> {
  // The last event of a snapshot has another cursor than an event of the same entity in the middle of another
  // selection.
  const byCursor = ofSnapshots.get(snapshot) ?? new Map<string, Map<unknown, WatchEvent<unknown>>>();
  ofSnapshots.set(snapshot, byCursor);
  const bySubject = byCursor.get(event.cursor) ?? new Map<unknown, WatchEvent<unknown>>();
  byCursor.set(event.cursor, bySubject);
  const subject = event.entity ?? event.kind;
  const known = bySubject.get(subject) as WatchEvent<Entity> | undefined;
  if (known !== undefined) return known;
  bySubject.set(subject, event);
  return event;
}

const byKeys = new WeakMap<LogSnapshot<unknown>, ReadonlyMap<string, unknown>>();

/**
 * The entities of a snapshot by key. The map is created once per snapshot, so that a subscription with ids need not
 * iterate over all entities.
 */
export function entitiesByKey<Entity>(
  snapshot: LogSnapshot<Entity>,
  key: (entity: Entity) => string,
): ReadonlyMap<string, Entity> {
  const known = byKeys.get(snapshot) as ReadonlyMap<string, Entity> | undefined;
  if (known !== undefined) return known;
  const made = new Map(snapshot.entities.map((entity) => [key(entity), entity]));
  byKeys.set(snapshot, made);
  return made;
}

function describe<Entity>({ cursor, observedAt, change }: LogEntry<Entity>): WatchEvent<Entity> {
  switch (change.kind) {
    case 'CHANGED':
    case 'OVERDUE':
      return { kind: change.kind, cursor, observedAt, entity: change.entity, previous: change.previous };
    case 'CREATED':
    case 'REMOVED':
      return { kind: change.kind, cursor, observedAt, entity: change.entity, previous: null };
    case 'STALE':
    case 'RECOVERED':
      return { kind: change.kind, cursor, observedAt, entity: null, previous: null };
  }
}

/** Describes the latest state to a subscriber that has not received the earlier event. */
function merge<Entity>(earlier: WatchEvent<Entity>, later: WatchEvent<Entity>): WatchEvent<Entity> {
  // A CREATED follows a change when the filter excluded the removal between them. The subscriber may still have the
  // entity in its view.
  if (later.kind !== 'CHANGED' && later.kind !== 'CREATED') return later;
  switch (earlier.kind) {
    case 'CHANGED':
      return { ...later, kind: 'CHANGED', previous: earlier.previous };
    case 'CREATED':
      return { ...later, kind: 'CREATED', previous: null };
    case 'SNAPSHOT':
    case 'OVERDUE':
    case 'REMOVED':
    case 'STALE':
    case 'RECOVERED':
    case 'RESYNC':
      return later;
  }
}
