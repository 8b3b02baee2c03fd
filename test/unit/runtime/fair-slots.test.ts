import { describe, expect, it } from 'vitest';
import { FairSlots, type FairSlotsOptions } from '../../../src/runtime/fair-slots.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const tooBusy = () => new Error('too busy');
const { signal: never } = new AbortController();
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<FairSlotsOptions> = {}) {
  const clock = new FakeClock();
  const slots = new FairSlots({
    total: 3,
    perOwner: 2,
    waitingPerOwner: 5,
    maxWaitMs: 1_000,
    clock,
    tooBusy,
    ...options,
  });
  const granted: string[] = [];
  const held: Disposable[] = [];
  const take = async (owner: string, signal: AbortSignal = never) => {
    const slot = await slots.take(owner, signal);
    granted.push(owner);
    held.push(slot);
    return slot;
  };
  /** Releases the oldest slot. */
  const release = async () => {
    held.shift()?.[Symbol.dispose]();
    await turn();
  };
  return { clock, slots, granted, take, release };
}

describe('slots that owners share', () => {
  it('are granted up to the number of an owner, and of all', async () => {
    const { slots, granted, take } = setUp();
    for (const owner of ['a', 'a', 'a', 'b', 'b']) void take(owner);
    await turn();
    expect(granted).toEqual(['a', 'a', 'b']);
    expect(slots.size).toEqual({ held: 3, owners: 2, waiting: 2 });
  });

  it('free slots go to the waiting owners in turn, regardless of the number of their requests', async () => {
    const { granted, take, release } = setUp({ total: 1, perOwner: 1 });
    for (const owner of ['a', 'a', 'a', 'a', 'b', 'b', 'c']) void take(owner);
    await turn();
    for (let count = 0; count < 6; count += 1) await release();
    expect(granted).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a']);
  });

  it('pass over an owner that holds as many as it may', async () => {
    const { granted, take, release } = setUp();
    void take('a');
    void take('a');
    await take('b');
    for (const owner of ['a', 'c']) void take(owner);
    await turn();
    expect(granted).toEqual(['a', 'a', 'b']);
    await release();
    // A slot of `a` is free, and so is one of all: `a` has waited longer.
    expect(granted).toEqual(['a', 'a', 'b', 'a']);
    await release();
    expect(granted).toEqual(['a', 'a', 'b', 'a', 'c']);
  });

  it('count a slot that is released twice once', async () => {
    const { slots, take } = setUp({ total: 1, perOwner: 1 });
    const slot = await take('a');
    slot[Symbol.dispose]();
    slot[Symbol.dispose]();
    expect(slots.size).toEqual({ held: 0, owners: 0, waiting: 0 });
    await take('a');
    expect(slots.size).toEqual({ held: 1, owners: 1, waiting: 0 });
  });

  it('reject an owner with too many requests that wait, and no other', async () => {
    const { take } = setUp({ total: 1, perOwner: 1, waitingPerOwner: 2 });
    await take('a');
    for (let count = 0; count < 2; count += 1) void take('a');
    await expect(take('a')).rejects.toThrow('too busy');
    let rejected = false;
    void take('b').catch(() => {
      rejected = true;
    });
    await turn();
    expect(rejected).toBe(false);
  });

  it('a request waits for a slot no longer than the maximum wait', async () => {
    const { clock, slots, take } = setUp({ total: 1, perOwner: 1 });
    const slot = await take('a');
    const waiting = expect(take('b')).rejects.toThrow('too busy');
    await clock.advanceBy(999);
    expect(slots.size).toEqual({ held: 1, owners: 1, waiting: 1 });
    await clock.advanceBy(1);
    await waiting;
    expect(slots.size).toEqual({ held: 1, owners: 1, waiting: 0 });
    expect(clock.pending('deadline')).toBe(0);
    slot[Symbol.dispose]();
    expect(slots.size).toEqual({ held: 0, owners: 0, waiting: 0 });
  });

  it('are not granted to a request that was aborted, which leaves nothing', async () => {
    const { clock, slots, granted, take, release } = setUp({ total: 1, perOwner: 1 });
    await take('a');
    const leaving = new AbortController();
    const left = expect(take('b', leaving.signal)).rejects.toThrow('left');
    void take('c');
    leaving.abort(new Error('left'));
    await left;
    expect([slots.size.waiting, clock.pending('deadline')]).toEqual([1, 1]);
    await expect(take('d', leaving.signal)).rejects.toThrow('left');
    await release();
    expect(granted).toEqual(['a', 'c']);
    await release();
    expect(slots.size).toEqual({ held: 0, owners: 0, waiting: 0 });
    expect(clock.pending('deadline')).toBe(0);
  });

  it('leave no listener at a signal that lives on', async () => {
    const { take, release } = setUp({ total: 1, perOwner: 1 });
    const { signal } = new AbortController();
    let listeners = 0;
    const counting = new Proxy(signal, {
      get: (target, name) => {
        if (name === 'addEventListener') listeners += 1;
        if (name === 'removeEventListener') listeners -= 1;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    await take('a');
    void take('b', counting);
    await turn();
    expect(listeners).toBe(1);
    await release();
    expect(listeners).toBe(0);
  });
});
