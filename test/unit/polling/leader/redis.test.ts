import { describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../../../src/errors.ts';
import { leaseMsFor } from '../../../../src/polling/leader/redis.ts';
import { RedisUnavailableError } from '../../../../src/runtime/redis.ts';
import { settle } from '../fake-platform.ts';
import { Replica, tenant } from './replica.ts';

describe('a candidate of one of several replicas', () => {
  it('has its own channel and keys until it is released', async () => {
    const replica = new Replica();
    const joined = [await replica.join(), await replica.join('1'), await replica.join('0', 'schedules')];
    expect(new Set(joined.map(({ channel }) => channel)).size).toBe(3);
    expect(new Set(replica.kept.flat()).size).toBe(6);
    await joined[0]?.election[Symbol.asyncDispose]();
    expect([replica.subscribers.has(joined[0]?.channel ?? ''), replica.subscribers.size, replica.kept.length]).toEqual([
      false,
      2,
      2,
    ]);
    const { length } = replica.steps;
    await joined[0]?.election[Symbol.asyncDispose]();
    expect(replica.steps).toHaveLength(length);
    await replica.elections[Symbol.asyncDispose]();
    expect([replica.subscribers.size, replica.kept, replica.listeners]).toEqual([0, [], 0]);
  });

  it('is elected if no replica polls, and releases its lease when it leaves', async () => {
    const replica = new Replica();
    const { election, notified, channel } = await replica.join();
    await replica.subscribed(channel);
    const lease = await replica.elect(election);
    expect([lease.term, election.term, notified]).toEqual([1, 1, ['here']]);
    await election[Symbol.asyncDispose]();
    expect(lease.lost.aborted).toBe(true);
    expect(replica.named('release')).toHaveLength(1);
    expect(replica.server.holder).toBe('');
  });

  it('is not elected while another live replica polls, and reports that', async () => {
    const replica = new Replica();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.holder = 'other/1';
    replica.server.term = 7;
    const { election, notified, channel } = await replica.join();
    await replica.subscribed(channel);
    expect([election.term, notified]).toEqual([7, ['elsewhere']]);
    const controller = new AbortController();
    const waiting = election.acquireLease(controller.signal);
    await replica.clock.advanceBy(30_000);
    await settle();
    expect(replica.named('acquire')).toEqual([]);
    controller.abort(new Error('nobody watches'));
    await expect(waiting).rejects.toThrow('nobody watches');
    await replica.elections[Symbol.asyncDispose]();
    expect(replica.clock.pending()).toBe(0);
  });

  it('publishes only changes of its scope', async () => {
    const replica = new Replica();
    const { election } = await replica.join();
    await election.publishScope({ everything: false, ids: new Set(['a', 'b']) });
    await election.publishScope({ everything: false, ids: new Set(['b', 'a']) });
    await election.publishScope({ everything: true, ids: new Set(['b', 'c']) });
    await election.publishScope(null);
    const scopes = replica.named('publishScope').map(({ values }) => values.slice(2, -1));
    expect(scopes).toEqual([
      ['0', '2', '=a', '=b', '0'],
      ['1', '1', '=c', '1', '=a'],
      ['', '0', '2', '=b', '=c'],
    ]);
  });

  it('publishes its whole scope again after a failure, and with the next heartbeat', async () => {
    const replica = new Replica();
    const { election } = await replica.join();
    await election.publishScope({ everything: false, ids: new Set(['a']) });
    replica.server.fails = true;
    await expect(election.publishScope({ everything: false, ids: new Set(['b']) })).rejects.toBeInstanceOf(
      UpstreamUnreachableError,
    );
    await replica.beat();
    expect(replica.logged.map(([, message]) => message)).toContain('could not repeat a call of the leader election');
    replica.server.fails = false;
    await replica.beat();
    expect(replica.named('publishScope').at(-1)?.values.slice(2, -1)).toEqual(['0', '1', '=b', '1', '=a']);
    const { length } = replica.named('publishScope');
    await replica.beat();
    expect(replica.named('publishScope')).toHaveLength(length);
  });

  it('is removed from Redis later if that failed at first, and only once', async () => {
    const replica = new Replica();
    const { election, channel } = await replica.join();
    await replica.subscribed(channel);
    await election.publishScope({ everything: true, ids: new Set() });
    await replica.elect(election);
    replica.server.fails = true;
    await election[Symbol.asyncDispose]();
    expect(replica.logged.filter(([, message]) => message === 'could not leave the leader election')).toHaveLength(2);
    await replica.beat();
    expect(replica.server.holder).not.toBe('');
    replica.server.fails = false;
    await replica.beat();
    expect([replica.server.holder, replica.named('publishScope').at(-1)?.values[2]]).toEqual(['', '']);
    const { length } = replica.steps;
    await replica.beat();
    await replica.beat();
    expect(replica.steps).toHaveLength(length);
  });

  it('reports that the other replicas are unreachable after a missed heartbeat, unless it is still registered', async () => {
    const replica = new Replica();
    const { errors } = await replica.join();
    const cause = new RedisUnavailableError('Redis is unavailable.');
    await replica.beat('missed', cause);
    expect(errors).toEqual([]);
    replica.heartbeat.replicas = null;
    const sending = replica.elections.send({ tenant: tenant(), kind: 'export-jobs' }, { kind: 'nudge' });
    const rejected = expect(sending).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await settle();
    await replica.beat('missed', cause);
    await rejected;
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(UpstreamUnreachableError);
  });

  it.each(['lapsed', 'databaseReplaced'] as const)(
    'loses its lease when the registration is void: %s',
    async (event) => {
      const replica = new Replica();
      const { election, notified, channel } = await replica.join();
      await replica.subscribed(channel);
      await election.publishScope({ everything: false, ids: new Set(['a']) });
      const lease = await replica.elect(election);
      await replica.beat(event);
      expect([lease.lost.aborted, election.term, notified]).toEqual([true, null, ['here', 'none']]);
      replica.steps.length = 0;
      replica.server.holder = '';
      await replica.beat();
      expect(replica.named('publishScope').map(({ values }) => values.slice(2, -1))).toEqual([['0', '1', '=a', '0']]);
      expect(replica.named('look')).toHaveLength(1);
      expect(replica.named('release')).toEqual([]);
    },
  );

  it('follows the messages of other replicas about holder and scope', async () => {
    const replica = new Replica();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.fields = ['other/1', '0', 'other/1 =a', ''];
    const { election, notified, channel } = await replica.join();
    await replica.subscribed(channel);
    expect(await election.otherScopes()).toEqual({ everything: false, ids: new Set(['a']) });
    await replica.say(channel, {
      from: 'other/1',
      message: { kind: 'scope', everything: true, added: ['=b'], removed: ['=a'] },
    });
    expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set(['b']) });
    await replica.say(channel, { from: 'other/1', message: { kind: 'held', term: 5 } });
    await replica.say(channel, { from: 'other/1', message: { kind: 'held', term: 4 } });
    expect(election.term).toBe(5);
    await replica.say(channel, { from: 'other/1', message: { kind: 'released', term: 4 } });
    expect(election.term).toBe(5);
    await replica.say(channel, { from: 'other/1', message: { kind: 'released', term: 5 } });
    expect(election.term).toBe(null);
    await replica.say(channel, { from: 'other/1', message: { kind: 'awaited' } });
    await replica.say(channel, { from: 'me/1', message: { kind: 'joined' } });
    await replica.say(channel, { from: null, message: { kind: 'nudge' } });
    expect(notified).toEqual(['elsewhere', 'none', 'awaited', 'nudge']);
    await replica.say(channel, {
      from: 'other/1',
      message: { kind: 'scope', everything: null, added: [], removed: [] },
    });
    expect(await election.otherScopes()).toBe(null);
    expect(replica.named('look')).toHaveLength(1);
  });

  it('reads the state again after it has lost its channel', async () => {
    const replica = new Replica();
    const { election, channel } = await replica.join();
    await replica.subscribed(channel);
    replica.subscribers.get(channel)?.onLost();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.fields = ['other/1', '1'];
    expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set() });
    await replica.beat();
    expect(replica.named('look')).toHaveLength(2);
    await replica.subscribed(channel);
    expect(replica.named('look')).toHaveLength(3);
    await replica.beat();
    expect(replica.named('look')).toHaveLength(3);
  });

  it('treats a replica that is no longer registered as gone', async () => {
    const replica = new Replica();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.holder = 'other/1';
    replica.server.fields = ['other/1', '1'];
    const { election, notified, channel } = await replica.join();
    await replica.subscribed(channel);
    replica.heartbeat.replicas = new Set(['me']);
    await replica.beat('replicasChanged');
    expect([election.term, await election.otherScopes(), notified]).toEqual([null, null, ['elsewhere', 'none']]);
  });
});

describe('undecodable values of other replicas', () => {
  it('are skipped, and logged once a minute', async () => {
    const replica = new Replica();
    const { notified, channel } = await replica.join();
    await replica.say(channel, 'garbage');
    await replica.clock.advanceBy(59_999);
    await replica.say(channel, 'garbage');
    const line = [
      'warn',
      'skipped a value of another replica that cannot be decoded',
      { kind: 'export-jobs', ...tenant() },
    ];
    expect(replica.logged).toEqual([line]);
    await replica.clock.advanceBy(1);
    await replica.say(channel, 'garbage');
    expect(replica.logged).toEqual([line, line]);
    expect(notified).toEqual([]);
  });
});

describe('steps of a replica', () => {
  it('are combined into calls for many feeds, up to a hundred steps per call', async () => {
    const replica = new Replica();
    const send = () => replica.elections.send({ tenant: tenant(), kind: 'export-jobs' }, { kind: 'nudge' });
    await Promise.all(Array.from({ length: 100 }, send));
    expect([replica.calls, replica.steps.length]).toEqual([1, 100]);
    await Promise.all(Array.from({ length: 101 }, send));
    expect([replica.calls, replica.steps.length]).toEqual([3, 201]);
  });

  it.each([
    ['10,000 values', [4_993, 4_993], 1],
    ['more than 10,000 values', [4_993, 4_994], 2],
    ['more than 10,000 values in one step', [12_000, 1], 2],
  ])('are combined into calls of at most 10,000 values, or one step: %s', async (_, sizes, calls) => {
    const replica = new Replica();
    const joined = [await replica.join(), await replica.join('1')];
    const idsOf = (size = 0) => new Set(Array.from({ length: size }, (_one, index) => `${index}`));
    // A step has seven values in addition to its ids.
    await Promise.all(
      joined.map(({ election }, index) => election.publishScope({ everything: false, ids: idsOf(sizes[index]) })),
    );
    expect([replica.calls, replica.named('publishScope').length]).toEqual([calls, 2]);
  });

  it('wait while the replica is not registered', async () => {
    const replica = new Replica();
    replica.heartbeat.replicas = null;
    const sending = replica.elections.send({ tenant: tenant(), kind: 'export-jobs' }, { kind: 'nudge' });
    await settle();
    expect(replica.calls).toBe(0);
    replica.heartbeat.replicas = new Set(['me']);
    await replica.beat();
    await sending;
    expect(replica.named('publish')).toHaveLength(1);
  });
});

describe('the lease of a replica', () => {
  it.each([
    [100, 1_000],
    [666, 1_000],
    [1_000, 1_500],
    [20_000, 30_000],
    [20_001, 30_000],
  ])('is valid, if rounds are %i ms apart, for %i ms', (pollMinMs, leaseMs) => {
    expect(leaseMsFor(pollMinMs)).toBe(leaseMs);
  });
});
