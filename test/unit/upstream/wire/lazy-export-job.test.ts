import { describe, expect, it } from 'vitest';
import { type ExportJob, wholeExportJob } from '../../../../src/domain/export-job.ts';
import type { AnomalyKind } from '../../../../src/upstream/index.ts';
import { lazyExportJob } from '../../../../src/upstream/wire/export-job.ts';
import { reading } from '../decoding.ts';

/** A job in which every field that can be unexpected is so once. */
const unusual = {
  id: 24115,
  status: 'EVAPORATED',
  jobType: 'SWARM',
  filter: { segments: [{ segmentNs: 'ups' }], fromIngestTimestamp: 'soon' },
  additionalFields: { eventList: { fields: 'timestamp', filter: { fromIngestTimestamp: 'soon' } } },
  destination: { batches: [{ batchId: 'b', segmentId: 's', status: ['dreaming'] }] },
  metrics: {
    totalTime: { startTimeInMs: 'soon', totalTimeInMs: 5 },
    profileExportTime: { startTimeInMs: 'soon', totalTimeInMs: 5 },
    aCPDatasetWriteTime: { startTimeInMs: 'soon', totalTimeInMs: 5 },
  },
  creationTime: 'soon',
  updateTime: 1_559_674_261_868,
};

function lazy(value: unknown) {
  const anomalies: AnomalyKind[] = [];
  const job = lazyExportJob(value, { anomaly: (kind) => anomalies.push(kind) }, reading);
  if (job === null) throw new Error('It was not decoded.');
  return { job, anomalies };
}

const fields: readonly (readonly [field: string, read: (job: ExportJob) => unknown, counted: number])[] = [
  ['status', ({ status }) => status, 1],
  ['jobType', ({ jobType }) => jobType, 1],
  ['filter', ({ filter }) => filter, 2],
  ['eventList', ({ eventList }) => eventList, 1],
  ['destination.datasetId', ({ destination }) => destination.datasetId, 1],
  ['destination.batches', ({ destination }) => destination.batches, 1],
  ['metrics.totalTime', ({ metrics }) => metrics.totalTime, 1],
  ['metrics.profileExportTime', ({ metrics }) => metrics.profileExportTime, 1],
  ['metrics.datasetWriteTime', ({ metrics }) => metrics.datasetWriteTime, 1],
];

describe('a lazy export job', () => {
  it('counts no anomaly before a field is read', () => {
    const { job, anomalies } = lazy(unusual);
    expect([job.id, job.rawStatus, job.errors, job.destination.segmentPerBatch]).toEqual([
      '24115',
      'EVAPORATED',
      [],
      false,
    ]);
    expect(anomalies).toEqual([]);
  });

  it.each(fields)('counts the anomaly of %s once, and keeps the value', (_, read, counted) => {
    const { job, anomalies } = lazy(unusual);
    const first = read(job);
    expect(read(job)).toBe(first);
    expect(anomalies).toHaveLength(counted);
  });

  it('counts the same anomalies when it is copied', () => {
    const { job, anomalies } = lazy(unusual);
    const whole = wholeExportJob(job);
    // The time of creation is one more.
    expect(anomalies).toHaveLength(fields.reduce((sum, [, , counted]) => sum + counted, 1));
    for (const [, read] of fields) expect(read(whole)).toBe(read(job));
    expect(whole.createdAt).toEqual(new Date(unusual.updateTime));
  });

  it('is not an export job after an object spread, which the compiler rejects', () => {
    const { job } = lazy(unusual);
    // @ts-expect-error its fields are not copied
    const spread: ExportJob = { ...job };
    expect(spread.createdAt).toBeUndefined();
    const whole: ExportJob = { ...wholeExportJob(job) };
    expect(whole).toEqual(wholeExportJob(job));
  });
});
