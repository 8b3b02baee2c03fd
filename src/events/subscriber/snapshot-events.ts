import type { LogSnapshot } from '../log.ts';
import type { WatchEvent } from '../watch.ts';
import { partialCursor, snapshotEvent } from './events.ts';
import { isLocalAlone, type Subject } from './selection.ts';

export interface SnapshotSelection<Entity> {
  readonly entities: readonly Entity[];
  readonly stale: ReadonlySet<Subject>;
  readonly isResync: boolean;
}

/** The events with which a stream begins, or begins again after a RESYNC. They are created when they are read. */
export function* snapshotEvents<Entity>(
  snapshot: LogSnapshot<Entity>,
  { entities, stale, isResync }: SnapshotSelection<Entity>,
): Generator<WatchEvent<Entity>, undefined, void> {
  const { observedAt } = snapshot;
  const partial = partialCursor(snapshot.cursor);
  const cursor = isLocalAlone(stale) ? partial : snapshot.cursor;
  const isStale = stale.size > 0;
  const base = { observedAt, entity: null, previous: null };
  if (isResync) {
    const isLast = entities.length === 0 && !isStale;
    yield snapshotEvent<Entity>(snapshot, { kind: 'RESYNC', cursor: isLast ? cursor : partial, ...base });
  }
  for (const [index, entity] of entities.entries()) {
    const isLast = index === entities.length - 1 && !isStale;
    const event = { kind: 'SNAPSHOT', cursor: isLast ? cursor : partial, observedAt, entity, previous: null } as const;
    yield snapshotEvent<Entity>(snapshot, event);
  }
  if (isStale) yield snapshotEvent<Entity>(snapshot, { kind: 'STALE', cursor, ...base });
  return undefined;
}
