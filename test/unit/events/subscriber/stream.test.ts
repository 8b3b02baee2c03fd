import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type EventLog, LogOverflowError, type LogTail } from '../../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import type { StreamObserver } from '../../../../src/events/subscriber/stream.ts';
import type { WatchEvent } from '../../../../src/events/watch.ts';
import {
  append,
  at,
  changed,
  created,
  type Item,
  item,
  key,
  type OpenOptions,
  openedBy,
  openStream,
  removed,
  Subscriber,
  withTails,
} from './stream-setup.ts';

/** Opens a stream, and returns the iterator of its reader. */
async function open(log: EventLog<Item>, options: OpenOptions = {}) {
  const stream = await openStream(log, options);
  const events = stream[Symbol.asyncIterator]();
  return {
    next: () => events.next(),
    return: () => events.return(),
    fail: (error: unknown) => stream.fail(error),
    confirm: () => stream.confirm(),
  };
}

/** Opens a stream whose reader takes all available events whenever it is notified. */
async function listening(log: EventLog<Item>, onEvent: (event: WatchEvent<Item>) => void) {
  const stream = await openStream(log);
  let left = false;
  const onReadable = () => {
    for (let taken = left ? null : stream.read(); taken?.done === false; taken = stream.read()) onEvent(taken.value);
  };
  stream.listen({ onReadable });
  onReadable();
  return {
    confirm: () => stream.confirm(),
    return: () => {
      left = true;
      return stream.return();
    },
  };
}

/** A log whose tail fails once with the given error, like the tail of a log in another process. */
function failingOnce(log: EventLog<Item>, error: Error): EventLog<Item> {
  let failed = false;
  return openedBy(log, async (options) => {
    const reader = await log.open(options);
    if (failed) return reader;
    failed = true;
    return { start: reader.start, tail: new FailingTail(error, reader.tail) };
  });
}

class FailingTail implements LogTail<Item> {
  readonly ended = false;
  readonly #error: Error;
  readonly #tail: LogTail<Item>;

  constructor(error: Error, tail: LogTail<Item>) {
    this.#error = error;
    this.#tail = tail;
  }

  get snapshot() {
    return this.#tail.snapshot;
  }

  read(): never {
    throw this.#error;
  }

  [Symbol.dispose](): void {}
}

describe('a watch stream', () => {
  it('sends RESYNC and the current state when the log dropped unread entries', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const stream = await open(failingOnce(memory, new LogOverflowError('dropped')));
    const events = [(await stream.next()).value, (await stream.next()).value];
    expect(events).toMatchObject([{ kind: 'RESYNC' }, { kind: 'SNAPSHOT', entity: item('a') }]);
    await memory.write(
      { changes: [{ kind: 'CHANGED', entity: item('a', 1), previous: item('a') }] },
      { observedAt: at },
    );
    expect((await stream.next()).value).toMatchObject({ kind: 'CHANGED', entity: item('a', 1) });
  });

  it('sends STALE again when its reader left before it was delivered', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write(
      {
        changes: [
          { kind: 'CREATED', entity: item('a') },
          { kind: 'STALE', subject: 'feed' },
        ],
      },
      { observedAt: at },
    );
    const first = await open(memory);
    const seen = (await first.next()).value;
    expect(seen).toMatchObject({ kind: 'SNAPSHOT', entity: item('a') });
    const resumed = await open(memory, { after: seen?.cursor });
    const emitted = [(await resumed.next()).value, (await resumed.next()).value, (await resumed.next()).value];
    expect(emitted).toMatchObject([{ kind: 'RESYNC' }, { kind: 'SNAPSHOT' }, { kind: 'STALE' }]);
    await memory.write({ changes: [{ kind: 'RECOVERED', subject: 'feed' }] }, { observedAt: at });
    const after = emitted[2]?.cursor;
    expect((await (await open(memory, { after })).next()).value).toMatchObject({ kind: 'RECOVERED' });
  });

  it('skips an entity that entered and left the filter before it was taken', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const stream = await open(memory, { matches: ({ version }) => version === 1 });
    const change = (id: string, from: number, to: number) =>
      ({ kind: 'CHANGED', entity: item(id, to), previous: item(id, from) }) as const;
    await memory.write(
      {
        changes: [
          change('a', 0, 1),
          change('a', 1, 2),
          { kind: 'CREATED', entity: item('b', 1) },
          change('b', 1, 2),
          change('c', 0, 1),
        ],
      },
      { observedAt: at },
    );
    expect((await stream.next()).value).toMatchObject({ kind: 'CHANGED', entity: item('c', 1) });
    await memory.write({ changes: [change('c', 1, 2)] }, { observedAt: at });
    // A client that received the arrival of an entity receives that it left.
    expect((await stream.next()).value).toMatchObject({
      kind: 'CHANGED',
      entity: item('c', 2),
      previous: item('c', 1),
    });
  });

  it('reports that an item left the filter, even when it was removed outside and returned', async () => {
    await using memory = createMemoryEventLog({ key });
    await append(memory, created('a', 1));
    const subscriber = await Subscriber.open(memory, { matches: ({ version }) => version % 2 === 1, slow: true });
    subscriber.takeAll();
    await append(memory, changed('a', 1, 2), removed('a', 2), created('a', 3), changed('a', 3, 4));
    subscriber.takeAll();
    expect(await subscriber.received()).toEqual(['SNAPSHOT a1', 'CHANGED a4']);
    await append(memory, changed('a', 4, 5));
    subscriber.takeAll();
    await append(memory, changed('a', 5, 6), removed('a', 6), created('a', 7));
    subscriber.takeAll();
    expect(subscriber.events.at(-1)).toMatchObject({ kind: 'CHANGED', entity: item('a', 7), previous: item('a', 5) });
  });

  it('sends its state again when requested and no other events wait', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const stream = await open(memory);
    stream.confirm();
    expect((await stream.next()).value).toMatchObject({ kind: 'SNAPSHOT', entity: item('a') });
    const again = stream.next();
    stream.confirm();
    const emitted = (await again).value;
    expect(emitted).toMatchObject({ kind: 'SNAPSHOT', entity: item('a'), cursor: expect.stringMatching(/\.1$/) });
    const next = stream.next();
    await memory.write(
      { changes: [{ kind: 'CHANGED', entity: item('a', 1), previous: item('a') }] },
      { observedAt: at },
    );
    expect((await next).value).toMatchObject({ kind: 'CHANGED', entity: item('a', 1) });
  });

  it('sends new events instead of its state when both are due at once', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const stream = await open(memory);
    await stream.next();
    const next = stream.next();
    const writing = memory.write(
      { changes: [{ kind: 'CHANGED', entity: item('a', 1), previous: item('a') }] },
      { observedAt: at },
    );
    stream.confirm();
    await writing;
    expect((await next).value).toMatchObject({ kind: 'CHANGED', entity: item('a', 1) });
    const last = stream.next();
    await stream.return();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it('sends its state again to a listener, then later events, without opening the log again', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const { log, tails } = withTails(memory);
    const emitted: unknown[] = [];
    const stream = await listening(log, (event) => emitted.push([event.kind, event.entity?.version]));
    const [place] = tails;
    stream.confirm();
    await memory.write(
      { changes: [{ kind: 'CHANGED', entity: item('a', 1), previous: item('a') }] },
      { observedAt: at },
    );
    await turn();
    expect(emitted).toEqual([
      ['SNAPSHOT', 0],
      ['SNAPSHOT', 0],
      ['CHANGED', 1],
    ]);
    expect([...tails]).toEqual([place]);
    await stream.return();
    stream.confirm();
    expect(tails.size).toBe(0);
  });

  it('fails once when the log fails, and has then ended', async () => {
    await using memory = createMemoryEventLog({ key });
    let ends = 0;
    const error = new Error('the log is out of reach');
    const stream = await open(failingOnce(memory, error), { onEnd: () => (ends += 1) });
    await expect(stream.next()).rejects.toBe(error);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(ends).toBe(1);
  });

  it('fails when the filter fails on an entry', async () => {
    await using memory = createMemoryEventLog({ key });
    const error = new Error('no such field');
    const matches = () => {
      throw error;
    };
    const stream = await open(memory, { matches });
    const next = stream.next();
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    await expect(next).rejects.toBe(error);
  });

  it('serves several requests for the next event in order', async () => {
    await using memory = createMemoryEventLog({ key });
    const stream = await open(memory);
    const nexts = [stream.next(), stream.next(), stream.next()];
    await memory.write(
      {
        changes: [
          { kind: 'CREATED', entity: item('a') },
          { kind: 'CREATED', entity: item('b') },
        ],
      },
      { observedAt: at },
    );
    expect((await nexts[0])?.value).toMatchObject({ entity: item('a') });
    expect((await nexts[1])?.value).toMatchObject({ entity: item('b') });
    await stream.return();
    expect((await nexts[2])?.done).toBe(true);
  });

  it('fails one of several requests with its error, and ends the others', async () => {
    await using memory = createMemoryEventLog({ key });
    const stream = await open(memory);
    const [first, second] = [stream.next(), stream.next()];
    const error = new Error('lost');
    stream.fail(error);
    await expect(first).rejects.toBe(error);
    expect((await second).done).toBe(true);
  });

  it('is released with the event that ends the last of its ids, not with the next request', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ adopted: [item('a')] }, { observedAt: at });
    let ended = false;
    const stream = await open(memory, {
      ids: ['a'],
      onEnd: () => {
        ended = true;
      },
    });
    await stream.next();
    const next = stream.next();
    expect(ended).toBe(false);
    await memory.write(
      { changes: [{ kind: 'CHANGED', entity: item('a', 9), previous: item('a') }] },
      { observedAt: at },
    );
    expect((await next).value).toMatchObject({ kind: 'CHANGED' });
    expect(ended).toBe(true);
    expect((await stream.next()).done).toBe(true);
  });

  it('does not begin when its signal has already aborted', async () => {
    await using memory = createMemoryEventLog({ key });
    const reason = new Error('gone');
    await expect(open(memory, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('gives all subscribers the same event object for an entry, so that work on it can be shared', async () => {
    await using memory = createMemoryEventLog({ key });
    const streams = await Promise.all([open(memory), open(memory)]);
    await memory.write({ changes: [{ kind: 'CREATED', entity: item('a') }] }, { observedAt: at });
    const [one, two] = await Promise.all(streams.map(async (stream) => (await stream.next()).value));
    expect(one).toBe(two);
  });

  it('gives all slow subscribers the same objects for merged events', async () => {
    await using memory = createMemoryEventLog({ key });
    const ids = Array.from({ length: 10 }, (_, index) => `item-${index}`);
    await append(memory, ...ids.map((id) => created(id)));
    const slow = await Promise.all(Array.from({ length: 50 }, () => Subscriber.open(memory, { slow: true })));
    for (const subscriber of slow) subscriber.takeAll();
    for (const version of [1, 2]) await append(memory, ...ids.map((id) => changed(id, version - 1, version)));
    for (const subscriber of slow) {
      subscriber.events.length = 0;
      subscriber.takeAll();
      expect(subscriber.events.map(({ previous }) => previous?.version)).toEqual(ids.map(() => 0));
    }
    expect(new Set(slow.flatMap(({ events }) => events)).size).toBe(ids.length);
  });

  it('reports the events that it merges and drops for a slow subscriber, so that each event is counted once', async () => {
    await using memory = createMemoryEventLog({ key });
    const counts = { merged: 0, dropped: 0, resynced: 0 };
    const observer: StreamObserver = {
      merged: (count) => {
        counts.merged += count;
      },
      dropped: (count) => {
        counts.dropped += count;
      },
      resynced: () => {
        counts.resynced += 1;
      },
    };
    const slow = await Subscriber.open(memory, { slow: true, observer, maxPendingEvents: 4 });
    slow.takeAll();
    await append(
      memory,
      created('a'),
      changed('a', 0, 1),
      changed('a', 1, 2),
      created('b'),
      removed('b'),
      created('c'),
    );
    slow.takeAll();
    // a once, the removal of b, and c.
    expect(slow.events).toHaveLength(3);
    expect(counts).toEqual({ merged: 3, dropped: 0, resynced: 0 });
    await append(memory, changed('a', 2, 3), changed('a', 3, 4), ...['d', 'e', 'f', 'g'].map((id) => created(id)));
    slow.takeAll();
    // The log is opened again.
    await turn();
    expect(counts).toEqual({ merged: 4, dropped: 5, resynced: 1 });
    await append(memory, changed('d', 0, 1), changed('d', 1, 2));
    await turn();
    slow.takeAll();
    expect(counts).toEqual({ merged: 5, dropped: 5, resynced: 1 });
  });

  it('gives all subscribers that begin at the same state the same event objects, and other ones after a change', async () => {
    await using memory = createMemoryEventLog({ key });
    await memory.write({ adopted: [item('a'), item('b')] }, { observedAt: at });
    const begin = async (more: OpenOptions = {}) => {
      const stream = await open(memory, more);
      return [(await stream.next()).value, (await stream.next()).value];
    };
    const first = await begin();
    expect((await begin()).map((event, index) => event === first[index])).toEqual([true, true]);
    const resync = await begin({ after: 'unknown.1' });
    expect((await begin({ after: 'unknown.1' })).map((event, index) => event === resync[index])).toEqual([true, true]);
    // The last event of a snapshot has another cursor than the events before it.
    const { value: alone } = await (await open(memory, { ids: ['b'] })).next();
    expect([alone === first[0], alone?.cursor === first[1]?.cursor]).toEqual([false, true]);
    await memory.write({ evicted: ['nobody'] }, { observedAt: new Date('2030-01-01T00:00:02Z') });
    expect((await begin()).map((event, index) => event === first[index])).toEqual([false, false]);
  });
});
