import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter, type LimitedCaller } from '../../../src/context/rate-limiter.ts';
import { RateLimitedError } from '../../../src/errors.ts';
import type { Caller } from '../../../src/upstream/caller.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tenantOf } from '../../support/tenants.ts';

const caller = (principal: string): LimitedCaller => ({
  principal,
  tenant: tenantOf('prod'),
  credential: { fingerprint: principal, owner: 'caller', headers: async () => ({}) },
});

interface Limits {
  readonly clock?: FakeClock;
  readonly perSecond: number;
  readonly burst: number;
  readonly accepted?: ReadonlySet<string>;
}

/** Creates a limit by the name of the principal. Without a set of accepted credentials, all are accepted. */
const createLimiter = ({ clock = new FakeClock(), accepted, ...limits }: Limits) => {
  const isAccepted = ({ credential }: Caller) => accepted?.has(credential.fingerprint) ?? true;
  const limiter = createRateLimiter({ ...limits, clock, isAccepted });
  return { take: (principal: string) => limiter.take(caller(principal)) };
};

const refusal = (take: () => void): RateLimitedError | null => {
  try {
    take();
  } catch (error) {
    if (error instanceof RateLimitedError) return error;
    throw error;
  }
  return null;
};

describe('a rate limit', () => {
  it('permits a burst, then reports when the next operation may come, and permits it then', async () => {
    const clock = new FakeClock();
    const limiter = createLimiter({ clock, perSecond: 4, burst: 3 });
    for (let index = 0; index < 3; index += 1) limiter.take('a');
    expect(refusal(() => limiter.take('a'))?.retryAfterMs).toBe(250);
    await clock.advanceBy(249);
    expect(refusal(() => limiter.take('a'))?.retryAfterMs).toBe(1);
    await clock.advanceBy(1);
    limiter.take('a');
    expect(refusal(() => limiter.take('a'))).not.toBeNull();
  });

  it('is separate for each caller', () => {
    const limiter = createLimiter({ perSecond: 1, burst: 1 });
    limiter.take('a');
    limiter.take('b');
    expect(refusal(() => limiter.take('a'))).not.toBeNull();
  });

  it('does not exist if it is zero', () => {
    const limiter = createLimiter({ perSecond: 0, burst: 1 });
    for (let index = 0; index < 10; index += 1) limiter.take('a');
  });

  it.each([
    ['are accepted', undefined],
    ['are not accepted', new Set<string>()],
  ])('remembers the most recent callers if their credentials %s', (_, accepted) => {
    const limiter = createLimiter({ perSecond: 1, burst: 1, ...(accepted === undefined ? {} : { accepted }) });
    limiter.take('a');
    for (let index = 0; index < 9_999; index += 1) limiter.take(`caller-${index}`);
    expect(refusal(() => limiter.take('a'))).not.toBeNull();
    limiter.take('one more');
    limiter.take('caller-0');
  });

  it('remembers accepted callers although others invent credentials', () => {
    const limiter = createLimiter({ perSecond: 1, burst: 1, accepted: new Set(['real']) });
    limiter.take('real');
    for (let index = 0; index < 20_000; index += 1) {
      limiter.take(`invented-${index}`);
      // The credential is used twice, as an attacker can do.
      if (index % 7 === 0) expect(refusal(() => limiter.take(`invented-${index}`))).not.toBeNull();
    }
    expect(refusal(() => limiter.take('real'))).not.toBeNull();
    // The credentials that were invented first are forgotten.
    limiter.take('invented-0');
  });

  it('continues for a caller whose credential is accepted or rejected in the meantime', () => {
    const accepted = new Set<string>();
    const limiter = createLimiter({ perSecond: 1, burst: 2, accepted });
    limiter.take('a');
    accepted.add('a');
    limiter.take('a');
    accepted.delete('a');
    expect(refusal(() => limiter.take('a'))).not.toBeNull();
    for (let index = 0; index < 10_000; index += 1) limiter.take(`other-${index}`);
    limiter.take('a');
  });

  it('never permits more than burst and rate, whatever the pauses', async () => {
    const pauses = fc.array(fc.nat({ max: 400 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        pauses,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 10 }),
        async (each, perSecond, burst) => {
          const clock = new FakeClock();
          const limiter = createLimiter({ clock, perSecond, burst });
          let passed = 0;
          let elapsedMs = 0;
          for (const pause of each) {
            await clock.advanceBy(pause);
            elapsedMs += pause;
            if (refusal(() => limiter.take('a')) === null) passed += 1;
            expect(passed).toBeLessThanOrEqual(burst + (elapsedMs / 1_000) * perSecond + 1e-6);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
