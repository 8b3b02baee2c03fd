import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';

const day = 86_400_000;
/** Whether a promise has been fulfilled by now. */
function fulfilled(promise: Promise<unknown>): () => boolean {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {},
  );
  return () => done;
}

describe('the clock of the machine', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('returns the wall time', () => {
    expect(systemClock.now()).toEqual(new Date(1_000));
  });

  it('measures time that does not decrease when the wall clock is set back', () => {
    vi.useRealTimers();
    vi.useFakeTimers({ now: 600_000, toFake: ['Date'] });
    const before = systemClock.monotonicMs();
    vi.setSystemTime(0);
    expect(systemClock.now()).toEqual(new Date(0));
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
    expect(systemClock.monotonicMs() - before).toBeLessThan(60_000);
  });

  it('sleeps for the given time', async () => {
    const awake = fulfilled(systemClock.sleep(50));
    await vi.advanceTimersByTimeAsync(49);
    expect(awake()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake()).toBe(true);
  });

  it.each([0, -5])('takes a turn of the event loop for a sleep of %i', async (ms) => {
    const awake = fulfilled(systemClock.sleep(ms));
    expect(awake()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake()).toBe(true);
  });

  it('wakes with the reason of the signal, at once, and leaves no timer behind', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const sleep = systemClock.sleep(50, controller.signal);
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(systemClock.sleep(50, controller.signal)).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no listener on the signal behind', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const sleep = systemClock.sleep(5, signal);
    await vi.advanceTimersByTimeAsync(5);
    await sleep;
    const listeners = (calls: typeof added.mock.calls) => calls.map(([type, listener]) => [type, listener]);
    expect(added).toHaveBeenCalledOnce();
    expect(listeners(removed.mock.calls)).toEqual(listeners(added.mock.calls));
  });

  it('ends a deadline when its time has passed, as AbortSignal.timeout does', async () => {
    using deadline = systemClock.deadline(100);
    await vi.advanceTimersByTimeAsync(99);
    expect(deadline.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.signal.reason).toBeInstanceOf(DOMException);
    expect(deadline.signal.reason).toMatchObject({
      name: 'TimeoutError',
      message: 'The deadline of 100 ms has passed.',
    });
  });

  it('removes a deadline that is disposed of', async () => {
    const deadline = systemClock.deadline(100);
    deadline[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(deadline.signal.aborted).toBe(false);
  });

  it('rings an alarm once, unless it is disposed of before', async () => {
    const rung: string[] = [];
    using _alarm = systemClock.alarm(100, () => rung.push('kept'));
    systemClock.alarm(100, () => rung.push('disposed'))[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(99);
    expect(rung).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(rung).toEqual(['kept']);
  });

  it('does not treat a very long time as zero, unlike timers', async () => {
    vi.useRealTimers();
    const set = vi.spyOn(globalThis, 'setTimeout');
    const controller = new AbortController();
    const sleep = systemClock.sleep(40 * day, controller.signal);
    systemClock.deadline(Number.POSITIVE_INFINITY)[Symbol.dispose]();
    expect(set.mock.calls.map(([, ms]) => ms)).toEqual([2 ** 31 - 1, 2 ** 31 - 1]);
    controller.abort();
    await expect(sleep).rejects.toThrow();
  });
});

describe('a deadline', () => {
  it('does not keep the process alive, unlike a sleep', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    using _deadline = systemClock.deadline(60_000);
    expect(timers()).toBe(before);
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    expect(timers()).toBe(before + 1);
    controller.abort();
    await expect(sleep).rejects.toThrow();
    expect(timers()).toBe(before);
  });
});
