import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../../../src/schema/index.ts';
import { sharingScopeOf } from '../../../../src/server/sharing/sharing-scope.ts';

const scopeOf = (text: string) => sharingScopeOf(schema, parse(text));
const event = (selection: string) => `subscription { exportJobChanged { ${selection} } }`;

describe('the sharing scope of a subscription', () => {
  it.each([
    [
      'what the event holds',
      event('kind cursor job { id status destination { datasetId } metrics { totalExportedProfiles } }'),
    ],
    ['the type alone', event('__typename job { __typename }')],
    ['the next runs of a schedule', 'subscription { scheduleChanged { schedule { nextRuns(count: 2) } } }'],
  ])('is the same for the whole tenant when it is %s', (_, text) => {
    expect(scopeOf(text)).toEqual({ sharedBy: 'tenant', variables: [] });
  });

  it.each([
    ['a field', event('job { destination { dataset { name } } }')],
    ['a field in a fragment', `${event('job { ...j }')} fragment j on ExportJob { destination { dataset { name } } }`],
    [
      'a field with an alias, on a condition',
      event('job { ... on ExportJob { destination { d: dataset { name } } } }'),
    ],
    ['a field in a list', event('job { filter { segments { definition { name } } } }')],
    ['a field of another kind of job', 'subscription { segmentJobChanged { job { schedule { state } } } }'],
  ])('is for one credential when the platform is asked for it: %s', (_, text) => {
    expect(scopeOf(text).sharedBy).toBe('credential');
  });
});

describe('the variables that it depends on', () => {
  it('the variables of a sharing scope exclude variables that only select events', () => {
    const text = `subscription ($ids: [ID!], $filter: ExportJobFilter, $after: String = "x", $status: ExportJobStatus!) {
      exportJobChanged(ids: $ids, filter: $filter, after: $after) { kind }
      ...root
    }
    fragment root on Subscription { exportJobChanged(filter: { statuses: [$status] }) { cursor } }`;
    expect(scopeOf(text).variables).toEqual([]);
  });

  it('the variables of a sharing scope include variables of directives and of arguments below the root', () => {
    const text = `subscription ($root: Boolean!, $ids: [ID!], $spread: Boolean!, $field: Boolean!, $first: Int) {
      exportJobChanged(ids: $ids) @include(if: $root) { ...e @skip(if: $spread) }
    }
    fragment e on ExportJobEvent { kind @include(if: $field) job { destination { dataset { batches(first: $first) { nodes { id } } } } } }`;
    expect(scopeOf(text).variables.toSorted()).toEqual(['field', 'first', 'root', 'spread']);
  });

  it('the variables of a sharing scope include variables that select events and change results', () => {
    const text =
      'subscription ($n: Int, $ids: [ID!]) { scheduleChanged(ids: $ids) { schedule { nextRuns(count: $n) } } }';
    expect(scopeOf(text).variables).toEqual(['n']);
  });
});
