import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PollSchedule, type RoundSummary } from '../../../src/polling/schedule.ts';

const calm: RoundSummary = {
  failed: false,
  changed: false,
  running: true,
  vain: false,
  limited: false,
  retryAfterMs: null,
};

function startPace(random = 0) {
  const hold = {
    untilMs: 0,
    extend(untilMs: number) {
      hold.untilMs = untilMs;
    },
  };
  const pace = new PollSchedule({ pollMinMs: 2_000, pollMaxMs: 30_000, random: () => random }, hold);
  pace.start();
  return { pace, hold };
}

/** Returns the pauses after consecutive rounds, with the clock at 0. */
function pausesAfter(rounds: readonly Partial<RoundSummary>[], { random = 0, nudged = false } = {}) {
  const { pace } = startPace(random);
  if (nudged) pace.nudge(0);
  return rounds.map((round) => pace.ended({ ...calm, ...round }, 0).nextInMs);
}

const rounds = (count: number, round: Partial<RoundSummary> = {}) => Array.from({ length: count }, () => round);

describe('the pause between rounds', () => {
  it('is at the minimum after a change and grows while nothing changes', () => {
    expect(pausesAfter([{ changed: true }, ...rounds(4)])).toEqual([2_000, 3_000, 4_500, 6_750, 10_125]);
    expect(pausesAfter(rounds(100)).at(-1)).toBe(25_000);
  });

  it('grows faster when no watched entity runs', () => {
    expect(pausesAfter(rounds(3, { running: false }))).toEqual([6_000, 18_000, 25_000]);
  });

  it('stays at the minimum for a while after a nudge, but not when rounds fail', () => {
    expect(pausesAfter([{}, {}, { failed: true }], { nudged: true })).toEqual([2_000, 2_000, 4_000]);
    const { pace } = startPace();
    pace.nudge(0);
    expect(pace.ended(calm, 29_999).why).toBe('nudged');
    expect(pace.ended(calm, 30_000).why).toBe('quiet');
  });

  it('doubles with each failure up to eight seconds, so that the return of the platform is noticed soon', () => {
    expect(pausesAfter(rounds(4, { failed: true }))).toEqual([4_000, 8_000, 8_000, 8_000]);
  });

  it('doubles with each rate-limited round, up to its maximum', () => {
    expect(pausesAfter([{ limited: true }, ...rounds(5, { failed: true, limited: true })])).toEqual([
      4_000, 4_000, 8_000, 16_000, 25_000, 25_000,
    ]);
  });

  it('is as long as the platform requests, up to a limit', () => {
    const asked = [1_000, 45_000, 999_999_999].map((retryAfterMs) => pausesAfter([{ failed: true, retryAfterMs }])[0]);
    expect(asked).toEqual([4_000, 45_000, 300_000]);
  });

  it('stays within its bounds with any jitter, and is never shorter than the requested pause', () => {
    const round = fc.record({
      failed: fc.boolean(),
      changed: fc.boolean(),
      running: fc.boolean(),
      limited: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(round, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(300_000),
        (some, random, retryAfterMs) => {
          for (const pause of pausesAfter(some, { random })) {
            expect(pause).toBeGreaterThanOrEqual(2_000);
            expect(pause).toBeLessThanOrEqual(30_000);
          }
          const asked = some.map((one) => ({ ...one, retryAfterMs }));
          for (const pause of pausesAfter(asked, { random })) expect(pause).toBeGreaterThanOrEqual(retryAfterMs);
        },
      ),
    );
  });

  it('varies by jitter, even at its maximum', () => {
    expect([0, 1].map((random) => pausesAfter(rounds(99), { random }).at(-1))).toEqual([25_000, 30_000]);
  });
});

describe('a feed that restarts, or continues on another replica', () => {
  it('makes its first round at once, and begins with the shortest pauses', () => {
    const { pace } = startPace();
    for (let count = 0; count < 3; count += 1) pace.ended({ ...calm, failed: true }, 1_000);
    pace.start();
    expect([pace.dueMs(false), pace.failures]).toEqual([0, 0]);
    for (let count = 0; count < 9; count += 1) pace.ended(calm, 1_000);
    pace.interrupted(1_000);
    pace.interrupted(1_000);
    pace.takeOver();
    expect(pace.dueMs(true)).toBe(0);
    expect(pace.ended(calm, 1_000)).toEqual({ nextInMs: 3_000, why: 'quiet' });
  });

  it('counts failures across a takeover, so that STALE is not delayed', () => {
    const { pace } = startPace();
    pace.ended({ ...calm, failed: true }, 0);
    pace.takeOver();
    pace.ended({ ...calm, failed: true }, 0);
    expect(pace.failures).toBe(2);
  });
});

describe('the reason of a pause', () => {
  it('is determined by the last round and the rounds before it', () => {
    const { pace } = startPace();
    const why = (round: Partial<RoundSummary>) => pace.ended({ ...calm, ...round }, 50_000).why;
    expect([
      why({ changed: true }),
      why({}),
      why({ running: false }),
      why({ failed: true }),
      why({ limited: true }),
    ]).toEqual(['changed', 'quiet', 'idle', 'failed', 'rate limited']);
    // Failed rounds do not count as quiet ones.
    expect(pausesAfter([{ changed: true }, { failed: true }, {}])).toEqual([2_000, 4_000, 3_000]);
  });
});

describe('a round that a subscriber waits for, or that was requested', () => {
  it('is due at once, but not before the platform permits it', () => {
    const { pace } = startPace();
    pace.ended(calm, 1_000);
    expect([pace.dueMs(true), pace.dueMs(false)]).toEqual([0, 4_000]);
    pace.nudge(1_000);
    expect(pace.dueMs(false)).toBe(0);
    pace.begin();
    expect(pace.dueMs(false)).toBe(4_000);
    pace.ended({ ...calm, failed: true, limited: true, retryAfterMs: 60_000 }, 2_000);
    pace.nudge(2_000);
    expect([pace.dueMs(true), pace.dueMs(false)]).toEqual([62_000, 62_000]);
  });

  it('also waits if a part of a good round was rate limited', () => {
    const { pace } = startPace();
    pace.ended({ ...calm, retryAfterMs: 7_000 }, 1_000);
    expect(pace.dueMs(true)).toBe(8_000);
  });

  it('also waits if the platform named no time', () => {
    const { pace } = startPace();
    pace.ended({ ...calm, failed: true, limited: true }, 1_000);
    expect(pace.dueMs(true)).toBe(5_000);
  });

  it('waits for the hold that an earlier feed of the tenant received', () => {
    const { pace, hold } = startPace();
    hold.extend(9_000);
    pace.start();
    expect(pace.dueMs(true)).toBe(9_000);
  });

  it('follows an interrupted round at once, and a second one only after the shortest pause', () => {
    const { pace } = startPace();
    pace.ended(calm, 0);
    pace.interrupted(10_000);
    expect([pace.dueMs(true), pace.dueMs(false)]).toEqual([0, 10_000]);
    pace.interrupted(10_000);
    expect([pace.dueMs(true), pace.dueMs(false)]).toEqual([12_000, 12_000]);
    pace.ended(calm, 20_000);
    expect(pace.dueMs(true)).toBe(0);
  });

  it('makes ten rounds without a pause for a subscriber that cannot begin, and then pauses', () => {
    const { pace } = startPace();
    const vain = () => pace.ended({ ...calm, vain: true, changed: true }, 1_000);
    for (let count = 0; count < 9; count += 1) vain();
    expect(pace.dueMs(true)).toBe(0);
    vain();
    expect(pace.dueMs(true)).toBe(3_000);
    pace.nudge(1_000);
    expect(pace.dueMs(true)).toBe(0);
    pace.begin();
    pace.ended(calm, 1_000);
    expect(pace.dueMs(true)).toBe(0);
  });
});
