import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { ForbiddenError, PlatformError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { type EventLog, LogConflictError, LogFencedError, type LogWrite } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { LeaderElection, Lease } from '../../../src/polling/leader/election.ts';
import { type FeedMember, FeedMembers } from '../../../src/polling/members.ts';
import { PollRounds } from '../../../src/polling/round.ts';
import { type ExportJobReader, exportJobSource } from '../../../src/polling/sources/export-jobs.ts';
import { type FeedNote, FeedState } from '../../../src/polling/state.ts';
import { snapshotOf } from '../../support/open-log.ts';
import { exportJob, FakePlatform } from './fake-platform.ts';

const election: LeaderElection = {
  term: 1,
  acquireLease: () => new Promise(() => undefined),
  publishScope: async () => undefined,
  otherScopes: async () => null,
  send: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

const leaseOf = (term: number, lost = new AbortController()): Lease => ({
  term,
  lost: lost.signal,
  release: async () => undefined,
});

/** A log that records its writes and can fail. */
function notedLog() {
  const memory = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
  const writes: LogWrite<ExportJob>[] = [];
  const fails: { error: Error | null } = { error: null };
  const log: EventLog<ExportJob> = {
    write: async (write, options) => {
      if (fails.error !== null) throw fails.error;
      const cursor = await memory.write(write, options);
      writes.push(write);
      return cursor;
    },
    snapshot: () => memory.snapshot(),
    markUnattended: (on) => memory.markUnattended(on),
    watch: (listener) => memory.watch(listener),
    open: (options) => memory.open(options),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  return { log, writes, fails };
}

function setUp({ log, platform = new FakePlatform() }: { log: EventLog<ExportJob>; platform?: FakePlatform }) {
  const view = new FeedState<ExportJob, never>({ log, key: ({ id }) => id }, () => undefined);
  const members = new FeedMembers<ExportJobReader>();
  const refused: string[] = [];
  const join = (by: string, ids: readonly string[] | null = null): FeedMember<ExportJobReader> => {
    const member = {
      reader: platform.reader(by),
      credential: by,
      ids: ids === null ? null : new Set(ids),
      onRefused: () => void refused.push(by),
    };
    members.add(member);
    return member;
  };
  // The cast is safe, because the source reads only a checkpoint that it wrote itself.
  const source = exportJobSource as never;
  const poller = new PollRounds({ source, log, view, members, clock: platform.clock, lateness: null });
  const round = (lease = leaseOf(1), awaited = false) => poller.round(lease, election, () => awaited);
  return { platform, members, join, poller, round, refused };
}

const kindsOf = (writes: readonly LogWrite<ExportJob>[]) =>
  writes.flatMap(({ changes = [] }) =>
    changes.map((change) => ('entity' in change ? `${change.kind} ${change.entity.status}` : change.kind)),
  );

describe('a round', () => {
  it('begins a log with the state that it read, and writes changes from then on', async () => {
    const { log, writes } = notedLog();
    const { platform, join, round } = setUp({ log });
    join('one');
    platform.put(exportJob('a', 1, 'NEW'));
    expect(await round()).toMatchObject({ kind: 'good', emitted: [], running: true, discover: true });
    expect(writes).toMatchObject([{ adopted: [{ id: 'a' }], changes: [] }]);
    platform.set('a', 'SUCCEEDED');
    platform.put(exportJob('b', 2, 'NEW'));
    expect(await round()).toMatchObject({ emitted: ['CHANGED', 'CREATED'], discover: false });
    expect(kindsOf(writes)).toEqual(['CHANGED SUCCEEDED', 'CREATED NEW']);
  });

  it('writes nothing while nothing changes', async () => {
    const { log, writes } = notedLog();
    const { platform, join, round } = setUp({ log });
    join('one');
    platform.put(
      exportJob('a', 1, 'NEW'),
      ...Array.from({ length: 120 }, (_, index) => exportJob(`b-${index}`, 2 + index)),
    );
    await round();
    expect(writes).toHaveLength(1);
    for (let count = 0; count < 10; count += 1) {
      await platform.clock.advanceBy(2_000);
      expect(await round()).toMatchObject({ kind: 'good', emitted: [] });
    }
    expect(writes).toHaveLength(1);
  });

  it('writes a change in the next round after the log failed to take it', async () => {
    const { log, writes, fails } = notedLog();
    const { platform, join, round } = setUp({ log });
    join('one');
    platform.put(exportJob('a', 1, 'NEW'));
    await round();
    fails.error = new UpstreamUnreachableError({ message: 'The log is out of reach.' });
    platform.set('a', 'FAILED');
    expect(await round()).toMatchObject({ kind: 'failed', error: fails.error, watchedElsewhere: false });
    fails.error = null;
    expect(await round()).toMatchObject({ emitted: ['CHANGED'] });
    expect(kindsOf(writes)).toEqual(['CHANGED FAILED']);
  });

  it.each([
    { error: new LogFencedError('later term'), kind: 'lost' },
    { error: new LogConflictError('went on'), kind: 'interrupted' },
  ])('is $kind when the log rejects its write with $error.name', async ({ error, kind }) => {
    const { log, fails } = notedLog();
    const { platform, join, round } = setUp({ log });
    join('one');
    platform.put(exportJob('a', 1, 'NEW'));
    fails.error = error;
    expect(await round()).toEqual({ kind });
  });

  it('is lost when the lease is lost during its reads', async () => {
    const { log, writes } = notedLog();
    const { platform, join, round, poller } = setUp({ log });
    join('one');
    const release = platform.hold();
    const lost = new AbortController();
    const ending = round(leaseOf(1, lost));
    while (platform.inFlight === 0) await new Promise(setImmediate);
    lost.abort();
    poller.interrupt();
    release();
    expect(await ending).toEqual({ kind: 'lost' });
    expect(writes).toEqual([]);
  });

  it('uses another reader when the platform rejects one, and fails when all are rejected', async () => {
    const { log } = notedLog();
    const { platform, join, round, refused } = setUp({ log });
    for (const by of ['one', 'two']) join(by);
    platform.failure = ({ by }) => (by === 'one' ? new ForbiddenError({ message: 'no' }) : null);
    expect(await round()).toMatchObject({ kind: 'good' });
    expect(refused).toEqual(['one']);
    platform.failure = () => new ForbiddenError({ message: 'no' });
    expect(await round()).toMatchObject({ kind: 'failed', error: { code: 'FORBIDDEN' } });
    platform.failure = () => new PlatformError({ message: 'broken', status: 500 });
    refused.length = 0;
    expect(await round()).toMatchObject({ kind: 'failed', error: { code: 'PLATFORM_ERROR' } });
    expect(refused).toEqual([]);
  });
});

describe('a replica that takes over', () => {
  it('continues from the state of the previous one: no job is created twice or missed', async () => {
    const { log, writes } = notedLog();
    const first = setUp({ log });
    const { platform } = first;
    first.join('one');
    platform.put(...Array.from({ length: 150 }, (_, index) => exportJob(`old-${index}`, index, 'SUCCEEDED')));
    await first.round();
    platform.put(exportJob('new', 1_000, 'NEW'));
    const second = setUp({ log, platform });
    second.join('two');
    expect(await second.round(leaseOf(2))).toMatchObject({ emitted: ['CREATED'], discover: true });
    expect(kindsOf(writes)).toEqual(['CREATED NEW']);
    // Late writes of the previous lease holder are rejected.
    platform.set('new', 'FAILED');
    expect(await first.round()).toEqual({ kind: 'lost' });
    expect(await second.round(leaseOf(2))).toMatchObject({ emitted: ['CHANGED'], discover: false });
  });

  it('does not count absences that the previous one has seen', async () => {
    const { log } = notedLog();
    const first = setUp({ log });
    const { platform } = first;
    first.join('one');
    platform.put(exportJob('a', 1), exportJob('b', 2));
    await first.round();
    platform.delete('a');
    expect(await first.round()).toMatchObject({ emitted: [], unsettled: true });
    await platform.clock.advanceBy(1_000);
    expect(await first.round(leaseOf(2))).toMatchObject({ emitted: [], unsettled: true });
    await platform.clock.advanceBy(1_000);
    expect(await first.round(leaseOf(2))).toMatchObject({ emitted: ['REMOVED'], unsettled: false });
  });
});

describe('the end of a job', () => {
  const noteOf = (writes: readonly LogWrite<ExportJob>[]) => writes.at(-1)?.note as FeedNote<unknown>;

  it('is noted if the platform reports no plausible time for it, for as long as subscribers may begin with it', async () => {
    const { log, writes } = notedLog();
    const { platform, join, round } = setUp({ log });
    join('one');
    const nowMs = platform.clock.now().getTime();
    platform.put(exportJob('emitted', nowMs), exportJob('not emitted', nowMs - 61_000), exportJob('runs', nowMs));
    await round();
    platform.set('emitted', 'SUCCEEDED', { updatedAt: new Date(nowMs - 60_000) });
    platform.set('not emitted', 'SUCCEEDED');
    await round();
    expect(noteOf(writes).endedSeen).toEqual(new Map([['not emitted', nowMs]]));
    await platform.clock.advanceBy(3_599_999);
    platform.set('runs', 'QUEUED');
    await round();
    expect([...noteOf(writes).endedSeen.keys()]).toEqual(['not emitted']);
    await platform.clock.advanceBy(1);
    platform.set('runs', 'PROCESSING');
    await round();
    expect([...noteOf(writes).endedSeen.keys()]).toEqual([]);
  });
});

describe('STALE', () => {
  it('of an evicted job recovers with the write that forgets it', async () => {
    const { log, writes } = notedLog();
    const { platform, members, join, round } = setUp({ log });
    const old = exportJob('old', 1);
    platform.put(old, ...Array.from({ length: 100 }, (_, index) => exportJob(`ended-${index}`, 10 + index, 'FAILED')));
    const watching = join('one', ['old']);
    join('two', ['ended-99']);
    await round();
    platform.failure = ({ kind }) => (kind === 'get' ? new PlatformError({ message: 'broken', status: 500 }) : null);
    await round();
    await round();
    expect(kindsOf(writes)).toEqual(['STALE']);
    members.delete(watching);
    // More jobs run without watchers than are remembered, so the oldest is evicted.
    const running = Array.from({ length: 1_100 }, (_, index) => exportJob(`running-${index}`, 1_000 + index));
    platform.unlisted.add('old');
    const everything = join('three');
    platform.put(...running);
    await round();
    members.delete(everything);
    await round();
    const { entities, stale } = await snapshotOf(log);
    expect([entities.some(({ id }) => id === 'old'), [...stale]]).toEqual([false, []]);
  });

  it('is emitted once until a round succeeds, and not before the first one', async () => {
    const { log, writes } = notedLog();
    const { platform, join, poller, round } = setUp({ log });
    join('one');
    expect(await poller.emitStale(leaseOf(1))).toBe(false);
    platform.put(exportJob('a', 1));
    await round();
    expect([await poller.emitStale(leaseOf(1)), await poller.emitStale(leaseOf(1))]).toEqual([true, false]);
    await round();
    expect(await poller.emitStale(leaseOf(1))).toBe(true);
    expect(kindsOf(writes)).toEqual(['STALE', 'RECOVERED', 'STALE']);
  });
});
