import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { eventOrTime } from '../../../src/runtime/event-or-time.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('eventOrTime', () => {
  const start = () => {
    const emitter = new EventEmitter();
    const clock = new FakeClock();
    const controller = new AbortController();
    const waiting = eventOrTime(emitter, 'sign', 1_000, { clock, signal: controller.signal });
    const left = () => [clock.pending(), emitter.listenerCount('sign')];
    return { emitter, clock, controller, waiting, left };
  };

  it('ends with the event, and leaves no timer', async () => {
    const { emitter, waiting, left } = start();
    emitter.emit('sign');
    await waiting;
    expect(left()).toEqual([0, 0]);
  });

  it('ends when the time has passed, and leaves no listener', async () => {
    const { clock, waiting, left } = start();
    await clock.advanceBy(999);
    expect(left()).toEqual([1, 1]);
    await clock.advanceBy(1);
    await waiting;
    expect(left()).toEqual([0, 0]);
  });

  it('ends with the reason of its signal, and leaves neither timer nor listener', async () => {
    const { controller, waiting, left } = start();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(left()).toEqual([0, 0]);
  });
});
