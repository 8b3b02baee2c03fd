import { describe, expect, it } from 'vitest';
import {
  LogConflictError,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
  type LogSnapshot,
} from '../../../../src/events/log.ts';
import {
  cursorIsPartial,
  entitiesByKey,
  entryEvent,
  mergedEvent,
  partialCursor,
  partialEvent,
  snapshotEvent,
} from '../../../../src/events/subscriber/events.ts';
import type { WatchEvent } from '../../../../src/events/watch.ts';

interface Job {
  readonly id: string;
  readonly version: number;
}

const observedAt = new Date(1_000);
const job = (version: number, id = 'a'): Job => ({ id, version });
/** Creates an event of any kind with any parts. */
function event(kind: WatchEvent<Job>['kind'], version: number | null, previous: Job | null = null): WatchEvent<Job> {
  const entity = version === null ? null : job(version);
  // The cast is safe, because each test passes the parts that events of its kind have, or whose absence makes no
  // difference.
  return { kind, cursor: `cursor-${kind}-${version}`, observedAt, entity, previous } as WatchEvent<Job>;
}
const snapshot = (entities: readonly Job[] = []): LogSnapshot<Job> => ({
  cursor: 'cursor',
  observedAt,
  entities,
  stale: new Set(),
  note: null,
});

describe('a partial cursor', () => {
  it('differs from the cursor, and is the same for repeated calls', () => {
    const partial = partialCursor('cursor');
    expect([cursorIsPartial('cursor'), cursorIsPartial(partial), partialCursor(partial)]).toEqual([
      false,
      true,
      partial,
    ]);
    expect(cursorIsPartial(`${partial}-goes-on`)).toBe(false);
  });

  it('creates one event object for all its subscribers', () => {
    const whole = event('CHANGED', 2, job(1));
    const partial = partialEvent(whole);
    expect(partial).toEqual({ ...whole, cursor: partialCursor(whole.cursor) });
    expect(partialEvent(whole)).toBe(partial);
    expect(partialEvent({ ...whole })).not.toBe(partial);
  });
});

describe('the event of a log entry', () => {
  const eventOf = (change: LogEntry<Job>['change']) => entryEvent({ cursor: 'cursor', observedAt, change });

  it('has the entity, and its state before a change', () => {
    const common = { cursor: 'cursor', observedAt };
    expect(eventOf({ kind: 'CREATED', entity: job(1) })).toEqual({
      ...common,
      kind: 'CREATED',
      entity: job(1),
      previous: null,
    });
    expect(eventOf({ kind: 'REMOVED', entity: job(1) })).toEqual({
      ...common,
      kind: 'REMOVED',
      entity: job(1),
      previous: null,
    });
    expect(eventOf({ kind: 'CHANGED', entity: job(2), previous: job(1) })).toEqual({
      ...common,
      kind: 'CHANGED',
      entity: job(2),
      previous: job(1),
    });
    for (const kind of ['STALE', 'RECOVERED'] as const) {
      expect(eventOf({ kind, subject: 'feed' })).toEqual({ ...common, kind, entity: null, previous: null });
    }
  });

  it('is the same object for all subscribers', () => {
    const entry: LogEntry<Job> = { cursor: 'cursor', observedAt, change: { kind: 'CREATED', entity: job(1) } };
    expect(entryEvent(entry)).toBe(entryEvent(entry));
  });
});

describe('two merged events of one entity', () => {
  it('are a change from the first state if both are changes', () => {
    const later = event('CHANGED', 3, job(2));
    expect(mergedEvent(event('CHANGED', 2, job(1)), later)).toEqual({ ...later, previous: job(1) });
    const created = event('CREATED', 3);
    expect(mergedEvent(event('CHANGED', 2, job(1)), created)).toEqual({
      ...created,
      kind: 'CHANGED',
      previous: job(1),
    });
  });

  it('are a creation with the later state', () => {
    const later = event('CHANGED', 2, job(1));
    expect(mergedEvent(event('CREATED', 1), later)).toEqual({ ...later, kind: 'CREATED', previous: null });
  });

  it.each(['SNAPSHOT', 'REMOVED', 'STALE', 'RECOVERED', 'RESYNC'] as const)('are the later one after %s', (kind) => {
    const later = event('CHANGED', 2, job(1));
    expect(mergedEvent(event(kind, 1), later)).toBe(later);
  });

  it.each(['SNAPSHOT', 'REMOVED', 'STALE', 'RECOVERED', 'RESYNC'] as const)('are the later one if it is %s', (kind) => {
    const later = event(kind, 2);
    expect(mergedEvent(event('CHANGED', 1, job(0)), later)).toBe(later);
    expect(mergedEvent(event('CREATED', 1), later)).toBe(later);
  });

  it('are the same object for all their subscribers', () => {
    const [earlier, later] = [event('CREATED', 1), event('CHANGED', 2, job(1))];
    expect(mergedEvent(earlier, later)).toBe(mergedEvent(earlier, later));
    expect(mergedEvent(earlier, { ...later })).not.toBe(mergedEvent(earlier, later));
  });
});

describe('an event of a snapshot', () => {
  it('is the same object for all subscribers that receive the same entity with the same cursor', () => {
    const from = snapshot();
    const first = event('SNAPSHOT', 1);
    expect(snapshotEvent(from, first)).toBe(first);
    expect(snapshotEvent(from, { ...first })).toBe(first);
    const partial = partialEvent(first);
    expect(snapshotEvent(from, partial)).toBe(partial);
    const other = { ...event('SNAPSHOT', 2), cursor: first.cursor };
    expect(snapshotEvent(from, other)).toBe(other);
    const again = { ...first };
    expect(snapshotEvent(snapshot(), again)).toBe(again);
  });

  it('is distinguished by its kind if it has no entity', () => {
    const from = snapshot();
    const [resync, stale] = [event('RESYNC', null), { ...event('STALE', null), cursor: event('RESYNC', null).cursor }];
    expect([snapshotEvent(from, resync), snapshotEvent(from, stale)]).toEqual([resync, stale]);
    expect(snapshotEvent(from, { ...resync })).toBe(resync);
  });
});

describe('the entities of a snapshot', () => {
  it('are found by key, in a map that is created once', () => {
    const from = snapshot([job(1, 'a'), job(2, 'b')]);
    const found = entitiesByKey(from, ({ id }) => id);
    expect(found).toEqual(
      new Map([
        ['a', job(1, 'a')],
        ['b', job(2, 'b')],
      ]),
    );
    expect(entitiesByKey(from, ({ id }) => id)).toBe(found);
  });
});

describe('the errors of a log', () => {
  it('have names that identify them in the log of the gateway', () => {
    const names = [new LogOverflowError(), new LogFencedError(), new LogConflictError()].map(({ name }) => name);
    expect(names).toEqual(['LogOverflowError', 'LogFencedError', 'LogConflictError']);
  });
});
