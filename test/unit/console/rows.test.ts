import { describe, expect, it } from 'vitest';
import { progressNow } from '../../../src/console/board/progress.ts';
import { visibleRows } from '../../../src/console/board/visible-rows.ts';

const row = (id: string, createdAt: string, isTerminal = true) => ({ id, createdAt, isTerminal });
const all = { matches: () => true };
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).join('');

describe('the rows of a list', () => {
  const rows = [row('a', '2030-01-01'), row('b', '2030-01-03'), row('c', '2030-01-02', false), row('d', '2030-01-03')];

  it('are sorted from the newest, and by id if they began at the same time', () => {
    expect(ids(visibleRows(rows, { ...all, horizon: null }))).toBe('dbca');
  });

  it('have no gap where older pages are not loaded, but all running jobs', () => {
    expect(ids(visibleRows(rows, { ...all, horizon: '2030-01-03' }))).toBe('dbc');
    expect(ids(visibleRows(rows, { ...all, horizon: '9' }))).toBe('c');
  });

  it('match the filters', () => {
    expect(ids(visibleRows(rows, { matches: ({ id }) => id !== 'b', horizon: null }))).toBe('dca');
  });
});

describe('the progress of a job', () => {
  const expectation = { likelyEndAt: '2030-01-01T00:10:00Z', latestEndAt: '2030-01-01T00:20:00Z' };
  const job = { progress: 0.1, isTerminal: false, createdAt: '2030-01-01T00:00:00Z', expectation };
  const at = (minute: number) => Date.parse('2030-01-01T00:00:00Z') + minute * 60_000;

  it.each([
    [-1, 0],
    [0, 0],
    [5, 0.475],
    [10, 0.95],
    [15, 0.97],
    [20, 0.99],
    [60, 0.99],
  ])('continues as the gateway computes it: after %i minutes %f', (minute, progress) => {
    expect(progressNow(job, at(minute))).toBeCloseTo(progress, 10);
  });

  it('is that of the gateway after the end, and without an expectation', () => {
    expect(progressNow({ ...job, isTerminal: true, progress: 1 }, at(5))).toBe(1);
    expect(progressNow({ ...job, expectation: null, progress: null }, at(5))).toBeNull();
  });
});
