import { describe, expect, it } from 'vitest';
import { Expiries } from '../../../src/events/expiries.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const inMs = (clock: FakeClock, ms: number) => new Date(clock.now().getTime() + ms);

function setUp(clock = new FakeClock(), timers: Pick<Clock, 'now' | 'deadline'> = clock) {
  const expiries = new Expiries(timers);
  const failed: [name: string, error: unknown][] = [];
  const view = (name: string) => ({ fail: (error: unknown) => failed.push([name, error]) });
  return { clock, expiries, failed, view };
}

describe('views that end with their tokens', () => {
  it('end at that moment, each at its own', async () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('late'), inMs(clock, 2_000));
    expiries.add(view('early'), inMs(clock, 1_000));
    await clock.advanceBy(999);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['early', { code: 'TOKEN_EXPIRED' }]]);
    await clock.advanceBy(1_000);
    expect(failed).toMatchObject([
      ['early', {}],
      ['late', { code: 'TOKEN_EXPIRED' }],
    ]);
  });

  it('end at once when it has passed', () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('past'), inMs(clock, 0));
    expect(failed).toMatchObject([['past', { code: 'TOKEN_EXPIRED' }]]);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('share a timer, which goes with the last of them', async () => {
    const { clock, expiries, failed, view } = setUp();
    const at = inMs(clock, 1_000);
    const [one, other] = [view('one'), view('other')];
    expiries.add(one, at);
    expiries.add(other, new Date(at));
    expect(clock.pending('deadline')).toBe(1);
    expiries.delete(one, at);
    expect(clock.pending('deadline')).toBe(1);
    expiries.delete(other, at);
    expect(clock.pending('deadline')).toBe(0);
    await clock.advanceBy(1_000);
    expect(failed).toEqual([]);
  });

  it('do not end before, however far a timer can count', async () => {
    const clock = new FakeClock();
    const maxTimerMs = 1_000;
    const { expiries, failed, view } = setUp(clock, {
      now: () => clock.now(),
      deadline: (ms) => clock.deadline(Math.min(ms, maxTimerMs)),
    });
    expiries.add(view('far'), inMs(clock, 2_500));
    await clock.advanceBy(2_499);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['far', { code: 'TOKEN_EXPIRED' }]]);
  });
});
