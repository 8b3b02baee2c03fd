import { buildSchema, getOperationAST, parse } from 'graphql';
import { expect, it } from 'vitest';
import { createOperationLabels } from '../../../../src/server/graphql/operation-label.ts';

const schema = buildSchema('type Query { a: Int b: Int } type Mutation { c: Int }');

function labelOf(text: string, labels = createOperationLabels(schema, { trusted: false })): string {
  const document = parse(text);
  const operation = getOperationAST(document, null);
  if (operation === null || operation === undefined) throw new Error('The document has one operation.');
  return labels(document, operation);
}

it.each([
  ['query Jane { x: a }', 'a'],
  ['{ a one: a }', 'a'],
  ['{ a b }', 'several'],
  ['{ __typename a }', 'a'],
  ['{ __typename }', '__typename'],
  ['{ __schema { __typename } }', '__schema'],
  ['mutation { c }', 'c'],
  ['mutation { a }', 'unknown'],
  ['{ toString }', 'unknown'],
  ['{ ... { a } ...F } fragment F on Query { b }', 'several'],
  ['{ ...F } fragment F on Query { ...F }', 'unknown'],
])('the label of %s is %s', (text, label) => {
  expect(labelOf(text)).toBe(label);
});

it('the names of trusted documents are labels, up to 200 of them', () => {
  const labels = createOperationLabels(schema, { trusted: true });
  const found = Array.from({ length: 300 }, (_, index) => labelOf(`query Q${index} { a }`, labels));
  expect(new Set(found).size).toBe(201);
  expect(found.slice(0, 200)).toEqual(Array.from({ length: 200 }, (_, index) => `Q${index}`));
  expect(labelOf('query Q0 { a }', labels)).toBe('Q0');
  expect(labelOf('{ b }', labels)).toBe('b');
});
