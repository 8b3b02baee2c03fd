import { assertObjectType, buildSchema, GraphQLError, parse } from 'graphql';
import { expect, it } from 'vitest';
import { createOperationCheck } from '../../../../src/server/graphql/operation-limits.ts';

const schema = buildSchema(`
  type Query {
    entries(first: Int = 5): [Entry]
    byIds(ids: [ID!]!): [Entry]
  }
  type Entry { read: Int }
`);
// The SDL has no extensions.
for (const [type, name] of [
  ['Query', 'entries'],
  ['Entry', 'read'],
] as const) {
  const field = assertObjectType(schema.getType(type)).getFields()[name];
  if (field !== undefined) field.extensions = { upstreamCalls: 'each' };
}

const limits = { maxTokens: 1_000, maxDepth: 10, maxAliases: 10, maxDirectives: 10, maxUpstreamCalls: 25 };

/** Checks one document several times, with other variables each time. */
function setUp(text: string) {
  const check = createOperationCheck(limits);
  const document = parse(text);
  return (variableValues: Record<string, unknown>): 'allowed' | 'rejected' => {
    try {
      check({ schema, document, variableValues });
      return 'allowed';
    } catch (error) {
      if (error instanceof GraphQLError) return 'rejected';
      throw error;
    }
  };
}

it.each([
  ['a number', 'query ($n: Int) { entries(first: $n) { read } }', { n: 10 }, { n: 1_000 }],
  ['a list', 'query ($n: [ID!]!) { byIds(ids: $n) { read } }', { n: ['1'] }, { n: Array(40).fill('1') }],
  ['a default value', 'query ($n: Int = 1000) { entries(first: $n) { read } }', { n: null }, {}],
])('measures an operation again when %s of its variables is another', (_, text, small, large) => {
  const check = setUp(text);
  for (const variables of [small, small]) expect(check(variables)).toBe('allowed');
  expect(check(large)).toBe('rejected');
  expect(check(small)).toBe('allowed');
});

it('measures an operation again after many other sizes', () => {
  const check = setUp('query ($n: Int, $m: Int) { entries(first: $n) { read } other: entries(first: $m) { read } }');
  for (let m = 1; m <= 100; m += 1) expect(check({ n: 1, m: m % 9 })).toBe('allowed');
  expect(check({ n: 1, m: 100 })).toBe('rejected');
});
