import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Redis, RedisUnavailableError } from '../../src/runtime/redis.ts';
import {
  longestLeaseMs,
  type RedisHeartbeat,
  replicasKey,
  startRedisHeartbeat,
} from '../../src/runtime/redis-heartbeat.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';

const leaseMs = 12_000;
const logger = { debug: () => undefined, warn: () => undefined };

describeWithRedis('the heartbeat of a replica', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;

  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
    await eventually(() => replica.redis.send((client) => client.ping()));
  });
  afterAll(async () => {
    await replica[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await replica.redis.send((client) => client.configSet('maxmemory', '0'));
    await replica.redis.send((client) => client.flushAll());
  });

  /** A heartbeat with a clock that stands still until the test moves it, and the events that it emits. */
  async function start() {
    const clock = new FakeClock();
    const emitted: string[] = [];
    const link = { sent: 0, fails: false, delay: async () => {} };
    const send: Redis['send'] = async (commands) => {
      link.sent += 1;
      if (link.fails) throw new RedisUnavailableError('Redis is away.');
      const reply = await replica.redis.send(commands);
      await link.delay();
      return reply;
    };
    const heartbeat = startRedisHeartbeat({ redis: { send }, clock, logger, leaseMs });
    heartbeat.listen({
      succeeded: () => emitted.push('succeeded'),
      missed: () => emitted.push('missed'),
      lapsed: () => emitted.push(`lapsed ${heartbeat.replicas}`),
      databaseReplaced: () => emitted.push('replaced'),
      replicasChanged: () => emitted.push(`live ${heartbeat.replicas?.size}`),
    });
    const count = (event: string) => emitted.filter((each) => each === event).length;
    let timers = 2;
    /** Starts or stops keeping a key alive. This adds or removes one pending timer. */
    const keeps = (on: boolean) => {
      timers = on ? 3 : 2;
    };
    /** Resolves when no call is in flight. */
    const settled = () =>
      eventually(() => expect(clock.pending()).toBe(heartbeat.replicas === null ? timers - 1 : timers));
    /** Advances the clock, and waits until every due call has ended. */
    const pass = async (ms: number) => {
      await clock.advanceBy(ms);
      await settled();
    };
    await eventually(() => expect(heartbeat.replicas).not.toBe(null));
    await settled();
    return {
      clock,
      heartbeat,
      emitted,
      link,
      count,
      keeps,
      pass,
      [Symbol.asyncDispose]: () => heartbeat[Symbol.asyncDispose](),
    };
  }
  const startReal = (ms: number): RedisHeartbeat =>
    startRedisHeartbeat({ redis: replica.redis, clock: systemClock, logger, leaseMs: ms });
  /** Registers another replica for a duration, by the server's clock. */
  const register = (id: string, forMs: number) =>
    replica.redis.send(async (client) => {
      const [seconds] = await client.time();
      await client.zAdd(replicasKey, { value: id, score: Number(seconds) * 1_000 + forMs });
    });
  const registered = () => replica.redis.send((client) => client.zRange(replicasKey, 0, -1));

  it('is sent three times in each lease, whatever the wall clock says', async () => {
    await using replica = await start();
    await replica.clock.sleeping(2);
    for (const step of [0, -600_000, 900_000, 120_000]) {
      replica.clock.setWallClock(step);
      const { sent } = replica.link;
      for (let beat = 0; beat < 3; beat += 1) await replica.pass(leaseMs / 3);
      expect(replica.link.sent - sent).toBe(3);
    }
    expect(replica.count('lapsed null')).toBe(0);
    expect(replica.emitted.slice(0, 2)).toEqual(['live 1', 'succeeded']);
  });

  it('registers replicas as long as they live, and removes one that leaves', async () => {
    await using one = startReal(600);
    const other = startReal(600);
    await eventually(() =>
      expect([one.replicas, other.replicas]).toEqual([
        new Set([one.replicaId, other.replicaId]),
        new Set([one.replicaId, other.replicaId]),
      ]),
    );
    await other[Symbol.asyncDispose]();
    expect(await registered()).toEqual([one.replicaId]);
    await eventually(() => expect(one.replicas).toEqual(new Set([one.replicaId])));
  });

  it('lapses before its registration expires, and not earlier than necessary', async () => {
    await using replica = await start();
    replica.link.fails = true;
    await replica.clock.advanceBy(leaseMs * 0.9 - 1);
    expect([replica.heartbeat.replicas?.size, replica.count('lapsed null')]).toEqual([1, 0]);
    await replica.clock.advanceBy(1);
    expect([replica.heartbeat.replicas, replica.count('lapsed null')]).toEqual([null, 1]);
    // The first missed heartbeat is sent after a third of the lease, and the following ones every half second.
    expect(replica.count('missed')).toBe(1 + Math.floor((leaseMs * 0.9 - leaseMs / 3) / 500));
    replica.link.fails = false;
    await replica.pass(500);
    expect(replica.emitted.slice(-2)).toEqual(['live 1', 'succeeded']);
    expect(replica.count('lapsed null')).toBe(1);
  });

  it('ignores a reply that arrives after the lapse', async () => {
    await using beating = await start();
    const { replicaId } = beating.heartbeat;
    let arrive = () => {};
    const late = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    beating.link.delay = () => late;
    await beating.clock.advanceBy(leaseMs * 0.9);
    expect(beating.heartbeat.replicas).toBe(null);
    const { replicaId: nextId } = beating.heartbeat;
    beating.link.delay = async () => {};
    arrive();
    await eventually(() => expect(beating.heartbeat.replicas).toEqual(new Set([nextId])));
    expect([nextId === replicaId, await registered()]).toEqual([false, [nextId]]);
    expect(beating.emitted.slice(-3)).toEqual(['lapsed null', 'live 1', 'succeeded']);
  });

  it('ignores a reply that takes longer than a lease', async () => {
    const beating = await start();
    beating.link.fails = true;
    await beating.clock.advanceBy(leaseMs * 0.9);
    beating.link.fails = false;
    let arrive = () => {};
    beating.link.delay = () =>
      new Promise<void>((resolve) => {
        arrive = resolve;
      });
    await beating.clock.advanceBy(leaseMs / 12);
    const missed = beating.count('missed');
    await beating.clock.advanceBy(leaseMs * 0.9);
    await eventually(() => {
      arrive();
      expect(beating.count('missed')).toBe(missed + 1);
    });
    expect(beating.heartbeat.replicas).toBe(null);
    beating.link.delay = async () => {};
    await beating.heartbeat[Symbol.asyncDispose]();
  });

  it('lapses when Redis rejects it', async () => {
    await using beating = await start();
    await replica.redis.send((client) => client.configSet('maxmemory', '1'));
    await beating.pass(leaseMs / 3);
    expect(beating.count('missed')).toBe(1);
    await beating.clock.advanceBy(leaseMs);
    expect(beating.heartbeat.replicas).toBe(null);
    await replica.redis.send((client) => client.configSet('maxmemory', '0'));
    await eventually(() => beating.pass(leaseMs / 12).then(() => expect(beating.heartbeat.replicas?.size).toBe(1)));
  });

  it('emits nothing to a disposed listener', async () => {
    await using beating = await start();
    let heard = 0;
    const listening = beating.heartbeat.listen({ succeeded: () => (heard += 1) });
    await beating.pass(leaseMs / 3);
    listening[Symbol.dispose]();
    await beating.pass(leaseMs / 3);
    expect(heard).toBe(1);
  });

  it('lapses when the server no longer knows it', async () => {
    await using beating = await start();
    await replica.redis.send((client) => client.zRem(replicasKey, beating.heartbeat.replicaId));
    await beating.pass(leaseMs / 3);
    await eventually(() => expect(beating.emitted.slice(-3)).toEqual(['lapsed null', 'live 1', 'succeeded']));
    expect(await registered()).toEqual([beating.heartbeat.replicaId]);
  });

  it('emits that the database was replaced, after the lapse', async () => {
    await using beating = await start();
    await replica.redis.send((client) => client.flushAll());
    await beating.pass(leaseMs / 3);
    await eventually(() =>
      expect(beating.emitted.slice(-4)).toEqual(['lapsed null', 'replaced', 'live 1', 'succeeded']),
    );
    await beating.pass(leaseMs / 3);
    expect(beating.count('replaced')).toBe(1);
  });

  it('detects the loss of another replica right after its registration has expired', async () => {
    await using beating = await start();
    await register('dying', 1_000);
    await beating.pass(leaseMs / 3);
    expect(beating.emitted.slice(-2)).toEqual(['live 2', 'succeeded']);
    const { sent } = beating.link;
    await beating.clock.advanceBy(1_001);
    expect(beating.link.sent).toBe(sent + 1);
  });

  it('ignores expired registrations, and those from before the clock of the server was set back', async () => {
    await register('expired', -1);
    await register('live', longestLeaseMs - 1_000);
    await register('future', longestLeaseMs + 60_000);
    await using beating = await start();
    expect(beating.heartbeat.replicas).toEqual(new Set(['live', beating.heartbeat.replicaId]));
    expect((await registered()).toSorted()).toEqual(['live', beating.heartbeat.replicaId].toSorted());
  });

  it('survives keys of another type', async () => {
    await using beating = await start();
    for (const key of await replica.redis.send((client) => client.keys('*'))) {
      await replica.redis.send(async (client) => {
        await client.del(key);
        await client.hSet(key, 'some', 'thing');
      });
    }
    await beating.pass(leaseMs / 3);
    await eventually(() =>
      expect(beating.emitted.slice(-4)).toEqual(['lapsed null', 'replaced', 'live 1', 'succeeded']),
    );
  });

  it('leaves keys that expire, and no timer', async () => {
    const beating = await start();
    const keys = await replica.redis.send((client) => client.keys('*'));
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(await replica.redis.send((client) => client.pTTL(key)), key).toBeGreaterThan(0);
    beating.heartbeat.keepAlive(['kept'], 1_000);
    await beating.heartbeat[Symbol.asyncDispose]();
    expect(beating.clock.pending()).toBe(0);
    expect(await registered()).toEqual([]);
    beating.link.fails = true;
    await beating.heartbeat[Symbol.asyncDispose]();
  });

  describe('keeps keys alive', () => {
    const keptMs = 600_000;
    const write = (keys: readonly string[]) =>
      replica.redis.send((client) => Promise.all(keys.map((key) => client.set(key, 'x', { PX: keptMs }))));
    /** Remaining time to live of a key in milliseconds, by the server's clock. */
    const leftMs = (key: string) => replica.redis.send((client) => client.pTTL(key));

    it('with few calls for many keys, spread over time', async () => {
      await using beating = await start();
      const keys = Array.from({ length: 3_000 }, (_, index) => `key-${index}`);
      await write(keys);
      for (let feed = 0; feed < 1_000; feed += 1)
        beating.heartbeat.keepAlive(keys.slice(feed * 3, feed * 3 + 3), 2 * keptMs);
      beating.keeps(true);
      const calls = () => beating.link.sent - beating.count('succeeded');
      const made: number[] = [];
      for (let slot = 0; slot < 20; slot += 1) {
        const before = calls();
        const slotMs = (2 * keptMs) / 30;
        for (let passedMs = 0; passedMs < slotMs; passedMs += leaseMs / 3) await beating.pass(leaseMs / 3);
        made.push(calls() - before);
      }
      // A hundred feeds with three keys each become due at each step.
      expect(made).toEqual(Array.from({ length: 20 }, () => 3));
      for (const key of keys) expect(await leftMs(key), key).toBeGreaterThan(keptMs);
    });

    it('until they are released', async () => {
      await using beating = await start();
      await write(['kept', 'dropped']);
      const kept = beating.heartbeat.keepAlive(['kept'], 2 * keptMs);
      const dropped = beating.heartbeat.keepAlive(['dropped', 'missing'], 2 * keptMs);
      dropped[Symbol.dispose]();
      beating.keeps(true);
      await beating.pass(keptMs);
      expect(await leftMs('kept')).toBeGreaterThan(keptMs);
      expect([(await leftMs('dropped')) <= keptMs, await leftMs('missing')]).toEqual([true, -2]);
      const timers = beating.clock.pending();
      kept[Symbol.dispose]();
      expect(beating.clock.pending()).toBe(timers - 1);
    });

    it('even when one call has failed', async () => {
      await using beating = await start();
      await write(['kept']);
      using _kept = beating.heartbeat.keepAlive(['kept'], 2 * keptMs);
      beating.keeps(true);
      beating.link.fails = true;
      await beating.pass(keptMs);
      expect(await leftMs('kept')).toBeLessThanOrEqual(keptMs);
      beating.link.fails = false;
      await beating.pass(leaseMs / 3);
      expect(await leftMs('kept')).toBeGreaterThan(keptMs);
    });
  });
});
