import { describe, expect, it } from 'vitest';
import type { ExportJob, ExportJobStatus } from '../../../../src/domain/export-job.ts';
import { maxEndedWithinSeconds } from '../../../../src/domain/job.ts';
import {
  Coverage,
  type ExportJobCheckpoint,
  hasAppeared,
  leavesGap,
  leftBehind,
  leftoversOf,
  maxUnwatchedRunning,
  newestFirst,
  nextByRotation,
  noRotation,
  sweeps,
} from '../../../../src/polling/sources/export-job-plan.ts';
import { endedAt, maxEndedKept } from '../../../../src/polling/sources/job-list.ts';
import { exportJob } from '../fake-platform.ts';

const known = (...jobs: readonly ExportJob[]) => new Map(jobs.map((job): [string, ExportJob] => [job.id, job]));
const running = (count: number, status: ExportJobStatus = 'PROCESSING') =>
  Array.from({ length: count }, (_, index) => exportJob(`job-${index}`, 10 + index, status));
const everything = { everything: true, ids: new Set<string>() };
const named = (...ids: readonly string[]) => ({ everything: false, ids: new Set(ids) });
const checkpoint = (more: Partial<ExportJobCheckpoint> = {}): ExportJobCheckpoint => ({
  newestMs: 900,
  newestPageFloorMs: 500,
  unlisted: new Set(),
  rotation: noRotation,
  ...more,
});
const ids = (jobs: readonly ExportJob[]) => jobs.map(({ id }) => id);
/** A job of an unknown status for which the platform reports an end. */
const evaporated = (id: string, createdAtMs: number, endedMs = createdAtMs): ExportJob => {
  const totalTime = { startedAt: null, endedAt: new Date(endedMs), durationMs: null };
  return exportJob(id, createdAtMs, 'UNKNOWN', { metrics: { ...exportJob(id, 0).metrics, totalTime } });
};

function coverageOf(...ranges: readonly (readonly [number | null, number | null])[]) {
  const coverage = new Coverage();
  for (const [ceilingMs, floorMs] of ranges) coverage.add(ceilingMs, floorMs);
  return coverage;
}

describe('the pages of a round', () => {
  it('cover the creation times strictly between their edges', () => {
    const coverage = coverageOf([null, 500], [300, 200], [100, null]);
    const covered = [501, 500, 400, 300, 299, 201, 200, 150, 100, 99, 0].filter((ms) =>
      coverage.covers(exportJob('a', ms)),
    );
    expect(covered).toEqual([501, 299, 201, 99, 0]);
    expect(coverageOf().covers(exportJob('a', 1))).toBe(false);
  });

  it('leave a gap unless the new jobs are known to be complete', () => {
    expect(leavesGap(checkpoint(), 900)).toBe(true);
    expect(leavesGap(checkpoint(), 899)).toBe(false);
    expect(leavesGap(checkpoint({ newestMs: null }), 1)).toBe(true);
    expect(leavesGap(checkpoint({ newestMs: null }), null)).toBe(false);
    expect(leavesGap(null, 1)).toBe(false);
  });
});

describe('followed jobs that the pages do not show', () => {
  const options = {
    scope: everything,
    listed: new Set<string>(),
    coverage: coverageOf([null, 500]),
    unlisted: new Set<string>(),
  };

  it('are missing if the pages should have shown them, ended or not', () => {
    const jobs = [exportJob('a', 600), exportJob('b', 501, 'SUCCEEDED'), exportJob('edge', 500, 'FAILED')];
    expect(ids(leftoversOf(jobs, { ...options, scope: named() }).missing)).toEqual(['a', 'b']);
  });

  it('are not missing again after the list was found to omit them', () => {
    const jobs = [exportJob('hidden', 600, 'FAILED'), exportJob('running', 601), evaporated('odd', 602)];
    const unlisted = new Set(['hidden', 'running', 'odd']);
    expect(ids(leftoversOf(jobs, { ...options, unlisted }).missing)).toEqual(['running']);
  });

  it('are behind the pages while they run and are watched', () => {
    const jobs = [...running(3), exportJob('ended', 20, 'SUCCEEDED'), evaporated('odd', 21)];
    expect(ids(leftoversOf(jobs, options).beyond)).toEqual(['job-0', 'job-1', 'job-2']);
    expect(ids(leftoversOf(jobs, { ...options, scope: named('job-1', 'ended') }).beyond)).toEqual(['job-1']);
    expect(ids(leftoversOf(jobs, { ...options, listed: new Set(['job-1']) }).beyond)).toEqual(['job-0', 'job-2']);
  });

  it('are read by id while they are few, or fewer than the pages of a sweep', () => {
    expect([3, 4].map((count) => sweeps(count, noRotation))).toEqual([false, true]);
    const twelvePages = { ...noRotation, pagesPerSweep: 12 };
    expect([12, 13].map((count) => sweeps(count, twelvePages))).toEqual([false, true]);
  });

  it('are read in turn, least recently read first', () => {
    const jobs = running(4);
    const readAt = new Map([
      ['job-0', 1],
      ['job-2', 2],
    ]);
    for (const waiting of [jobs, jobs.toReversed()]) {
      expect(ids(nextByRotation(waiting, { ...noRotation, readAt }, 3))).toEqual(['job-1', 'job-3', 'job-0']);
    }
  });
});

describe('an unknown job', () => {
  it('is new when the newest page of the last round would have shown it', () => {
    expect(hasAppeared(exportJob('a', 501), checkpoint())).toBe(true);
    expect(hasAppeared(exportJob('a', 500), checkpoint())).toBe(false);
    expect(hasAppeared(exportJob('a', 1), checkpoint({ newestPageFloorMs: null }))).toBe(true);
  });

  it('is not new in the first round', () => {
    expect(hasAppeared(exportJob('a', 501), null)).toBe(false);
  });
});

describe('jobs behind the newest page', () => {
  const hourMs = maxEndedWithinSeconds * 1_000;
  const now = new Date(2 * hourMs);
  const ended = (id: string, endedMs: number) => exportJob(id, 1, 'FAILED', { updatedAt: new Date(endedMs) });

  it('are evicted after their end when they are too old for new subscribers, unless they are named', () => {
    const jobs = known(
      ended('long ago', hourMs - 1),
      evaporated('vanished', 1, hourMs - 1),
      ended('lately', hourMs),
      ended('named', 0),
      exportJob('on the page', 3, 'CANCELLED'),
      exportJob('running', 4),
    );
    const scope = { everything: true, ids: new Set(['named']) };
    const page = { jobs: new Set(['on the page']), floorMs: 3 };
    expect(leftBehind(jobs, scope, page, now)).toEqual({ evicted: ['long ago', 'vanished'], unfollowed: [] });
    const others = leftBehind(jobs, named('named'), page, now);
    expect(others).toEqual({ evicted: ['long ago', 'vanished', 'lately'], unfollowed: [] });
    expect(leftBehind(jobs, scope, { ...page, floorMs: null }, now).evicted).toEqual([]);
  });

  it('are kept after their end up to a maximum number, the last ended first', () => {
    const jobs = known(...Array.from({ length: maxEndedKept + 2 }, (_, index) => ended(`${index}`, hourMs + index)));
    const page = { jobs: new Set<string>(), floorMs: 9_000 };
    expect(leftBehind(jobs, everything, page, now).evicted).toEqual(['0', '1']);
  });

  it('are remembered while they run without watchers, up to a maximum number, newest first', () => {
    const jobs = known(...running(maxUnwatchedRunning + 2));
    const page = { jobs: new Set<string>(), floorMs: 9_000 };
    const { evicted, unfollowed } = leftBehind(jobs, named('job-0'), page, now);
    const newest = Array.from({ length: maxUnwatchedRunning }, (_, index) => `job-${maxUnwatchedRunning + 1 - index}`);
    expect([evicted, unfollowed]).toEqual([['job-1'], newest]);
    expect(leftBehind(jobs, everything, page, now)).toEqual({ evicted: [], unfollowed: [] });
  });
});

describe('the order of jobs', () => {
  it('is by time, and by id within one millisecond, so that every replica forgets the same jobs', () => {
    const jobs = [exportJob('a', 1), exportJob('b', 2), exportJob('c', 1), exportJob('b', 1)];
    const order = ['b 2', 'c 1', 'b 1', 'a 1'];
    for (const some of [jobs, jobs.toReversed()]) {
      expect(some.toSorted(newestFirst).map(({ id, createdAt }) => `${id} ${createdAt.getTime()}`)).toEqual(order);
    }
    expect(newestFirst(exportJob('a', 1), exportJob('a', 1))).toBe(0);
  });
});

describe('the end of a job', () => {
  it('is the time that the platform reports, else its last update', () => {
    const metrics = exportJob('a', 1).metrics;
    const totalTime = { startedAt: null, endedAt: new Date(7), durationMs: null };
    expect(endedAt(exportJob('a', 1, 'FAILED', { metrics: { ...metrics, totalTime } }))).toEqual(new Date(7));
    expect(endedAt(exportJob('a', 5, 'FAILED'))).toEqual(new Date(5));
    expect(endedAt(exportJob('a', 5))).toBe(null);
    expect(endedAt(evaporated('a', 5, 7))).toEqual(new Date(7));
    expect(endedAt(exportJob('a', 5, 'UNKNOWN'))).toBe(null);
  });
});
