import { describe, expect, it } from 'vitest';
import { Counts } from '../../../src/runtime/counts.ts';

describe('counts', () => {
  it('are kept by key, and begin at 0', () => {
    const counts = new Counts();
    counts.add('a', 2);
    counts.add('b', 1);
    counts.add('a', 3);
    counts.add('b', -2);
    expect([counts.of('a'), counts.of('b'), counts.of('c')]).toEqual([5, -1, 0]);
    expect(counts.size).toBe(2);
  });

  it('use no memory for a key whose count is 0 again', () => {
    const counts = new Counts();
    for (const key of ['a', 'b', 'c']) {
      counts.add(key, 1);
      counts.add(key, -1);
    }
    counts.add('d', 0);
    expect(counts.size).toBe(0);
  });
});
