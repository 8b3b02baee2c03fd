import { describe, expect, it } from 'vitest';
import { createLoader, LoadFailure, loadEach } from '../../../src/loaders/create-loader.ts';

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
  it('reads what is asked for in one turn together and each id once', async () => {
    const { loader, calls } = setUp(async (ids) => ids.map((id) => thing(id)));
    const things = await Promise.all([loader.load('a'), loader.load('b'), loader.load('a')]);
    expect(things).toEqual([thing('a'), thing('b'), thing('a')]);
    expect(calls).toEqual([['a', 'b']]);
  });

  it('matches answers by id, whatever their order, and takes nothing that was not asked for', async () => {
    const { loader } = setUp(async () => [thing('stranger'), thing('c'), thing('a')]);
    expect(await Promise.all(['a', 'b', 'c'].map(loader.load))).toEqual([thing('a'), null, thing('c')]);
  });

  it('fails the one that could not be read, and no other', async () => {
    const error = new Error('unreadable');
    const { loader } = setUp(async () => [new LoadFailure('b', error), thing('a')]);
    const results = await Promise.allSettled(['a', 'b', 'c'].map(loader.load));
    expect(results).toEqual([
      { status: 'fulfilled', value: thing('a') },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: null },
    ]);
  });

  it('fails all when nothing could be read', async () => {
    const { loader } = setUp(() => Promise.reject(new Error('unreachable')));
    const results = await Promise.allSettled(['a', 'b'].map(loader.load));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('does not read again what it has read, or was given', async () => {
    const { loader, calls } = setUp(async (ids) => ids.map((id) => thing(id)));
    await loader.load('a');
    loader.prime(thing('b', 7));
    loader.prime(thing('a', 7));
    expect(await Promise.all([loader.load('a'), loader.load('b')])).toEqual([thing('a'), thing('b', 7)]);
    expect(calls).toEqual([['a']]);
  });
});

describe('reading each id by a call of its own', () => {
  it('leaves out what is not there and keeps failures apart', async () => {
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
