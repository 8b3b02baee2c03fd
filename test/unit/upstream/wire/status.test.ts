import { describe, expect, it } from 'vitest';
import { decodeBatch, encodeBatchStatus } from '../../../../src/upstream/wire/batch.ts';
import { decodeExportJob } from '../../../../src/upstream/wire/export-job.ts';
import { decodeSchedule } from '../../../../src/upstream/wire/schedule.ts';
import { decodeSegmentJob } from '../../../../src/upstream/wire/segment-job.ts';
import { decoding, reading } from '../decoding.ts';

const time = 1_793_527_200_000;

const jobWords = [
  ['SUCCESS', 'SUCCEEDED'],
  ['completed', 'SUCCEEDED'],
  ['PROCESSED', 'SUCCEEDED'],
  ['ERROR', 'FAILED'],
  ['CANCELED', 'CANCELLED'],
  ['KILLED', 'CANCELLED'],
  ['Canceling', 'CANCELLING'],
  ['IN_PROGRESS', 'PROCESSING'],
  ['in-progress', 'PROCESSING'],
  ['In Progress', 'PROCESSING'],
  ['InProgress', 'PROCESSING'],
  ['SuCcEeDeD', 'SUCCEEDED'],
  ['QUEUEING', 'QUEUED'],
  ['constructor', 'UNKNOWN'],
  ['EVAPORATED', 'UNKNOWN'],
] as const;

describe.each(jobWords)('the status %s', (raw, status) => {
  const job = { id: 1, status: raw, jobType: 'BATCH', destination: { datasetId: 'd' }, creationTime: time };
  const anomalies = status === 'UNKNOWN' ? ['unknown-status'] : [];

  it(`of an export job is ${status}`, () => {
    const decoded = decoding((context) => decodeExportJob(job, context, reading));
    expect(decoded).toMatchObject({ value: { status, rawStatus: raw }, anomalies });
  });

  it(`of a segment job is ${status}`, () => {
    const decoded = decoding((context) => decodeSegmentJob(job, context, reading));
    expect(decoded).toMatchObject({ value: { status, rawStatus: raw }, anomalies });
  });
});

describe('the status of a batch', () => {
  it.each([
    ['failure', 'FAILED'],
    ['ERROR', 'FAILED'],
    ['COMPLETED', 'SUCCESS'],
    ['succeeded', 'SUCCESS'],
    ['CANCELED', 'ABORTED'],
    ['KILLED', 'ABORTED'],
    ['in-progress', 'PROCESSING'],
    ['QUEUEING', 'QUEUED'],
    ['replay', 'UNKNOWN'],
    ['processed', 'UNKNOWN'],
  ] as const)('%s is %s', (raw, status) => {
    const { value } = decoding((context) => decodeBatch('b', { status: raw }, context));
    expect(value).toMatchObject({ status, rawStatus: raw });
  });

  it('is sent only in documented words, because Catalog may reject others', () => {
    expect(encodeBatchStatus('FAILED')).toEqual(['failed', 'failure']);
    expect(encodeBatchStatus('ABORTED')).toEqual(['aborted']);
  });
});

describe('the state of a schedule', () => {
  it.each([
    ['enabled', 'ACTIVE'],
    ['DISABLED', 'INACTIVE'],
  ] as const)('%s is %s', (raw, state) => {
    const schedule = { id: 's', type: 'export', schedule: '0 0 1 * * ?', state: raw };
    const decoded = decoding((context) => decodeSchedule(schedule, context, reading));
    expect(decoded).toMatchObject({ value: { state }, anomalies: [] });
  });
});
