import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endProcess, listenForStop } from '../../../src/runtime/stop-request.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const names = ['SIGTERM', 'SIGINT'] as const;

describe('a request to end the process', () => {
  let others: Map<(typeof names)[number], NodeJS.SignalsListener[]>;
  let ends: unknown[];

  beforeEach(() => {
    others = new Map(names.map((name) => [name, process.listeners(name)]));
    for (const name of names) process.removeAllListeners(name);
    ends = [];
    vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      ends.push([pid === process.pid, signal, names.map((name) => process.listenerCount(name))]);
      return true;
    });
    vi.spyOn(process, 'exit').mockImplementation((code) => {
      ends.push(code);
      throw new Error('the process has ended');
    });
  });

  afterEach(() => {
    vi.restoreAllMocks();
    for (const [name, listeners] of others) {
      process.removeAllListeners(name);
      for (const listener of listeners) process.on(name, listener);
    }
  });

  /** Whether the process has ended. */
  const send = (name: (typeof names)[number]): boolean => {
    try {
      process.emit(name, name);
      return false;
    } catch {
      return true;
    }
  };

  it.each(names)('is the first %s', async (name) => {
    const { signal, arrived } = listenForStop(new FakeClock());
    let hasArrived = false;
    const arriving = arrived.then(() => {
      hasArrived = true;
    });
    await new Promise(setImmediate);
    expect([signal.aborted, hasArrived]).toEqual([false, false]);
    expect(send(name)).toBe(false);
    await arriving;
    expect(signal.reason).toEqual(new Error(`The process received ${name}.`));
    expect(ends).toEqual([]);
  });

  it('is followed by the end of the process with the second SIGTERM, however soon', () => {
    listenForStop(new FakeClock());
    send('SIGINT');
    expect(send('SIGTERM')).toBe(true);
    // Without listeners the signal has its usual effect, except in the first process of a container.
    expect(ends).toEqual([[true, 'SIGTERM', [0, 0]], 143]);
  });

  it('is followed by the end of the process with the second SIGINT, unless npm repeated the first one', async () => {
    const clock = new FakeClock();
    const { signal } = listenForStop(clock);
    send('SIGINT');
    await clock.advanceBy(199);
    expect(send('SIGINT')).toBe(false);
    expect(signal.reason).toEqual(new Error('The process received SIGINT.'));
    await clock.advanceBy(1);
    expect(send('SIGINT')).toBe(true);
    expect(ends).toEqual([[true, 'SIGINT', [0, 0]], 130]);
  });

  it('can come from the program itself', () => {
    expect(() => endProcess()).toThrow('the process has ended');
    expect(ends).toEqual([[true, 'SIGTERM', [0, 0]], 143]);
  });
});
