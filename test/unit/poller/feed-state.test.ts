import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { type EventLog, LogFencedError } from '../../../src/events/event-log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-event-log.ts';
import { exportJobSource } from '../../../src/poller/export-job-feed.ts';
import { FeedState, type Reading } from '../../../src/poller/feed-state.ts';
import { type FeedNote, FeedView } from '../../../src/poller/feed-view.ts';
import { snapshotOf } from '../../support/open-log.ts';
import { exportJob, turn } from './fake-platform.ts';

const at = new Date('2030-01-01T00:00:00Z');
const reading = (read: readonly ExportJob[], more: Partial<Reading<ExportJob>> = {}): Reading<ExportJob> => ({
  read,
  gone: [],
  forgotten: [],
  hasAppeared: () => true,
  ...more,
});
const round: FeedNote<string> = { term: 1, round: 1, discovered: true, read: new Set(), memory: 'left' };
const options = { at, term: 1, round };
const byName = { at, term: 1 };

function stateOf(log: EventLog<ExportJob>) {
  const view = new FeedView<ExportJob, string>({ log, key: ({ id }) => id }, () => undefined);
  return { view, state: new FeedState({ log, view, source: exportJobSource }) };
}

/** A memory log whose writes can be slow or fail, and which notes what was appended. */
function fakeLog() {
  const memory = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
  const appended: string[] = [];
  const fake = { appended, writing: async () => {} };
  const log: EventLog<ExportJob> = {
    async write(write, options) {
      await fake.writing();
      const cursor = await memory.write(write, options);
      for (const change of write.changes ?? [])
        appended.push('entity' in change ? `${change.kind} ${change.entity.status}` : change.kind);
      return cursor;
    },
    snapshot: () => memory.snapshot(),
    markUnattended: (on) => memory.markUnattended(on),
    open: (start) => memory.open(start),
    watch: (listener) => memory.watch(listener),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  return { ...fake, fake, log, ...stateOf(log) };
}

describe('FeedState', () => {
  it.each([
    { what: 'was read before it', requestedAt: 5, observedAt: 9, isNews: false },
    { what: 'was asked for before it, and came later', requestedAt: 5, observedAt: 30, isNews: false },
    { what: 'was asked for before it had come', requestedAt: 19, observedAt: 30, isNews: false },
    { what: 'was asked for when it came', requestedAt: 20, observedAt: 30, isNews: true },
    { what: 'came at once, when it came', requestedAt: 20, observedAt: 20, isNews: true },
    { what: 'was asked for later', requestedAt: 21, observedAt: 30, isNews: true },
  ])('knows a state; to one that $what it changes: $isNews', async ({ requestedAt, observedAt, isNews }) => {
    const { state, appended } = fakeLog();
    const job = exportJob('a', 1, 'PROCESSING', { requestedAt: new Date(10), observedAt: new Date(20) });
    await state.apply(reading([job]), options);
    const other = {
      ...job,
      status: 'NEW',
      requestedAt: new Date(requestedAt),
      observedAt: new Date(observedAt),
    } as const;
    expect(await state.shows('a', other)).toBe(!isNews);
    await state.apply(reading([other]), options);
    expect(appended).toEqual(['CREATED PROCESSING', ...(isNews ? ['CHANGED NEW'] : [])]);
  });

  it('applies readings one after the other, however long the log takes', async () => {
    const { state, fake, appended } = fakeLog();
    fake.writing = turn;
    const job = exportJob('a', 1, 'NEW');
    await Promise.all([
      state.apply(reading([job]), options),
      state.apply(reading([{ ...job, status: 'PROCESSING' }]), options),
      state.apply(reading([{ ...job, status: 'FAILED' }]), options),
    ]);
    expect(appended).toEqual(['CREATED NEW', 'CHANGED PROCESSING', 'CHANGED FAILED']);
  });

  it('tells a change that the log failed to take with the next reading', async () => {
    const { state, fake, appended } = fakeLog();
    const job = exportJob('a', 1, 'NEW');
    await state.apply(reading([job]), options);
    fake.writing = () => Promise.reject(new Error('out of reach'));
    const after = reading([{ ...job, status: 'FAILED' }]);
    await expect(state.apply(after, options)).rejects.toThrow('out of reach');
    fake.writing = async () => {};
    await state.apply(after, options);
    expect(appended).toEqual(['CREATED NEW', 'CHANGED FAILED']);
  });

  it('takes in silently what is not new, and lets go silently of what is forgotten', async () => {
    const { state, view, log, appended } = fakeLog();
    await state.apply(reading([exportJob('a', 1)], { hasAppeared: () => false }), options);
    expect((await snapshotOf(log)).entities.map(({ id }) => id)).toEqual(['a']);
    await state.apply(reading([], { forgotten: ['a'] }), options);
    expect((await snapshotOf(log)).entities).toEqual([]);
    expect((await view.load()).known.size).toBe(0);
    expect(appended).toEqual([]);
  });

  it('tells the last change of what is forgotten with the same reading', async () => {
    const { state, appended } = fakeLog();
    const job = exportJob('a', 1, 'NEW');
    await state.apply(reading([job]), options);
    await state.apply(reading([{ ...job, status: 'FAILED' }], { forgotten: ['a'] }), options);
    expect(appended).toEqual(['CREATED NEW', 'CHANGED FAILED']);
  });

  it('says STALE once, and RECOVERED ahead of what changed', async () => {
    const { state, appended } = fakeLog();
    await state.stale(byName);
    await state.stale(byName);
    await state.apply(reading([exportJob('a', 1, 'NEW')]), byName);
    await state.apply(reading([exportJob('b', 2, 'NEW')]), options);
    await state.apply(reading([]), options);
    expect(appended).toEqual(['STALE', 'CREATED NEW', 'RECOVERED', 'CREATED NEW']);
  });

  it('goes on from what the log holds', async () => {
    const { state, log } = fakeLog();
    await state.apply(reading([exportJob('a', 1, 'NEW')]), options);
    await state.stale(byName);
    const next = stateOf(log).state;
    await next.apply(reading([exportJob('a', 1, 'FAILED')]), options);
    const { start } = await log.open({ onGrowth: () => undefined });
    expect(start).toMatchObject({ snapshot: { stale: new Set(), entities: [{ status: 'FAILED' }] } });
  });

  it('leaves a note of each round in the log, in the same step, and none of what was found by name', async () => {
    const { state, log } = fakeLog();
    await state.apply(reading([exportJob('a', 1, 'NEW')]), options);
    await state.apply(reading([exportJob('b', 2, 'NEW')]), byName);
    expect(await snapshotOf(log)).toMatchObject({ note: round, entities: [{ id: 'a' }, { id: 'b' }] });
  });

  it('writes nothing once another one writes under a later lease', async () => {
    const { state, log, appended } = fakeLog();
    await state.apply(reading([exportJob('a', 1, 'NEW')]), options);
    await stateOf(log).state.apply(reading([exportJob('b', 2, 'NEW')]), { at, term: 2 });
    await expect(state.apply(reading([exportJob('a', 1, 'FAILED')]), options)).rejects.toBeInstanceOf(LogFencedError);
    await expect(state.stale(byName)).rejects.toBeInstanceOf(LogFencedError);
    expect(await snapshotOf(log)).toMatchObject({ stale: new Set(), entities: [{ status: 'NEW' }, { status: 'NEW' }] });
    expect(appended).toHaveLength(2);
  });

  it('tells a change from what others have written, not from what it wrote itself', async () => {
    const { state, log, appended } = fakeLog();
    const job = exportJob('a', 1, 'NEW');
    await state.apply(reading([job]), options);
    await stateOf(log).state.apply(reading([{ ...job, status: 'FAILED' }]), { at, term: 2 });
    await state.apply(reading([{ ...job, status: 'FAILED' }]), { at, term: 3 });
    expect(appended).toEqual(['CREATED NEW', 'CHANGED FAILED']);
  });
});
