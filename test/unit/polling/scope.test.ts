import { expect, it } from 'vitest';
import { isWatched, unionOf, type WatchScope } from '../../../src/polling/scope.ts';

const scope = (everything: boolean, ...ids: readonly string[]): WatchScope => ({ everything, ids: new Set(ids) });

it('the union of scopes is null if nothing is watched', () => {
  expect([unionOf([]), unionOf([null]), unionOf([null, null])]).toEqual([null, null, null]);
});

it('the union of scopes equals the only scope', () => {
  expect(unionOf([null, scope(false, 'a'), null])).toEqual(scope(false, 'a'));
});

it('the union of scopes has all ids, and everything if one of the scopes has it', () => {
  expect(unionOf([scope(false, 'a', 'b'), null, scope(false, 'b', 'c')])).toEqual(scope(false, 'a', 'b', 'c'));
  expect(unionOf([scope(false, 'a'), scope(true)])).toEqual(scope(true, 'a'));
  expect(unionOf([scope(true), scope(false, 'a')])).toEqual(scope(true, 'a'));
});

it('the union of scopes has the results of each scope', () => {
  const results = scope(false, 'a');
  const one = { ...scope(true), results };
  expect(unionOf([one, null])).toBe(one);
  expect(unionOf([one, scope(false, 'b')])).toEqual({ ...scope(true, 'b'), results });
  expect(unionOf([one, { ...scope(false), results: scope(true, 'c') }])).toEqual({
    ...scope(true),
    results: scope(true, 'a', 'c'),
  });
  expect(Object.keys(unionOf([scope(true), scope(false)]) ?? {})).toEqual(['everything', 'ids']);
});

it('a scope watches an entity by its id, or with everything', () => {
  expect([isWatched('a', scope(false, 'a')), isWatched('b', scope(false, 'a')), isWatched('b', scope(true))]).toEqual([
    true,
    false,
    true,
  ]);
  expect(isWatched('a', undefined)).toBe(false);
});
