import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import type { AnomalyKind } from '../../../../src/upstream/index.ts';
import { decodeExportJob } from '../../../../src/upstream/wire/export-job.ts';
import { decodeNextCursor } from '../../../../src/upstream/wire/export-job-page.ts';
import { reading } from '../decoding.ts';

const minimal = {
  id: 24115,
  jobType: 'BATCH',
  status: 'NEW',
  metrics: { totalTime: { startTimeInMs: 1_559_674_261_657 } },
  destination: { dataSetId: '5cf6bcf79ecc7c14530fe436', segmentPerBatch: false, batchId: 'da5cfb4d' },
  creationTime: 1_559_674_261_657,
  updateTime: 1_559_674_261_868,
};

function decode(value: unknown) {
  const anomalies: AnomalyKind[] = [];
  const job = decodeExportJob(value, { anomaly: (kind) => anomalies.push(kind) }, reading);
  return { job, anomalies };
}

/** The job that the minimal one becomes with these fields. */
function job(fields: object) {
  const { job } = decode({ ...minimal, ...fields });
  if (job === null) throw new Error('It was not decoded.');
  return job;
}

const destination = (fields: object) => job({ destination: { datasetId: 'd', ...fields } }).destination;
const segment = (segmentId: string, statuses: string[] = [], segmentNs = 'ups') => ({
  segmentId,
  segmentNs,
  statuses,
});

describe('an export job', () => {
  it('is decoded with all its properties', () => {
    const { job, anomalies } = decode({
      ...minimal,
      status: 'SUCCEEDED',
      profileInstanceId: 'ups',
      schema: { name: '_xdm.context.profile' },
      mergePolicy: { id: '0bf16e61', version: 1 },
      fields: 'identities.id, personName.firstName',
      filter: {
        segments: [{ segmentId: 's-1', segmentNs: 'AAM', status: ['realized'] }],
        segmentQualificationTime: { startTime: '2018-01-01T00:00:00Z' },
        fromIngestTimestamp: '2018-01-01T00:00:00+02:00',
        emptyProfiles: true,
      },
      additionalFields: {
        eventList: {
          fields: 'timestamp',
          filter: { fromIngestTimestamp: '2018-01-01T00:00:00Z', toIngestTimestamp: '2018-02-01T00:00:00Z' },
        },
      },
      errors: [{ code: '0100000003', msg: 'Error in Export Job', callStack: 'com.example' }],
      metrics: {
        totalTime: { startTimeInMs: 1_559_674_261_001, endTimeInMs: 1_559_674_261_003, totalTimeInMs: 2 },
        profileExportTime: {},
        totalExportedProfileCounter: 20,
        exportedProfileByNamespaceCounter: { namespace1: 10, namespace2: 5 },
      },
      computeGatewayJobId: { exportJob: 'compute-1' },
      requestId: 'request-1',
      imsOrgId: 'org',
      someNewField: { of: 'tomorrow' },
    });
    expect(anomalies).toEqual([]);
    expect(job).toEqual({
      id: '24115',
      status: 'SUCCEEDED',
      rawStatus: 'SUCCEEDED',
      jobType: 'BATCH',
      fields: ['identities.id', 'personName.firstName'],
      schemaName: '_xdm.context.profile',
      mergePolicy: { id: '0bf16e61', version: 1 },
      filter: {
        segments: [segment('s-1', ['REALIZED'], 'AAM')],
        segmentQualificationTime: { startTime: new Date('2018-01-01T00:00:00Z'), endTime: null },
        fromIngestTimestamp: new Date('2017-12-31T22:00:00Z'),
        emptyProfiles: true,
      },
      eventList: {
        fields: ['timestamp'],
        fromIngestTimestamp: new Date('2018-01-01T00:00:00Z'),
        toIngestTimestamp: new Date('2018-02-01T00:00:00Z'),
      },
      destination: {
        datasetId: '5cf6bcf79ecc7c14530fe436',
        segmentPerBatch: false,
        batches: [{ batchId: 'da5cfb4d', segment: null }],
      },
      metrics: {
        totalTime: { startedAt: new Date(1_559_674_261_001), endedAt: new Date(1_559_674_261_003), durationMs: 2 },
        profileExportTime: null,
        datasetWriteTime: null,
        totalExportedProfiles: 20,
        exportedProfilesByNamespace: [
          { namespace: 'namespace1', count: 10 },
          { namespace: 'namespace2', count: 5 },
        ],
      },
      errors: [{ code: '0100000003', message: 'Error in Export Job', callStack: 'com.example', recordCount: null }],
      computeJobs: { exportJob: 'compute-1', pushJob: null },
      profileInstanceId: 'ups',
      requestId: 'request-1',
      organizationId: 'org',
      createdAt: new Date(1_559_674_261_657),
      updatedAt: new Date(1_559_674_261_868),
      ...reading,
    });
  });

  it.each([
    { value: null, kind: 'not-an-object' },
    { value: [minimal], kind: 'not-an-object' },
    { value: { ...minimal, id: undefined }, kind: 'missing-id' },
    { value: { ...minimal, id: '' }, kind: 'missing-id' },
    { value: { ...minimal, status: {} }, kind: 'missing-status' },
  ])('is rejected without id and status ($kind)', ({ value, kind }) => {
    expect(decode(value)).toEqual({ job: null, anomalies: [kind] });
  });

  it('has its dataset under either of two names (#1)', () => {
    expect(job({ destination: { datasetId: 'a' } }).destination.datasetId).toBe('a');
    expect(job({ destination: { dataSetId: 'b' } }).destination.datasetId).toBe('b');
  });

  it('has the empty id for an unnamed dataset, which is counted', () => {
    const { job, anomalies } = decode({ ...minimal, destination: {} });
    expect(job?.destination).toEqual({ datasetId: '', segmentPerBatch: false, batches: [] });
    expect(anomalies).toEqual(['missing-field']);
  });

  it('has its batches from a list, an object, or the single batch id (#2)', () => {
    const one = { segmentId: 's-1', segmentNs: 'ups', status: ['exited'], batchId: 'b-1' };
    const decoded = { batchId: 'b-1', segment: segment('s-1', ['EXITED']) };
    expect(destination({ batches: [one, { ...one, batchId: 'b-2' }] }).batches).toEqual([
      decoded,
      { ...decoded, batchId: 'b-2' },
    ]);
    expect(destination({ batches: one, batchId: 'b-1' }).batches).toEqual([decoded]);
    expect(destination({ batches: { ...one, batchId: '' }, batchId: 'b-1' }).batches).toEqual([decoded]);
    expect(destination({ batchId: 'b-9' }).batches).toEqual([{ batchId: 'b-9', segment: null }]);
    expect(destination({ batches: [], batchId: 'b-9' }).batches).toEqual([{ batchId: 'b-9', segment: null }]);
  });

  it('has a list for a single membership status (#3)', () => {
    const selection = { segmentId: 's-1', status: 'exited' };
    expect(destination({ batches: [{ ...selection, batchId: 'b' }] }).batches[0]?.segment?.statuses).toEqual([
      'EXITED',
    ]);
    expect(job({ filter: { segments: [selection] } }).filter?.segments[0]?.statuses).toEqual(['EXITED']);
  });

  it('has no batch while its batch id is blank (#4)', () => {
    expect(destination({ batchId: '' }).batches).toEqual([]);
    expect(destination({ batches: [{ segmentId: 's-1', batchId: '' }, {}] }).batches).toEqual([]);
  });

  it('is not split by segment by default (#5)', () => {
    expect(destination({}).segmentPerBatch).toBe(false);
    expect(destination({ segmentPerBatch: true }).segmentPerBatch).toBe(true);
  });

  it.each([
    { value: 'compute-1', expected: { exportJob: 'compute-1', pushJob: null } },
    { value: { pushJob: 'push-1' }, expected: { exportJob: null, pushJob: 'push-1' } },
    { value: 12345, expected: { exportJob: '12345', pushJob: null } },
    { value: {}, expected: null },
    { value: { exportJob: '' }, expected: null },
    { value: '', expected: null },
    { value: undefined, expected: null },
  ])('has $expected for the compute jobs $value (#6)', ({ value, expected }) => {
    expect(job({ computeGatewayJobId: value }).computeJobs).toEqual(expected);
  });

  it.each([
    { raw: 'SUCCESS', status: 'SUCCEEDED' },
    { raw: 'succeeded', status: 'SUCCEEDED' },
    { raw: 'Cancelling', status: 'CANCELLING' },
    { raw: 'PAUSED', status: 'UNKNOWN', anomalies: ['unknown-status'] },
    { raw: 'constructor', status: 'UNKNOWN', anomalies: ['unknown-status'] },
  ])('with the status $raw is $status and keeps the original status (#7)', ({ raw, status, anomalies = [] }) => {
    const decoded = decode({ ...minimal, status: raw });
    expect(decoded.job).toMatchObject({ status, rawStatus: raw });
    expect(decoded.anomalies).toEqual(anomalies);
  });

  it('decodes `exiting` as EXITED and keeps unknown memberships (#7)', () => {
    const { job, anomalies } = decode({
      ...minimal,
      filter: { segments: [{ segmentId: 's', status: ['exiting', 'EXISTING', 'frozen'] }] },
    });
    expect(job?.filter?.segments[0]?.statuses).toEqual(['EXITED', 'EXISTING', 'UNKNOWN']);
    expect(anomalies).toEqual(['unknown-status']);
  });

  it('may have errors although it succeeded, and none although it failed (#8)', () => {
    expect(job({ status: 'SUCCEEDED', errors: [{ code: 1, msg: 'late' }] })).toMatchObject({
      status: 'SUCCEEDED',
      errors: [{ code: '1', message: 'late', callStack: null, recordCount: null }],
    });
    expect(job({ status: 'FAILED' })).toMatchObject({ status: 'FAILED', errors: [] });
  });

  it.each([
    { metrics: undefined },
    { metrics: {} },
    { metrics: { totalTime: {} } },
    { metrics: { totalTime: null, profileExportTime: 'soon' } },
  ])('may omit its metrics: $metrics (#9)', ({ metrics }) => {
    expect(job({ metrics }).metrics).toEqual({
      totalTime: null,
      profileExportTime: null,
      datasetWriteTime: null,
      totalExportedProfiles: null,
      exportedProfilesByNamespace: [],
    });
  });

  it('may have times without an end (#9)', () => {
    expect(job({}).metrics.totalTime).toEqual({
      startedAt: new Date(1_559_674_261_657),
      endedAt: null,
      durationMs: null,
    });
  });

  it.each([
    { raw: 24115, id: '24115' },
    { raw: '24115', id: '24115' },
    { raw: '100.0', id: '100' },
    { raw: JSON.parse('100.0'), id: '100' },
    { raw: '9223372036854775807', id: '9223372036854775807' },
    { raw: 'a-uuid-one-day', id: 'a-uuid-one-day' },
  ])('with the id $raw has the id $id (#10)', ({ raw, id }) => {
    expect(job({ id: raw }).id).toBe(id);
  });

  it('has segments of the namespace `ups` by default (#11)', () => {
    const segments = [{ segmentId: 'a' }, { segmentId: 'b', segmentNs: '' }, { segmentId: 'c', segmentNs: 'AdCloud' }];
    expect(job({ filter: { segments } }).filter?.segments.map(({ segmentNs }) => segmentNs)).toEqual([
      'ups',
      'ups',
      'AdCloud',
    ]);
  });

  it.each([
    { fields: 'a.b,  c.d ,e', expected: ['a.b', 'c.d', 'e'] },
    { fields: ['a.b', 'c.d'], expected: ['a.b', 'c.d'] },
    { fields: ' , ', expected: null },
    { fields: '', expected: null },
    { fields: undefined, expected: null },
  ])('with the fields $fields has $expected (#12)', ({ fields, expected }) => {
    expect(job({ fields }).fields).toEqual(expected);
  });

  it('accepts the older name of the event filter', () => {
    const eventList = { filter: { fromTimestamp: '2018-01-01T00:00:00Z' } };
    expect(job({ additionalFields: { eventList } }).eventList).toEqual({
      fields: null,
      fromIngestTimestamp: new Date('2018-01-01T00:00:00Z'),
      toIngestTimestamp: null,
    });
  });

  it('has no filter when the platform returns an empty one', () => {
    expect(job({ filter: {} }).filter).toBeNull();
    expect(job({ filter: null }).filter).toBeNull();
  });

  it('without a creation time has that of its first metric', () => {
    expect(job({ creationTime: undefined }).createdAt).toEqual(new Date(1_559_674_261_657));
    const { job: timeless, anomalies } = decode({
      id: 1,
      status: 'NEW',
      jobType: 'BATCH',
      destination: { datasetId: 'd' },
    });
    expect(timeless).toMatchObject({ createdAt: new Date(0), updatedAt: new Date(0) });
    expect(anomalies).toEqual(['missing-field']);
  });
});

describe('the next page of export jobs', () => {
  const last = job({ id: 722, creationTime: 1_538_573_416_687 });

  it.each([{ next: undefined }, { next: null }, { next: '' }, { next: {} }])(
    'does not exist when the link is $next (#14)',
    ({ next }) => {
      expect(decodeNextCursor({ link: { next } }, [last])).toBeNull();
      expect(decodeNextCursor({}, [last])).toBeNull();
    },
  );

  it.each([
    '/export/jobs/?limit=2&offset=1538573416687_725',
    'export/jobs?offset=1538573416687_725',
    'https://platform.adobe.io:443/data/core/ups/export/jobs?offset=1538573416687_725',
    'https://elsewhere.example/?offset=1538573416687%5F725',
  ])('begins at the cursor of the link %s (#14)', (next) => {
    expect(decodeNextCursor({ link: { next } }, [last])).toEqual({ createdAtMs: 1_538_573_416_687, id: '725' });
  });

  it('keeps underscores that belong to the id', () => {
    expect(decodeNextCursor({ link: { next: '?offset=12_a_b' } }, [])).toEqual({
      createdAtMs: 12,
      id: platformId('a_b'),
    });
  });

  it.each(['/export/jobs', '/export/jobs?offset=2', '?offset=_9', '?offset=99999999999999999_1'])(
    'continues after the last job when the link %s names no cursor',
    (next) => {
      expect(decodeNextCursor({ link: { next } }, [last])).toEqual({ createdAtMs: 1_538_573_416_687, id: '722' });
      expect(decodeNextCursor({ link: { next } }, [])).toBeNull();
    },
  );

  it('ignores the counts that the page reports about itself (#18)', () => {
    const page = { pageOffset: '1_1', pageSize: 0 };
    expect(decodeNextCursor({ page, link: { next: '?offset=12_7' } }, [last])).toEqual({ createdAtMs: 12, id: '7' });
    expect(decodeNextCursor({ page, link: {} }, [last])).toBeNull();
  });
});
