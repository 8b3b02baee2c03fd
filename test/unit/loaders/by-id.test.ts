import { describe, expect, it } from 'vitest';
import { createLoader, LoadFailure, loadEach } from '../../../src/loaders/by-id.ts';

interface Thing {
  readonly id: string;
  readonly version: number;
}
const thing = (id: string, version = 1): Thing => ({ id, version });

function setUp(answer: (ids: readonly string[]) => Promise<readonly (Thing | LoadFailure<string>)[]>) {
  const calls: (readonly string[])[] = [];
  const loader = createLoader<string, Thing>({
    idOf: ({ id }) => id,
    loadMany: (ids) => {
      calls.push([...ids]);
      return answer(ids);
    },
  });
  return { loader, calls };
}

describe('a loader', () => {
  it('reads all ids of one turn together and each id once', async () => {
    const { loader, calls } = setUp(async (ids) => ids.map((id) => thing(id)));
    const things = await Promise.all([loader.load('a'), loader.load('b'), loader.load('a')]);
    expect(things).toEqual([thing('a'), thing('b'), thing('a')]);
    expect(calls).toEqual([['a', 'b']]);
  });

  it('matches results by id, whatever their order, and ignores unrequested ones', async () => {
    const { loader } = setUp(async () => [thing('stranger'), thing('c'), thing('a')]);
    expect(await Promise.all(['a', 'b', 'c'].map(loader.load))).toEqual([thing('a'), null, thing('c')]);
  });

  it('fails only the id that could not be read', async () => {
    const error = new Error('unreadable');
    const { loader } = setUp(async () => [new LoadFailure('b', error), thing('a')]);
    const results = await Promise.allSettled(['a', 'b', 'c'].map(loader.load));
    expect(results).toEqual([
      { status: 'fulfilled', value: thing('a') },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: null },
    ]);
  });

  it('fails all ids when nothing could be read', async () => {
    const { loader } = setUp(() => Promise.reject(new Error('unreachable')));
    const results = await Promise.allSettled(['a', 'b'].map(loader.load));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('returns the same promise for all loads of an id in one turn', async () => {
    const { loader } = setUp(async (ids) => ids.map((id) => thing(id)));
    const first = loader.load('a');
    expect(loader.load('a')).toBe(first);
    expect(await first).toEqual(thing('a'));
    const later = loader.load('a');
    expect(loader.load('a')).toBe(later);
    expect(await later).toEqual(thing('a'));
  });

  it('reads an id again after a turn in which nothing could be read', async () => {
    let failures = 1;
    const { loader, calls } = setUp(async (ids) => {
      failures -= 1;
      if (failures >= 0) throw new Error('unreachable');
      return ids.map((id) => thing(id));
    });
    const [first, second] = [loader.load('a'), loader.load('a')];
    await expect(first).rejects.toThrow('unreachable');
    await expect(second).rejects.toThrow('unreachable');
    expect(await loader.load('a')).toEqual(thing('a'));
    expect(calls).toEqual([['a'], ['a']]);
  });

  it('does not read an id again that it has read or that was primed', async () => {
    const { loader, calls } = setUp(async (ids) => ids.map((id) => thing(id)));
    await loader.load('a');
    loader.prime(thing('b', 7));
    loader.prime(thing('a', 7));
    expect(await Promise.all([loader.load('a'), loader.load('b')])).toEqual([thing('a'), thing('b', 7)]);
    expect(calls).toEqual([['a']]);
  });
});

describe('reading each id by a separate call', () => {
  it('omits missing ids and keeps failures separate', async () => {
    const { loader } = setUp(
      loadEach(async (id) => {
        if (id === 'broken') throw new Error('unreadable');
        // A thrown value of any type is returned as an error.
        if (id === 'odd') return Promise.reject('text');
        return id === 'missing' ? null : thing(id);
      }),
    );
    const results = await Promise.allSettled(['a', 'broken', 'missing', 'odd'].map(loader.load));
    expect(results).toEqual([
      { status: 'fulfilled', value: thing('a') },
      { status: 'rejected', reason: new Error('unreadable') },
      { status: 'fulfilled', value: null },
      { status: 'rejected', reason: new Error('text') },
    ]);
  });
});
