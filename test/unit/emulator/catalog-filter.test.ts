import { describe, expect, it } from 'vitest';
import {
  parsePropertyExpression,
  parseSimpleFilter,
  parseTags,
} from '../../../src/emulator/operations/catalog-filter.ts';

const document = {
  name: 'Segment Export',
  size: 100,
  flag: true,
  tags: { team: ['blue', 'red'], 'a:b': ['c'], on: ['enabled:true'] },
};

describe('a simple filter', () => {
  it.each([
    ['name', 'Segment Export', true],
    ['name', 'segment export', false],
    ['name', 'x,Segment Export', true],
    ['name', 'Seg*', true],
    ['name', '*', true],
    ['name', '!Segment Export', false],
    ['name', '!x,y', true],
    ['size', '100', true],
    ['flag', 'true', true],
    ['absent', 'x', false],
    ['absent', '!x', true],
  ])('%s=%s', (field, text, expected) => {
    expect(parseSimpleFilter(field, text)(document)).toBe(expected);
  });
});

describe('tags', () => {
  it.each([
    ['team:red', true],
    ['team:*', true],
    ['team:r*,team:blue', true],
    ['team:green', false],
    ['team:red,other:*', false],
    ['a:b:c', true],
    ['a:b', false],
    ['on:enabled:true', true],
    ['on:enabled:false', false],
  ])('%s', (text, expected) => {
    expect(parseTags(text).every((holds) => holds(document))).toBe(expected);
  });
});

describe('a property expression', () => {
  it.each([
    ['name', true],
    ['absent', false],
    ['!absent', true],
    ['!name', false],
    ['na*', true],
    ['!na*', false],
    ['size==100', true],
    ['size!=100', false],
    ['size<101', true],
    ['size<=100', true],
    ['size>20', true],
    ['size>=101', false],
    ['name>A', true],
    ['name<A', false],
    ['absent<1', false],
    ['absent!=1', true],
    ['name~Export', true],
    ['name~^Export', false],
    ['name~^Segment.*t$', true],
    ['name~Seg.ent', true],
    ['name~seg', false],
  ])('%s', (text, expected) => {
    expect(parsePropertyExpression(text)(document)).toBe(expected);
  });

  it.each(['', '=', '==5', 'name~(a+)+$', 'name~a*', `name~${'x'.repeat(200)}`])('%j is rejected', (text) => {
    expect(() => parsePropertyExpression(text)).toThrow();
  });

  it('matches every pattern quickly', () => {
    const hard = { name: 'a'.repeat(2_000) };
    expect(parsePropertyExpression(`name~${'a.*'.repeat(30)}b`)(hard)).toBe(false);
  });
});
