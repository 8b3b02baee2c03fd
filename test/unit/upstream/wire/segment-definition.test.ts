import { describe, expect, it } from 'vitest';
import { decodeSegmentDefinition, decodeSegmentDefinitions } from '../../../../src/upstream/wire/segment-definition.ts';
import { decoding } from '../decoding.ts';

const minimal = {
  id: '4afe34ae-8c98-4513-8a1d-67ccaa54bc05',
  creationTime: 1_572_029_711_000,
  updateTime: 1_572_029_712_000,
};
const decode = (value: unknown) => decoding((context) => decodeSegmentDefinition(value, context));
const definition = (fields: object) => decode({ ...minimal, ...fields }).value;

describe('a segment definition', () => {
  it('is decoded with all its properties (#41)', () => {
    const { value, anomalies } = decode({
      ...minimal,
      name: 'People who ordered in the last 30 days',
      description: 'Last 30 days',
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: 'workAddress.country = "US"' },
      mergePolicyId: 'mpid1',
      evaluationInfo: { batch: { enabled: true }, continuous: { enabled: false }, synchronous: { enabled: 'true' } },
      dataGovernancePolicy: { excludeOptOut: true },
      lifecycleState: 'published',
      updateEpoch: 1,
    });
    expect(anomalies).toEqual([]);
    expect(value).toEqual({
      id: '4afe34ae-8c98-4513-8a1d-67ccaa54bc05',
      name: 'People who ordered in the last 30 days',
      description: 'Last 30 days',
      expression: { type: 'PQL', format: 'pql/text', value: 'workAddress.country = "US"' },
      mergePolicy: { id: 'mpid1', version: null },
      evaluation: ['BATCH', 'SYNCHRONOUS'],
      createdAt: new Date(1_572_029_711_000),
      updatedAt: new Date(1_572_029_712_000),
    });
  });

  it('may consist of only an id, which may be a number (#10)', () => {
    expect(decode({ id: 7 })).toEqual({
      value: {
        id: '7',
        name: null,
        description: null,
        expression: null,
        mergePolicy: null,
        evaluation: [],
        createdAt: null,
        updatedAt: null,
      },
      anomalies: [],
    });
  });

  it.each([
    { fields: { creationTime: 0 }, createdAt: null },
    { fields: { creationTime: 0, createEpoch: 0 }, createdAt: null },
    { fields: { creationTime: 0, createEpoch: 1_572_029_711 }, createdAt: new Date(1_572_029_711_000) },
    { fields: { creationTime: undefined, createEpoch: 1_572_029_711 }, createdAt: new Date(1_572_029_711_000) },
  ])('with $fields was created at $createdAt, because 0 means unknown (#36)', ({ fields, createdAt }) => {
    expect(definition(fields)?.createdAt).toEqual(createdAt);
  });

  it('has the time of its last change in milliseconds or seconds', () => {
    expect(definition({ updateTime: undefined, updateEpoch: 1_572_029_712 })?.updatedAt).toEqual(
      new Date(1_572_029_712_000),
    );
    expect(definition({ updateTime: 0 })?.updatedAt).toBeNull();
  });

  it('has its merge policy with or without a version', () => {
    const mergePolicy = { id: 'mpid1', version: 2 };
    expect(definition({ mergePolicy })?.mergePolicy).toEqual(mergePolicy);
    expect(definition({ mergePolicy, mergePolicyId: 'mpid2' })?.mergePolicy).toEqual(mergePolicy);
    expect(definition({ mergePolicyId: '' })?.mergePolicy).toBeNull();
  });

  it('may have an expression without type and format', () => {
    expect(definition({ expression: { value: 'x' } })?.expression).toEqual({ type: '', format: '', value: 'x' });
    expect(definition({ expression: { type: 'PQL', value: { nodeType: 'fnApply' } } })?.expression).toBeNull();
  });

  it('is rejected without an id', () => {
    expect(decode({ name: 'No id' })).toEqual({ value: null, anomalies: ['missing-id'] });
    expect(decode(null)).toEqual({ value: null, anomalies: ['not-an-object'] });
  });
});

describe('the page after a page of segment definitions', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `s-${index}` }));
  const next = (count: number, page: number, envelope?: object) =>
    decoding((context) =>
      decodeSegmentDefinitions({ segments: rows(count), page: envelope }, { page, limit: 2 }, context),
    ).value?.next;

  it.each([
    { count: 2, page: 0, totalPages: 3, expected: 1, why: 'there are more' },
    { count: 1, page: 0, totalPages: 3, expected: 1, why: 'there are more, although it is short' },
    { count: 2, page: 2, totalPages: 3, expected: 3, why: 'it is full, and the platform may count from 1' },
    { count: 1, page: 2, totalPages: 3, expected: null, why: 'it is short and the last' },
    { count: 2, page: 3, totalPages: 3, expected: null, why: 'there cannot be more' },
    { count: 0, page: 1, totalPages: 9, expected: null, why: 'it is empty' },
    { count: 2, page: 0, totalPages: 1, expected: null, why: 'all of it is here' },
    { count: 2, page: 0, totalPages: undefined, expected: 1, why: 'it is full' },
    { count: 1, page: 0, totalPages: undefined, expected: null, why: 'it is short' },
    { count: 2, page: 0, totalPages: 'x', expected: 1, why: 'it is full' },
  ])('of $count rows, number $page of $totalPages, is $expected: $why', ({ count, page, totalPages, expected }) => {
    expect(next(count, page, { totalPages })).toBe(expected);
  });

  it('does not depend on the limit and the counts that the page claims (#18)', () => {
    expect(next(2, 0, { limit: 100, totalCount: 2, pageSize: 2, totalPages: 2 })).toBe(1);
    expect(next(1, 0, { limit: 1, totalCount: 99, pageSize: 99 })).toBeNull();
  });
});
