import { describe, expect, it } from 'vitest';
import { IdReadings } from '../../../src/polling/lookup.ts';

describe('the readings of an id', () => {
  it('confirm an absence for each credential that did not find it twice in a row', () => {
    const ids = new IdReadings();
    let nowMs = 0;
    const absent = (credential: string | null) => {
      nowMs += 1_000;
      return [...ids.absent('a', credential, nowMs)];
    };
    expect([absent('one'), absent('two'), absent('two'), absent('one')]).toEqual([[], [], ['two'], ['two']]);
    expect(absent('one')).toEqual(['two', 'one']);
    ids.found('a');
    expect([absent(null), absent(null)]).toEqual([[], [null]]);
  });

  it('do not confirm an absence if they are less than a second apart', () => {
    const ids = new IdReadings();
    const absentAt = (nowMs: number) => [...ids.absent('a', null, nowMs)];
    expect([0, 10, 999, 1_000].map(absentAt)).toEqual([[], [], [], [null]]);
  });

  it('count consecutive failures, which an absence or a find resets', () => {
    const ids = new IdReadings();
    expect([ids.failed('a'), ids.failed('a'), ids.failed('b')]).toEqual([1, 2, 1]);
    ids.absent('a', null, 0);
    expect(ids.failed('a')).toBe(1);
    ids.found('a');
    expect(ids.failed('a')).toBe(1);
  });

  it('are made in turn', () => {
    const ids = new IdReadings();
    const order = () => ids.oldestFirst(['a', 'b', 'c', 'd']);
    expect(order()).toEqual(['a', 'b', 'c', 'd']);
    ids.absent('a', null, 0);
    ids.failed('b');
    expect(order()).toEqual(['c', 'd', 'a', 'b']);
    ids.absent('a', null, 0);
    ids.absent('c', null, 0);
    expect(order()).toEqual(['d', 'b', 'a', 'c']);
    ids.found('c');
    expect(order()).toEqual(['c', 'd', 'b', 'a']);
  });

  it('have growing pauses while the id is absent', () => {
    const ids = new IdReadings();
    expect(ids.isDue('a', 0)).toBe(true);
    for (const pauseMs of [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      ids.absent('a', null, 1_000);
      expect([ids.isDue('a', 999 + pauseMs), ids.isDue('a', 1_000 + pauseMs)]).toEqual([false, true]);
    }
  });

  it('continue a few times for an absent id that no subscriber names', () => {
    const ids = new IdReadings();
    expect(ids.isSought('a')).toBe(false);
    ids.failed('a');
    expect(ids.isSought('a')).toBe(false);
    const sought = Array.from({ length: 8 }, () => {
      ids.absent('a', null, 0);
      return ids.isSought('a');
    });
    expect(sought).toEqual([true, true, true, true, true, true, true, false]);
  });

  it('are evicted for ids that are no longer followed, or for all ids', () => {
    const ids = new IdReadings();
    for (const id of ['a', 'b', 'c']) ids.failed(id);
    ids.keep((id) => id === 'b');
    expect([ids.size, ids.failed('b'), ids.failed('a')]).toEqual([1, 2, 1]);
    ids.clear();
    expect([ids.size, ids.failed('b')]).toEqual([0, 1]);
  });

  it('are remembered for the last ids up to a maximum number', () => {
    const ids = new IdReadings();
    for (let index = 0; index < 10_000; index += 1) ids.failed(`${index}`);
    expect(ids.size).toBe(10_000);
    ids.failed('one more');
    expect([ids.size, ids.failed('1'), ids.failed('0')]).toEqual([10_000, 2, 1]);
  });
});
