import { describe, expect, it } from 'vitest';
import { claimAt, namesIn } from '../../../src/auth/claims.ts';

describe('a claim', () => {
  const payload = {
    scope: 'top',
    'a.b': 'whole name',
    a: { b: 'path', c: { d: ['deep'] } },
    'https://example.com/x': { 'y.z': 'escaped' },
    list: [{ b: 'in a list' }],
    text: 'text',
    nothing: null,
  };

  it.each([
    ['scope', 'top'],
    ['a.b', 'whole name'],
    ['a.c.d', ['deep']],
    ['https://example\\.com/x.y\\.z', 'escaped'],
    ['https://example.com/x', { 'y.z': 'escaped' }],
    ['a\\.b', 'whole name'],
    ['missing', undefined],
    ['a.missing.d', undefined],
    ['list.0.b', undefined],
    ['text.length', undefined],
    ['nothing.b', undefined],
    ['a..b', undefined],
    ['constructor.name', undefined],
    ['__proto__', undefined],
    ['a.__proto__.toString', undefined],
  ])('at %s is found by its whole name first, then by its path', (path, value) => {
    expect(claimAt(payload, path)).toEqual(value);
  });
});

describe('the names in a claim', () => {
  it.each([
    ['a b', ['a', 'b']],
    ['  a\tb ', ['a', 'b']],
    [
      ['a', 'b c', 'a'],
      ['a', 'b', 'c'],
    ],
    [['a', 1, null, ['b']], ['a']],
    ['', []],
    [{ a: true }, []],
    [undefined, []],
    [7, []],
  ])('%j are each returned once', (claim, names) => {
    expect(namesIn(claim)).toEqual(names);
  });
});
