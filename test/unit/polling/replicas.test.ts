import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import { ForbiddenError, NotFoundError, PlatformError } from '../../../src/errors.ts';
import type { PollMetrics } from '../../../src/metrics/polling.ts';
import { snapshotOf } from '../../support/open-log.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { batchesOf, exportJob, type Follower, settle } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';

const outage = () => new PlatformError({ status: 503, message: 'The platform is out of order.' });
const refused = () => new ForbiddenError({ message: 'The platform refuses the token.' });

describe('replicas with the same subscriptions', () => {
  it('make one call for all of them, and deliver the same events with the same cursors to all subscribers', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const followers = [await one.follow({}, 'one'), await other.follow({}, 'other')];
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED'] as const) {
      setup.platform.set('a', status);
      await setup.nextRound();
    }
    const expected = ['SNAPSHOT a NEW', 'CHANGED a QUEUED', 'CHANGED a PROCESSING', 'CHANGED a SUCCEEDED'];
    expect(followers.map(({ kinds }) => kinds)).toEqual([expected, expected]);
    expect(followers[1]?.events.map(({ cursor }) => cursor)).toEqual(followers[0]?.events.map(({ cursor }) => cursor));
    expect(listedBy(setup)).toEqual(['one', 'one', 'one', 'one']);
    expect(setup.platform.mostInFlight).toBe(1);
  });

  it('look as far back as the subscribers of all replicas need, at once', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(...manyEnded(150, 100), exportJob('old', 1, 'NEW'), exportJob('young', 1_000, 'NEW'));
    await one.follow({ ids: ['young'] });
    expect((await other.follow()).kinds).toEqual(['SNAPSHOT young NEW', 'SNAPSHOT old NEW']);
  });

  it('follow ids that only another replica watches', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(...manyEnded(150, 100), exportJob('old', 1, 'NEW'), exportJob('young', 1_000, 'NEW'));
    await one.follow({ ids: ['young'] }, 'one');
    const follower = await other.follow({ ids: ['old'] }, 'other');
    setup.platform.set('old', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT old NEW', 'CHANGED old SUCCEEDED']);
    expect(setup.platform.calls.filter(({ kind }) => kind === 'get').map(({ by }) => by)).toEqual(['one', 'one']);
  });

  it('read batches that only another replica watches, and deliver their changes only there', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', setup.clock.now().getTime(), 'SUCCEEDED', batchesOf('b')));
    setup.platform.batches.set('b', 'LOADED');
    const without = await one.follow({ endedWithinSeconds: 900 }, 'one');
    const named = await other.follow({ ids: ['a'], withResults: true }, 'other');
    const all = await other.follow({ withResults: true, endedWithinSeconds: 900 }, 'other');
    setup.platform.batches.set('b', 'SUCCESS');
    await setup.nextRound();
    const states = (follower: Follower) =>
      follower.events.map(({ entity }) => entity?.observedBatches?.states.get(platformId('b'))?.status);
    expect([states(named), states(all)]).toEqual([
      ['LOADED', 'SUCCESS'],
      ['LOADED', 'SUCCESS'],
    ]);
    expect(named.ended).toBe('completed');
    expect(without.kinds).toEqual(['SNAPSHOT a SUCCEEDED']);
    // Only the replica that polls reads, with its own readers.
    expect(new Set(setup.platform.calls.filter(({ kind }) => kind === 'batches').map(({ by }) => by))).toEqual(
      new Set(['one']),
    );
  });

  it('end all polling within five seconds after the last subscriber of all of them has left', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    const first = await one.follow();
    const second = await other.follow();
    second.leave();
    await setup.pass(5_000);
    expect(other.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0 });
    first.leave();
    await settle();
    setup.platform.calls.length = 0;
    await setup.pass(5_000);
    expect(one.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0 });
    expect(setup.platform.calls).toEqual([]);
    expect(setup.clock.pending()).toBe(0);
  });

  it('make a round at once for a change by a replica without subscribers', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    await one.follow();
    await setup.pass(300_000);
    const calls = setup.platform.count('list');
    other.nudge();
    await settle();
    expect(setup.platform.count('list')).toBe(calls + 1);
  });
});

describe('a replica that does not poll', () => {
  it('lets a subscriber begin with the state in the log, without a call', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    await one.follow({}, 'one');
    setup.platform.calls.length = 0;
    expect((await other.follow({ ids: ['a'] }, 'other')).kinds).toEqual(['SNAPSHOT a PROCESSING']);
    expect(setup.platform.calls).toEqual([{ kind: 'prove', by: 'other', id: 'a' }]);
  });

  it('fails a subscriber with the error of the round on another replica, as if it were its own', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    await one.follow({ ids: ['a'] });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await expect(other.subscribe()).rejects.toMatchObject({
      code: 'PLATFORM_ERROR',
      retryable: true,
      message: outage().message,
    });
  });

  it('has the entities that its subscriber names emitted as new to all watchers of the whole sandbox', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    const everything = await one.follow();
    setup.platform.put(exportJob('new', 5, 'NEW'));
    expect((await other.follow({ ids: ['new'] })).kinds).toEqual(['SNAPSHOT new NEW']);
    expect(everything.kinds.slice(1)).toEqual(['CREATED new NEW']);
    await setup.nextRound();
    expect(everything.kinds.slice(1)).toEqual(['CREATED new NEW']);
  });

  it('does not remove entities for other replicas that its subscriber does not find', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('old', 1), exportJob('other', 2), ...manyEnded(98, 10));
    await one.follow({ ids: ['other'] });
    setup.platform.put(exportJob('young', 1_000));
    await setup.nextRound();
    setup.platform.delete('old');
    const known = async () => (await snapshotOf(setup.log)).entities.map(({ id }) => id);
    expect(await known()).toContain('old');
    await expect(other.subscribe({ ids: ['old'] })).rejects.toBeInstanceOf(NotFoundError);
    expect(await known()).toContain('old');
  });

  it('does not read named entities before the polling replica knows their ids', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(...manyEnded(150, 100), exportJob('old', 1), exportJob('young', 1_000));
    await one.follow({ ids: ['young'] });
    let published = () => {};
    setup.publishing = new Promise((resolve) => {
      published = resolve;
    });
    const following = other.follow({ ids: ['old'] });
    await settle();
    expect(setup.platform.count('get')).toBe(0);
    published();
    expect((await following).kinds).toEqual(['SNAPSHOT old PROCESSING']);
    expect(setup.platform.count('get')).toBe(1);
  });

  it('repeats its request for a round when the message was lost', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    const everything = await one.follow();
    setup.platform.put(exportJob('new', 5, 'NEW'));
    setup.loses = ({ kind }) => kind === 'awaited';
    const following = other.follow({ ids: ['new'] });
    await settle();
    expect(everything.kinds).toHaveLength(1);
    setup.loses = () => false;
    await setup.pass(2_000);
    expect((await following).kinds).toEqual(['SNAPSHOT new NEW']);
    expect(everything.kinds.slice(1)).toEqual(['CREATED new NEW']);
  });

  it('makes the round itself when the polling replica is gone', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    await one.follow();
    const everything = await other.follow();
    setup.platform.put(exportJob('new', 5, 'NEW'));
    setup.loses = ({ kind }) => kind === 'awaited';
    const following = other.follow({ ids: ['new'] });
    await settle();
    await setup.expire();
    expect((await following).kinds).toEqual(['SNAPSHOT new NEW']);
    expect(everything.kinds.slice(1)).toEqual(['CREATED new NEW']);
  });

  it('takes over at once from a replica that only lingers', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    (await one.follow({}, 'one')).leave();
    await setup.pass(1_000);
    const follower = await other.follow({}, 'other');
    expect(listedBy(setup)).toEqual(['one', 'other']);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(3_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a NEW', 'CHANGED a SUCCEEDED']);
    expect(listedBy(setup)).toEqual(['one', 'other', 'other']);
  });
});

describe('the log', () => {
  it('contains which replica polls, and why a lease was released', async () => {
    const lines: (readonly [unknown, unknown])[] = [];
    const debug = (details: unknown, message?: string) => void lines.push([message, details]);
    await using setup = new ReplicaSetup({ logger: { debug, warn: () => undefined } });
    const [one, other] = setup.replicas;
    const first = await one.follow();
    await other.follow();
    first.leave();
    await settle();
    expect(lines.filter(([message]) => message !== 'poll round')).toMatchObject([
      ['poll lease gained', { kind: 'export-jobs', sandbox: 'prod', term: 1 }],
      ['another replica polls', { term: 1 }],
      ['poll lease released', { term: 1, why: 'subscribers on other replicas only' }],
      ['another replica polls', { term: 2 }],
      ['poll lease gained', { term: 2 }],
    ]);
  });
});

describe('the metrics', () => {
  it('count the calls of each round, and the subscribers that it serves', async () => {
    const rounds: unknown[] = [];
    const metrics: PollMetrics = { ...uncountedPolls, roundServed: (round) => rounds.push(round) };
    await using setup = new ReplicaSetup({ metrics });
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    await one.follow();
    await one.follow();
    await other.follow();
    rounds.length = 0;
    const before = setup.platform.calls.length;
    await setup.nextRound();
    const calls = setup.platform.calls.length - before;
    // The other replica serves its own subscriber from the log.
    expect(rounds).toEqual([{ kind: 'export-jobs', calls, subscribers: 2 }]);
    expect(calls).toBeGreaterThan(0);
  });

  it('count each round by its outcome, each event once, and the lease changes', async () => {
    const counted: unknown[] = [];
    const metrics: PollMetrics = {
      ...uncountedPolls,
      roundEnded: ({ outcome }) => counted.push(outcome),
      emitted: ({ events }) => counted.push(...events),
      leaseChanged: ({ change }) => counted.push(change),
      resynced: ({ kind }) => counted.push(`${kind} anew`),
    };
    await using setup = new ReplicaSetup({ metrics });
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    await one.follow();
    await other.follow();
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    await other.follow({ after: 'nonsense' });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.nextRound();
    await setup.nextRound();
    expect(counted).toEqual(['gained', 'good', 'good', 'CHANGED', 'export-jobs anew', 'failed', 'failed', 'STALE']);
    counted.length = 0;
    await setup.expire();
    await setup.notice();
    expect(counted).toEqual(['gained', 'failed', 'lost']);
    expect([one, other].map(({ registry }) => registry.stats())).toMatchObject([
      { feeds: 1, polling: 0 },
      { feeds: 1, polling: 1 },
    ]);
  });
});

describe('taking over', () => {
  it('happens at once, without an event, when the last subscriber of the polling replica leaves', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await one.follow({}, 'one');
    const second = await other.follow({}, 'other');
    first.leave();
    await settle();
    expect(listedBy(setup)).toEqual(['one', 'other']);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(second.kinds).toEqual(['SNAPSHOT a NEW', 'CHANGED a SUCCEEDED']);
  });

  it('emits entities as new that were created between the rounds of the two replicas', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await one.follow();
    const second = await other.follow();
    setup.platform.put(exportJob('b', 2, 'NEW'));
    first.leave();
    await settle();
    expect(second.kinds).toEqual(['SNAPSHOT a NEW', 'CREATED b NEW']);
  });

  it('discards the round of a replica that did not notice it and then follows, without STALE', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const followers = [await one.follow({}, 'one'), await other.follow({}, 'other')];
    setup.platform.set('a', 'QUEUED');
    const release = setup.platform.hold();
    await setup.nextRound();
    setup.platform.hold()();
    setup.platform.set('a', 'PROCESSING');
    await setup.expire();
    release();
    await settle();
    for (let round = 0; round < 4; round += 1) await setup.nextRound();
    const expected = ['SNAPSHOT a NEW', 'CHANGED a PROCESSING'];
    expect(followers.map(({ kinds }) => kinds)).toEqual([expected, expected]);
    expect(listedBy(setup)).toEqual(['one', 'one', 'other', 'other', 'other', 'other', 'other']);
    expect([one, other].map(({ registry }) => registry.stats().polling)).toEqual([0, 1]);
  });

  it('rejects late writes of the previous replica from the first round on', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(...manyEnded(150, 100));
    const everything = await one.follow();
    await other.follow();
    setup.platform.put(exportJob('a', 1_000, 'NEW'), exportJob('b', 1_001, 'NEW'));
    const releaseOne = setup.platform.hold();
    await setup.nextRound();
    const releaseOther = setup.platform.hold();
    await setup.expire();
    releaseOne();
    await settle();
    releaseOther();
    await settle();
    // A job that fell off the newest page in between is not new, though the last good round saw it there.
    expect(everything.kinds).toEqual(['CREATED a NEW', 'CREATED b NEW']);
  });

  it('does not serve a subscriber with a state that no replica has confirmed since', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    await one.follow({}, 'one');
    await other.follow({}, 'other');
    const release = setup.platform.hold();
    setup.platform.set('a', 'QUEUED');
    await setup.expire();
    let begun = false;
    const following = other.follow().then((follower) => {
      begun = true;
      return follower;
    });
    await settle();
    expect(begun).toBe(false);
    release();
    expect((await following).kinds).toEqual(['SNAPSHOT a QUEUED']);
  });

  it('happens when the platform rejects all subscribers of the polling replica, and rejects no subscriber', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await one.follow({}, 'one');
    await other.follow({}, 'other');
    setup.platform.failure = ({ kind, by }) => (kind === 'list' && by === 'one' ? refused() : null);
    await setup.nextRound();
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(listedBy(setup)).toEqual(['one', 'one', 'other', 'other']);
    expect(first.kinds).toEqual(['SNAPSHOT a NEW', 'CHANGED a SUCCEEDED']);
  });

  it('does not alternate quickly when the platform rejects all subscribers, which receive STALE', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const follower = await one.follow();
    await other.follow();
    setup.platform.calls.length = 0;
    setup.platform.failure = ({ kind }) => (kind === 'list' ? refused() : null);
    await setup.pass(60_000);
    expect(setup.platform.count('list')).toBeLessThanOrEqual(20);
    expect(follower.kinds).toEqual(['SNAPSHOT a NEW', 'STALE']);
    setup.platform.failure = () => null;
    await setup.pass(20_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a NEW', 'STALE', 'RECOVERED']);
  });

  it('continues a feed that is stale', async () => {
    await using setup = new ReplicaSetup();
    const [one, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await one.follow();
    const second = await other.follow();
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage() : null);
    await setup.nextRound();
    await setup.nextRound();
    first.leave();
    setup.platform.failure = () => null;
    await settle();
    expect(second.kinds).toEqual(['SNAPSHOT a NEW', 'STALE', 'RECOVERED']);
  });
});

function listedBy({ platform }: ReplicaSetup): readonly string[] {
  return platform.calls.filter(({ kind }) => kind === 'list').map(({ by }) => by);
}

function manyEnded(count: number, fromMs: number) {
  return Array.from({ length: count }, (_, index) => exportJob(`ended-${fromMs + index}`, fromMs + index, 'SUCCEEDED'));
}
