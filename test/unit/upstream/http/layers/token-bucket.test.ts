import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../../../src/upstream/http/layers/token-bucket.ts';

/** Takes as many tokens as there are. */
function drain(bucket: TokenBucket, nowMs: number): number {
  let taken = 0;
  while (bucket.take(nowMs)) taken += 1;
  return taken;
}

/** Takes whatever there is every 10 ms for `seconds` from `startMs`. */
function use(bucket: TokenBucket, startMs: number, seconds: number): number {
  let taken = 0;
  for (let ms = 0; ms < seconds * 1_000; ms += 10) taken += drain(bucket, startMs + ms);
  return taken;
}

describe('a token bucket', () => {
  it('contains its burst, and is refilled at its rate', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 5 }, 0);
    expect(drain(bucket, 0)).toBe(5);
    expect(bucket.msUntil(1, 0)).toBe(100);
    expect(bucket.take(99)).toBe(false);
    expect(bucket.take(100)).toBe(true);
    expect(drain(bucket, 10_000)).toBe(5);
  });

  it('returns the time until several tokens are available, and zero if they already are', () => {
    const bucket = new TokenBucket({ ratePerSecond: 4, burst: 2 }, 0);
    expect(bucket.msUntil(2, 0)).toBe(0);
    drain(bucket, 0);
    expect(bucket.msUntil(3, 0)).toBe(750);
  });

  it('halves the measured use and its content, and grows by two a second', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1_000, burst: 1_000 }, 0);
    for (let ms = 0; ms < 2_000; ms += 10) bucket.take(ms);
    bucket.halve(2_000);
    // A hundred a second were used: fifty are left of them.
    expect(drain(bucket, 2_000)).toBe(50);
    expect(use(bucket, 2_010, 1)).toBeGreaterThanOrEqual(50);
    expect(use(bucket, 62_000, 1)).toBeLessThanOrEqual(170 + 2 + 172);
  });

  it.each([
    { ratePerSecond: 8, rates: [4, 2, 1, 1] },
    { ratePerSecond: 64, rates: [32, 16, 8, 5, 5] },
  ])('of $ratePerSecond a second halves its rate repeatedly to $rates', ({ ratePerSecond, rates }) => {
    const bucket = new TokenBucket({ ratePerSecond, burst: ratePerSecond }, 0);
    use(bucket, 0, 2);
    for (const rate of rates) {
      bucket.halve(2_000);
      drain(bucket, 2_000);
      expect(bucket.msUntil(1_001, 2_000) - bucket.msUntil(1, 2_000)).toBeCloseTo(1_000_000 / rate, -1);
    }
  });

  it('is full again after its recovery, and refills at its own rate', () => {
    const bucket = new TokenBucket({ ratePerSecond: 60, burst: 60 }, 0);
    expect(bucket.isFull(0)).toBe(true);
    use(bucket, 0, 2);
    bucket.halve(2_000);
    expect(bucket.isFull(25_000)).toBe(false);
    expect(bucket.isFull(62_000)).toBe(true);
    expect(use(bucket, 62_000, 10)).toBeLessThanOrEqual(60 + 600);
  });

  it('treats a clock that runs backwards as stopped', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 1 }, 10_000);
    expect(bucket.take(10_000)).toBe(true);
    expect(bucket.take(0)).toBe(false);
    expect(bucket.take(10_099)).toBe(false);
    expect(bucket.take(10_100)).toBe(true);
  });

  it('never permits more in any window than its burst and its rate, halved or not', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 3_000 }),
      take: fc.integer({ min: 0, max: 40 }),
      halve: fc.boolean(),
    });
    const options = fc.record({
      ratePerSecond: fc.integer({ min: 1, max: 200 }),
      burst: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 60 }), ({ ratePerSecond, burst }, steps) => {
        const bucket = new TokenBucket({ ratePerSecond, burst }, 0);
        const takenAtMs: number[] = [];
        let nowMs = 0;
        for (const { waitMs, take, halve } of steps) {
          nowMs += waitMs;
          for (let index = 0; index < take; index += 1) if (bucket.take(nowMs)) takenAtMs.push(nowMs);
          if (halve) bucket.halve(nowMs);
        }
        for (const [first, start] of takenAtMs.entries()) {
          for (const [last, end] of takenAtMs.entries()) {
            if (last < first) continue;
            const allowed = burst + (ratePerSecond * (end - start)) / 1_000;
            expect(last - first + 1).toBeLessThanOrEqual(allowed + 1e-6);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('returns the next token at the announced time', () => {
    const moves = fc.array(fc.oneof(fc.constant('halve'), fc.integer({ min: 0, max: 500 })), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), moves, (ratePerSecond, steps) => {
        const bucket = new TokenBucket({ ratePerSecond, burst: ratePerSecond }, 0);
        let nowMs = 0;
        for (const step of steps) {
          if (typeof step === 'number') nowMs += step;
          else bucket.halve(nowMs);
          drain(bucket, nowMs);
          nowMs += bucket.msUntil(1, nowMs);
          // Rounding may cost a millisecond.
          expect(bucket.take(nowMs) || bucket.take(nowMs + 1)).toBe(true);
        }
      }),
    );
  });
});
