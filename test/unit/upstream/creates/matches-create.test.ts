import { describe, expect, it } from 'vitest';
import type { NewExportJob } from '../../../../src/domain/export-job.ts';
import type { ReportedExportJob } from '../../../../src/domain/export-request.ts';
import { type MergePolicyId, platformId, type SegmentId } from '../../../../src/domain/ids.ts';
import type { NewSchedule, Schedule } from '../../../../src/domain/schedule.ts';
import type { SegmentJob } from '../../../../src/domain/segment-job.ts';
import {
  type Fit,
  fitOfExportJob,
  fitOfSchedule,
  fitOfSegmentJob,
} from '../../../../src/upstream/creates/matches-create.ts';
import { decodeReportedExportJob } from '../../../../src/upstream/wire/export-job.ts';
import { encodeNewExportJob } from '../../../../src/upstream/wire/new-export-job.ts';
import { decodeSchedule, encodeNewSchedule } from '../../../../src/upstream/wire/schedule.ts';
import { decodeSegmentJob } from '../../../../src/upstream/wire/segment-job.ts';
import { decoding, reading } from '../decoding.ts';
import { newExportJob } from '../fixtures.ts';

const head = { id: 1, status: 'NEW', jobType: 'BATCH', creationTime: 1, updateTime: 1 };

/** The job of a record. */
function exportJob(wire: object): ReportedExportJob {
  const record: unknown = JSON.parse(JSON.stringify({ ...head, ...wire }));
  const { value } = decoding((context) => decodeReportedExportJob(record, context, reading));
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
  waitForBatch: true,
};

describe('a record of an export job', () => {
  it.each([
    ['nothing in particular', newExportJob],
    ['everything that can be set', everything],
  ])('of %s is a certain match', (_, asked) => {
    expect(fitOfExportJob(asked, echo(asked))).toBe('same');
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
  ])('is a certain match although it %s', (_, changes) => {
    expect(fitOfExportJob(everything, echo(everything, changes))).toBe('same');
  });

  it.each<[string, object]>([
    ['omits its fields', { fields: undefined }],
    ['omits its merge policy', { mergePolicy: undefined }],
    ['omits the version of its merge policy', { mergePolicy: { id: 'policy' } }],
    ['omits its schema', { schema: undefined }],
    ['omits whether there is a batch for each segment', { destination: { datasetId: newExportJob.datasetId } }],
    ['contains nothing of the filter except the segments', { filter: { segments: segmentsOf() } }],
    ['omits that it waits for its batch', { properties: undefined }],
    ['has other properties', { properties: { scheduleId: 's' } }],
    ['omits the times of its events', { additionalFields: { eventList: { fields: 'timestamp,a.b' } } }],
  ])('is a possible match although it %s', (_, changes) => {
    expect(fitOfExportJob(everything, echo(everything, changes))).toBe('possible');
  });

  it('matches any merge policy and version if the create names none', () => {
    expect(fitOfExportJob(newExportJob, echo(newExportJob, { mergePolicy: { id: 'default', version: 7 } }))).toBe(
      'same',
    );
    const anyVersion = { ...newExportJob, mergePolicy: { id: platformId<MergePolicyId>('policy'), version: null } };
    expect(fitOfExportJob(anyVersion, echo(anyVersion, { mergePolicy: { id: 'policy', version: 7 } }))).toBe('same');
  });

  it('may omit a filter without a condition', () => {
    const nothing = { segments: null, segmentQualificationTime: null, fromIngestTimestamp: null, emptyProfiles: false };
    const asked = { ...newExportJob, filter: nothing };
    expect(fitOfExportJob(asked, echo(newExportJob))).toBe('same');
    expect(fitOfExportJob(newExportJob, echo(asked))).toBe('same');
  });

  it.each<[string, object]>([
    ['goes into another dataset', { destination: { datasetId: 'other', segmentPerBatch: true } }],
    ['has one batch for all segments', { destination: { datasetId: newExportJob.datasetId, segmentPerBatch: false } }],
    ['is of another schema', { schema: { name: '_xdm.other' } }],
    ['exports other fields', { fields: 'identities.id' }],
    ['has another merge policy', { mergePolicy: { id: 'other', version: 2 } }],
    ['has another version of it', { mergePolicy: { id: 'policy', version: 1 } }],
    ['exports all profiles', { filter: undefined }],
    ['exports one segment of two', { filter: { ...encoded('filter'), segments: [{ segmentId: 's-1' }] } }],
    [
      'exports another segment',
      { filter: { ...encoded('filter'), segments: [{ segmentId: 's-1' }, { segmentId: 's-3', segmentNs: 'AAM' }] } },
    ],
    [
      'exports former members',
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
    [
      'looks at other qualifications',
      { filter: { ...encoded('filter'), segmentQualificationTime: { startTime: '2029-01-05T00:00:00Z' } } },
    ],
    ['leaves empty profiles out', { filter: { ...encoded('filter'), emptyProfiles: false } }],
    ['does not wait for its batch', { properties: { checkBatchStatusForSuccess: false } }],
    ['exports other events', { additionalFields: { eventList: { fields: 'timestamp' } } }],
  ])('is not a match when it %s', (_, changes) => {
    expect(fitOfExportJob(everything, echo(everything, changes))).toBe('different');
  });

  it('is not a match if it exports events or fields that were not requested', () => {
    expect(fitOfExportJob(newExportJob, echo(newExportJob, { additionalFields: { eventList: {} } }))).toBe('different');
    expect(fitOfExportJob(newExportJob, echo(newExportJob, { fields: 'a' }))).toBe('different');
  });

  it('is not a match if it waits for a batch although the create does not', () => {
    const waiting = { properties: { checkBatchStatusForSuccess: true } };
    expect(fitOfExportJob(newExportJob, echo(newExportJob, waiting))).toBe('different');
    expect(fitOfExportJob(newExportJob, echo(newExportJob, { properties: {} }))).toBe('same');
  });

  it('is not a match when it filters by times that were not requested', () => {
    const found = { filter: { fromIngestTimestamp: '2029-01-02T00:00:00Z' } };
    expect(fitOfExportJob(newExportJob, echo(newExportJob, found))).toBe('different');
  });

  function segmentsOf(): object {
    return (encodeNewExportJob(everything) as { readonly filter: { readonly segments: object } }).filter.segments;
  }

  function encoded(part: 'filter'): object {
    // The encoder makes a plain object of these parts.
    return (encodeNewExportJob(everything) as Readonly<Record<string, object>>)[part] ?? {};
  }
});

describe('a record of a segment job', () => {
  function segmentJob(wire: object): SegmentJob {
    const { value } = decoding((context) =>
      decodeSegmentJob({ ...head, segments: [{ segmentId: 's-1' }, { segmentId: 's-2' }], ...wire }, context, reading),
    );
    if (value === null) throw new Error('This is no segment job.');
    return value;
  }

  it('is a match with the same segments, in any order', () => {
    expect(fitOfSegmentJob([s2, s1], segmentJob({ source: 'api' }))).toBe('same');
    expect(fitOfSegmentJob([s2, s1], segmentJob({}))).toBe('same');
    expect(fitOfSegmentJob([s2, s1], segmentJob({ segments: undefined }))).toBe('possible');
  });

  it('is not a match with other segments, or when a schedule started it', () => {
    expect(fitOfSegmentJob([s1], segmentJob({}))).toBe('different');
    expect(fitOfSegmentJob([s1, platformId('s-3')], segmentJob({}))).toBe('different');
    expect(fitOfSegmentJob([s1, s2], segmentJob({ source: 'Scheduler' }))).toBe('different');
    expect(fitOfSegmentJob([s1, s2], segmentJob({ properties: { scheduleId: 'x' } }))).toBe('different');
  });
});

describe('a record of a schedule', () => {
  const requested: NewSchedule = {
    name: 'daily',
    type: 'BATCH_SEGMENTATION',
    schedule: '0 0 1 ? * MON',
    segmentIds: [s1, s2],
    state: 'ACTIVE',
  };
  const schedule = (wire: object): Schedule => {
    const record = { ...encodeNewSchedule(requested), id: 'x', createEpoch: 1, ...wire };
    const { value } = decoding((context) => decodeSchedule(record, context, reading));
    if (value === null) throw new Error('This is not a schedule.');
    return value;
  };

  it.each<[string, Fit, object]>([
    ['is equal', 'same', {}],
    ['has another state', 'same', { state: 'inactive' }],
    ['writes its expression in another way', 'same', { schedule: '0 0  1 ? * mon' }],
    ['omits its segments', 'possible', { properties: { segments: [] } }],
    ['omits its expression', 'possible', { schedule: undefined }],
  ])('that %s is %s', (_, fit, wire) => {
    expect(fitOfSchedule(requested, schedule(wire))).toBe(fit);
  });

  it.each<[string, object]>([
    ['name', { name: 'Daily' }],
    ['type', { type: 'export' }],
    ['time', { schedule: '0 0 2 ? * MON' }],
    ['segment', { properties: { segments: ['*'] } }],
  ])('is not a match when it has another %s', (_, wire) => {
    expect(fitOfSchedule(requested, schedule(wire))).toBe('different');
  });
});
