import { describe, expect, it } from 'vitest';
import { abortSignalOf, EndController } from '../../../src/runtime/end-signal.ts';
import { whenOver } from '../../../src/runtime/when-over.ts';

describe('a signal of the gateway itself', () => {
  it('calls its listeners once, in order, with the first reason', () => {
    const controller = new EndController();
    const heard: unknown[] = [];
    controller.addEventListener('abort', () => heard.push(['first', controller.reason]));
    controller.addEventListener('abort', () => heard.push(['second', controller.aborted]));
    expect([controller.aborted, controller.reason]).toEqual([false, undefined]);
    controller.throwIfAborted();
    controller.abort('late');
    controller.abort('later');
    expect(heard).toEqual([
      ['first', 'late'],
      ['second', true],
    ]);
    expect(controller.reason).toBe('late');
    expect(() => controller.throwIfAborted()).toThrow('late');
  });

  it('calls neither a removed listener nor one that is added afterwards', () => {
    const controller = new EndController();
    const heard: string[] = [];
    const removed = () => heard.push('removed');
    controller.addEventListener('abort', removed);
    controller.addEventListener('abort', () => heard.push('kept'));
    controller.removeEventListener('abort', removed);
    controller.removeEventListener('abort', () => {});
    controller.abort(new Error('over'));
    controller.addEventListener('abort', () => heard.push('late'));
    expect(heard).toEqual(['kept']);
  });
});

describe('the AbortSignal of a signal of the gateway itself', () => {
  it('aborts with it, for the same reason', () => {
    const controller = new EndController();
    const signal = abortSignalOf(controller);
    expect(abortSignalOf(controller)).toBe(signal);
    expect(signal.aborted).toBe(false);
    controller.abort('over');
    expect(signal).toMatchObject({ aborted: true, reason: 'over' });
  });

  it('is aborted when it is first read after the end', () => {
    const controller = new EndController();
    controller.abort();
    expect(abortSignalOf(controller)).toMatchObject({ aborted: true, reason: controller.reason });
    expect(controller.reason).toMatchObject({ name: 'AbortError' });
  });

  it('is an AbortSignal itself where there is one', () => {
    const { signal } = new AbortController();
    expect(abortSignalOf(signal)).toBe(signal);
  });
});

it('whenOver calls its function before the outcome of the promise is delivered, whatever it is', async () => {
  const done: string[] = [];
  expect(await whenOver(Promise.resolve(1), () => done.push('value'))).toBe(1);
  const error = new Error('failed');
  await expect(whenOver(Promise.reject(error), () => done.push('error'))).rejects.toBe(error);
  expect(done).toEqual(['value', 'error']);
});
