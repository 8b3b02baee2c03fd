import { expect, it } from 'vitest';
import { unionOf, type WatchScope } from '../../../src/poller/watch-scope.ts';

const scope = (everything: boolean, ...ids: readonly string[]): WatchScope => ({ everything, ids: new Set(ids) });

it('is nothing where nobody watches', () => {
  expect([unionOf([]), unionOf([null]), unionOf([null, null])]).toEqual([null, null, null]);
});

it('is that of the only one who watches', () => {
  expect(unionOf([null, scope(false, 'a'), null])).toEqual(scope(false, 'a'));
});

it('has all ids, and everything where one of them watches it', () => {
  expect(unionOf([scope(false, 'a', 'b'), null, scope(false, 'b', 'c')])).toEqual(scope(false, 'a', 'b', 'c'));
  expect(unionOf([scope(false, 'a'), scope(true)])).toEqual(scope(true, 'a'));
  expect(unionOf([scope(true), scope(false, 'a')])).toEqual(scope(true, 'a'));
});
