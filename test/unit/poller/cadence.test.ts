import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CadenceState, pauseMs } from '../../../src/poller/cadence.ts';

const bounds = { pollMinMs: 2_000, pollMaxMs: 30_000 };
const calm: CadenceState = {
  quietRounds: 0,
  failures: 0,
  limited: false,
  retryAfterMs: null,
  running: true,
  hurried: false,
};
const pausesAfter = (states: readonly Partial<CadenceState>[]) =>
  states.map((state) => pauseMs({ ...calm, ...state }, bounds, 0));

describe('the pause between rounds', () => {
  it('is the shortest after a change and grows while nothing changes', () => {
    const quiet = [0, 1, 2, 4, 8, 100].map((quietRounds) => ({ quietRounds }));
    expect(pausesAfter(quiet)).toEqual([2_000, 3_000, 4_500, 10_125, 25_000, 25_000]);
  });

  it('grows faster when nothing that is watched runs', () => {
    expect(pausesAfter([0, 1, 2, 3].map((quietRounds) => ({ quietRounds, running: false })))).toEqual([
      2_000, 6_000, 18_000, 25_000,
    ]);
  });

  it('stays the shortest while somebody is in a hurry, but not when rounds fail', () => {
    expect(
      pausesAfter([
        { quietRounds: 9, hurried: true },
        { failures: 2, hurried: true },
      ]),
    ).toEqual([2_000, 8_000]);
  });

  it('doubles with each failure up to eight seconds, so that a platform that is back is noticed soon', () => {
    expect(pausesAfter([1, 2, 3, 60].map((failures) => ({ failures })))).toEqual([4_000, 8_000, 8_000, 8_000]);
  });

  it('doubles with each round that was one too many, up to its longest', () => {
    expect(pausesAfter([0, 1, 2, 3, 60].map((failures) => ({ failures, limited: true })))).toEqual([
      4_000, 4_000, 8_000, 16_000, 25_000,
    ]);
  });

  it('is as long as the platform asks for, within reason', () => {
    const asked = [1_000, 45_000, 999_999_999].map((retryAfterMs) => ({ failures: 1, retryAfterMs }));
    expect(pausesAfter(asked)).toEqual([4_000, 45_000, 300_000]);
  });

  it('keeps within the bounds whatever chance adds, and never undercuts what the platform asked for', () => {
    const state = fc.record({
      quietRounds: fc.nat(2_000),
      failures: fc.nat(2_000),
      limited: fc.boolean(),
      running: fc.boolean(),
      hurried: fc.boolean(),
    });
    fc.assert(
      fc.property(state, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(300_000), (some, random, retryAfterMs) => {
        const free = pauseMs({ ...some, retryAfterMs: null }, bounds, random);
        expect(free).toBeGreaterThanOrEqual(2_000);
        expect(free).toBeLessThanOrEqual(30_000);
        expect(pauseMs({ ...some, retryAfterMs }, bounds, random)).toBeGreaterThanOrEqual(retryAfterMs);
      }),
    );
  });

  it('differs by chance, also at its longest', () => {
    const longest = [0, 1].map((random) => pauseMs({ ...calm, quietRounds: 99 }, bounds, random));
    expect(longest).toEqual([25_000, 30_000]);
  });
});
