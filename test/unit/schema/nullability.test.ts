import { type GraphQLField, isNonNullType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../src/schema/index.ts';

type Row = readonly [path: string, field: GraphQLField<unknown, unknown>];

const fields: readonly Row[] = Object.values(schema.getTypeMap())
  .filter(isObjectType)
  .flatMap((type) => Object.values(type.getFields()).map((field): Row => [`${type.name}.${field.name}`, field]));

const notNullable = (rows: readonly Row[]) => rows.filter(([, { type }]) => isNonNullType(type)).map(([path]) => path);

describe('a field that can fail', () => {
  it('is nullable if it reads the platform, so that its failure leaves its siblings', () => {
    const reading = fields.filter(([, { extensions }]) => extensions['upstreamCalls'] !== undefined);
    expect(reading.length).toBeGreaterThan(40);
    expect(notNullable(reading).toSorted()).toEqual([
      // Each entry of these lists is nullable.
      'Query._entities',
      'Query.nodes',
      // One event of a stream has no siblings.
      'Subscription.batchChanged',
      'Subscription.datasetChanged',
      'Subscription.exportJobChanged',
      'Subscription.scheduleChanged',
      'Subscription.segmentJobChanged',
      // It falls back to the name in the request.
      'Viewer.sandbox',
    ]);
  });

  it('is nullable if it is a root field of a query or mutation, except viewer and the fields of Federation', () => {
    const roots = fields.filter(([path]) => /^(Query|Mutation)\./.test(path));
    expect(notNullable(roots).toSorted()).toEqual(['Query._entities', 'Query._service', 'Query.nodes', 'Query.viewer']);
  });
});
