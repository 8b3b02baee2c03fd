import { getEventListeners, setMaxListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import type { WatchStream } from '../../../../src/events/subscriber/stream.ts';
import { append, changed, created, type Item, key, type OpenOptions, openStream, withTails } from './stream-setup.ts';

const count = 20;

/** Opens streams of one log with one signal, and counts the resources that they hold. */
async function openMany(options: OpenOptions, { iterated = true, missed = false } = {}) {
  const memory = createMemoryEventLog<Item>({ key, maxEntries: 5 });
  const after = await append(memory, created('a'), created('b'));
  if (missed) await append(memory, changed('a', 0, 9));
  const { log, tails } = withTails(memory);
  const controller = new AbortController();
  const { signal } = controller;
  // Each open stream has one listener, and Node reports more than ten as a leak.
  setMaxListeners(count, signal);
  let ends = 0;
  const onEnd = () => {
    ends += 1;
  };
  const streams: WatchStream<Item>[] = [];
  for (let index = 0; index < count; index += 1) {
    const stream = await openStream(log, { ...options, after, onEnd, signal });
    if (!iterated) stream.listen({ onReadable: () => takeAll(stream) });
    takeAll(stream);
    streams.push(stream);
  }
  const held = () => ({ tails: tails.size, listeners: getEventListeners(signal, 'abort').length, ends });
  return { memory, controller, streams, held };
}

function takeAll(stream: WatchStream<Item>): void {
  for (let taken = stream.read(); taken?.done === false; taken = stream.read());
}

const allReleased = { tails: 0, listeners: 0, ends: count };

describe('ended streams hold no position in the log and no listener', () => {
  it('when they complete', async () => {
    const { memory, streams, held } = await openMany({ ids: ['a'] });
    expect(held()).toEqual({ tails: count, listeners: count, ends: 0 });
    await append(memory, changed('a', 0, 9));
    for (const stream of streams) takeAll(stream);
    expect(held()).toEqual(allReleased);
  });

  it('when they complete with their missed events', async () => {
    const { held } = await openMany({ ids: ['a'] }, { missed: true });
    expect(held()).toEqual(allReleased);
  });

  it('as soon as the log has nothing more for them, although a slow reader has not taken its last events', async () => {
    const { memory, streams, held } = await openMany({ ids: ['a', 'b'] });
    await append(memory, changed('a', 0, 9), changed('b', 0, 9));
    for (const stream of streams) stream.read();
    expect(held()).toEqual({ tails: 0, listeners: count, ends: 0 });
    for (const stream of streams) takeAll(stream);
    expect(held()).toEqual(allReleased);
  });

  it('when their readers leave, iterating or listening', async () => {
    for (const iterated of [true, false]) {
      const { streams, held } = await openMany({}, { iterated });
      expect(held()).toEqual({ tails: count, listeners: iterated ? count : 0, ends: 0 });
      for (const stream of streams) await stream.return();
      expect(held()).toEqual(allReleased);
    }
  });

  it('when they fail', async () => {
    const { streams, held } = await openMany({});
    for (const stream of streams) stream.fail(new Error('no longer permitted'));
    expect(held()).toEqual(allReleased);
  });

  it('when their signal aborts', async () => {
    const { controller, held } = await openMany({});
    controller.abort();
    expect(held()).toEqual(allReleased);
  });

  it('when the log is closed', async () => {
    const { memory, held } = await openMany({}, { iterated: false });
    expect(held().tails).toBe(count);
    await memory[Symbol.asyncDispose]();
    await turn();
    expect(held()).toEqual(allReleased);
  });

  it('when they restarted after the log dropped unread entries', async () => {
    const { memory, streams, held } = await openMany({});
    for (let version = 1; version <= 9; version += 1) await append(memory, changed('a', version - 1, version));
    for (const stream of streams) takeAll(stream);
    await turn();
    expect(held()).toEqual({ tails: count, listeners: count, ends: 0 });
    for (const stream of streams) await stream.return();
    expect(held()).toEqual(allReleased);
  });

  it('when they leave while the log is being opened again', async () => {
    const { memory, streams, held } = await openMany({});
    for (let version = 1; version <= 9; version += 1) await append(memory, changed('a', version - 1, version));
    for (const stream of streams) {
      takeAll(stream);
      await stream.return();
    }
    await turn();
    expect(held()).toEqual(allReleased);
  });
});
