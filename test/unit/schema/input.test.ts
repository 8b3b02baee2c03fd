import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '../../../src/errors.ts';
import {
  afterInput,
  dateInput,
  firstInput,
  nonEmpty,
  nullable,
  optional,
  parseInput,
} from '../../../src/schema/input.ts';

const issuesOf = (schema: z.ZodType, value: unknown, path?: string) => {
  try {
    parseInput(schema, value, path);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.issues;
    throw error;
  }
  return [];
};

describe('input', () => {
  const schema = z.object({
    name: nonEmpty(5),
    filter: z.object({ segments: z.array(z.object({ since: dateInput })) }),
  });

  it('is refused with everything that is wrong with it, each with its path', () => {
    const value = { name: ' ', filter: { segments: [{ since: new Date(0) }, { since: new Date(Number.NaN) }] } };
    expect(issuesOf(schema, value, 'input')).toEqual([
      { path: 'input.name', message: 'must not be empty' },
      {
        path: 'input.filter.segments.1.since',
        message: 'must be a date and time as in RFC 3339, for example 2030-01-31T00:00:00Z',
      },
    ]);
    expect(issuesOf(schema, value)[0]?.path).toBe('name');
    expect(issuesOf(z.string(), 5, 'id')[0]?.path).toBe('id');
  });

  it('comes back as the schema reads it', () => {
    const value = { name: ' abc ', filter: { segments: [] }, unknown: 1 };
    expect(parseInput(schema, value)).toEqual({ name: 'abc', filter: { segments: [] } });
    expect(issuesOf(schema, { ...value, name: 'abcdef' })).toEqual([
      { path: 'name', message: 'must have at most 5 characters' },
    ]);
  });

  it.each([
    [undefined, 20],
    [null, 20],
    [1, 1],
    [100, 100],
  ])('`first` of %s is %i', (given, first) => {
    expect(parseInput(firstInput, given)).toBe(first);
  });

  it.each([0, -1, 101, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('`first` may not be %d', (first) => {
    expect(issuesOf(z.object({ first: firstInput }), { first })[0]?.path).toBe('first');
  });

  it('that is absent and input that is null are the same', () => {
    expect([undefined, null, 'c'].map((after) => parseInput(afterInput, after))).toEqual([null, null, 'c']);
    expect([undefined, null, 'c'].map((value) => parseInput(optional(z.string()), value))).toEqual([
      undefined,
      undefined,
      'c',
    ]);
    expect([undefined, null, 'c'].map((value) => parseInput(nullable(z.string()), value))).toEqual([null, null, 'c']);
  });
});
