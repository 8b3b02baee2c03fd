import { describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import { append, at, changed, created, item, key, type OpenOptions, removed, Subscriber } from './stream-setup.ts';

const succeeded = ({ version }: { readonly version: number }) => version >= 9;

/** Creates a log with two running items, and a subscriber that begins in the given way. */
async function begin(how: 'start' | 'resume' | 'resync' | 'confirmed', options: OpenOptions) {
  const log = createMemoryEventLog({ key });
  const cursor = await append(log, created('a'), created('b'));
  const after = { start: undefined, confirmed: undefined, resume: cursor, resync: 'other.1' }[how];
  const subscriber = await Subscriber.open(log, { ...options, after });
  if (how === 'confirmed') subscriber.stream.confirm();
  return { log, subscriber };
}

describe.each(['start', 'resume', 'resync', 'confirmed'] as const)('a stream of ids with a filter (%s)', (how) => {
  it('completes when all of them have ended, although only the ends are sent', async () => {
    const { log, subscriber } = await begin(how, { ids: ['a', 'b'], matches: succeeded });
    expect(subscriber.completed).toBe(false);
    await append(log, changed('a', 0, 5), changed('a', 5, 9));
    expect((await subscriber.received()).at(-1)).toBe('CHANGED a9');
    expect(subscriber.completed).toBe(false);
    await append(log, changed('b', 0, 9));
    expect(await subscriber.received()).toEqual(['CHANGED b9']);
    expect(subscriber.completed).toBe(true);
  });

  it('completes with an end that is not sent', async () => {
    const { log, subscriber } = await begin(how, { ids: ['a'], matches: ({ version }) => version === 0 });
    await append(log, changed('a', 0, 5));
    expect((await subscriber.received()).at(-1)).toBe('CHANGED a5');
    expect(subscriber.completed).toBe(false);
    await append(log, changed('a', 5, 9));
    expect(await subscriber.received()).toEqual([]);
    expect(subscriber.completed).toBe(true);
  });

  it('does not complete while one of them does not match yet', async () => {
    const { log, subscriber } = await begin(how, { ids: ['a', 'b'], matches: ({ version }) => version >= 5 });
    await append(log, changed('a', 0, 9));
    await subscriber.received();
    expect(subscriber.completed).toBe(false);
    await append(log, removed('b'));
    expect(await subscriber.received()).toEqual([]);
    expect(subscriber.completed).toBe(true);
  });
});

describe('a stream of ids', () => {
  it('completes at once when all of them have ended before its cursor', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'));
    const cursor = await append(log, changed('a', 0, 9), removed('b'));
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b'], after: cursor });
    expect([subscriber.events, subscriber.completed]).toEqual([[], true]);
  });

  it('completes at the same event whether its subscriber is slow, resumes, or neither', async () => {
    const log = createMemoryEventLog({ key });
    const cursor = await append(log, created('a'), created('b'));
    const slow = await Subscriber.open(log, { ids: ['a', 'b'], after: cursor, slow: true });
    const fast = await Subscriber.open(log, { ids: ['a', 'b'], after: cursor });
    await append(log, changed('a', 0, 9), removed('b'));
    await append(log, created('b', 1), { kind: 'STALE', subject: 'feed' });
    const late = await Subscriber.open(log, { ids: ['a', 'b'], after: cursor });
    slow.takeAll();
    for (const one of [fast, slow, late]) {
      expect(await one.received()).toEqual(['CHANGED a9', 'REMOVED b0']);
      expect(one.completed).toBe(true);
    }
  });

  it('sends the missed events before it completes', async () => {
    const log = createMemoryEventLog({ key });
    const cursor = await append(log, created('a'), created('b'));
    await append(log, changed('a', 0, 9), changed('b', 0, 1), changed('b', 1, 9));
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b'], after: cursor });
    expect(await subscriber.received()).toEqual(['CHANGED a9', 'CHANGED b1', 'CHANGED b9']);
    expect(subscriber.completed).toBe(true);
  });

  it('follows an item again that returns while another one runs', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'));
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b'] });
    await append(log, removed('a'), created('a', 1), changed('b', 0, 9));
    expect((await subscriber.received()).slice(2)).toEqual(['REMOVED a0', 'CREATED a1', 'CHANGED b9']);
    expect(subscriber.completed).toBe(false);
    await append(log, changed('a', 1, 9));
    expect(await subscriber.received()).toEqual(['CHANGED a9']);
    expect(subscriber.completed).toBe(true);
  });

  it('waits for an item that was created after its cursor', async () => {
    const log = createMemoryEventLog({ key });
    const cursor = await append(log, created('a'));
    await append(log, created('b'));
    const subscriber = await Subscriber.open(log, { ids: ['b'], after: cursor });
    expect(await subscriber.received()).toEqual(['CREATED b0']);
    expect(subscriber.completed).toBe(false);
    await append(log, changed('b', 0, 9));
    await subscriber.received();
    expect(subscriber.completed).toBe(true);
  });

  it('waits for an item that the log adopted after its cursor', async () => {
    const log = createMemoryEventLog({ key });
    const cursor = await append(log, created('a'));
    await log.write({ adopted: [item('b')] }, { observedAt: at });
    const subscriber = await Subscriber.open(log, { ids: ['b'], after: cursor });
    expect(subscriber.completed).toBe(false);
    await append(log, changed('b', 0, 9));
    expect(await subscriber.received()).toEqual(['CHANGED b9']);
    expect(subscriber.completed).toBe(true);
  });

  it('completes after the events of a slow subscriber, and not after a RESYNC that replaces them', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'), created('c'));
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b', 'c'], slow: true, maxPendingEvents: 2 });
    subscriber.takeAll();
    subscriber.events.length = 0;
    await append(log, changed('a', 0, 9), changed('b', 0, 9), changed('c', 0, 9));
    subscriber.takeAll();
    expect([await subscriber.received(), subscriber.completed]).toEqual([[], false]);
    subscriber.takeAll();
    expect(await subscriber.received()).toEqual(['RESYNC', 'SNAPSHOT a9', 'SNAPSHOT b9', 'SNAPSHOT c9']);
    expect(subscriber.completed).toBe(true);
  });

  it('sends a waiting RESYNC before it confirms its state', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'), created('c'));
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b', 'c'], slow: true, maxPendingEvents: 2 });
    subscriber.takeAll();
    await append(log, changed('a', 0, 1), changed('b', 0, 1), changed('c', 0, 1));
    subscriber.takeAll();
    await subscriber.received();
    subscriber.stream.confirm();
    subscriber.takeAll();
    expect(await subscriber.received()).toEqual(['RESYNC', 'SNAPSHOT a1', 'SNAPSHOT b1', 'SNAPSHOT c1']);
  });

  it('is released with its last event even if only a filtered event came after it', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'));
    let ended = false;
    const matches = ({ version }: { readonly version: number }) => version !== 9;
    const onEnd = () => {
      ended = true;
    };
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b'], matches, onEnd, slow: true });
    subscriber.takeAll();
    await append(log, changed('a', 0, 10), changed('b', 1, 0), changed('b', 0, 10));
    expect([subscriber.takeOne(), ended]).toEqual([true, false]);
    expect([subscriber.takeOne(), ended]).toEqual([true, true]);
  });
});
