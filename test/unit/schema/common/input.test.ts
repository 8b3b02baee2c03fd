import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '../../../../src/errors.ts';
import {
  afterInput,
  dateInput,
  distinct,
  firstInput,
  listInput,
  nonEmpty,
  nullable,
  optional,
  parseInput,
} from '../../../../src/schema/common/input.ts';

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

  it('is rejected with all of its problems, each with its path', () => {
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

  it('is returned as the schema has read it', () => {
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

  it('is treated as absent if it is null', () => {
    expect([undefined, null, 'c'].map((after) => parseInput(afterInput, after))).toEqual([null, null, 'c']);
    expect([undefined, null, 'c'].map((value) => parseInput(optional(z.string()), value))).toEqual([
      undefined,
      undefined,
      'c',
    ]);
    expect([undefined, null, 'c'].map((value) => parseInput(nullable(z.string()), value))).toEqual([null, null, 'c']);
  });
});

describe('a list', () => {
  const counted = () => {
    let checks = 0;
    const entry = z.string().refine((text) => {
      checks += 1;
      return text !== 'bad';
    }, 'is bad');
    return {
      schema: listInput(entry, { maximum: 50, hint: ' here', empty: 'must not be empty' }),
      checks: () => checks,
    };
  };

  it('has all its entries as their schema reads them', () => {
    const schema = listInput(nonEmpty(3), { maximum: 2 });
    expect(parseInput(schema, [' a ', 'b'])).toEqual(['a', 'b']);
    expect(parseInput(schema, [])).toEqual([]);
  });

  it('is rejected without a check of its entries if it is too long, or empty although it must not be', () => {
    const { schema, checks } = counted();
    expect(
      issuesOf(
        schema,
        Array.from({ length: 51 }, () => 'bad'),
        'ids',
      ),
    ).toEqual([{ path: 'ids', message: 'must have at most 50 entries here' }]);
    expect(issuesOf(schema, [], 'ids')).toEqual([{ path: 'ids', message: 'must not be empty' }]);
    expect(checks()).toBe(0);
    expect(
      parseInput(
        schema,
        Array.from({ length: 50 }, () => 'good'),
      ),
    ).toHaveLength(50);
  });

  it('is not checked any further after twenty invalid entries', () => {
    const { schema, checks } = counted();
    const list = Array.from({ length: 50 }, (_, index) => (index < 5 ? 'good' : 'bad'));
    expect(issuesOf(schema, list, 'ids').map(({ path }) => path)).toEqual(
      Array.from({ length: 20 }, (_, index) => `ids.${index + 5}`),
    );
    expect(checks()).toBe(25);
    expect(() => parseInput(schema, list)).toThrow(/is bad; and 25 more entries/);
  });

  it('also reports unchecked entries of a nested list', () => {
    const { schema } = counted();
    const list = Array.from({ length: 50 }, () => 'bad');
    expect(() => parseInput(listInput(schema, { maximum: 3 }), [['good'], list])).toThrow(/and 30 more entries/);
  });

  it('reports each duplicate after the first entry with the same key', () => {
    const schema = listInput(z.object({ name: z.string() }), { maximum: 9 }).superRefine(
      distinct(({ name }) => name, ['name']),
    );
    const named = (...names: string[]) => names.map((name) => ({ name }));
    expect(issuesOf(schema, named('a', 'b', 'a', 'a'), 'tags')).toEqual([
      { path: 'tags.2.name', message: 'is a duplicate' },
      { path: 'tags.3.name', message: 'is a duplicate' },
    ]);
    expect(issuesOf(schema, named('a', 'b'))).toEqual([]);
  });
});
