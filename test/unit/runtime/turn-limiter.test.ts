import { describe, expect, it } from 'vitest';
import { TurnLimiter } from '../../../src/runtime/turn-limiter.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Readers that do as much of their work as they may, at once or after a promise, and the order of their work. */
function readersOf(limiter: TurnLimiter) {
  const order: string[] = [];
  const reader = (name: string, work: number, isAsync = false) => {
    let left = work;
    const read = async () => {
      while (left > 0 && limiter.take(resume)) {
        left -= 1;
        order.push(name);
        if (isAsync) await undefined;
      }
    };
    const resume = () => void read();
    return resume;
  };
  const text = () => order.splice(0).join('');
  return { reader, text };
}

describe('a turn limiter', () => {
  it('lets readers take turns within a turn of the event loop, and continue in the next ones', async () => {
    const limiter = new TurnLimiter({ perTurn: 5, perReader: 2 });
    const { reader, text } = readersOf(limiter);
    reader('a', 5)();
    reader('b', 4)();
    expect(text()).toBe('aabb');
    await nextTurn();
    expect(text()).toBe('aabba');
    await nextTurn();
    expect(text()).toBe('');
  });

  it('lets a single reader use a whole turn', async () => {
    const { reader, text } = readersOf(new TurnLimiter({ perTurn: 5, perReader: 2 }));
    reader('a', 10)();
    expect(text()).toBe('aa');
    await nextTurn();
    expect(text()).toBe('aaaaa');
    await nextTurn();
    expect(text()).toBe('aaa');
  });

  it('limits readers that continue after a promise', async () => {
    const { reader, text } = readersOf(new TurnLimiter({ perTurn: 3, perReader: 2 }));
    for (const name of ['a', 'b', 'c', 'd']) reader(name, 2, true)();
    await nextTurn();
    const [first, ...more] = [text()];
    expect([first.length <= 6, more]).toEqual([true, []]);
    await nextTurn();
    await nextTurn();
    expect((first + text()).split('').toSorted().join('')).toBe('aabbccdd');
  });

  it('does not count the work of earlier turns, and does not resume a reader that has ended', async () => {
    const limiter = new TurnLimiter({ perTurn: 2, perReader: 1 });
    const { reader, text } = readersOf(limiter);
    const one = reader('a', 3);
    one();
    await nextTurn();
    await nextTurn();
    expect(text()).toBe('aaa');
    const [ended, other] = [reader('e', 3), reader('o', 1)];
    ended();
    limiter.forget(ended);
    other();
    await nextTurn();
    await nextTurn();
    expect(text()).toBe('eo');
  });
});
