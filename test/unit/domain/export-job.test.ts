import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExportJobFilter, exportJobStatuses, matchesExportJobFilter } from '../../../src/domain/export-job.ts';
import { type DatasetId, type MergePolicyId, platformId, type SegmentId } from '../../../src/domain/ids.ts';
import { isTerminalJob, type TimeSpan } from '../../../src/domain/job.ts';
import { exportJob } from '../loaders/entities.ts';

describe('a job', () => {
  const startedAt = new Date('2030-01-01T00:00:00Z');
  const ended: TimeSpan = { startedAt, endedAt: startedAt, durationMs: 0 };
  const running: TimeSpan = { startedAt, endedAt: null, durationMs: null };

  it('has ended in a final status, with or without times', () => {
    for (const metrics of [null, { totalTime: null }, { totalTime: running }]) {
      const terminal = exportJobStatuses.filter((status) => isTerminalJob({ status, metrics }));
      expect(terminal).toEqual(['CANCELLED', 'SUCCEEDED', 'FAILED']);
    }
  });

  it('has ended with an unknown status if the end of the whole job is known, which does not end a job of a known status', () => {
    const terminal = exportJobStatuses.filter((status) => isTerminalJob({ status, metrics: { totalTime: ended } }));
    expect(terminal).toEqual(['CANCELLED', 'SUCCEEDED', 'FAILED', 'UNKNOWN']);
  });
});

describe('a filter of export jobs', () => {
  const segment = (id: string) => ({ segmentId: platformId<SegmentId>(id), segmentNs: 'ups', statuses: [] });
  const job = exportJob('job', 1_000, {
    status: 'FAILED',
    mergePolicy: { id: platformId<MergePolicyId>('policy'), version: 1 },
    destination: { datasetId: platformId('set'), segmentPerBatch: false, batches: [] },
    filter: {
      segments: [segment('one'), segment('two')],
      segmentQualificationTime: null,
      fromIngestTimestamp: null,
      emptyProfiles: false,
    },
  });
  const yes: Required<ExportJobFilter> = {
    statuses: ['NEW', 'FAILED'],
    datasetId: platformId<DatasetId>('set'),
    segmentId: platformId<SegmentId>('two'),
    createdAfter: new Date(999),
    createdBefore: new Date(1_001),
    updatedAfter: new Date(999),
    mergePolicyId: platformId<MergePolicyId>('policy'),
    isOverdue: false,
  };
  const no: Required<ExportJobFilter> = {
    statuses: ['NEW'],
    datasetId: platformId<DatasetId>('other'),
    segmentId: platformId<SegmentId>('three'),
    createdAfter: new Date(1_000),
    createdBefore: new Date(1_000),
    updatedAfter: new Date(1_000),
    mergePolicyId: platformId<MergePolicyId>('other'),
    isOverdue: true,
  };

  it('requires all of its conditions', () => {
    const choice = fc.constantFrom('absent', 'yes', 'no');
    const choices = fc.record({
      statuses: choice,
      datasetId: choice,
      segmentId: choice,
      createdAfter: choice,
      createdBefore: choice,
      updatedAfter: choice,
      mergePolicyId: choice,
      isOverdue: choice,
    });
    fc.assert(
      fc.property(choices, (chosen) => {
        const pick = <Key extends keyof ExportJobFilter>(key: Key) =>
          chosen[key] === 'absent' ? undefined : (chosen[key] === 'yes' ? yes : no)[key];
        const filter = {
          statuses: pick('statuses'),
          datasetId: pick('datasetId'),
          segmentId: pick('segmentId'),
          createdAfter: pick('createdAfter'),
          createdBefore: pick('createdBefore'),
          updatedAfter: pick('updatedAfter'),
          mergePolicyId: pick('mergePolicyId'),
          isOverdue: pick('isOverdue'),
        };
        expect(matchesExportJobFilter(job, filter)).toBe(!Object.values(chosen).includes('no'));
      }),
    );
  });

  it('does not match a job that exports all profiles if it names a segment', () => {
    expect(matchesExportJobFilter(exportJob('job', 1), { segmentId: platformId<SegmentId>('one') })).toBe(false);
  });
});
