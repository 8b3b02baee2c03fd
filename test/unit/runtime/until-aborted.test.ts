import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../../src/runtime/until-aborted.ts';

describe('waiting for a promise with other waiters', () => {
  it('ends with the promise, and leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve('done'), signal)).toBe('done');
    const failure = new Error('failed');
    await expect(untilAborted(Promise.reject(failure), signal)).rejects.toBe(failure);
    await new Promise(setImmediate);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends with the reason of the signal, and lets the promise continue', async () => {
    const controller = new AbortController();
    const reason = new Error('left');
    let resolve: (value: string) => void = () => {};
    const shared = new Promise<string>((settle) => {
      resolve = settle;
    });
    const mine = untilAborted(shared, controller.signal);
    const others = untilAborted(shared, new AbortController().signal);
    controller.abort(reason);
    await expect(mine).rejects.toBe(reason);
    resolve('done');
    expect(await others).toBe('done');
  });

  it('ends at once if the signal has already aborted', async () => {
    const reason = new Error('left before');
    await expect(untilAborted(new Promise(() => {}), AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(untilAborted(Promise.resolve('done'), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
