import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../../src/schema/index.ts';
import { collectSelection } from '../../../../src/server/graphql/selection.ts';

const selected = (typename: string, document: string): string[] =>
  [...(collectSelection(schema, parse(document)).get(typename) ?? [])].toSorted();

describe('the selection of an operation', () => {
  it('holds the fields of a type wherever they are selected', () => {
    const document = `
      query { 
        dataset(id: "1") { name }
        exportJobs { nodes { destination { dataset { ...More } } } }
        node(id: "Dataset:1") { ... on Dataset { version } }
      }
      fragment More on Dataset { alias: description tags { name } }`;
    expect(selected('Dataset', document)).toEqual(['description', 'name', 'tags', 'version']);
    expect(selected('Tag', document)).toEqual(['name']);
    expect(selected('Batch', document)).toEqual([]);
  });

  it('the selection contains the fields that a field with another name reads', () => {
    const document = `{ dataset(id: "1") { isUnionProfileDataset lastBatch { rawStatus dataset { id } } lastSuccessfulBatch { id } } }`;
    expect(selected('Dataset', document)).toEqual(['id', 'lastBatchId', 'lastSuccessfulBatchId', 'schemaRef']);
    expect(selected('Batch', document)).toEqual(['datasetId', 'id', 'status']);
  });

  it('the selection covers subscriptions and mutations', () => {
    expect(
      selected('Dataset', 'subscription { exportJobChanged { job { destination { dataset { name } } } } }'),
    ).toEqual(['name']);
    expect(
      selected(
        'Dataset',
        'mutation { createDataset(input: { name: "x" }) { ... on CreateDatasetPayload { dataset { state } } } }',
      ),
    ).toEqual(['state']);
  });
});
