import { describe, expect, it } from 'vitest';
import { mapBounded } from '../../../src/runtime/map-bounded.ts';

/** Calls that the test completes. */
function heldCalls() {
  const started: string[] = [];
  const ends = new Map<string, { resolve(value: string): void; reject(error: unknown): void }>();
  const call = (item: string) =>
    new Promise<string>((resolve, reject) => {
      started.push(item);
      ends.set(item, { resolve, reject });
    });
  const turn = () => new Promise(setImmediate);
  return {
    started,
    call,
    end: async (item: string) => {
      ends.get(item)?.resolve(item.toUpperCase());
      await turn();
    },
    fail: async (item: string, error: unknown) => {
      ends.get(item)?.reject(error);
      await turn();
    },
  };
}

describe('a bounded map', () => {
  it('makes at most the permitted number of calls at a time, and keeps the order of the items', async () => {
    const { started, call, end } = heldCalls();
    const results = mapBounded(['a', 'b', 'c'], 2, call);
    expect(started).toEqual(['a', 'b']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
    await end('c');
    await end('a');
    expect(await results).toEqual(['A', 'B', 'C']);
  });

  it('makes as many calls as items if more are permitted, and none without items', async () => {
    const { started, call, end } = heldCalls();
    const results = mapBounded(['a', 'b'], 9, call);
    expect(started).toEqual(['a', 'b']);
    await end('a');
    await end('b');
    expect(await results).toEqual(['A', 'B']);
    expect(await mapBounded([], 2, call)).toEqual([]);
    expect(started).toEqual(['a', 'b']);
  });

  it('starts no call after a failure, and fails when the started calls have ended', async () => {
    const { started, call, end, fail } = heldCalls();
    const failure = new Error('b failed');
    let outcome: unknown = 'pending';
    const results = mapBounded(['a', 'b', 'c', 'd'], 2, call).catch((error: unknown) => {
      outcome = error;
    });
    await fail('b', failure);
    expect(outcome).toBe('pending');
    await end('a');
    await results;
    expect(outcome).toBe(failure);
    expect(started).toEqual(['a', 'b']);
  });
});
