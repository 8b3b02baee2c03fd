import type { LogEntry, LogSnapshot } from './event-log.ts';
import type { WatchEvent } from './watch.ts';

const partialSuffix = '.partial';

/**
 * The cursor of every event of a snapshot but its last. Who resumes there has not seen the whole snapshot and gets a
 * new one, with a RESYNC ahead of it; only the cursor of the last event, a SNAPSHOT or the STALE behind it, continues in
 * the log.
 */
export const partialSnapshotCursor = (cursor: string): string => `${cursor}${partialSuffix}`;

export const snapshotIsPartial = (cursor: string): boolean => cursor.endsWith(partialSuffix);

const events = new WeakMap<LogEntry<unknown>, WatchEvent<unknown>>();

/** The event that tells of an entry: one and the same object for every subscriber, so that work on it can be shared. */
export function toWatchEvent<Entity>(entry: LogEntry<Entity>): WatchEvent<Entity> {
  // What is kept for an entry was made from that entry, so it has the same type of entity.
  const known = events.get(entry) as WatchEvent<Entity> | undefined;
  if (known !== undefined) return known;
  const event = describe(entry);
  events.set(entry, event);
  return event;
}

const told = new WeakMap<LogSnapshot<unknown>, Map<unknown, WatchEvent<unknown>>>();

/** An event that tells something of a snapshot: the one that others were told, where it is the same. */
export function toldOnce<Entity>(snapshot: LogSnapshot<Entity>, event: WatchEvent<Entity>): WatchEvent<Entity> {
  const shared = told.get(snapshot) ?? new Map<unknown, WatchEvent<unknown>>();
  told.set(snapshot, shared);
  const subject = event.entity ?? event.kind;
  // What is kept for a snapshot was made from that snapshot, so it has the same type of entity.
  const known = shared.get(subject) as WatchEvent<Entity> | undefined;
  if (known?.cursor === event.cursor) return known;
  shared.set(subject, event);
  return event;
}

function describe<Entity>({ cursor, observedAt, change }: LogEntry<Entity>): WatchEvent<Entity> {
  switch (change.kind) {
    case 'CHANGED':
      return { kind: 'CHANGED', cursor, observedAt, entity: change.entity, previous: change.previous };
    case 'CREATED':
    case 'REMOVED':
      return { kind: change.kind, cursor, observedAt, entity: change.entity, previous: null };
    case 'STALE':
    case 'RECOVERED':
      return { kind: change.kind, cursor, observedAt, entity: null, previous: null };
  }
}
