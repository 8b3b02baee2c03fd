import { describe, expect, it } from 'vitest';
import { CallAllowance } from '../../../src/polling/call-allowance.ts';

/**
 * Number of calls of all rounds in a minute if each round spends its whole allowance.
 * @param before number of such rounds before that minute
 */
function callsPerMinute(pauseMs: number, before = 20): number {
  const allowance = new CallAllowance(0);
  const round = (nowMs: number) => {
    const calls = 1 + allowance.available(nowMs);
    allowance.spend(calls);
    return calls;
  };
  let nowMs = 0;
  for (let count = 0; count < before; count += 1, nowMs += pauseMs) round(nowMs);
  let calls = 0;
  for (const endMs = nowMs + 60_000; nowMs < endMs; nowMs += pauseMs) calls += round(nowMs);
  return calls;
}

describe('the calls of a feed', () => {
  it.each([2_000, 3_000, 5_000, 10_000, 20_000])('stay below 60 a minute with a round every %i ms', (pauseMs) => {
    expect(callsPerMinute(pauseMs)).toBeLessThanOrEqual(60);
    expect(callsPerMinute(pauseMs)).toBeGreaterThan(40);
  });

  it('are saved up to a maximum, and can be spent in one round', () => {
    const allowance = new CallAllowance(0);
    expect(allowance.available(0)).toBe(19);
    allowance.spend(20);
    expect(allowance.available(0)).toBe(0);
    expect(allowance.available(10_000)).toBe(8);
    expect(allowance.available(1_000_000)).toBe(19);
  });

  it('are sufficient even for rounds in quick succession', () => {
    const allowance = new CallAllowance(0);
    allowance.spend(20);
    const calls = Array.from({ length: 6 }, (_, index) => {
      const count = allowance.available(index);
      allowance.spend(1 + count);
      return count;
    });
    expect(calls).toEqual([0, 1, 0, 1, 0, 1]);
  });
});
