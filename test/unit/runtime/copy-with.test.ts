import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { expect, it } from 'vitest';
import { copyWith } from '../../../src/runtime/copy-with.ts';

const original = { id: 'one', status: 'NEW' };

it('a copy has the properties of both objects, and those of the second win', () => {
  expect(copyWith(original, { status: 'FAILED', overdueAt: null })).toEqual({
    id: 'one',
    status: 'FAILED',
    overdueAt: null,
  });
  expect(original).toEqual({ id: 'one', status: 'NEW' });
});

it('all copies have one hidden class', () => {
  setFlagsFromString('--allow-natives-syntax');
  const haveSameClass: (left: object, right: object) => boolean = runInThisContext(
    '(left, right) => %HaveSameMap(left, right)',
  );
  const [first, ...others] = Array.from({ length: 100 }, (_, index) => copyWith(original, { index }));
  for (const other of others) expect(haveSameClass(first ?? {}, other)).toBe(true);
});
