import { describe, expect, it } from 'vitest';
import { attemptOf, draftOf, emptyDraft, fieldsOf, inputOf, placeIssues } from '../../../src/console/create/draft.ts';
import { knownFields } from '../../../src/console/create/known-fields.ts';

const gold = { id: 's1', label: 'Gold tier' };

describe('the request of a draft', () => {
  it('omits what a person did not enter', () => {
    expect(inputOf({ ...emptyDraft, newDataset: 'New' }, 'k')).toEqual({
      destination: { segmentPerBatch: false, target: { newDataset: { name: 'New' } } },
      evaluateSegments: false,
      idempotencyKey: 'k',
    });
  });

  it('has times in UTC, and the chosen dataset, segments and fields', () => {
    const local = '2030-01-02T03:04';
    const time = new Date(local).toISOString();
    const draft = {
      ...emptyDraft,
      target: 'existing' as const,
      dataset: { id: 'd1', label: 'Dataset' },
      segments: [gold],
      fields: 'a.b, c.d\ne',
      changedAfter: local,
      qualifiedTo: local,
      withEvents: true,
      eventsFrom: local,
      mergePolicy: 'm1',
    };
    expect(inputOf(draft, 'k')).toMatchObject({
      destination: { target: { datasetId: 'd1' } },
      fields: ['a.b', 'c.d', 'e'],
      filter: {
        segments: [{ segmentId: 's1' }],
        fromIngestTimestamp: time,
        segmentQualificationTime: { startTime: null, endTime: time },
      },
      eventList: { fromIngestTimestamp: time, toIngestTimestamp: null },
      mergePolicy: { id: 'm1' },
    });
  });

  it('has no empty paths', () => {
    expect(fieldsOf(' , \n')).toEqual([]);
  });
});

describe('the draft of an earlier job', () => {
  const nothing = {
    id: 'ExportJob:1',
    platformId: '1',
    fields: null,
    eventList: null,
    filter: null,
    mergePolicy: null,
    destination: { datasetId: 'd1', segmentPerBatch: false, dataset: null },
  };

  it('has what is known of its request', () => {
    const time = new Date('2030-01-02T03:04').toISOString();
    const draft = draftOf({
      ...nothing,
      fields: ['a', 'b.c'],
      eventList: { fields: ['e'], fromIngestTimestamp: time, toIngestTimestamp: null },
      filter: {
        fromIngestTimestamp: time,
        segmentQualificationTime: { startTime: null, endTime: time },
        segments: [
          { segmentId: 's1', definition: { id: 'SegmentDefinition:s1', name: 'Gold tier' } },
          { segmentId: 's2', definition: null },
        ],
      },
      mergePolicy: { platformId: 'm1' },
      destination: { datasetId: 'd1', segmentPerBatch: true, dataset: { id: 'Dataset:d1', name: 'Profiles' } },
    });
    expect(draft.segments).toEqual([gold, { id: 's2', label: 's2' }]);
    expect(draft.dataset).toEqual({ id: 'd1', label: 'Profiles' });
    expect(inputOf(draft, 'k')).toEqual({
      destination: { segmentPerBatch: true, target: { datasetId: 'd1' } },
      evaluateSegments: false,
      idempotencyKey: 'k',
      fields: ['a', 'b.c'],
      filter: {
        segments: [{ segmentId: 's1' }, { segmentId: 's2' }],
        fromIngestTimestamp: time,
        segmentQualificationTime: { startTime: null, endTime: time },
      },
      eventList: { fields: ['e'], fromIngestTimestamp: time, toIngestTimestamp: null },
      mergePolicy: { id: 'm1' },
    });
  });

  it('is empty where nothing is known, and has no dataset that no longer exists', () => {
    expect(draftOf(nothing)).toEqual(emptyDraft);
  });
});

describe('the idempotency key', () => {
  it('stays the same for the same draft, and is another one after a change', () => {
    let keys = 0;
    const newKey = () => {
      keys += 1;
      return `key ${keys}`;
    };
    const first = attemptOf(emptyDraft, null, newKey);
    expect(attemptOf({ ...emptyDraft }, first, newKey).key).toBe('key 1');
    expect(attemptOf({ ...emptyDraft, fields: 'a' }, first, newKey).key).toBe('key 2');
  });
});

describe('the issues of the gateway', () => {
  it('are at the fields of the form, and name the entry of a list', () => {
    const draft = { ...emptyDraft, segments: [gold], fields: 'a.b c;d' };
    const placed = placeIssues(
      [
        { path: 'input.filter.segments.0.segmentId', message: 'is not a segment' },
        { path: 'input.fields.1', message: 'must be a path' },
        { path: 'input.destination.target.datasetId', message: 'does not exist' },
        { path: 'input.destination.target.newDataset.name', message: 'must not be empty' },
        { path: 'input.filter.segmentQualificationTime.endTime', message: 'must be later' },
        { path: 'input.schemaName', message: 'is unknown' },
      ],
      draft,
    );
    expect(placed).toEqual({
      atFields: {
        segments: 'Gold tier: is not a segment',
        fields: 'c;d: must be a path',
        dataset: 'does not exist',
        newDataset: 'must not be empty',
        qualifiedTo: 'must be later',
      },
      others: [{ path: 'input.schemaName', message: 'is unknown' }],
    });
  });

  it('name other fields as the form does', () => {
    const issues = [
      { path: 'input.eventList.toIngestTimestamp', message: 'must be later than fromIngestTimestamp' },
      { path: 'input.filter.segmentQualificationTime.endTime', message: 'must be later than startTime' },
    ];
    expect(placeIssues(issues, emptyDraft).atFields).toEqual({
      eventsTo: 'must be later than “Events after”',
      qualifiedTo: 'must be later than “Members since”',
    });
  });

  it('of one field are all shown', () => {
    const issues = [0, 1].map((index) => ({ path: `input.fields.${index}`, message: 'is wrong' }));
    expect(placeIssues(issues, { ...emptyDraft, fields: 'a b' }).atFields.fields).toBe('a: is wrong; b: is wrong');
  });
});

describe('the known fields', () => {
  it('are the columns of datasets with profiles, and a list or map is one field', () => {
    const columns = [
      { name: 'person.name', type: 'string' },
      { name: 'identityMap.id', type: 'map<array<string>>' },
      { name: 'identityMap.primary', type: 'map<array<boolean>>' },
    ];
    const batch = (id: string, isUnionProfileDataset: boolean, names: typeof columns) => ({
      id,
      files: { nodes: [{ name: 'part', columns: names }] },
      dataset: { id: 'd', isUnionProfileDataset },
    });
    const nodes = [batch('1', true, columns), batch('2', false, [{ name: 'web.page', type: 'string' }])];
    expect(knownFields({ batches: { nodes } })).toEqual(['identityMap', 'person.name']);
    expect([knownFields(undefined), knownFields({ batches: null })]).toEqual([[], []]);
  });
});
