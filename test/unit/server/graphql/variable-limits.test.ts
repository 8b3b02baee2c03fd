import { buildSchema, GraphQLError, parse } from 'graphql';
import { expect, it } from 'vitest';
import { coerceBounded } from '../../../../src/server/graphql/variable-limits.ts';

const schema = buildSchema('scalar Any type Query { field(any: Any, number: Int, other: [Int]): Int }');

/** Errors of an operation with variables; null: it is executed. */
function errorsOf(variableValues: Record<string, unknown>, document: string): readonly GraphQLError[] | null {
  try {
    return coerceBounded({ schema, document: parse(document), variableValues }).errors ?? null;
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

const sizeErrorOf = (any: unknown) =>
  errorsOf({ any }, 'query ($any: Any) { field(any: $any) }')?.map(({ message }) => message) ?? null;

const membersOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, 1]));
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
/** The total number of values, including the variables, this list and its 15 lists. */
const valuesOf = (count: number) => {
  const entries = count - 17;
  return Array.from({ length: 15 }, (_, index) =>
    Array.from({ length: index < 14 ? 2_000 : entries - 28_000 }, () => 1),
  );
};

it.each<[string, (size: number) => unknown, number]>([
  ['entries', (size) => Array.from({ length: size }, () => 1), 2_000],
  ['members', membersOf, 100],
  ['characters', (size) => 'x'.repeat(size), 10_000],
  ['characters of a name', (size) => ({ ['x'.repeat(size)]: 1 }), 10_000],
  ['levels', nested, 20],
  ['values', valuesOf, 30_000],
])('variables may have a certain number of %s, and not one more', (_, make, most) => {
  expect(sizeErrorOf(make(most))).toBeNull();
  expect(sizeErrorOf(make(most + 1))).toEqual([expect.stringMatching(new RegExp(`at most ${most}`))]);
});

it('a response reports five errors of variables, and that there are more', () => {
  const document = 'query ($other: [Int]) { field(other: $other) }';
  const wrong = (count: number) => errorsOf({ other: Array.from({ length: count }, () => 'x') }, document);
  expect(wrong(5)).toHaveLength(5);
  expect(wrong(7)).toHaveLength(6);
  expect(wrong(7)?.at(-1)?.message).toMatch(/Too many errors/);
});
