import { describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../../../src/errors.ts';
import { RedisUnavailableError } from '../../../../src/runtime/redis.ts';
import { settle } from '../fake-platform.ts';
import { Replica, tenant } from './replica.ts';

/** Makes a replica a candidate that is subscribed to its feed's channel. */
async function joinSubscribed(replica = new Replica(), kind = 'export-jobs') {
  const joined = await replica.join('0', kind);
  await replica.subscribed(joined.channel);
  return { replica, ...joined };
}

/** Times at which connected replicas try to take a feed, in milliseconds since the vacancy. */
async function attemptsOf(names: readonly string[], kind: string, dead: readonly string[] = []) {
  const times = names.map(async (name) => {
    const replica = new Replica();
    replica.heartbeat.replicaId = name;
    replica.heartbeat.replicas = new Set(names);
    replica.server.fields = [...names, ...dead].filter((one) => one !== name).flatMap((one) => [`${one}/1`, '1']);
    // The replica received messages of the dead replicas long ago.
    const { election } = await joinSubscribed(replica, kind);
    for (let time = 0; time < 3; time += 1) await replica.beat();
    const controller = new AbortController();
    const waiting = election.acquireLease(controller.signal).catch(() => null);
    let waitedMs = 0;
    for (; waitedMs < 3_000; waitedMs += 100) {
      await settle();
      if (replica.named('acquire').length > 0) break;
      await replica.clock.advanceBy(100);
    }
    controller.abort();
    await waiting;
    return waitedMs;
  });
  return await Promise.all(times);
}

describe('a feed without a holder', () => {
  it('is taken at once by the first candidate in rank, and by each further one 300 ms later, up to four times', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `r${index}`);
    const attempts = await attemptsOf(names, 'export-jobs');
    expect(attempts.toSorted((a, b) => a - b)).toEqual([0, 300, 600, 900, 1_200, 1_200, 1_200]);
  });

  it('has its own ranking, so that many feeds are spread over the replicas', async () => {
    const kinds = Array.from({ length: 12 }, (_, index) => `feed-${index}`);
    const firsts: number[] = [];
    for (const kind of kinds) firsts.push((await attemptsOf(['one', 'two'], kind)).indexOf(0));
    expect(new Set(firsts)).toEqual(new Set([0, 1]));
  });

  it('is taken without a pause for replicas that are no longer live', async () => {
    expect(await attemptsOf(['one'], 'export-jobs', ['two', 'three', 'four'])).toEqual([0]);
  });

  it('is taken last by the candidate that released it', async () => {
    const { replica, election, notified } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'two', 'three']);
    replica.server.fields = ['two/1', '1', 'three/1', '1'];
    const lease = await replica.elect(election);
    replica.subscribers.values().next().value?.onSubscribed();
    await settle();
    await lease.release();
    expect([election.term, notified, replica.server.holder]).toEqual([null, ['here', 'none'], '']);
    const controller = new AbortController();
    const { length } = replica.named('acquire');
    const waiting = election.acquireLease(controller.signal);
    await replica.clock.advanceBy(599);
    await settle();
    expect(replica.named('acquire')).toHaveLength(length);
    await replica.clock.advanceBy(1);
    await settle();
    expect((await waiting).term).toBe(2);
  });

  it('is taken at once after another candidate released it, which comes last', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.fields = ['other/1', '1'];
    await replica.subscribed(channel);
    await replica.say(channel, { from: 'other/1', message: { kind: 'held', term: 1 } });
    const waiting = election.acquireLease(new AbortController().signal);
    await replica.clock.advanceBy(10_000);
    expect(replica.named('acquire')).toEqual([]);
    await replica.say(channel, { from: 'other/2', message: { kind: 'released', term: 1 } });
    expect(notified).toEqual(['elsewhere']);
    await replica.say(channel, { from: 'other/1', message: { kind: 'released', term: 1 } });
    expect((await waiting).term).toBe(1);
    expect(notified).toEqual(['elsewhere', 'none', 'here']);
  });

  it('is not taken by a candidate that has left, or that does not know the state', async () => {
    const replica = new Replica();
    const { election } = await replica.join();
    const controller = new AbortController();
    const waiting = election.acquireLease(controller.signal);
    await replica.clock.advanceBy(60_000);
    expect(replica.named('acquire')).toEqual([]);
    controller.abort(new Error('nobody watches'));
    await expect(waiting).rejects.toThrow('nobody watches');
    await expect(election.acquireLease(controller.signal)).rejects.toThrow('nobody watches');
  });
});

describe('an attempt to take a feed', () => {
  it('is not repeated while a faster candidate holds the feed', async () => {
    const { replica, election, notified } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.reply = (name) => (name === 'acquire' ? [0, 'other/1', 7] : undefined);
    const controller = new AbortController();
    const waiting = election.acquireLease(controller.signal);
    await settle();
    await replica.clock.advanceBy(60_000);
    expect([replica.named('acquire').length, election.term, notified]).toEqual([1, 7, ['elsewhere']]);
    controller.abort(new Error('nobody watches'));
    await expect(waiting).rejects.toThrow('nobody watches');
    expect(replica.clock.pending()).toBe(0);
  });

  it('is repeated after 500 ms if Redis does not know the replica', async () => {
    const { replica, election } = await joinSubscribed();
    replica.reply = (name) => (name === 'acquire' ? [-1, '', 0] : undefined);
    const waiting = election.acquireLease(new AbortController().signal);
    await settle();
    await replica.clock.advanceBy(499);
    expect(replica.named('acquire')).toHaveLength(1);
    replica.reply = () => undefined;
    await replica.clock.advanceBy(1);
    await settle();
    expect((await waiting).term).toBe(1);
    expect(replica.named('acquire')[0]?.values).toEqual(['me/1', '600000']);
  });

  it('is reported and repeated after 500 ms if it fails', async () => {
    const { replica, election, errors } = await joinSubscribed();
    replica.server.fails = true;
    const waiting = election.acquireLease(new AbortController().signal);
    await settle();
    expect([errors.length, errors[0] instanceof UpstreamUnreachableError, replica.logged]).toEqual([1, true, []]);
    replica.server.fails = false;
    const defect = new RangeError('a defect');
    replica.before = () => {
      throw defect;
    };
    await replica.clock.advanceBy(500);
    await settle();
    expect([errors[1], replica.logged]).toEqual([
      defect,
      [['warn', 'could not acquire the poll lease', { err: defect }]],
    ]);
    replica.before = () => undefined;
    await replica.clock.advanceBy(500);
    await settle();
    expect((await waiting).term).toBe(1);
  });

  it('releases the feed without a report if no caller waits for it', async () => {
    const { replica, election, notified, errors } = await joinSubscribed();
    const controller = new AbortController();
    replica.before = () => controller.abort(new Error('nobody watches'));
    await expect(election.acquireLease(controller.signal)).rejects.toThrow('nobody watches');
    expect([replica.server.holder, replica.named('release').length, notified]).toEqual(['', 1, ['here', 'none']]);
    const again = new AbortController();
    replica.before = () => {
      again.abort(new Error('nobody watches'));
      throw new RedisUnavailableError('Redis is unavailable.');
    };
    const failing = election.acquireLease(again.signal);
    await expect(failing).rejects.toThrow('nobody watches');
    expect(errors).toEqual([]);
  });

  it('leaves nothing in Redis if it succeeds after the candidate was released', async () => {
    const { replica, election } = await joinSubscribed();
    let send: () => void = () => undefined;
    replica.before = () =>
      new Promise((resolve) => {
        send = resolve;
      });
    const controller = new AbortController();
    const waiting = election.acquireLease(controller.signal).catch((error: Error) => error.message);
    await settle();
    replica.before = () => undefined;
    const leaving = election[Symbol.asyncDispose]();
    send();
    await leaving;
    await settle();
    await replica.beat();
    expect([replica.server.holder, election.term]).toEqual(['', null]);
    controller.abort(new Error('nobody watches'));
    expect(await waiting).toBe('nobody watches');
  });

  it('is void if it was made under an earlier registration of the replica', async () => {
    const { replica, election, notified } = await joinSubscribed();
    replica.before = () => {
      replica.before = () => undefined;
      replica.heartbeat.replicaId = 'again';
    };
    const waiting = election.acquireLease(new AbortController().signal);
    await settle();
    expect([election.term, notified]).toEqual([null, []]);
    replica.server.holder = '';
    await replica.clock.advanceBy(500);
    await settle();
    expect((await waiting).term).toBe(2);
    expect(replica.named('acquire').map(({ values }) => values[0])).toEqual(['me/1', 'again/1']);
  });
});

describe('a lease', () => {
  it('is released with the next heartbeat if that failed at first', async () => {
    const { replica, election } = await joinSubscribed();
    const lease = await replica.elect(election);
    replica.server.fails = true;
    await lease.release();
    expect(replica.logged).toEqual([
      [
        'debug',
        'could not release the poll lease, will retry with the heartbeat',
        { term: 1, err: expect.any(UpstreamUnreachableError) },
      ],
    ]);
    expect(election.term).toBe(null);
    replica.server.fails = false;
    await replica.beat();
    expect(replica.server.holder).toBe('');
    const { length } = replica.named('release');
    await replica.beat();
    await lease.release();
    expect(replica.named('release')).toHaveLength(length);
  });

  it('is not released by a heartbeat while it is held', async () => {
    const { replica, election } = await joinSubscribed();
    const lease = await replica.elect(election);
    await replica.beat();
    expect([replica.named('release'), lease.lost.aborted, replica.server.holder]).toEqual([[], false, 'me/1']);
  });

  it('is lost without a release when a message names another candidate as the holder', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'other']);
    const lease = await replica.elect(election);
    await replica.say(channel, { from: 'other/1', message: { kind: 'held', term: 2 } });
    expect([lease.lost.aborted, election.term, notified]).toEqual([true, 2, ['here', 'elsewhere']]);
    await replica.beat();
    await lease.release();
    expect(replica.named('release')).toEqual([]);
  });

  it('is lost when Redis names another candidate, or none', async () => {
    for (const holder of ['other/1', '']) {
      const { replica, election, channel } = await joinSubscribed();
      replica.heartbeat.replicas = new Set(['me', 'other']);
      const lease = await replica.elect(election);
      replica.server.holder = holder;
      await replica.subscribed(channel);
      expect([lease.lost.aborted, election.term]).toEqual([true, holder === '' ? null : 1]);
    }
  });

  it('is kept when Redis names its own candidate', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    const lease = await replica.elect(election);
    await replica.subscribed(channel);
    expect([lease.lost.aborted, election.term, notified]).toEqual([false, 1, ['here']]);
  });

  it('is released with the next heartbeat if the candidate does not know of it', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    replica.server.holder = 'me/1';
    await replica.subscribed(channel);
    expect([election.term, notified]).toEqual([null, []]);
    await replica.beat();
    expect([replica.server.holder, replica.named('release').length]).toEqual(['', 1]);
  });
});

describe('the state of a feed', () => {
  it('is read again with the heartbeat after five minutes, and not earlier', async () => {
    const { replica } = await joinSubscribed();
    const reads = () => replica.named('look').length;
    expect(reads()).toBe(1);
    await replica.clock.advanceBy(299_999);
    await replica.beat();
    expect(reads()).toBe(1);
    await replica.clock.advanceBy(1);
    await replica.beat();
    await replica.beat();
    expect(reads()).toBe(2);
  });

  it('is not read while the channel is not subscribed to', async () => {
    const { replica, channel } = await joinSubscribed();
    replica.subscribers.get(channel)?.onLost();
    await replica.beat();
    expect(replica.named('look')).toHaveLength(1);
  });

  it('is logged and read with the next heartbeat if it cannot be read', async () => {
    const { replica, channel } = await joinSubscribed();
    replica.server.fails = true;
    await replica.subscribed(channel);
    expect(replica.logged).toEqual([
      ['debug', 'could not read the state of a feed', { err: expect.any(UpstreamUnreachableError) }],
    ]);
    replica.subscribers.get(channel)?.onLost();
    replica.server.fails = false;
    await replica.subscribed(channel);
    expect(replica.named('look')).toHaveLength(2);
  });

  it('omits fields that cannot be decoded, and logs that', async () => {
    const { replica, election, channel } = await joinSubscribed();
    expect(replica.logged).toEqual([]);
    replica.heartbeat.replicas = new Set(['me', 'other']);
    replica.server.fields = ['garbage', '1', 'other/1', '1'];
    await replica.subscribed(channel);
    expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set() });
    expect(replica.logged).toHaveLength(1);
  });

  it('no longer contains candidates that Redis does not contain', async () => {
    const { replica, election, channel } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'one', 'two']);
    replica.server.fields = ['one/1', '1', 'two/1', '0', 'two/1 =a', ''];
    await replica.subscribed(channel);
    expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set(['a']) });
    replica.server.fields = ['two/1', '0', 'two/1 =a', ''];
    await replica.subscribed(channel);
    expect(await election.otherScopes()).toEqual({ everything: false, ids: new Set(['a']) });
  });

  it('includes messages that arrive while it is read, in order', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    replica.heartbeat.replicas = new Set(['me', 'one', 'two']);
    replica.server.holder = 'one/1';
    replica.server.term = 3;
    replica.server.fields = ['one/1', '1'];
    replica.before = () => {
      replica.before = () => undefined;
      for (const [from, message] of [
        ['one/1', { kind: 'released', term: 3 }],
        ['two/1', { kind: 'held', term: 4 }],
        ['two/1', { kind: 'scope', everything: false, added: ['=a'], removed: [] }],
      ]) {
        replica.subscribers.get(channel)?.onMessage(JSON.stringify({ from, message }));
      }
    };
    await replica.subscribed(channel);
    expect([election.term, notified]).toEqual([4, ['elsewhere', 'none', 'elsewhere']]);
    expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set(['a']) });
  });

  it('treats a candidate as live after a message, until two heartbeats do not include it', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    await replica.say(channel, { from: 'new/1', message: { kind: 'held', term: 4 } });
    expect(election.term).toBe(4);
    await replica.beat();
    expect(election.term).toBe(4);
    await replica.beat();
    expect([election.term, notified]).toEqual([null, ['elsewhere', 'none']]);
  });

  it('treats a holder as live although it has sent no message', async () => {
    const { replica, election, channel } = await joinSubscribed();
    replica.server.holder = 'new/1';
    replica.server.term = 4;
    await replica.subscribed(channel);
    expect(election.term).toBe(4);
  });

  it('is not changed by a message of a replica that is no candidate, or by a repeated message with the same term', async () => {
    const { replica, election, channel, notified } = await joinSubscribed();
    await replica.say(channel, { from: null, message: { kind: 'held', term: 4 } });
    await replica.say(channel, { from: null, message: { kind: 'scope', everything: true, added: [], removed: [] } });
    expect([election.term, await election.otherScopes(), notified]).toEqual([null, null, []]);
    await replica.say(channel, { from: 'one/1', message: { kind: 'held', term: 4 } });
    await replica.say(channel, { from: 'two/1', message: { kind: 'held', term: 4 } });
    expect([election.term, notified]).toEqual([4, ['elsewhere']]);
    await replica.say(channel, { from: 'one/1', message: { kind: 'released', term: 4 } });
    expect(election.term).toBe(4);
  });
});

describe('messages of a candidate', () => {
  it('carry its name, and those of a replica that is no candidate carry none', async () => {
    const { replica, election } = await joinSubscribed();
    await election.send({ kind: 'awaited' });
    await replica.elections.send({ tenant: tenant(), kind: 'export-jobs' }, { kind: 'nudge' });
    expect(replica.named('publish').map(({ values }) => JSON.parse(values[0] ?? ''))).toEqual([
      { from: 'me/1', message: { kind: 'awaited' } },
      { from: null, message: { kind: 'nudge' } },
    ]);
  });

  it('about its scope are kept for ten minutes, and sent to the other replicas as a change', async () => {
    const { replica, election } = await joinSubscribed();
    await election.publishScope({ everything: true, ids: new Set(['a']) });
    const [published] = replica.named('publishScope');
    expect(published?.values.slice(0, 2)).toEqual(['me/1', '600000']);
    expect(JSON.parse(published?.values.at(-1) ?? '')).toEqual({
      from: 'me/1',
      message: { kind: 'scope', everything: true, added: ['=a'], removed: [] },
    });
  });
});

describe('a released candidate', () => {
  it('receives no later messages', async () => {
    const { replica, election, notified, errors } = await joinSubscribed();
    await election[Symbol.asyncDispose]();
    replica.heartbeat.replicas = null;
    await replica.beat('missed', new RedisUnavailableError('Redis is unavailable.'));
    await replica.beat('lapsed');
    expect([errors, notified]).toEqual([[], []]);
  });

  it('is released only once, and is not kept for a replica that is not registered', async () => {
    const { replica, election } = await joinSubscribed();
    await election.publishScope({ everything: true, ids: new Set() });
    replica.server.fails = true;
    replica.heartbeat.replicas = new Set(['me']);
    await election[Symbol.asyncDispose]();
    expect(replica.logged).toEqual([
      ['debug', 'could not leave the leader election', { err: expect.any(UpstreamUnreachableError) }],
    ]);
    await election[Symbol.asyncDispose]();
    expect(replica.logged).toHaveLength(1);
    replica.server.fails = false;
    await replica.beat('lapsed');
    const { length } = replica.steps;
    await replica.beat();
    expect(replica.steps).toHaveLength(length);
  });
});
