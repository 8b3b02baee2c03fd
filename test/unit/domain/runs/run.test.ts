import { describe, expect, it } from 'vitest';
import type { ExportJob, SegmentSelection } from '../../../../src/domain/export-job.ts';
import { platformId } from '../../../../src/domain/ids.ts';
import type { TimeSpan } from '../../../../src/domain/job.ts';
import {
  elapsedMs,
  exportRun,
  exportShape,
  segmentationRun,
  segmentationShape,
} from '../../../../src/domain/runs/run.ts';
import type { EvaluatedSegment, SegmentJob } from '../../../../src/domain/segment-job.ts';
import { exportJob, segmentJob } from '../../loaders/entities.ts';

const span = (startMs: number | null, endMs: number | null, durationMs: number | null = null): TimeSpan => ({
  startedAt: startMs === null ? null : new Date(startMs),
  endedAt: endMs === null ? null : new Date(endMs),
  durationMs,
});

const measured = (
  totalTime: TimeSpan | null,
  more: Partial<ExportJob['metrics']> = {},
): Pick<ExportJob, 'metrics'> => ({
  metrics: { ...exportJob('', 0).metrics, totalTime, ...more },
});

const segment = (id: string, more: Partial<SegmentSelection> = {}): SegmentSelection => ({
  segmentId: platformId(id),
  segmentNs: 'ups',
  statuses: [],
  ...more,
});

const filtered = (segments: readonly SegmentSelection[], more: Partial<NonNullable<ExportJob['filter']>> = {}) => ({
  filter: { segments, segmentQualificationTime: null, fromIngestTimestamp: null, emptyProfiles: false, ...more },
});

const evaluated = (id: string, more: Partial<EvaluatedSegment> = {}): EvaluatedSegment => ({
  segmentId: platformId(id),
  profileCount: null,
  profilesByNamespace: [],
  profilesByStatus: [],
  ...more,
});

describe('the shape of an export job', () => {
  const requestOf = (more: Partial<ExportJob>) => exportShape(exportJob('job', 1, more)).request;
  const base = requestOf({});
  const events = { fields: null, fromIngestTimestamp: null, toIngestTimestamp: null };

  it.each<[string, Partial<ExportJob>]>([
    ['segments', filtered([segment('a')])],
    ['the statuses of segments', filtered([segment('a', { statuses: ['EXITED'] })])],
    ['fields', { fields: ['person.name'] }],
    ['empty profiles', filtered([], { emptyProfiles: true })],
    ['the presence of a time filter', filtered([], { fromIngestTimestamp: new Date(1) })],
    ['events', { eventList: events }],
    ['the fields of events', { eventList: { ...events, fields: ['timestamp'] } }],
    ['the merge policy', { mergePolicy: { id: platformId('policy'), version: 1 } }],
    ['the dataset', { destination: { datasetId: platformId('other'), segmentPerBatch: false, batches: [] } }],
    ['a batch per segment', { destination: { datasetId: platformId('dataset'), segmentPerBatch: true, batches: [] } }],
  ])('depends on %s', (_, more) => {
    expect(requestOf(more)).not.toBe(base);
  });

  it('does not depend on the order of fields and segments, or on the times of an incremental export', () => {
    expect(requestOf({ fields: ['a', 'b'] })).toBe(requestOf({ fields: ['b', 'a'] }));
    expect(requestOf(filtered([segment('a'), segment('b')]))).toBe(requestOf(filtered([segment('b'), segment('a')])));
    const since = (ms: number) => requestOf(filtered([], { fromIngestTimestamp: new Date(ms) }));
    expect(since(1)).toBe(since(86_400_000));
  });

  it('does not depend on the state of the job, or on its batches', () => {
    const destination = {
      datasetId: platformId<ExportJob['destination']['datasetId']>('dataset'),
      segmentPerBatch: false,
      batches: [
        { batchId: platformId<ExportJob['destination']['batches'][number]['batchId']>('batch'), segment: null },
      ],
    };
    expect(requestOf({ status: 'PROCESSING', destination, ...measured(span(1, 2)) })).toBe(base);
  });
});

describe('the shape of a segment job', () => {
  const requestOf = (...segments: readonly EvaluatedSegment[]) =>
    segmentationShape(segmentJob('job', 1, { segments })).request;

  it('depends on the segments in any order, and not on the counted segments of a job of all segments', () => {
    expect(requestOf(evaluated('a'), evaluated('b'))).toBe(requestOf(evaluated('b'), evaluated('a')));
    expect(requestOf(evaluated('a'))).not.toBe(requestOf(evaluated('b')));
    expect(requestOf(evaluated('*'))).toBe(requestOf(evaluated('*'), evaluated('a')));
  });

  it('contains the schedule', () => {
    const job: SegmentJob = segmentJob('job', 5, { scheduleId: platformId('schedule') });
    expect(segmentationShape(job)).toMatchObject({ id: 'job', scheduleId: 'schedule', createdAtMs: 5 });
  });
});

describe('a run', () => {
  it('is absent while the job has not ended', () => {
    expect(exportRun(exportJob('job', 1, { status: 'PROCESSING' }))).toBeNull();
    expect(segmentationRun(segmentJob('job', 1, { status: 'QUEUED' }))).toBeNull();
  });

  it('of an export has its outcome, times and counts', () => {
    const counts = { totalExportedProfiles: 7, exportedProfilesByNamespace: [{ namespace: 'ECID', count: 7 }] };
    const job = exportJob('job', 1_000, {
      ...filtered([segment('b'), segment('a')]),
      ...measured(span(3_000, 61_000), counts),
    });
    expect(exportRun(job)).toMatchObject({
      id: 'job',
      succeeded: true,
      totalMs: 60_000,
      durationMs: 58_000,
      profiles: 7,
      namespaces: counts.exportedProfilesByNamespace,
      segments: ['a', 'b'],
    });
    expect(exportRun({ ...job, status: 'FAILED' })).toMatchObject({ succeeded: false });
  });

  it('of a segment job has the sum of the counts of its segments', () => {
    const counted = (id: string, count: number) =>
      evaluated(id, { profilesByNamespace: [{ namespace: 'ECID', count }] });
    const totalTime = span(1_000, 2_000);
    const metrics = { totalTime, profileSegmentationTime: null, totalProfiles: 9 };
    const job = segmentJob('job', 1_000, { segments: [counted('a', 2), counted('b', 3)], metrics });
    expect(segmentationRun(job)).toMatchObject({
      profiles: 9,
      namespaces: [{ namespace: 'ECID', count: 5 }],
      segments: ['a', 'b'],
      totalMs: 1_000,
    });
    const many = [counted('a', Number.MAX_SAFE_INTEGER), counted('b', 3)];
    expect(segmentationRun({ ...job, segments: many })?.namespaces).toEqual([
      { namespace: 'ECID', count: Number.MAX_SAFE_INTEGER },
    ]);
    expect(segmentationRun({ ...job, metrics: null, segments: [evaluated('*'), counted('a', 2)] })).toMatchObject({
      profiles: null,
      segments: [],
      totalMs: null,
    });
  });

  it.each<[string, TimeSpan | null]>([
    ['no times', null],
    ['no end', span(1_000, null)],
    ['an end before the start, after the clock was set back', span(5_000, 500)],
    ['an end years later, after the clock was set', span(1_000, 1e12)],
  ])('has no duration if the platform reports %s', (_, totalTime) => {
    expect(exportRun(exportJob('job', 1_000, measured(totalTime)))).toMatchObject({ totalMs: null, durationMs: null });
  });
});

describe('the elapsed time of a job', () => {
  const now = new Date(100_000);

  it('counts from the reported start, else from the creation, to now while the job runs', () => {
    const running = { status: 'PROCESSING' } as const;
    expect(elapsedMs(exportJob('job', 40_000, { ...running, ...measured(span(70_000, null)) }), now)).toBe(30_000);
    expect(elapsedMs(exportJob('job', 40_000, running), now)).toBe(60_000);
    expect(elapsedMs(exportJob('job', 140_000, running), now)).toBe(0);
  });

  it('counts to the end of an ended job, and is the reported duration if the end is missing or not plausible', () => {
    expect(elapsedMs(exportJob('job', 40_000, measured(span(50_000, 60_000))), now)).toBe(10_000);
    expect(elapsedMs(exportJob('job', 40_000, measured(span(50_000, null, 7))), now)).toBe(7);
    expect(elapsedMs(exportJob('job', 40_000, measured(span(50_000, 10, 7))), now)).toBe(7);
    expect(elapsedMs(exportJob('job', 40_000), now)).toBeNull();
  });
});
