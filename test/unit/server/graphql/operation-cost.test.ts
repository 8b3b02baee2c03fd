import { getOperationAST, isObjectType, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../../src/schema/index.ts';
import { measureOperation, UnmeasurableError } from '../../../../src/server/graphql/operation-cost.ts';

const measure = (text: string, variables: Readonly<Record<string, unknown>> = {}) => {
  const document = parse(text);
  expect(validate(schema, document, specifiedRules)).toEqual([]);
  const operation = getOperationAST(document);
  if (operation === null || operation === undefined) throw new Error('There is no single operation.');
  return measureOperation(schema, document, operation, variables);
};
const calls = (text: string, variables?: Readonly<Record<string, unknown>>) => measure(text, variables).upstreamCalls;

describe('the calls to the platform that an operation may take', () => {
  it.each([
    ['nothing but what the gateway knows', '{ viewer { canWrite authMode } __typename }', 0],
    ['introspection', '{ __schema { types { fields { type { name } } } } }', 0],
    ['one list', '{ exportJobs { nodes { id status errors { code } } } }', 1],
    [
      'a page with what hangs off it, in batches',
      '{ exportJobs(first: 50) { nodes { destination { dataset { name } batches { batch { id } } } mergePolicy { policy { name } } } } }',
      4,
    ],
    [
      'batches of a hundred',
      '{ segmentJobs(first: 100) { nodes { segments { definition { mergePolicy { policy { id } } } } } } }',
      1 + 10 + 10,
    ],
    ['a call for each entry', '{ datasets(first: 30) { nodes { batches(first: 5) { nodes { id } } } } }', 31],
    [
      'a call for each entry of each entry',
      '{ datasets(first: 30) { nodes { batches(first: 5) { nodes { files { nodes { name } } } } } } }',
      1 + 30 + 150 * (1 + 1),
    ],
    [
      'a list of files, and a call for each of them',
      '{ batch(id: "1") { files(first: 100) { nodes { name } } } }',
      1 + 101,
    ],
    [
      'a list without `first`, by its usual length',
      '{ segmentJob(id: "1") { segments { definition { jobs(first: 1) { nodes { id } } } } } }',
      1 + 1 + 10,
    ],
    [
      'the batches of an export by their usual number',
      '{ exportJob(id: "1") { destination { batches { batch { files(first: 10) { nodes { name } } } } } } }',
      1 + 1 + (1 + 10),
    ],
    ['lists of the default length', '{ datasets { nodes { exportJobs { nodes { id } } } } }', 21],
    ['edges as much as nodes', '{ datasets(first: 3) { edges { node { exportJobs { nodes { id } } } } } }', 4],
    ['ids, one by one', '{ nodes(ids: ["ExportJob:1", "ExportJob:2", "ExportJob:3"]) { id } }', 3],
    [
      'references, and what hangs off each',
      '{ _entities(representations: [{ __typename: "Dataset", id: "1" }, { __typename: "Batch", id: "2" }]) { ... on Dataset { exportJobs { nodes { id } } } } }',
      2 + 2,
    ],
    ['aliases', '{ a: exportJob(id: "1") { id } b: exportJob(id: "2") { id } }', 2],
    ['a mutation', 'mutation { deleteDataset(id: "1") { __typename } }', 1],
    [
      'an event of a live view, not its ids',
      'subscription { exportJobChanged(ids: ["1", "2", "3"]) { job { destination { dataset { id } } } } }',
      2,
    ],
  ])('are counted: %s', (_, text, count) => {
    expect(calls(text)).toBe(count);
  });

  it('follow the variables', () => {
    const text =
      'query ($first: Int, $ids: [ID!]!) { datasets(first: $first) { nodes { exportJobs { nodes { id } } } } nodes(ids: $ids) { id } }';
    expect(calls(text, { first: 7, ids: ['a', 'b'] })).toBe(1 + 7 + 2);
    expect(calls(text, { ids: [] })).toBe(1 + 20);
    expect(calls(text, { first: null, ids: [] })).toBe(1 + 20);
    // Nothing makes an operation cheaper than it is.
    expect(calls(text, { first: -100, ids: [] })).toBe(1 + 20);
  });

  it('follow the defaults of variables that are not given', () => {
    const text =
      'query ($first: Int = 100, $ids: [ID!]! = ["a", "b"]) { datasets(first: $first) { nodes { exportJobs { nodes { id } } } } nodes(ids: $ids) { id } }';
    expect(calls(text)).toBe(1 + 100 + 2);
    expect(calls(text, { first: 7, ids: ['a'] })).toBe(1 + 7 + 1);
    expect(calls(text, { first: null })).toBe(1 + 20 + 2);
  });

  it('include those of fragments, once for each use', () => {
    const text = `{ a: datasets(first: 2) { ...page } b: datasets(first: 3) { ...page } }
      fragment page on DatasetConnection { nodes { ... on Dataset { batches { nodes { id } } } } }`;
    expect(calls(text)).toBe(1 + 2 + 1 + 3);
  });
});

describe('the other sizes of an operation', () => {
  it('is depth, through fragments, aliases and directives', () => {
    const text = `query ($x: Boolean!) { a: viewer { ...v @include(if: $x) } }
      fragment v on Viewer { s: sandbox { name @skip(if: $x) } }`;
    expect(measure(text, { x: true })).toMatchObject({ depth: 3, aliases: 2, directives: 2 });
  });

  it('20,000 selections are measured, and one more is rejected, if fragments stand for them', () => {
    // Each use of the fragment counts as itself and its 99 fields.
    const fields = Array.from({ length: 99 }, () => '__typename').join(' ');
    const document = (uses: number, more: string) =>
      `{ ${'...F '.repeat(uses)} ${more} } fragment F on Query { ${fields} }`;
    expect(measure(document(200, '')).depth).toBe(1);
    expect(() => measure(document(200, '__typename'))).toThrow(UnmeasurableError);
  });

  it('fragments that expand to too many selections are rejected quickly', () => {
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const fragments = names.map((name, index) => {
      const next = names[index + 1];
      return `fragment ${name} on Viewer { ${next === undefined ? 'canWrite' : `...${next} ...${next}`} }`;
    });
    const document = parse(`{ viewer { ...f0 } } ${fragments.join(' ')}`);
    const operation = getOperationAST(document);
    if (operation === null || operation === undefined) throw new Error('There is no operation.');
    expect(() => measureOperation(schema, document, operation, {})).toThrow(UnmeasurableError);
  });
});

it('every field of Query, Mutation and Subscription declares whether it calls the platform', () => {
  const silent = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
    isObjectType(type)
      ? Object.values(type.getFields())
          .filter(({ extensions }) => extensions['upstreamCalls'] === undefined)
          .map(({ name }) => name)
      : [],
  );
  // Its content is available when the request starts.
  expect(silent).toEqual(['_service', 'viewer']);
});
