import { describe, expect, it } from 'vitest';
import { type LiveEvent, LiveList } from '../../../src/console/live/live-list.ts';

interface Row {
  readonly id: string;
  readonly observedAt: string;
  readonly status: string;
}

const time = (second: number) => `2030-01-01T00:00:0${second}.000Z`;
const row = (id: string, second: number, status = 'PROCESSING'): Row => ({ id, observedAt: time(second), status });
const event = (kind: LiveEvent<Row>['kind'], of: Row | null, second = 0): LiveEvent<Row> => ({
  kind,
  row: of,
  observedAt: of?.observedAt ?? time(second),
});
const statuses = (list: LiveList<Row>) => Object.fromEntries(list.get().rows.map(({ id, status }) => [id, status]));

describe('a live list', () => {
  it('merges pages and events by id, and keeps the newer state of each row', () => {
    const list = new LiveList<Row>();
    list.add([row('a', 1), row('b', 1)]);
    list.apply([event('CHANGED', row('a', 3, 'SUCCEEDED')), event('CREATED', row('c', 3, 'NEW'))]);
    // The page was requested before the change.
    list.add([row('a', 2), row('b', 2, 'FAILED')]);
    expect(statuses(list)).toEqual({ a: 'SUCCEEDED', b: 'FAILED', c: 'NEW' });
  });

  it('keeps the objects of rows that did not change', () => {
    const list = new LiveList<Row>();
    list.add([row('a', 1), row('b', 1)]);
    const [a] = list.get().rows;
    list.apply([event('CHANGED', row('b', 2))]);
    expect(list.get().rows[0]).toBe(a);
  });

  it('removes a row that the platform no longer has', () => {
    const list = new LiveList<Row>();
    list.add([row('a', 1), row('b', 1)]);
    list.apply([event('REMOVED', row('a', 2))]);
    expect(statuses(list)).toEqual({ b: 'PROCESSING' });
  });

  it('begins again after a RESYNC, and asks for the pages', () => {
    const list = new LiveList<Row>();
    list.add([row('a', 1), row('b', 1)]);
    list.apply([event('RESYNC', null), event('SNAPSHOT', row('b', 3))]);
    expect(statuses(list)).toEqual({ b: 'PROCESSING' });
    expect(list.get().resyncs).toBe(1);
  });

  it('is out of date from STALE to RECOVERED', () => {
    const list = new LiveList<Row>();
    list.apply([event('STALE', null, 4)]);
    expect(list.get().staleSince).toBe(time(4));
    list.apply([event('CHANGED', row('a', 5))]);
    expect(list.get().staleSince).toBe(time(4));
    list.apply([event('RECOVERED', null, 6)]);
    expect(list.get().staleSince).toBeNull();
  });

  it('tells its listeners once for many events', () => {
    const list = new LiveList<Row>();
    let calls = 0;
    const end = list.subscribe(() => {
      calls += 1;
    });
    list.apply(Array.from({ length: 500 }, (_, index) => event('SNAPSHOT', row(String(index), 1))));
    expect([calls, list.get().rows.length]).toEqual([1, 500]);
    end();
    list.apply([event('REMOVED', row('1', 2))]);
    expect(calls).toBe(1);
  });
});
