import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../src/runtime/fair-queue.ts';

/** Creates a queue with these entries, each named by its member and a number. */
function queueOf(...entries: readonly string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const entry of entries) queue.add(memberOf(entry), entry);
  return queue;
}

const memberOf = (entry: string) => entry.charAt(0);

const takeEach = (queue: FairQueue<string>) => {
  const taken: string[] = [];
  for (let entry = queue.take(); entry !== undefined; entry = queue.take()) taken.push(entry);
  return taken;
};

describe('a fair queue', () => {
  it('serves its members in turn, and the entries of each in order', () => {
    expect(takeEach(queueOf('a1', 'a2', 'a3', 'b1', 'c1', 'c2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  });

  it('skips a member whose oldest entry may not be taken, and keeps its turn', () => {
    const queue = queueOf('a1', 'b1', 'b2');
    expect(queue.take((entry) => entry !== 'a1')).toBe('b1');
    expect(queue.take(() => false)).toBeUndefined();
    expect(takeEach(queue)).toEqual(['a1', 'b2']);
  });

  it('removes all entries of a member', () => {
    const queue = queueOf('a1', 'b1', 'a2');
    expect(queue.takeAll('a')).toEqual(['a1', 'a2']);
    expect([queue.size, queue.takeAll('a'), queue.size]).toEqual([1, [], 1]);
    expect(takeEach(queue)).toEqual(['b1']);
  });

  it('makes room by removing the newest entry of the longest member, unless the newcomer has as many', () => {
    const queue = queueOf('a1', 'a2', 'a3', 'b1', 'b2');
    expect([queue.takeFromLongest('b'), queue.size]).toEqual([undefined, 5]);
    expect([queue.takeFromLongest('c'), queue.size]).toEqual(['a3', 4]);
    expect([queue.takeFromLongest('a'), queue.size]).toEqual([undefined, 4]);
    expect(takeEach(queue)).toEqual(['a1', 'b1', 'a2', 'b2']);
  });

  it('gives a returning member the last turn', () => {
    const queue = queueOf('a1', 'b1', 'c1');
    expect([queue.delete('a', 'a1'), queue.delete('a', 'a1')]).toEqual([true, false]);
    queue.add('a', 'a2');
    expect(takeEach(queue)).toEqual(['b1', 'c1', 'a2']);
    for (const entry of ['a3', 'c2']) queue.add(memberOf(entry), entry);
    expect(takeEach(queue)).toEqual(['a3', 'c2']);
  });

  it('has the number of its entries as its size, whatever is added and removed', () => {
    const entry = fc.constantFrom('a1', 'a2', 'a3', 'b1', 'b2', 'c1');
    const steps = fc.array(fc.tuple(fc.constantFrom('add', 'delete', 'take', 'all', 'longest'), entry));
    fc.assert(
      fc.property(steps, (each) => {
        const queue = new FairQueue<string>();
        const held = new Set<string>();
        for (const [step, name] of each) {
          const removed: Record<string, () => readonly (string | undefined)[]> = {
            add: () => {
              queue.add(memberOf(name), name);
              held.add(name);
              return [];
            },
            delete: () => [queue.delete(memberOf(name), name) ? name : undefined],
            take: () => [queue.take()],
            all: () => queue.takeAll(memberOf(name)),
            longest: () => [queue.takeFromLongest(memberOf(name))],
          };
          for (const gone of removed[step]?.() ?? []) if (gone !== undefined) expect(held.delete(gone)).toBe(true);
          expect(queue.size).toBe(held.size);
        }
        expect(new Set(takeEach(queue))).toEqual(held);
      }),
    );
  });
});
