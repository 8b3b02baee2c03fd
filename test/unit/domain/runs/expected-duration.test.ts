import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExpectedDuration, expectedDuration } from '../../../../src/domain/runs/expected-duration.ts';
import { distributions, seeded } from './distributions.ts';

const minuteMs = 60_000;
const sampleSizes = [3, 4, 5, 6, 8, 9, 12, 20, 30];

function expected(durationsMs: readonly number[]): ExpectedDuration {
  const duration = expectedDuration(durationsMs);
  if (duration === null) throw new Error('nothing is expected');
  return duration;
}

/** Shares of held-out runs that end before the likely and before the latest duration. */
function sharesInTime(draw: (random: () => number) => number, sampleSize: number, runs: number) {
  const random = seeded(sampleSize);
  let [likely, latest] = [0, 0];
  for (let run = 0; run < runs; run += 1) {
    const { likelyMs, latestMs } = expected(Array.from({ length: sampleSize }, () => draw(random)));
    const durationMs = draw(random);
    if (durationMs <= likelyMs) likely += 1;
    if (durationMs <= latestMs) latest += 1;
  }
  return { likely: likely / runs, latest: latest / runs };
}

describe('an expected duration', () => {
  const cases = Object.entries(distributions).flatMap(([name, draw]) =>
    sampleSizes.map((sampleSize) => ({ name, draw, sampleSize })),
  );

  it.each(cases)('is exceeded by about one of ten held-out runs: $name, $sampleSize runs', ({ draw, sampleSize }) => {
    const { likely, latest } = sharesInTime(draw, sampleSize, 4_000);
    expect(latest).toBeGreaterThan(0.85);
    expect(latest).toBeLessThan(0.95);
    expect(likely).toBeGreaterThan(0.45);
    expect(likely).toBeLessThan(0.55);
  });

  it.each(Object.entries(distributions))(
    'is exceeded by at most 11 % of 1,000 runs, each after the 30 runs before it: %s',
    (_, draw) => {
      const random = seeded(1);
      const durations = Array.from({ length: 1_030 }, () => draw(random));
      const late = durations.slice(30).filter((durationMs, at) => {
        const newestFirst = durations.slice(at, at + 30).toReversed();
        return durationMs > expected(newestFirst).latestMs;
      });
      expect(late.length).toBeLessThanOrEqual(110);
      expect(late.length).toBeGreaterThanOrEqual(50);
    },
  );

  it('needs at least three runs', () => {
    expect(expectedDuration([minuteMs, minuteMs])).toBeNull();
    expect(expectedDuration([minuteMs, minuteMs, minuteMs])).toEqual({
      likelyMs: minuteMs,
      latestMs: minuteMs,
      earliestMs: minuteMs,
      longestMs: minuteMs,
      sampleSize: 3,
    });
  });

  it('is the median and the value at 0.9 (n + 1) of at least nine runs', () => {
    expect(expected([1, 2, 3, 4, 5, 6, 7, 8, 9])).toMatchObject({ likelyMs: 5, latestMs: 9 });
    expect(expected([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])).toMatchObject({ likelyMs: 55, latestMs: 99 });
  });

  it('uses the 30 newest runs', () => {
    const newest = Array.from({ length: 30 }, () => minuteMs);
    expect(expected([...newest, ...newest.map((ms) => ms * 100)])).toMatchObject({
      latestMs: minuteMs,
      sampleSize: 30,
    });
  });

  it('is not moved by two outliers among 30 runs', () => {
    const random = seeded(3);
    const usual = Array.from({ length: 28 }, () => minuteMs * (1 + 0.1 * random()));
    const { likelyMs, latestMs } = expected([...usual, minuteMs * 500, minuteMs * 1_000]);
    expect(likelyMs).toBeLessThan(minuteMs * 1.1);
    expect(latestMs).toBeLessThan(minuteMs * 1.1);
  });

  it('lies within the runs and above their median, in any order of up to 30 of them', () => {
    const durations = fc.array(fc.integer({ min: 0, max: 2_000_000_000 }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(durations, (durationsMs) => {
        const { likelyMs, latestMs, earliestMs, longestMs } = expected(durationsMs);
        expect(earliestMs).toBeLessThanOrEqual(likelyMs);
        expect(likelyMs).toBeLessThanOrEqual(Math.min(latestMs, longestMs));
        expect(Number.isSafeInteger(likelyMs)).toBe(true);
        if (durationsMs.length >= 9) expect(latestMs).toBeLessThanOrEqual(longestMs);
        else expect(latestMs).toBeGreaterThanOrEqual(longestMs);
        expect(expectedDuration(durationsMs.toSorted((a, b) => b - a))).toEqual(expectedDuration(durationsMs));
      }),
    );
  });

  it('is a number of milliseconds that a time can hold, even after very different runs', () => {
    const { latestMs } = expected([0, 31 * 24 * 60 * minuteMs, 31 * 24 * 60 * minuteMs]);
    expect(Number.isSafeInteger(latestMs)).toBe(true);
    expect(new Date(latestMs).getTime()).toBe(latestMs);
  });
});
