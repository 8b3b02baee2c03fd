import { buildSchema, GraphQLError } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { beforeEach, expect, it } from 'vitest';
import { createPreparedDocuments, type PreparedDocuments } from '../../../../src/server/graphql/prepared-documents.ts';

let documents: PreparedDocuments;
let parsed: number;
let validated: number;

beforeEach(() => {
  parsed = 0;
  validated = 0;
  const count = {
    onParse: () => {
      parsed += 1;
    },
    onValidate: () => {
      validated += 1;
    },
  };
  const schema = buildSchema('type Query { field: Int }');
  const options = { schema, plugins: [count], parserAndValidationCache: false, logging: false };
  const pipeline = createYoga(options).getEnveloped();
  documents = createPreparedDocuments({ ...pipeline, labelOf: () => 'label' });
});

/** A document of `fields` fields, which has as many tokens. */
const documentOf = (name: string, fields: number) => `query ${name} { ${'__typename '.repeat(fields)}}`;

/** Whether a document is kept, so that it is not parsed again. */
const isKept = (text: string) => {
  const before = parsed;
  documents.prepare(text);
  return parsed === before;
};

it('keeps documents within a bound of their syntax trees and not only of their texts', () => {
  // Each takes about 740 KB, so that 45 of them fit into 32 MiB.
  const texts = Array.from({ length: 100 }, (_, index) => documentOf(`q${index}`, 1_800));
  for (const text of texts) documents.prepare(text);
  // The newest first, because those that are parsed again displace the oldest.
  const kept = texts.toReversed().findIndex((text) => !isKept(text));
  expect(kept).toBeGreaterThan(30);
  expect(kept).toBeLessThan(60);
});

it('keeps a document of 20,000 characters, and no longer one', () => {
  for (const [length, kept] of [
    [20_000, true],
    [20_001, false],
    [900_000, false],
  ] as const) {
    const text = '{ __typename }'.padEnd(length, '#');
    documents.prepare(text);
    expect(isKept(text)).toBe(kept);
  }
});

it('shares a document of any length while subscriptions use it', () => {
  const text = '{ __typename }'.padEnd(900_000, '#');
  const [first, second] = [documents.prepare(text), documents.prepare(text)];
  expect(second).not.toBe(first);
  const used = first.operation(null)?.document;
  expect(used?.bytes).toBeGreaterThan(1_800_000);
  used?.keep();
  expect(documents.prepare(text)).toBe(first);
  // Another document with this text was in use for a shorter time.
  second.operation(null)?.document.release();
  expect(documents.prepare(text)).toBe(first);
  used?.keep();
  used?.release();
  expect(documents.prepare(text)).toBe(first);
  used?.release();
  expect(isKept(text)).toBe(false);
});

it('keeps no error of the parser, which is sent to several clients', () => {
  const failure = () => {
    try {
      return documents.prepare('{');
    } catch (error) {
      return error;
    }
  };
  const [first, second] = [failure(), failure()];
  expect([first, second]).toEqual([expect.any(GraphQLError), expect.any(GraphQLError)]);
  expect(first).not.toBe(second);
});

it('validates a document once, whether it is valid or not', () => {
  for (const [text, errors] of [
    ['{ field }', 0],
    ['{ unknown }', 1],
  ] as const) {
    const before = validated;
    for (const _ of [1, 2]) expect(documents.prepare(text).validate()).toHaveLength(errors);
    expect(validated).toBe(before + 1);
  }
});

it('finds the operation of a name, or the only one', () => {
  const one = documents.prepare('{ field }');
  expect(one.operation(null)?.type).toBe('query');
  expect(one.operation('A')).toBeNull();
  const two = documents.prepare('query A { field } query B { field }');
  expect(two.operation(null)).toBeNull();
  for (const name of ['A', 'B']) expect(two.operation(name)?.name).toBe(name);
  expect(two.operation('C')).toBeNull();
});
