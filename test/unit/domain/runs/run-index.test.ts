import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRuns } from '../../../../src/domain/runs/comparison.ts';
import { isOverdue, progressOf } from '../../../../src/domain/runs/progress.ts';
import type { Run, RunShape } from '../../../../src/domain/runs/run.ts';
import { RunIndex } from '../../../../src/domain/runs/run-index.ts';

const minuteMs = 60_000;

const run = (id: string, createdAtMs: number, more: Partial<Run> = {}): Run => ({
  id,
  scheduleId: null,
  request: 'request',
  createdAtMs,
  succeeded: true,
  totalMs: minuteMs,
  durationMs: minuteMs,
  profiles: null,
  namespaces: [],
  segments: [],
  ...more,
});

const shape = (more: Partial<RunShape> = {}): RunShape => ({
  id: 'job',
  scheduleId: null,
  request: 'request',
  createdAtMs: 1_000,
  ...more,
});

const runs = (count: number, more: Partial<Run> = {}, name = 'run') =>
  Array.from({ length: count }, (_, at) => run(`${name}-${at}`, at, more));

describe('an expectation', () => {
  it('counts from the creation of the job', () => {
    const expectation = new RunIndex(runs(3)).expectation(shape());
    const endAt = new Date(1_000 + minuteMs);
    expect(expectation).toMatchObject({ likelyEndAt: endAt, latestEndAt: endAt, sampleSize: 3 });
  });

  it.each([
    ['SAME_SCHEDULE', 10],
    ['SAME_REQUEST', 20],
    ['SAME_KIND', 30],
  ])('comes from the closest runs, if there are three: %s', (basis, minutes) => {
    const bases = ['SAME_SCHEDULE', 'SAME_REQUEST', 'SAME_KIND'];
    const enough = (name: string) => (bases.indexOf(name) >= bases.indexOf(basis) ? 3 : 2);
    const index = new RunIndex([
      ...runs(enough('SAME_SCHEDULE'), { scheduleId: 'schedule', request: 'edited', totalMs: 10 * minuteMs }, 'a'),
      ...runs(enough('SAME_REQUEST'), { totalMs: 20 * minuteMs }, 'b'),
      ...runs(31, { request: 'other', totalMs: 30 * minuteMs }, 'c'),
    ]);
    const expectation = index.expectation(shape({ scheduleId: 'schedule' }));
    expect(expectation).toMatchObject({ basis, duration: { likelyMs: minutes * minuteMs } });
  });

  it('is absent if fewer than three runs are known', () => {
    expect(new RunIndex(runs(2)).expectation(shape())).toBeNull();
  });

  it.each<[string, Partial<Run>]>([
    ['a run without success', { succeeded: false }],
    ['a run without plausible times', { totalMs: null }],
    ['a run that was created after the job', { createdAtMs: 1_001 }],
    ['the job itself', { id: 'job', createdAtMs: 1_000 }],
  ])('does not come from %s', (_, more) => {
    const index = new RunIndex([...runs(2), run('third', 500, more)]);
    expect(index.expectation(shape())).toBeNull();
  });
});

describe('the previous run', () => {
  it('is the last one before the job, whether or not it succeeded', () => {
    const index = new RunIndex([run('old', 1), run('failed', 2, { succeeded: false }), run('new', 1_001)]);
    expect(index.previous(shape())?.id).toBe('failed');
  });

  it('has the same schedule, else the same request, else the same kind', () => {
    const index = new RunIndex([
      run('schedule', 1, { scheduleId: 'schedule', request: 'edited' }),
      run('request', 2),
      run('kind', 3, { request: 'other' }),
    ]);
    expect(index.previous(shape({ scheduleId: 'schedule' }))?.id).toBe('schedule');
    expect(index.previous(shape({ scheduleId: 'new' }))?.id).toBe('request');
    expect(index.previous(shape({ request: 'new' }))?.id).toBe('kind');
    expect(index.previous(shape({ createdAtMs: 1 }))).toBeNull();
  });
});

describe('an index of runs', () => {
  it('keeps the newest 30 successful runs of each schedule and each request, and ten others', () => {
    const index = new RunIndex([
      ...runs(100),
      ...runs(40, { scheduleId: 'schedule', request: 'edited' }, 'scheduled'),
      ...runs(20, { succeeded: false, request: 'failing' }, 'failed'),
    ]);
    const kept = (name: string) => index.runs.filter(({ id }) => id.startsWith(name)).length;
    expect([kept('run'), kept('scheduled'), kept('failed')]).toEqual([30, 30, 10]);
    expect(index.get('run-99')).not.toBeNull();
    expect(index.get('run-69')).toBeNull();
  });

  it('is bounded, and drops the oldest runs first', () => {
    const many = Array.from({ length: 2_000 }, (_, at) => run(`run-${at}`, at, { request: `request-${at}` }));
    const index = new RunIndex(many);
    expect(index.runs.length).toBe(1_000);
    expect(index.runs.at(-1)?.id).toBe('run-1000');
  });

  it('holds at most 20,000 ids of segments, which runs of one request share', () => {
    const segments = Array.from({ length: 1_000 }, (_, at) => `segment-${at}`);
    const shared = new RunIndex(
      Array.from({ length: 30 }, (_, at) => run(`run-${at}`, at, { segments: [...segments] })),
    );
    expect(new Set(shared.runs.map((one) => one.segments)).size).toBe(1);
    const distinct = new RunIndex(
      Array.from({ length: 30 }, (_, at) => run(`run-${at}`, at, { segments, request: `request-${at}` })),
    );
    expect(distinct.runs.length).toBe(20);
  });

  it('is the same for the same runs in any order, and when it is built from its own runs again', () => {
    const one = fc.record({
      id: fc.integer({ min: 0, max: 60 }),
      createdAtMs: fc.integer({ min: 0, max: 20 }),
      scheduleId: fc.constantFrom(null, 'a', 'b'),
      request: fc.constantFrom('x', 'y'),
      succeeded: fc.boolean(),
    });
    const many = fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 60 });
    fc.assert(
      fc.property(many, (drawn) => {
        const all = drawn.map(({ id, createdAtMs, ...more }) => run(`run-${id}`, createdAtMs, more));
        const index = new RunIndex(all);
        expect(new RunIndex(all.toReversed()).runs).toEqual(index.runs);
        expect(new RunIndex(index.runs).runs).toEqual(index.runs);
      }),
    );
  });
});

describe('the progress of a job', () => {
  const createdAt = new Date(1_000);
  const job = (status: 'PROCESSING' | 'SUCCEEDED' | 'FAILED') => ({ status, createdAt, metrics: null });
  const totals = [50, 60, 60, 60, 60, 60, 60, 60, 60, 90].map((seconds) => seconds * 1_000);
  const index = new RunIndex(totals.map((totalMs, at) => run(`run-${at}`, at, { totalMs })));
  const expectation = index.expectation(shape());
  const at = (ms: number) => new Date(1_000 + ms);

  it('is 0.95 at the likely end, 0.99 at the latest expected end, and 1 after success', () => {
    const progress = [0, 30_000, 60_000, 87_000, 900_000].map((ms) =>
      progressOf(job('PROCESSING'), expectation, at(ms)),
    );
    expect(progress).toEqual([0, 0.475, 0.95, 0.99, 0.99]);
    expect(progressOf(job('SUCCEEDED'), null, at(0))).toBe(1);
  });

  it('is unknown after a failure and without an expectation', () => {
    expect(progressOf(job('FAILED'), expectation, at(0))).toBeNull();
    expect(progressOf(job('PROCESSING'), null, at(0))).toBeNull();
  });

  it('never decreases, and stays from 0 to 0.99 while the job runs, whatever the clock shows', () => {
    const moments = fc.tuple(fc.integer({ min: -100_000, max: 200_000 }), fc.integer({ min: 0, max: 100_000 }));
    fc.assert(
      fc.property(moments, ([ms, moreMs]) => {
        const [earlier, later] = [ms, ms + moreMs].map((moment) =>
          progressOf(job('PROCESSING'), expectation, at(moment)),
        );
        expect(earlier ?? -1).toBeGreaterThanOrEqual(0);
        expect(later ?? -1).toBeGreaterThanOrEqual(earlier ?? 2);
        expect(later ?? 2).toBeLessThanOrEqual(0.99);
      }),
    );
  });

  it('is overdue after the latest expected end, and only while the job runs', () => {
    expect(isOverdue(job('PROCESSING'), expectation, at(87_000))).toBe(false);
    expect(isOverdue(job('PROCESSING'), expectation, at(87_001))).toBe(true);
    expect(isOverdue(job('PROCESSING'), expectation, at(-900_000))).toBe(false);
    expect(isOverdue(job('SUCCEEDED'), expectation, at(900_000))).toBe(false);
    expect(isOverdue(job('PROCESSING'), null, at(900_000))).toBe(false);
  });
});

describe('a comparison of runs', () => {
  const counts = (values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(([namespace, count]) => ({ namespace, count }));

  it('contains the changes of duration, profiles and segments', () => {
    const previous = run('a', 1, { profiles: 10, namespaces: counts({ ECID: 10, Email: 4 }), segments: ['s1', 's2'] });
    const after = {
      durationMs: 90_000,
      profiles: 8,
      namespaces: counts({ ECID: 7, Phone: 1 }),
      segments: ['s2', 's3'],
    };
    expect(compareRuns(run('b', 2, after), previous)).toEqual({
      previousDurationMs: 60_000,
      durationChangeMs: 30_000,
      profilesChange: -2,
      profilesChangeByNamespace: counts({ ECID: -3, Email: -4, Phone: 1 }),
      segmentsAdded: ['s3'],
      segmentsRemoved: ['s1'],
    });
  });

  it('contains null for values that the platform does not report', () => {
    const previous = run('a', 1, { durationMs: null, namespaces: counts({ ECID: 1 }) });
    expect(compareRuns(run('b', 2, { profiles: 1 }), previous)).toEqual({
      previousDurationMs: null,
      durationChangeMs: null,
      profilesChange: null,
      profilesChangeByNamespace: [],
      segmentsAdded: [],
      segmentsRemoved: [],
    });
  });
});
