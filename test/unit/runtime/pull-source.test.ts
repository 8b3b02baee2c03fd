import { describe, expect, it } from 'vitest';
import { isPullSource, PullIterator, type PullSource } from '../../../src/runtime/pull-source.ts';

type ReadResult = IteratorResult<string, undefined>;

/** A source whose values, failures and end the test determines, and an iterator over it. */
function written() {
  const queue: (ReadResult | Error)[] = [];
  let returns = 0;
  const iterator = new PullIterator<string>({
    read: () => {
      const first = queue.shift() ?? null;
      if (first instanceof Error) throw first;
      return first;
    },
    return: async () => {
      returns += 1;
      return { done: true, value: undefined };
    },
  });
  const write = (...values: readonly (ReadResult | Error)[]) => {
    queue.push(...values);
    iterator.onReadable();
  };
  return { iterator, queue, write, returns: () => returns };
}

const value = (text: string): ReadResult => ({ done: false, value: text });
const end: ReadResult = { done: true, value: undefined };

describe('an iterator over a stream', () => {
  it('returns available values at once, and later ones as soon as they arrive', async () => {
    const { iterator, queue, write } = written();
    queue.push(value('a'));
    expect(await iterator.next()).toEqual(value('a'));
    const next = iterator.next();
    write(value('b'));
    expect(await next).toEqual(value('b'));
  });

  it('takes nothing before it is called', async () => {
    const { iterator, queue, write } = written();
    write(value('a'));
    expect(queue).toEqual([value('a')]);
    expect(await iterator.next()).toEqual(value('a'));
  });

  it('continues to wait when it is notified of values that another reader has read', async () => {
    const { iterator, write } = written();
    const next = iterator.next();
    write();
    write(value('a'));
    expect(await next).toEqual(value('a'));
  });

  it('serves calls in order, even after the failure of one of them', async () => {
    const { iterator, write } = written();
    const failure = new Error('lost');
    const calls = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
    write(value('a'), failure, value('b'), end);
    expect(await Promise.allSettled(calls)).toEqual([
      { status: 'fulfilled', value: value('a') },
      { status: 'rejected', reason: failure },
      { status: 'fulfilled', value: value('b') },
      { status: 'fulfilled', value: end },
    ]);
  });

  it('can be called again after a late value', async () => {
    const { iterator, write } = written();
    const first = iterator.next();
    write(value('a'));
    await first;
    const second = iterator.next();
    write(value('b'));
    expect([await first, await second]).toEqual([value('a'), value('b')]);
  });

  it('is its own iterator, and ends the stream when a loop is exited', async () => {
    const { iterator, write, returns } = written();
    const seen: string[] = [];
    const loop = (async () => {
      for await (const text of iterator) {
        seen.push(text);
        if (text === 'b') break;
      }
    })();
    write(value('a'), value('b'), value('c'));
    await loop;
    expect({ seen, returns: returns() }).toEqual({ seen: ['a', 'b'], returns: 1 });
  });
});

describe('a stream that can be listened to', () => {
  const stream: PullSource<string> = {
    listen: () => {},
    read: () => null,
    return: async () => ({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => new PullIterator(stream),
  };

  it('is distinguished from other iterables, which lack one of its methods', async () => {
    expect(isPullSource(stream)).toBe(true);
    for (const part of ['listen', 'read', 'return'] as const) {
      const { [part]: _, ...rest } = stream;
      expect(isPullSource(rest)).toBe(false);
    }
    expect(isPullSource((async function* () {})())).toBe(false);
  });
});
