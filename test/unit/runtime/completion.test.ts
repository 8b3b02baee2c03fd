import { describe, expect, it } from 'vitest';
import { Completion } from '../../../src/runtime/completion.ts';
import { isCollected } from '../../support/garbage.ts';

/** A completion, and what its two callbacks have received. */
function watched() {
  const completion = new Completion<string>();
  const received: unknown[] = [];
  const next = completion.then(
    (value) => void received.push(['value', value]),
    (error) => void received.push(['error', error]),
  );
  return { completion, received, next };
}

describe('a completion', () => {
  it('calls its callback before resolve or reject returns', () => {
    const resolved = watched();
    resolved.completion.resolve('a');
    expect(resolved.received).toEqual([['value', 'a']]);
    const rejected = watched();
    rejected.completion.reject('b');
    expect(rejected.received).toEqual([['error', 'b']]);
  });

  it('calls a callback that is added after it has settled', () => {
    const completion = new Completion<string>();
    completion.resolve('a');
    const received: string[] = [];
    completion.then((value) => received.push(value));
    expect(received).toEqual(['a']);
  });

  it('settles once', () => {
    const { completion, received } = watched();
    completion.resolve('a');
    completion.reject('b');
    completion.resolve('c');
    expect(received).toEqual([['value', 'a']]);
  });

  it('passes the result of a callback on', async () => {
    const completion = new Completion<number>();
    const doubled = completion.then((value) => value * 2).then(undefined, () => 0);
    completion.resolve(2);
    expect(await doubled).toBe(4);
  });

  it('passes the error that a callback throws on', async () => {
    const completion = new Completion<number>();
    const failed = completion
      .then(() => {
        throw new Error('first');
      })
      .then(() => 'not called')
      .then(undefined, (error: unknown) => {
        throw new Error('second', { cause: error });
      });
    completion.resolve(1);
    await expect(failed).rejects.toMatchObject({ message: 'second', cause: { message: 'first' } });
  });

  it.each<[string, () => PromiseLike<string>]>([
    ['a promise', () => Promise.resolve('later')],
    ['a completion', () => settledWith('later')],
  ])('waits for %s that a callback returns', async (_, later) => {
    const resolved = new Completion<number>();
    const rejected = new Completion<number>();
    const outcomes = [resolved.then(later), rejected.then(later, later)].map((each) => each.then((value) => [value]));
    resolved.resolve(1);
    rejected.reject(new Error('first'));
    expect(await Promise.all(outcomes)).toEqual([['later'], ['later']]);
  });

  it('rejects with the error of a promise that a callback returns', async () => {
    const completion = new Completion<number>();
    const failed = completion.then(() => Promise.reject(new Error('later')));
    completion.resolve(1);
    await expect(failed).rejects.toThrow('later');
  });

  it.each<[string, (completion: Completion<object>, outcome: object) => void]>([
    ['a value', (completion, value) => completion.resolve(value)],
    ['an error', (completion, error) => completion.reject(error)],
  ])('does not keep %s in memory that it has passed on', async (_, settle) => {
    const completion = new Completion<object>();
    const passed: WeakRef<object>[] = [];
    const note = (outcome: object) => void passed.push(new WeakRef(outcome));
    completion.then(note, (error) => note(error as object));
    settle(completion, { outcome: 1 });
    const [outcome] = passed;
    expect(outcome !== undefined && (await isCollected(outcome))).toBe(true);
    // It is still in use, so that only its own reference can be missing.
    expect(() => completion.then()).toThrow('one pair of callbacks');
  });

  it('does not accept a second pair of callbacks', () => {
    const { completion } = watched();
    expect(() => completion.then()).toThrow('one pair of callbacks');
  });
});

function settledWith(value: string): Completion<string> {
  const completion = new Completion<string>();
  completion.resolve(value);
  return completion;
}
