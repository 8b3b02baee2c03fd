import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportJobStatuses } from '../../../src/domain/export-job.ts';
import { type ExportJobFilter, matchesExportJobFilter } from '../../../src/domain/export-job-filter.ts';
import { type DatasetId, type MergePolicyId, platformId, type SegmentId } from '../../../src/domain/ids.ts';
import { isTerminalJobStatus } from '../../../src/domain/job.ts';
import { exportJob } from '../loaders/entities.ts';

describe('a status', () => {
  it('is terminal when nothing leaves it; an unknown one may still change', () => {
    expect(exportJobStatuses.filter(isTerminalJobStatus)).toEqual(['CANCELLED', 'SUCCEEDED', 'FAILED']);
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
  };
  const no: Required<ExportJobFilter> = {
    statuses: ['NEW'],
    datasetId: platformId<DatasetId>('other'),
    segmentId: platformId<SegmentId>('three'),
    createdAfter: new Date(1_000),
    createdBefore: new Date(1_000),
    updatedAfter: new Date(1_000),
    mergePolicyId: platformId<MergePolicyId>('other'),
  };

  it('wants every one of its conditions to hold', () => {
    const choice = fc.constantFrom('absent', 'yes', 'no');
    const choices = fc.record({
      statuses: choice,
      datasetId: choice,
      segmentId: choice,
      createdAfter: choice,
      createdBefore: choice,
      updatedAfter: choice,
      mergePolicyId: choice,
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
        };
        expect(matchesExportJobFilter(job, filter)).toBe(!Object.values(chosen).includes('no'));
      }),
    );
  });

  it('for a segment does not fit a job that exports all profiles', () => {
    expect(matchesExportJobFilter(exportJob('job', 1), { segmentId: platformId<SegmentId>('one') })).toBe(false);
  });
});
