import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PendingEvents } from '../../../../src/events/subscriber/queue.ts';
import type { WatchEvent } from '../../../../src/events/watch.ts';

interface Item {
  readonly id: string;
  readonly version: number;
}
type Emitted = WatchEvent<Item>;

const observedAt = new Date(0);
const about = (cursor: number) => ({ cursor: `e.${cursor}`, observedAt });
const created = (cursor: number, id: string): Emitted => ({
  kind: 'CREATED',
  ...about(cursor),
  entity: { id, version: 0 },
  previous: null,
});
const removed = (cursor: number, id: string): Emitted => ({
  kind: 'REMOVED',
  ...about(cursor),
  entity: { id, version: 0 },
  previous: null,
});
const changed = (cursor: number, id: string, version: number): Emitted => ({
  kind: 'CHANGED',
  ...about(cursor),
  entity: { id, version },
  previous: { id, version: version - 1 },
});
const overdue = (cursor: number, id: string, version: number): Emitted => ({
  ...changed(cursor, id, version),
  kind: 'OVERDUE',
  entity: { id, version },
  previous: { id, version: version - 1 },
});
const feed = (cursor: number, kind: 'STALE' | 'RECOVERED'): Emitted => ({
  kind,
  ...about(cursor),
  entity: null,
  previous: null,
});

const resync = (cursor: number): Emitted => ({ kind: 'RESYNC', ...about(cursor), entity: null, previous: null });
const snapshot = (cursor: number, id: string): Emitted => ({
  kind: 'SNAPSHOT',
  ...about(cursor),
  entity: { id, version: 0 },
  previous: null,
});

function pending(...events: readonly Emitted[]): Emitted[] {
  const line = new PendingEvents<Item>(({ id }) => id);
  for (const event of events) line.push(event);
  const rest: Emitted[] = [];
  for (let event = line.shift(); event !== undefined; event = line.shift()) rest.push(event);
  return rest;
}

describe('pending events', () => {
  it('contain each OVERDUE, with the changes before and after it merged separately', () => {
    const events = [
      created(1, 'a'),
      changed(2, 'a', 1),
      overdue(3, 'a', 2),
      created(4, 'b'),
      changed(5, 'a', 3),
      changed(6, 'a', 4),
    ];
    expect(
      pending(...events).map(({ kind, cursor, entity, previous }) => [
        kind,
        cursor,
        entity?.version,
        previous?.version,
      ]),
    ).toEqual([
      ['CREATED', 'e.2', 1, undefined],
      ['OVERDUE', 'e.3', 2, 1],
      ['CREATED', 'e.4', 0, undefined],
      ['CHANGED', 'e.6', 4, 2],
    ]);
  });

  it('contain no OVERDUE of a removed entity', () => {
    expect(pending(changed(1, 'a', 1), overdue(2, 'a', 2), changed(3, 'a', 3), removed(4, 'a'))).toEqual([
      removed(4, 'a'),
    ]);
  });

  it('are delivered in order when nothing can be merged', () => {
    const events = [
      resync(1),
      snapshot(1, 's'),
      created(1, 'a'),
      changed(2, 'b', 5),
      removed(3, 'c'),
      removed(4, 'd'),
      feed(5, 'RECOVERED'),
      resync(6),
      feed(7, 'STALE'),
    ];
    const received = pending(...events);
    expect(received).toEqual(events);
    // All subscribers receive the same objects.
    expect(received.every((event, index) => event === events[index])).toBe(true);
  });

  it('are counted until they are taken or cleared', () => {
    const queue = new PendingEvents<Item>(({ id }) => id);
    const sizes = [queue.size];
    for (const event of [created(1, 'a'), removed(2, 'b')]) queue.push(event);
    sizes.push(queue.size);
    expect(queue.shift()).toEqual(created(1, 'a'));
    sizes.push(queue.size);
    queue.clear();
    sizes.push(queue.size);
    expect([sizes, queue.peek(), queue.shift()]).toEqual([[0, 2, 1, 0], undefined, undefined]);
  });

  it('merge changes of one entity into the latest, with the first state before it', () => {
    expect(pending(changed(1, 'a', 1), changed(2, 'b', 1), changed(3, 'a', 2))).toEqual([
      changed(2, 'b', 1),
      { ...changed(3, 'a', 2), previous: { id: 'a', version: 0 } },
    ]);
  });

  it('deliver an entity that was created and changed as created in its latest state', () => {
    expect(pending(created(1, 'a'), changed(2, 'a', 1))).toEqual([
      { kind: 'CREATED', ...about(2), entity: { id: 'a', version: 1 }, previous: null },
    ]);
  });

  it('keep a removal, even when the entity returns', () => {
    expect(pending(changed(1, 'a', 1), removed(2, 'a'))).toEqual([removed(2, 'a')]);
    expect(pending(removed(1, 'a'), created(2, 'a'), changed(3, 'a', 1)).map(({ kind }) => kind)).toEqual([
      'REMOVED',
      'CREATED',
    ]);
  });

  it('omit a STALE and its RECOVERED when there is no event between them', () => {
    expect(pending(created(1, 'a'), feed(2, 'STALE'), feed(3, 'RECOVERED'))).toEqual([created(1, 'a')]);
    expect(pending(feed(1, 'RECOVERED'), feed(2, 'STALE'), changed(3, 'a', 1))).toEqual([changed(3, 'a', 1)]);
    const events = [feed(1, 'STALE'), created(2, 'a'), feed(3, 'RECOVERED')];
    expect(pending(...events)).toEqual(events);
  });

  it('also omit them when the events between them have moved behind them', () => {
    expect(pending(feed(1, 'STALE'), changed(2, 'a', 1), feed(3, 'RECOVERED'), changed(4, 'a', 2))).toEqual([
      { ...changed(4, 'a', 2), previous: { id: 'a', version: 0 } },
    ]);
  });

  it('stay few while the feed alternates between the changes of one entity', () => {
    const queue = new PendingEvents<Item>(({ id }) => id);
    for (let cursor = 1; cursor < 400; cursor += 4) {
      queue.push(feed(cursor, 'STALE'));
      queue.push(changed(cursor + 1, 'a', cursor));
      queue.push(feed(cursor + 2, 'RECOVERED'));
      queue.push(changed(cursor + 3, 'a', cursor + 1));
      expect(queue.size).toBeLessThanOrEqual(3);
    }
  });

  it('are merged into one object for all subscribers that have not received the same events', () => {
    const events = [changed(1, 'a', 1), changed(2, 'a', 2), changed(3, 'a', 3)];
    const [one] = pending(...events);
    const [other] = pending(...events);
    expect(one?.cursor).toBe('e.3');
    expect(one).toBe(other);
  });

  it('have increasing cursors, are few, and result in the same view as the single events', () => {
    const step = fc.record({ id: fc.constantFrom('a', 'b', 'c'), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const view = new Map<string, number>();
        const events = steps.flatMap(({ id, remove }, index): Emitted[] => {
          const version = view.get(id);
          if (remove && version === undefined) return [];
          if (remove) view.delete(id);
          else view.set(id, (version ?? -1) + 1);
          if (remove) return [removed(index, id)];
          return [version === undefined ? created(index, id) : changed(index, id, version + 1)];
        });
        const emitted = pending(...events);
        const merged = new Map<string, number>();
        for (const { kind, entity } of emitted) {
          if (entity === null) continue;
          if (kind === 'REMOVED') merged.delete(entity.id);
          else merged.set(entity.id, entity.version);
        }
        expect(merged).toEqual(view);
        expect(emitted.length).toBeLessThanOrEqual(6);
        const sequences = emitted.map(({ cursor }) => Number(cursor.slice(2)));
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      }),
    );
  });
});
