import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedDuration } from '../../../src/console/history/expected-duration.ts';
import { formatTick } from '../../../src/console/history/format-tick.ts';
import { plotDataOf } from '../../../src/console/history/plot-data.ts';
import {
  countOutcomes,
  exportRunOf,
  isLate,
  type Run,
  segmentRunOf,
  withExpectations,
} from '../../../src/console/history/runs.ts';
import { allRuns, selectionOf, withSelection } from '../../../src/console/history/selection.ts';
import type { ExportRunFragment, SegmentRunFragment } from '../../../src/console/operations.generated.ts';
import { expectedDuration as expectedByGateway } from '../../../src/domain/runs/expected-duration.ts';

const run = (id: string, changed: Partial<Run> = {}): Run => ({
  id,
  platformId: id,
  status: 'SUCCEEDED',
  createdAt: '2030-01-01T00:00:00Z',
  totalMs: 1_000,
  profiles: 1,
  comparison: null,
  request: 'same',
  ...changed,
});

const exportJob: ExportRunFragment = {
  id: 'ExportJob:1',
  platformId: '1',
  status: 'SUCCEEDED',
  isTerminal: true,
  createdAt: '2030-01-01T00:00:00Z',
  elapsedMs: 50_000,
  comparison: null,
  metrics: { totalExportedProfiles: 5, totalTime: { endedAt: '2030-01-01T00:01:00Z' } },
  fields: ['a', 'b'],
  eventList: null,
  filter: {
    emptyProfiles: false,
    fromIngestTimestamp: '2029-01-01T00:00:00Z',
    segmentQualificationTime: null,
    segments: [
      { segmentId: 's', segmentNs: 'ups', statuses: [] },
      { segmentId: 't', segmentNs: 'ups', statuses: [] },
    ],
  },
  mergePolicy: { platformId: 'm' },
  destination: { datasetId: 'd', segmentPerBatch: false },
};

const segmentJob: SegmentRunFragment = {
  id: 'SegmentJob:1',
  platformId: '1',
  status: 'FAILED',
  isTerminal: true,
  createdAt: '2030-01-01T00:00:00Z',
  elapsedMs: null,
  comparison: null,
  metrics: null,
  scheduleId: 'daily',
  segments: [{ segmentId: '*' }],
};

describe('the expectation of a run', () => {
  it('is what the gateway expected when the run began', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40_000_000 }), { maxLength: 40 }), (durations) => {
        const byGateway = expectedByGateway(durations);
        const { likelyMs, latestMs } = byGateway ?? {};
        expect(expectedDuration(durations)).toEqual(byGateway === null ? null : { likelyMs, latestMs });
      }),
    );
  });

  it('comes from the successful runs before it', () => {
    const runs = [
      run('new', { totalMs: 9_000 }),
      run('failed', { status: 'FAILED', totalMs: 90_000 }),
      run('untimed', { totalMs: null }),
      run('c', { totalMs: 1_000 }),
      run('b', { totalMs: 2_000 }),
      run('a', { totalMs: 3_000 }),
    ];
    const [newest, ...others] = withExpectations(runs, 4);
    expect(newest?.expected?.likelyMs).toBe(2_000);
    expect(others.map(({ id }) => id)).toEqual(['failed', 'untimed', 'c']);
    expect(others.at(-1)?.expected).toBeNull();
  });

  it('is exceeded by a run that took longer than nine of ten', () => {
    const expected = { likelyMs: 1_000, latestMs: 2_000 };
    expect([2_000, 2_001, null].map((totalMs) => isLate({ totalMs, expected }))).toEqual([false, true, false]);
    expect(isLate({ totalMs: 2_001, expected: null })).toBe(false);
  });
});

describe('a run', () => {
  it('takes the time from the creation to the end, if that is plausible', () => {
    const endingAt = (endedAt: string | null) =>
      exportRunOf({ ...exportJob, metrics: { ...exportJob.metrics, totalTime: { endedAt } } }).totalMs;
    expect(endingAt('2030-01-01T00:01:00Z')).toBe(60_000);
    expect(endingAt(null)).toBeNull();
    expect(endingAt('2029-12-31T00:00:00Z')).toBeNull();
    expect(endingAt('2031-01-01T00:00:00Z')).toBeNull();
    expect(segmentRunOf(segmentJob)).toMatchObject({ totalMs: null, profiles: null });
  });

  it('has the request of another one in any order, and with other times', () => {
    const { request } = exportRunOf(exportJob);
    const { filter } = exportJob;
    if (filter === null) throw new Error('The job has a filter.');
    const same = {
      fields: ['b', 'a'],
      filter: { ...filter, fromIngestTimestamp: '2030-01-01T00:00:00Z', segments: filter.segments.toReversed() },
    };
    expect(exportRunOf({ ...exportJob, ...same }).request).toBe(request);
    const others: Partial<ExportRunFragment>[] = [
      { fields: ['a'] },
      { fields: null },
      { filter: null },
      { filter: { ...filter, fromIngestTimestamp: null } },
      { filter: { ...filter, emptyProfiles: true } },
      { filter: { ...filter, segmentQualificationTime: { startTime: '2030-01-01T00:00:00Z', endTime: null } } },
      { eventList: { fields: null, fromIngestTimestamp: null, toIngestTimestamp: null } },
      { mergePolicy: null },
      { destination: { datasetId: 'e', segmentPerBatch: false } },
      { destination: { datasetId: 'd', segmentPerBatch: true } },
    ];
    const requests = others.map((changed) => exportRunOf({ ...exportJob, ...changed }).request);
    expect(new Set([request, ...requests]).size).toBe(others.length + 1);
  });

  it('of all segments has the same request before and after the platform names them', () => {
    const ended = { ...segmentJob, segments: [{ segmentId: 'a' }, { segmentId: '*' }] };
    expect(segmentRunOf(ended).request).toBe(segmentRunOf(segmentJob).request);
    expect(segmentRunOf({ ...segmentJob, segments: [{ segmentId: 'a' }] }).request).not.toBe(
      segmentRunOf(segmentJob).request,
    );
  });
});

describe('the outcomes', () => {
  it('are counted, also unknown ones', () => {
    const statuses = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'UNKNOWN', 'SUCCEEDED'] as const;
    expect(countOutcomes(statuses.map((status) => ({ status })))).toEqual({
      succeeded: 2,
      failed: 1,
      cancelled: 1,
      unknown: 1,
    });
  });
});

describe('the plot', () => {
  it('begins with the oldest run, and omits runs without times', () => {
    const expected = { likelyMs: 1, latestMs: 2 };
    const runs = [
      { ...run('new', { createdAt: '2030-01-03T00:00:00Z', totalMs: 3 }), expected },
      { ...run('untimed', { totalMs: null }), expected },
      { ...run('old', { status: 'FAILED', totalMs: 4 }), expected: null },
    ];
    expect(plotDataOf(runs)).toEqual({
      times: [Date.parse('2030-01-01T00:00:00Z') / 1_000, Date.parse('2030-01-03T00:00:00Z') / 1_000],
      likely: [null, 1],
      latest: [null, 2],
      succeeded: [null, 3],
      failed: [4, null],
      cancelled: [null, null],
    });
  });

  it('marks the date where it changes, and the time of day within a day', () => {
    const at = (text: string) => new Date(text).getTime() / 1_000;
    expect(formatTick(at('2030-01-01T06:00:00'), undefined)).toBe('Jan 1');
    expect(formatTick(at('2030-01-01T12:00:00'), at('2030-01-01T06:00:00'))).toBe('12:00');
    expect(formatTick(at('2030-01-02T00:00:00'), at('2030-01-01T12:00:00'))).toBe('Jan 2');
  });
});

describe('the selection in the URL', () => {
  it('survives a URL, and leaves its other parameters', () => {
    const selection = { ...allRuns('segment-jobs'), schedule: 'daily', segment: 's' };
    const params = withSelection(new URLSearchParams('sandbox=dev&dataset=d'), selection);
    expect(params.toString()).toBe('sandbox=dev&schedule=daily&segment=s&of=segment-jobs');
    expect(selectionOf(params)).toEqual(selection);
    expect(withSelection(params, allRuns('export-jobs')).toString()).toBe('sandbox=dev');
  });

  it('ignores what the jobs do not have, and everything besides a job', () => {
    expect(selectionOf(new URLSearchParams('schedule=a&dataset=d'))).toEqual({
      ...allRuns('export-jobs'),
      dataset: 'd',
    });
    expect(selectionOf(new URLSearchParams('of=segment-jobs&dataset=d'))).toEqual(allRuns('segment-jobs'));
    expect(selectionOf(new URLSearchParams('job=1&dataset=d&segment=s'))).toEqual({
      ...allRuns('export-jobs'),
      job: '1',
    });
  });
});
