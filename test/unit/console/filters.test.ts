import { describe, expect, it } from 'vitest';
import {
  type BoardFilters,
  exportJobFilter,
  filtersOf,
  matches,
  noFilters,
  segmentJobFilter,
  withFilters,
} from '../../../src/console/board/filters.ts';

const job = {
  status: 'PROCESSING' as const,
  isOverdue: false,
  target: { type: 'Dataset' as const, id: 'd1' },
  segments: ['s1', 's2'],
  createdAt: '2030-01-02T00:00:00Z',
};

describe('the filters of the board', () => {
  it.each<[string, BoardFilters]>([
    ['', noFilters],
    ['state=failed', { ...noFilters, state: 'failed' }],
    ['state=overdue&dataset=d%26+1&segment=s1', { ...noFilters, state: 'overdue', dataset: 'd& 1', segment: 's1' }],
    [
      'from=2030-01-01T00%3A00%3A00.000Z&to=2030-02-01T00%3A00%3A00.000Z',
      { ...noFilters, from: '2030-01-01T00:00:00.000Z', to: '2030-02-01T00:00:00.000Z' },
    ],
  ])('are the same after they were written into the URL: %s', (query, filters) => {
    expect(filtersOf(new URLSearchParams(query))).toEqual(filters);
    expect(withFilters(new URLSearchParams(), filters).toString()).toBe(query);
  });

  it('ignore what they do not know, and keep the other parameters', () => {
    expect(filtersOf(new URLSearchParams('state=unknown&dataset=&other=1&from=yesterday'))).toEqual(noFilters);
    const params = new URLSearchParams('other=1&state=failed');
    expect(withFilters(params, noFilters).toString()).toBe('other=1');
    expect(params.toString()).toBe('other=1&state=failed');
  });

  it('become the filter of the gateway', () => {
    expect([exportJobFilter(noFilters), segmentJobFilter(noFilters)]).toEqual([null, null]);
    expect(exportJobFilter({ ...noFilters, state: 'overdue' })).toEqual({ isOverdue: true });
    const filters = { ...noFilters, state: 'running', dataset: 'd1', segment: 's1', from: 'a', to: 'b' } as const;
    const common = { statuses: ['NEW', 'QUEUED', 'PROCESSING', 'CANCELLING'], segmentId: 's1' };
    expect(exportJobFilter(filters)).toEqual({
      ...common,
      datasetId: 'd1',
      createdAfter: 'a',
      createdBefore: 'b',
    });
    // Segment jobs have no dataset, and their list has no filter for times.
    expect(segmentJobFilter(filters)).toEqual(common);
  });

  it.each<[Partial<BoardFilters>, boolean]>([
    [{}, true],
    [{ state: 'running' }, true],
    [{ state: 'succeeded' }, false],
    [{ state: 'overdue' }, false],
    [{ dataset: 'd1', segment: 's2' }, true],
    [{ dataset: 'd2' }, false],
    [{ segment: 's3' }, false],
    [{ from: '2030-01-01T23:59:59Z', to: '2030-01-02T00:00:01Z' }, true],
    [{ from: '2030-01-02T00:00:00Z' }, false],
    [{ to: '2030-01-02T00:00:00Z' }, false],
  ])('select the same rows of the live list: %o', (filters, isShown) => {
    expect(matches(job, { ...noFilters, ...filters })).toBe(isShown);
  });

  it('show an overdue job, and a job without segments only without a segment', () => {
    expect(matches({ ...job, isOverdue: true }, { ...noFilters, state: 'overdue' })).toBe(true);
    expect(matches({ ...job, segments: [] }, { ...noFilters, segment: 's1' })).toBe(false);
  });
});
