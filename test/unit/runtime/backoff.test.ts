import { describe, expect, it } from 'vitest';
import { backoffMs, jitteredBackoffMs } from '../../../src/runtime/backoff.ts';

const backoff = { firstMs: 250, maxMs: 4_000 };

describe('a backoff', () => {
  it('doubles the pause with each failure up to the maximum', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((failures) => backoffMs(backoff, failures))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 4_000, 4_000,
    ]);
  });

  it('stays at the maximum after thousands of failures', () => {
    expect(backoffMs(backoff, 5_000)).toBe(4_000);
  });

  it('has no pause before the first failure', () => {
    expect(backoffMs(backoff, 0)).toBe(0);
  });

  it('spreads the pauses of several clients from 0 to the pause without jitter', () => {
    expect([0, 0.5, 0.75].map((chance) => jitteredBackoffMs(backoff, 3, () => chance))).toEqual([0, 500, 750]);
  });
});
