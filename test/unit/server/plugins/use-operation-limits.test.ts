import { assertObjectType, buildSchema, type ExecutionArgs, type ExecutionResult, parse } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { expect, it } from 'vitest';
import { useOperationLimits } from '../../../../src/server/plugins/use-operation-limits.ts';

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

/** Executes one document several times, with other variables each time. */
function setUp(text: string) {
  const yoga = createYoga({ schema, plugins: [useOperationLimits(limits)], logging: false });
  const { execute } = yoga.getEnveloped();
  const document = parse(text);
  return async (variableValues: Record<string, unknown>): Promise<'executed' | 'rejected'> => {
    const args: ExecutionArgs = { schema, document, variableValues };
    try {
      const result: ExecutionResult = await execute(args);
      return result.errors === undefined ? 'executed' : 'rejected';
    } catch {
      return 'rejected';
    }
  };
}

it.each([
  ['a number', 'query ($n: Int) { entries(first: $n) { read } }', { n: 10 }, { n: 1_000 }],
  ['a list', 'query ($n: [ID!]!) { byIds(ids: $n) { read } }', { n: ['1'] }, { n: Array(40).fill('1') }],
  ['a default value', 'query ($n: Int = 1000) { entries(first: $n) { read } }', { n: null }, {}],
])('measures an operation again when %s of its variables is another', async (_, text, small, large) => {
  const execute = setUp(text);
  for (const variables of [small, small]) expect(await execute(variables)).toBe('executed');
  expect(await execute(large)).toBe('rejected');
  expect(await execute(small)).toBe('executed');
});

it('measures an operation again after many other sizes', async () => {
  const execute = setUp('query ($n: Int, $m: Int) { entries(first: $n) { read } other: entries(first: $m) { read } }');
  for (let m = 1; m <= 100; m += 1) expect(await execute({ n: 1, m: m % 9 })).toBe('executed');
  expect(await execute({ n: 1, m: 100 })).toBe('rejected');
});
