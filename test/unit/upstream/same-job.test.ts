import { describe, expect, it } from 'vitest';
import type { ExportJob, NewExportJob } from '../../../src/domain/export-job.ts';
import { type MergePolicyId, platformId, type SegmentId } from '../../../src/domain/ids.ts';
import type { SegmentJob } from '../../../src/domain/segment-job.ts';
import { isExportJobOf, isSegmentJobOf } from '../../../src/upstream/same-job.ts';
import { decodeExportJob } from '../../../src/upstream/wire/export-job.ts';
import { encodeNewExportJob } from '../../../src/upstream/wire/new-export-job.ts';
import { decodeSegmentJob } from '../../../src/upstream/wire/segment-job.ts';
import { decoding, reading } from './decoding.ts';
import { newExportJob } from './fixtures.ts';

const head = { id: 1, status: 'NEW', jobType: 'BATCH', creationTime: 1, updateTime: 1 };

/** The job as a record of it would say, made of `wire`. */
function exportJob(wire: object): ExportJob {
  const record: unknown = JSON.parse(JSON.stringify({ ...head, ...wire }));
  const { value } = decoding((context) => decodeExportJob(record, context, reading));
  if (value === null) throw new Error('This is no export job.');
  return value;
}
/** The record of a job that was made of `asked`, as the platform echoes it. */
const echo = (asked: NewExportJob, changes: object = {}) => exportJob({ ...encodeNewExportJob(asked), ...changes });

const [s1, s2] = [platformId<SegmentId>('s-1'), platformId<SegmentId>('s-2')];
const filter: NonNullable<NewExportJob['filter']> = {
  segments: [
    { segmentId: s1, segmentNs: 'ups', statuses: ['REALIZED', 'EXISTING'] },
    { segmentId: s2, segmentNs: 'AAM', statuses: ['EXITED'] },
  ],
  segmentQualificationTime: { startTime: new Date('2029-01-01T00:00:00Z'), endTime: new Date('2029-02-01T00:00:00Z') },
  fromIngestTimestamp: new Date('2029-01-02T00:00:00Z'),
  emptyProfiles: true,
};
const everything: NewExportJob = {
  ...newExportJob,
  fields: ['identities.id', 'personName.firstName'],
  mergePolicy: { id: platformId('policy'), version: 2 },
  filter,
  eventList: { fields: ['timestamp', 'a.b'], fromIngestTimestamp: new Date(0), toIngestTimestamp: new Date(1) },
  segmentPerBatch: true,
  evaluateSegments: true,
};

describe('an export job', () => {
  it.each([
    ['nothing in particular', newExportJob],
    ['everything that can be set', everything],
  ])('of %s is known by its record', (_, asked) => {
    expect(isExportJobOf(asked, echo(asked))).toBe(true);
  });

  it.each<[string, object]>([
    ['has no events, as in lists', { additionalFields: undefined }],
    ['has its fields in another order, with blanks', { fields: 'personName.firstName , identities.id' }],
    ['calls its dataset dataSetId', { destination: { dataSetId: newExportJob.datasetId, segmentPerBatch: true } }],
    [
      'has its segments in another order, namespaces in another case, and no statuses',
      {
        filter: {
          ...encoded('filter'),
          segments: [{ segmentId: 's-2', segmentNs: 'aam', status: 'exited' }, { segmentId: 's-1' }],
        },
      },
    ],
    [
      'writes its times in another way',
      { filter: { ...encoded('filter'), fromIngestTimestamp: '2029-01-02T01:00:00+01:00' } },
    ],
  ])('is known although its record %s', (_, changes) => {
    expect(isExportJobOf(everything, echo(everything, changes))).toBe(true);
  });

  it('may have any merge policy and any version of it where none was asked for', () => {
    expect(isExportJobOf(newExportJob, echo(newExportJob, { mergePolicy: { id: 'default', version: 7 } }))).toBe(true);
    const anyVersion = { ...newExportJob, mergePolicy: { id: platformId<MergePolicyId>('policy'), version: null } };
    expect(isExportJobOf(anyVersion, echo(anyVersion, { mergePolicy: { id: 'policy', version: 7 } }))).toBe(true);
  });

  it('may leave out a filter that filters nothing', () => {
    const nothing = { segments: null, segmentQualificationTime: null, fromIngestTimestamp: null, emptyProfiles: false };
    const asked = { ...newExportJob, filter: nothing };
    expect(isExportJobOf(asked, echo(newExportJob))).toBe(true);
    expect(isExportJobOf(newExportJob, echo(asked))).toBe(true);
  });

  it.each<[string, object]>([
    ['goes into another dataset', { destination: { datasetId: 'other', segmentPerBatch: true } }],
    ['has one batch for all segments', { destination: { datasetId: newExportJob.datasetId } }],
    ['is of another schema', { schema: { name: '_xdm.other' } }],
    ['exports other fields', { fields: 'identities.id' }],
    ['exports all fields', { fields: undefined }],
    ['has another merge policy', { mergePolicy: { id: 'other', version: 2 } }],
    ['has another version of it', { mergePolicy: { id: 'policy', version: 1 } }],
    ['has no merge policy', { mergePolicy: undefined }],
    ['exports all profiles', { filter: undefined }],
    ['exports one segment of two', { filter: { ...encoded('filter'), segments: [{ segmentId: 's-1' }] } }],
    [
      'exports another segment',
      { filter: { ...encoded('filter'), segments: [{ segmentId: 's-1' }, { segmentId: 's-3', segmentNs: 'AAM' }] } },
    ],
    [
      'exports those who left',
      {
        filter: {
          ...encoded('filter'),
          segments: [
            { segmentId: 's-1', status: ['exited'] },
            { segmentId: 's-2', segmentNs: 'AAM' },
          ],
        },
      },
    ],
    ['begins at another time', { filter: { ...encoded('filter'), fromIngestTimestamp: '2029-01-03T00:00:00Z' } }],
    ['looks at other qualifications', { filter: { ...encoded('filter'), segmentQualificationTime: undefined } }],
    ['leaves empty profiles out', { filter: { ...encoded('filter'), emptyProfiles: false } }],
    ['exports other events', { additionalFields: { eventList: { fields: 'timestamp' } } }],
  ])('is another one when it %s', (_, changes) => {
    expect(isExportJobOf(everything, echo(everything, changes))).toBe(false);
  });

  it('is another one when it exports events or fields that were not asked for', () => {
    expect(isExportJobOf(newExportJob, echo(newExportJob, { additionalFields: { eventList: {} } }))).toBe(false);
    expect(isExportJobOf(newExportJob, echo(newExportJob, { fields: 'a' }))).toBe(false);
  });

  function encoded(part: 'filter'): object {
    // The encoder makes a plain object of these parts.
    return (encodeNewExportJob(everything) as Readonly<Record<string, object>>)[part] ?? {};
  }
});

describe('a segment job', () => {
  function segmentJob(wire: object): SegmentJob {
    const { value } = decoding((context) =>
      decodeSegmentJob({ ...head, segments: [{ segmentId: 's-1' }, { segmentId: 's-2' }], ...wire }, context, reading),
    );
    if (value === null) throw new Error('This is no segment job.');
    return value;
  }

  it('is known by its segments, in any order', () => {
    expect(isSegmentJobOf([s2, s1], segmentJob({ source: 'api' }))).toBe(true);
    expect(isSegmentJobOf([s2, s1], segmentJob({}))).toBe(true);
  });

  it('is another one with other segments, or when a schedule started it', () => {
    expect(isSegmentJobOf([s1], segmentJob({}))).toBe(false);
    expect(isSegmentJobOf([s1, platformId('s-3')], segmentJob({}))).toBe(false);
    expect(isSegmentJobOf([s1, s2], segmentJob({ source: 'Scheduler' }))).toBe(false);
    expect(isSegmentJobOf([s1, s2], segmentJob({ properties: { scheduleId: 'x' } }))).toBe(false);
  });
});
