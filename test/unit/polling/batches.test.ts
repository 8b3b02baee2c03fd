import { describe, expect, it } from 'vitest';
import type { BatchStatus } from '../../../src/domain/batch.ts';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { ForbiddenError, RateLimitedError, UpstreamUnreachableError } from '../../../src/errors.ts';
import type { WatchEvent } from '../../../src/events/watch.ts';
import { batchesOf, exportJob, FakePlatform, settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

const minuteMs = 60_000;

/** A platform with a job of one batch. */
function platformWith(status: ExportJob['status'], batch: BatchStatus | null): FakePlatform {
  const platform = new FakePlatform();
  const nowMs = platform.clock.now().getTime();
  platform.put(exportJob('a', nowMs, status, batchesOf('b')));
  if (batch !== null) platform.batches.set('b', batch);
  return platform;
}

/** Describes events with the batches of the feed: `CHANGED a SUCCEEDED b=STAGING`. */
const described = (events: readonly WatchEvent<ExportJob>[]) =>
  events.map(({ kind, entity }) => {
    if (entity === null) return kind;
    const states = [...(entity.observedBatches?.states ?? [])].map(([id, { status }]) => `${id}=${status}`);
    return [kind, entity.id, entity.status, ...states].join(' ');
  });

describe('a subscriber of named jobs that watches their batches', () => {
  it('receives each change of a batch after the end of its job, and completes when the batch is readable', async () => {
    const platform = platformWith('PROCESSING', 'PROCESSING');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.set('a', 'SUCCEEDED');
    platform.batches.set('b', 'LOADED');
    await setup.nextRound();
    platform.batches.set('b', 'STAGING');
    await setup.nextRound();
    await setup.nextRound();
    expect(follower.ended).toBeNull();
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    expect(described(follower.events)).toEqual([
      'SNAPSHOT a PROCESSING b=PROCESSING',
      'CHANGED a SUCCEEDED b=LOADED',
      'CHANGED a SUCCEEDED b=STAGING',
      'CHANGED a SUCCEEDED b=SUCCESS',
    ]);
    expect(follower.ended).toBe('completed');
  });

  it('does not receive an older status from a lagging replica of Catalog, but an end without a time', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADING');
    platform.batchUpdates.set('b', new Date(1_100));
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    const readings = [
      ['STAGED', 1_200],
      ['LOADING', 1_100],
      ['STAGED', 1_300],
      ['STAGED', 1_200],
      ['STAGING', 1_250],
      ['SUCCESS', 1_150],
    ] as const;
    for (const [status, updatedMs] of readings) {
      platform.batches.set('b', status);
      platform.batchUpdates.set('b', new Date(updatedMs));
      await setup.nextRound();
    }
    expect(described(follower.events)).toEqual([
      'SNAPSHOT a SUCCEEDED b=LOADING',
      'CHANGED a SUCCEEDED b=STAGED',
      'CHANGED a SUCCEEDED b=STAGING',
      'CHANGED a SUCCEEDED b=SUCCESS',
    ]);
    expect(follower.ended).toBe('completed');
  });

  it('completes at once if the batch was readable before, after one reading of it', async () => {
    const platform = platformWith('SUCCEEDED', 'ACTIVE');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED b=ACTIVE']);
    expect(follower.ended).toBe('completed');
    expect(platform.count('batches')).toBe(1);
  });

  it.each<BatchStatus>(['FAILED', 'ABORTED', 'ABANDONED', 'INACTIVE', 'DELETED'])(
    'completes when the batch has ended as %s',
    async (end) => {
      const platform = platformWith('SUCCEEDED', 'STAGED');
      await using setup = new WatchSetup({ platform });
      const follower = await setup.follow({ ids: ['a'], withResults: true });
      expect(follower.ended).toBeNull();
      platform.batches.set('b', end);
      await setup.nextRound();
      expect(described(follower.events).at(-1)).toBe(`CHANGED a SUCCEEDED b=${end}`);
      expect(follower.ended).toBe('completed');
    },
  );

  it.each<ExportJob['status']>(['FAILED', 'CANCELLED'])('does not wait for the batch of a job that %s', async (end) => {
    const platform = platformWith('PROCESSING', 'PROCESSING');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.set('a', end);
    await setup.nextRound();
    expect(described(follower.events).at(-1)).toBe(`CHANGED a ${end} b=PROCESSING`);
    expect(follower.ended).toBe('completed');
  });

  it('does not wait if the job has no batch', async () => {
    const platform = platformWith('SUCCEEDED', null);
    platform.put(exportJob('a', platform.clock.now().getTime(), 'SUCCEEDED'));
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    expect(follower.ended).toBe('completed');
    expect(platform.count('batches')).toBe(0);
  });

  it('waits for the batch of a job that ended with an unknown status', async () => {
    const platform = platformWith('UNKNOWN', 'LOADED');
    const now = platform.clock.now();
    const totalTime = { startedAt: now, endedAt: now, durationMs: 0 };
    const job = platform.job('a');
    if (job !== undefined) platform.put({ ...job, metrics: { ...job.metrics, totalTime } });
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    expect(follower.ended).toBeNull();
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    expect(follower.ended).toBe('completed');
  });

  it('waits for at most 15 minutes, and completes without another event', async () => {
    const platform = platformWith('PROCESSING', 'STALLED');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.set('a', 'SUCCEEDED', { updatedAt: platform.clock.now() });
    await setup.nextRound();
    const received = follower.events.length;
    await setup.pass(14 * minuteMs);
    expect(follower.ended).toBeNull();
    await setup.pass(2 * minuteMs);
    expect(follower.ended).toBe('completed');
    expect(follower.events).toHaveLength(received);
  });

  it('receives the missed change if nothing could be read until the 15 minutes were over', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.failure = ({ kind }) => (kind === 'prove' ? null : new UpstreamUnreachableError({ message: 'away' }));
    await setup.pass(20 * minuteMs);
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED b=LOADED', 'STALE']);
    platform.failure = () => null;
    platform.batches.set('b', 'SUCCESS');
    await setup.pass(minuteMs);
    expect(described(follower.events).slice(2)).toEqual(['RECOVERED', 'CHANGED a SUCCEEDED b=SUCCESS']);
    expect(follower.ended).toBe('completed');
  });

  it('waits for at most 15 minutes even if Catalog requests a longer pause', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    const tooMany = new RateLimitedError({ message: 'too many', retryAfterMs: 60 * minuteMs });
    platform.failure = ({ kind }) => (kind === 'batches' ? tooMany : null);
    const before = platform.count('batches');
    await setup.pass(14 * minuteMs);
    expect(follower.ended).toBeNull();
    await setup.pass(2 * minuteMs);
    expect(follower.ended).toBe('completed');
    expect(platform.count('batches') - before).toBe(1);
  });

  it('does not wait for the batch of a job that ended long ago', async () => {
    const platform = platformWith('SUCCEEDED', 'STALLED');
    await setup15(platform);
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED']);
    expect(follower.ended).toBe('completed');
    expect(platform.count('batches')).toBe(0);
  });

  it('waits for a batch that Catalog does not have yet', async () => {
    const platform = platformWith('SUCCEEDED', null);
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    await setup.nextRound();
    expect(follower.ended).toBeNull();
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED', 'CHANGED a SUCCEEDED b=SUCCESS']);
    expect(follower.ended).toBe('completed');
  });

  it('does not wait for a batch that Catalog no longer has, because another one has replaced it', async () => {
    const platform = platformWith('SUCCEEDED', 'STAGING');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.batches.delete('b');
    await setup.nextRound();
    expect(follower.ended).toBeNull();
    await setup.nextRound();
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED b=STAGING', 'CHANGED a SUCCEEDED b=STAGING']);
    expect(follower.ended).toBe('completed');
  });

  it('waits for a batch that one reading in between did not find', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    for (let times = 0; times < 3; times += 1) {
      platform.batches.delete('b');
      await setup.nextRound();
      platform.batches.set('b', 'LOADED');
      await setup.nextRound();
    }
    expect(follower.ended).toBeNull();
    expect(follower.events).toHaveLength(1);
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    expect(follower.ended).toBe('completed');
  });

  it('receives a batch that disappears for a while before its job ends', async () => {
    const platform = platformWith('PROCESSING', 'LOADING');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.batches.delete('b');
    for (let times = 0; times < 3; times += 1) await setup.nextRound();
    platform.batches.set('b', 'LOADED');
    await setup.nextRound();
    platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(described(follower.events).slice(-2)).toEqual([
      'CHANGED a PROCESSING b=LOADED',
      'CHANGED a SUCCEEDED b=LOADED',
    ]);
    expect(follower.ended).toBeNull();
  });

  it('completes when the job is removed', async () => {
    const platform = platformWith('SUCCEEDED', 'STAGING');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    platform.delete('a');
    await setup.pass(10_000);
    expect(described(follower.events).at(-1)).toBe('REMOVED a SUCCEEDED b=STAGING');
    expect(follower.ended).toBe('completed');
  });

  it('resumes at its cursor, even if it had not watched batches before', async () => {
    const platform = platformWith('SUCCEEDED', 'STAGING');
    await using setup = new WatchSetup({ platform });
    const everything = await setup.follow({ endedWithinSeconds: 900 });
    const after = everything.cursor;
    const first = await setup.follow({ ids: ['a'], withResults: true });
    const again = await setup.follow({ ids: ['a'], withResults: true, after });
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    const late = await setup.follow({ ids: ['a'], withResults: true, after: first.events[0]?.cursor });
    for (const one of [first, again, late]) {
      expect(described(one.events).at(-1)).toBe('CHANGED a SUCCEEDED b=SUCCESS');
      expect(one.ended).toBe('completed');
    }
    expect(everything.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT']);
  });
});

describe('a subscriber of the whole sandbox that watches batches', () => {
  it('receives the changes of batches, begins with the jobs that await them, and never completes', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const first = await setup.follow({ withResults: true, endedWithinSeconds: 900 });
    const late = await setup.follow({ withResults: true, endedWithinSeconds: 0 });
    expect(described(late.events)).toEqual(['SNAPSHOT a SUCCEEDED b=LOADED']);
    platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    for (const one of [first, late]) {
      expect(described(one.events)).toEqual(['SNAPSHOT a SUCCEEDED b=LOADED', 'CHANGED a SUCCEEDED b=SUCCESS']);
      expect(one.ended).toBeNull();
    }
    const none = await setup.follow({ withResults: true, endedWithinSeconds: 0 });
    expect(none.events).toEqual([]);
  });
});

describe('the reading of batches', () => {
  it('is made only while a subscriber watches them', async () => {
    const platform = platformWith('PROCESSING', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const named = await setup.follow({ ids: ['a'] });
    const all = await setup.follow();
    platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(named.ended).toBe('completed');
    platform.batches.set('b', 'SUCCESS');
    await setup.pass(60_000);
    expect(platform.count('batches')).toBe(0);
    expect(all.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']);
  });

  it('is shared by all subscribers, is visible in no other stream, and ends with the last subscriber', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const other = await setup.follow({ endedWithinSeconds: 900 });
    const followers = await Promise.all([1, 2, 3].map(() => setup.follow({ ids: ['a'], withResults: true })));
    const before = [platform.count('list'), platform.count('batches')];
    platform.batches.set('b', 'STAGING');
    await setup.pass(20_000);
    const rounds = platform.count('list') - (before[0] ?? 0);
    expect(platform.count('batches') - (before[1] ?? 0)).toBe(rounds);
    expect(followers.map(({ events }) => events.length)).toEqual([2, 2, 2]);
    expect(other.kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
    for (const one of followers) one.leave();
    await setup.nextRound();
    const after = platform.count('batches');
    platform.batches.set('b', 'SUCCESS');
    await setup.pass(60_000);
    expect(platform.count('batches')).toBe(after);
    expect(other.kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
  });

  it('requests the open batches of all jobs in one call, and none that has ended', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    const nowMs = platform.clock.now().getTime();
    platform.put(
      exportJob('c', nowMs, 'SUCCEEDED', batchesOf('d', 'e')),
      exportJob('f', nowMs, 'PROCESSING', batchesOf('g')),
    );
    for (const [id, status] of [
      ['d', 'SUCCESS'],
      ['e', 'LOADED'],
      ['g', 'LOADING'],
    ] as const)
      platform.batches.set(id, status);
    await using setup = new WatchSetup({ platform });
    await setup.follow({ withResults: true, endedWithinSeconds: 900 });
    await setup.nextRound();
    const calls = platform.calls.filter(({ kind }) => kind === 'batches').map(({ ids }) => ids?.toSorted());
    expect(calls).toEqual([
      ['b', 'd', 'e', 'g'],
      ['b', 'e', 'g'],
    ]);
    expect(setup.clock.pending('deadline')).toBe(0);
  });

  it('emits STALE after two failures to watchers of batches, and RECOVERED afterwards', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    const other = await setup.follow({ endedWithinSeconds: 900 });
    platform.failure = ({ kind }) => (kind === 'batches' ? new UpstreamUnreachableError({ message: 'away' }) : null);
    await setup.pass(20_000);
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED b=LOADED', 'STALE']);
    platform.failure = () => null;
    platform.batches.set('b', 'SUCCESS');
    await setup.pass(40_000);
    expect(described(follower.events).slice(2)).toEqual(['RECOVERED', 'CHANGED a SUCCEEDED b=SUCCESS']);
    expect(follower.ended).toBe('completed');
    expect(other.kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
  });

  it('delays the changes of jobs by at most three seconds if Catalog does not respond', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    platform.put(exportJob('x', platform.clock.now().getTime()));
    await using setup = new WatchSetup({ platform });
    await setup.follow({ withResults: true });
    const other = await setup.follow();
    platform.hangs = ({ kind }) => kind === 'batches';
    platform.set('x', 'SUCCEEDED');
    await setup.pass(6_000);
    expect(other.kinds).toEqual(['SNAPSHOT x PROCESSING', 'CHANGED x SUCCEEDED']);
    expect(platform.count('batches')).toBeLessThanOrEqual(2);
  });

  it('covers 300 batches in a round, those of ended jobs first, and the others in turn', async () => {
    const platform = new FakePlatform();
    const nowMs = platform.clock.now().getTime();
    const ids = Array.from({ length: 700 }, (_, index) => `b${index}`);
    for (const id of ids) platform.batches.set(id, 'LOADING');
    platform.put(exportJob('running', nowMs, 'PROCESSING', batchesOf(...ids.slice(50))));
    platform.put(exportJob('ended', nowMs, 'SUCCEEDED', batchesOf(...ids.slice(0, 50))));
    await using setup = new WatchSetup({ platform });
    await setup.follow({ withResults: true });
    for (let round = 0; round < 3; round += 1) await setup.nextRound();
    const calls = platform.calls.filter(({ kind }) => kind === 'batches').slice(0, 3);
    expect(calls.map((call) => [call.ids?.length, call.ids?.slice(0, 50)])).toEqual(
      calls.map(() => [300, ids.slice(0, 50)]),
    );
    expect(new Set(calls.flatMap((call) => call.ids)).size).toBe(700);
  });

  it('lets a subscriber begin although batches cannot be read, and waits for them', async () => {
    const platform = platformWith('SUCCEEDED', 'SUCCESS');
    platform.failure = ({ kind }) => (kind === 'batches' ? new UpstreamUnreachableError({ message: 'away' }) : null);
    await using setup = new WatchSetup({ platform });
    const follower = await setup.follow({ ids: ['a'], withResults: true });
    expect(described(follower.events)).toEqual(['SNAPSHOT a SUCCEEDED']);
    platform.failure = () => null;
    await setup.pass(10_000);
    expect(described(follower.events).at(-1)).toBe('CHANGED a SUCCEEDED b=SUCCESS');
    expect(follower.ended).toBe('completed');
  });

  it('is tried at once for a subscriber that joins after the last one left', async () => {
    const platform = platformWith('SUCCEEDED', 'SUCCESS');
    platform.failure = ({ kind }) => (kind === 'batches' ? new UpstreamUnreachableError({ message: 'away' }) : null);
    await using setup = new WatchSetup({ platform });
    await setup.follow();
    const first = await setup.follow({ ids: ['a'], withResults: true });
    await setup.pass(7_000);
    first.leave();
    setup.nudge();
    await settle();
    platform.failure = () => null;
    const lists = platform.count('list');
    const next = await setup.follow({ ids: ['a'], withResults: true });
    expect(described(next.events)).toEqual(['SNAPSHOT a SUCCEEDED b=SUCCESS']);
    expect(next.ended).toBe('completed');
    expect(platform.count('list')).toBe(lists + 1);
  });

  it('uses the credential of another subscriber if Catalog rejects one', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    platform.failure = ({ kind, by }) =>
      kind === 'batches' && by === 'barred' ? new ForbiddenError({ message: 'no' }) : null;
    await using setup = new WatchSetup({ platform });
    const barred = await setup.follow({ ids: ['a'], withResults: true }, 'barred');
    const admitted = await setup.follow({ ids: ['a'], withResults: true }, 'admitted');
    platform.batches.set('b', 'SUCCESS');
    await setup.pass(10_000);
    for (const one of [barred, admitted]) {
      expect(described(one.events).at(-1)).toBe('CHANGED a SUCCEEDED b=SUCCESS');
      expect(one.ended).toBe('completed');
    }
    // A credential that is known to be rejected is not used.
    expect(platform.calls.filter(({ kind, by }) => kind === 'batches' && by === 'barred')).toHaveLength(1);
  });

  it('tries a credential once, however many subscribers it has', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    platform.failure = ({ kind }) => (kind === 'batches' ? new ForbiddenError({ message: 'no' }) : null);
    await using setup = new WatchSetup({ platform, ownRights: false });
    await Promise.all(['one', 'two', 'three'].map((by) => setup.follow({ ids: ['a'], withResults: true }, by)));
    expect(platform.count('batches')).toBe(1);
  });

  it('tries the credentials of all subscribers, some in each round, until one is accepted', async () => {
    const platform = platformWith('SUCCEEDED', 'SUCCESS');
    platform.failure = ({ kind, by }) =>
      kind === 'batches' && by !== 'admitted' ? new ForbiddenError({ message: 'no' }) : null;
    await using setup = new WatchSetup({ platform });
    for (let number = 0; number < 24; number += 1) await setup.subscribe({ withResults: true }, `barred ${number}`);
    const admitted = await setup.follow({ ids: ['a'], withResults: true }, 'admitted');
    for (let round = 0; round < 6; round += 1) await setup.nextRound();
    expect(admitted.ended).toBe('completed');
    const readers = platform.calls.filter(({ kind }) => kind === 'batches').map(({ by }) => by);
    expect(readers).toHaveLength(new Set(readers).size);
  });

  it('does not use the credential of a subscriber that leaves while another one is rejected', async () => {
    const platform = platformWith('SUCCEEDED', 'LOADED');
    await using setup = new WatchSetup({ platform });
    await setup.follow({ ids: ['a'], withResults: true }, 'barred');
    const leaver = await setup.follow({ ids: ['a'], withResults: true }, 'leaver');
    await setup.follow({ ids: ['a'], withResults: true }, 'stayer');
    const before = platform.calls.length;
    platform.failure = ({ kind, by }) => {
      if (kind !== 'batches' || by !== 'barred') return null;
      leaver.leave();
      return new ForbiddenError({ message: 'no' });
    };
    await setup.nextRound();
    const readers = platform.calls.slice(before).filter(({ kind }) => kind === 'batches');
    expect(readers.map(({ by }) => by)).toEqual(['barred', 'stayer']);
  });
});

/** Advances time so that a job is 15 minutes old. */
const setup15 = (platform: FakePlatform) => platform.clock.advanceBy(15 * minuteMs);
