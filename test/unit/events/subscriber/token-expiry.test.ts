import { describe, expect, it } from 'vitest';
import { TokenExpiryTimers } from '../../../../src/events/subscriber/token-expiry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const inMs = (clock: FakeClock, ms: number) => new Date(clock.now().getTime() + ms);

function setUp() {
  const clock = new FakeClock();
  const expiries = new TokenExpiryTimers(clock);
  const failed: [name: string, error: unknown][] = [];
  const view = (name: string) => ({ fail: (error: unknown) => failed.push([name, error]) });
  return { clock, expiries, failed, view };
}

describe('views that end with their tokens', () => {
  it('end at the expiry of their own token', async () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('late'), inMs(clock, 2_000));
    const early = { view: view('early'), at: inMs(clock, 1_000) };
    expiries.add(early.view, early.at);
    await clock.advanceBy(999);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['early', { code: 'TOKEN_EXPIRED', message: 'The token has expired.' }]]);
    // Deleting a view that has ended has no effect.
    expiries.delete(early.view, early.at);
    await clock.advanceBy(1_000);
    expect(failed).toMatchObject([
      ['early', {}],
      ['late', { code: 'TOKEN_EXPIRED' }],
    ]);
  });

  it('end at once when the token has already expired', () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('past'), inMs(clock, 0));
    expect(failed).toMatchObject([['past', { code: 'TOKEN_EXPIRED' }]]);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('share a timer, which is removed with the last of them', async () => {
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

  it('end on time although another view of the same token has left or ended before', async () => {
    const { clock, expiries, failed, view } = setUp();
    const at = inMs(clock, 1_000);
    const left = view('left');
    expiries.add(left, at);
    expiries.delete(left, at);
    expiries.add(view('next'), at);
    await clock.advanceBy(1_000);
    expect(failed.map(([name]) => name)).toEqual(['next']);
    expiries.add(view('past'), at);
    expect(failed.map(([name]) => name)).toEqual(['next', 'past']);
  });

  it.each([-600_000, 600_000])('end after the life of the token even if the clock is set by %d ms', async (stepMs) => {
    const { clock, expiries, failed, view } = setUp();
    const lifeMs = 1_000_000;
    const at = inMs(clock, lifeMs);
    expiries.add(view('first'), at);
    await clock.advanceBy(10_000);
    clock.setWallClock(stepMs);
    expiries.add(view('second'), at);
    // The clock reaches the expiry time, or the life of the token has passed, whichever comes first.
    const leftMs = Math.min(lifeMs - 10_000, lifeMs - 10_000 - stepMs);
    await clock.advanceBy(leftMs - 1);
    expect(failed).toEqual([]);
    await clock.advanceBy(60_000);
    expect(failed.map(([name]) => name)).toEqual(['first', 'second']);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('end exactly after the life of the token when the clock was set back', async () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('only'), inMs(clock, 1_000_000));
    clock.setWallClock(-600_000);
    await clock.advanceBy(999_999);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['only', { code: 'TOKEN_EXPIRED' }]]);
  });

  it('end within a minute when the clock is set to the end of the token', async () => {
    const { clock, expiries, failed, view } = setUp();
    expiries.add(view('only'), inMs(clock, 1_000_000));
    await clock.advanceBy(30_000);
    clock.setWallClock(940_000);
    await clock.advanceBy(29_999);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['only', { code: 'TOKEN_EXPIRED' }]]);
  });

  it('do not end earlier, however distant the expiry is', async () => {
    const { clock, expiries, failed, view } = setUp();
    const lifeMs = 30 * 3_600_000;
    expiries.add(view('far'), inMs(clock, lifeMs));
    await clock.advanceBy(lifeMs - 1);
    expect(failed).toEqual([]);
    await clock.advanceBy(1);
    expect(failed).toMatchObject([['far', { code: 'TOKEN_EXPIRED' }]]);
  });
});
