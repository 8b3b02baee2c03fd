import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import { decodeSegmentJob, encodeNewSegmentJob } from '../../../../src/upstream/wire/segment-job.ts';
import { decoding, reading } from '../decoding.ts';

const minimal = {
  id: 'd3b4a50d-dfea-43eb-9fca-557ea53771fd',
  status: 'PROCESSING',
  segments: [{ segmentId: 's-1', segment: { id: 's-1', expression: { type: 'PQL' } } }],
  creationTime: 1_568_267_948_000,
  updateTime: 1_568_267_949_000,
};

const decode = (value: unknown) => decoding((context) => decodeSegmentJob(value, context, reading));

/** The job that the minimal one becomes with these fields. */
function job(fields: object) {
  const { value } = decode({ ...minimal, ...fields });
  if (value === null) throw new Error('It was not decoded.');
  return value;
}

const uncounted = { profileCount: null, profilesByNamespace: [], profilesByStatus: [] };

describe('a segment job', () => {
  it('is decoded with all its properties, with only counted segments after the listed ones (#41)', () => {
    const { value, anomalies } = decode({
      ...minimal,
      status: 'SUCCEEDED',
      source: 'scheduler',
      properties: { scheduleId: 'schedule-1', runId: 'run-1' },
      metrics: {
        totalTime: { startTimeInMs: 1_568_267_948_001, endTimeInMs: 1_568_267_948_003, totalTimeInMs: 2 },
        profileSegmentationTime: { startTimeInMs: 1_568_267_948_002 },
        totalProfiles: 13_146_432,
        totalProfilesByMergePolicy: { policy: 13_146_432 },
        segmentedProfileCounter: { 's-2': 1033, 's-1': 7 },
        segmentedProfileByNamespaceCounter: { 's-1': { email: 5, ecid: 2 }, 's-3': { crmid: 4 } },
        segmentedProfileByStatusCounter: { 's-1': { realized: 6, existing: 1, exited: 0 } },
      },
      errors: [{ code: '17', msg: 'late', callStack: 'com.example' }],
      requestId: 'request-1',
      batchId: 'b',
      computeJobId: 39312,
      computeGatewayJobId: 'compute-1',
      modelName: '_xdm.context.profile',
      _links: { cancel: { href: '/segment/jobs/another', method: 'DELETE' } },
      someNewField: 1,
    });
    expect(anomalies).toEqual([]);
    expect(value).toEqual({
      id: 'd3b4a50d-dfea-43eb-9fca-557ea53771fd',
      status: 'SUCCEEDED',
      rawStatus: 'SUCCEEDED',
      source: 'scheduler',
      scheduleId: 'schedule-1',
      segments: [
        {
          segmentId: 's-1',
          profileCount: 7,
          profilesByNamespace: [
            { namespace: 'email', count: 5 },
            { namespace: 'ecid', count: 2 },
          ],
          profilesByStatus: [
            { status: 'REALIZED', count: 6 },
            { status: 'EXISTING', count: 1 },
            { status: 'EXITED', count: 0 },
          ],
        },
        { ...uncounted, segmentId: 's-2', profileCount: 1033 },
        { ...uncounted, segmentId: 's-3', profilesByNamespace: [{ namespace: 'crmid', count: 4 }] },
      ],
      metrics: {
        totalTime: { startedAt: new Date(1_568_267_948_001), endedAt: new Date(1_568_267_948_003), durationMs: 2 },
        profileSegmentationTime: { startedAt: new Date(1_568_267_948_002), endedAt: null, durationMs: null },
        totalProfiles: 13_146_432,
      },
      errors: [{ code: '17', message: 'late', callStack: 'com.example', recordCount: null }],
      requestId: 'request-1',
      createdAt: new Date(1_568_267_948_000),
      updatedAt: new Date(1_568_267_949_000),
      ...reading,
    });
  });

  it.each([
    { raw: 'SUCCESS', status: 'SUCCEEDED', anomalies: [] },
    { raw: 'queued', status: 'QUEUED', anomalies: [] },
    { raw: 'Cancelling', status: 'CANCELLING', anomalies: [] },
    { raw: 'PAUSED', status: 'UNKNOWN', anomalies: ['unknown-status'] },
  ])('with the status $raw is $status (#7)', ({ raw, status, anomalies }) => {
    expect(decode({ ...minimal, status: raw })).toMatchObject({ value: { status, rawStatus: raw }, anomalies });
  });

  it('has an exact number for a sum of counts that exceeds 2^53', () => {
    const segmentedProfileByStatusCounter = { 's-1': { exited: Number.MAX_SAFE_INTEGER, exiting: 2 } };
    const { value } = decode({ ...minimal, metrics: { segmentedProfileByStatusCounter } });
    expect(value?.segments[0]?.profilesByStatus).toEqual([{ status: 'EXITED', count: Number.MAX_SAFE_INTEGER }]);
  });

  it('counts `exiting` with EXITED and keeps unknown memberships (#7)', () => {
    const segmentedProfileByStatusCounter = { 's-1': { exited: 1, exiting: 2, frozen: 3, realized: 'many' } };
    const { value, anomalies } = decode({ ...minimal, metrics: { segmentedProfileByStatusCounter } });
    expect(value?.segments[0]?.profilesByStatus).toEqual([
      { status: 'EXITED', count: 3 },
      { status: 'UNKNOWN', count: 3 },
    ]);
    expect(anomalies).toEqual(['unknown-status']);
  });

  it('may have errors although it succeeded, and none although it failed (#8)', () => {
    expect(job({ status: 'SUCCEEDED', errors: [{ code: 1, msg: 'late' }] }).errors).toEqual([
      { code: '1', message: 'late', callStack: null, recordCount: null },
    ]);
    expect(job({ status: 'FAILED' }).errors).toEqual([]);
  });

  it.each([
    { metrics: undefined, expected: null },
    { metrics: null, expected: null },
    { metrics: {}, expected: { totalTime: null, profileSegmentationTime: null, totalProfiles: null } },
    {
      metrics: { totalTime: { startTimeInMs: 1_568_267_948_005 }, profileSegmentationTime: {} },
      expected: {
        totalTime: { startedAt: new Date(1_568_267_948_005), endedAt: null, durationMs: null },
        profileSegmentationTime: null,
        totalProfiles: null,
      },
    },
  ])('may omit its metrics, or some of them: $metrics (#9)', ({ metrics, expected }) => {
    expect(job({ metrics }).metrics).toEqual(expected);
    expect(job({ metrics }).segments).toEqual([{ ...uncounted, segmentId: 's-1' }]);
  });

  it('may have a number as its id (#10)', () => {
    expect(job({ id: 17 }).id).toBe('17');
  });

  it('of every segment lists only `*`, and the counted segments after it (#35)', () => {
    expect(job({ segments: [{ segmentId: '*' }] }).segments).toEqual([{ ...uncounted, segmentId: '*' }]);
    const metrics = { segmentedProfileCounter: { 's-1': 7 } };
    expect(job({ segments: [{ segmentId: '*' }], metrics }).segments).toEqual([
      { ...uncounted, segmentId: '*' },
      { ...uncounted, segmentId: 's-1', profileCount: 7 },
    ]);
  });

  it('lists each segment once, under whichever id it has', () => {
    const segments = [{ segmentId: 'a' }, { segmentId: 'a' }, { segment: { id: 'b' } }, {}, 'odd'];
    const { value, anomalies } = decode({ ...minimal, segments });
    expect(value?.segments.map(({ segmentId }) => segmentId)).toEqual(['a', 'b']);
    expect(anomalies).toEqual(['missing-field', 'missing-field']);
    expect(job({ segments: undefined }).segments).toEqual([]);
  });

  it.each([
    {
      source: 'scheduler',
      requestId: '4e538382-dbd8-449e-988a-4ac639ebe72b-1573203600264',
      scheduleId: '4e538382-dbd8-449e-988a-4ac639ebe72b',
    },
    { source: 'SCHEDULER', requestId: 'a-1573203600264', scheduleId: 'a' },
    { source: 'scheduler', requestId: '4e538382-dbd8-449e-988a-123456789012', scheduleId: null },
    { source: 'scheduler', requestId: undefined, scheduleId: null },
    { source: 'api', requestId: 'a-1573203600264', scheduleId: null },
    { source: undefined, requestId: 'a-1573203600264', scheduleId: null },
  ])('from $source with the request $requestId belongs to the schedule $scheduleId', (fields) => {
    expect(job(fields).scheduleId).toBe(fields.scheduleId);
    expect(job({ ...fields, properties: { scheduleId: 'named' } }).scheduleId).toBe('named');
  });

  it.each([
    { fields: { creationTime: undefined, createEpoch: 1_568_267_948 }, createdAt: 1_568_267_948_000 },
    {
      fields: { creationTime: undefined, metrics: { totalTime: { startTimeInMs: 1_568_267_948_009 } } },
      createdAt: 1_568_267_948_009,
    },
    { fields: { creationTime: undefined }, createdAt: minimal.updateTime },
    { fields: { creationTime: undefined, updateTime: undefined, updateEpoch: 5 }, createdAt: 5_000 },
    { fields: { creationTime: undefined, updateTime: undefined }, createdAt: 0, anomalies: ['missing-field'] },
  ])('with $fields was created at $createdAt', ({ fields, createdAt, anomalies = [] }) => {
    expect(decode({ ...minimal, ...fields })).toMatchObject({ value: { createdAt: new Date(createdAt) }, anomalies });
  });

  it('is rejected without an id or a status', () => {
    expect(decode({ ...minimal, id: null })).toEqual({ value: null, anomalies: ['missing-id'] });
    expect(decode({ ...minimal, status: '' })).toEqual({ value: null, anomalies: ['missing-status'] });
    expect(decode([minimal])).toEqual({ value: null, anomalies: ['not-an-object'] });
  });
});

describe('the request for a new segment job', () => {
  it('is a list of its segments, also for every segment', () => {
    expect(encodeNewSegmentJob([platformId('s-1'), platformId('*')])).toEqual([
      { segmentId: 's-1' },
      { segmentId: '*' },
    ]);
  });
});
