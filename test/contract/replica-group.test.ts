import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type Redis, startRedis } from '../../src/runtime/redis.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { startReplicaGroup } from '../support/replica-group.ts';

/** Time over which calls are counted, in milliseconds. */
const windowMs = 3_000;

/** A machine clock whose wall clock is set forward. */
const aheadBy = (ms: number): Clock => ({
  now: () => new Date(systemClock.now().getTime() + ms),
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (forMs, signal) => systemClock.sleep(forMs, signal),
  deadline: (forMs) => systemClock.deadline(forMs),
  alarm: (forMs, ring) => systemClock.alarm(forMs, ring),
});

describeWithRedis('replicas with one Redis', () => {
  let server: RedisUnderTest;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedisServer();
    redis = startRedis({ url: server.url, clock: systemClock, logger: createLogger({ level: 'silent' }) });
    await eventually(() => redis.send((client) => client.ping()));
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Number of calls by clients so far. Commands in scripts do not count. */
  const callsTo = async (counted: Redis): Promise<number> => {
    const stats = await counted.send((client) => client.info('commandstats'));
    const sent = /^cmdstat_(?:evalsha|eval|ping|xread|xrange|subscribe|unsubscribe|client\|unblock):calls=(\d+)/gm;
    return [...stats.matchAll(sent)].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  /** Calls per second of one replica to a Redis of its own while nothing changes. */
  async function idleRate(feeds: number): Promise<number> {
    const replicas = 2;
    const minute = 60_000;
    await using own = await startRedisServer();
    await using counted = startRedis({ url: own.url, clock: systemClock, logger: createLogger({ level: 'silent' }) });
    await eventually(() => counted.send((client) => client.ping()));
    await using _group = await startReplicaGroup({
      url: own.url,
      replicas,
      feeds,
      pollMinMs: minute,
      pollMaxMs: minute,
      leasePollMs: 2_000,
    });
    // The first window contains the end of the start.
    await systemClock.sleep(windowMs);
    const before = await callsTo(counted);
    await systemClock.sleep(windowMs);
    return ((await callsTo(counted)) - before) / (windowMs / 1_000) / replicas;
  }

  it('send few calls while nothing changes, however many feeds they watch', async () => {
    const rates = await Promise.all([idleRate(100), idleRate(300)]);
    // A heartbeat each second, and a ping every two seconds on each of two connections, including those of the test.
    expect(Math.min(...rates)).toBeGreaterThan(0.5);
    expect(Math.max(...rates)).toBeLessThan(4);
  });

  it.each([30_000, 120_000])(
    'detect changes after a takeover from a replica whose clock is %d ms ahead',
    async (ms) => {
      await redis.send((client) => client.flushAll());
      await using group = await startReplicaGroup({
        url: server.url,
        replicas: 2,
        feeds: 1,
        pollMinMs: 100,
        pollMaxMs: 200,
        clocks: [aheadBy(ms), systemClock],
      });
      const [tenant] = group.tenants;
      if (tenant === undefined) throw new Error('There is one feed.');
      const states: (string | undefined)[] = [];
      group.onEvent = ({ kind, entity }, replica) => states.push(`${replica} ${kind} ${entity?.state}`);
      await eventually(() => expect(group.registries.map((registry) => registry.stats().polling)).toEqual([1, 0]));
      group.platform.change(tenant);
      await eventually(() => expect(states.toSorted()).toEqual(['0 CHANGED INACTIVE', '1 CHANGED INACTIVE']));
      await group.stop(0);
      states.length = 0;
      group.platform.change(tenant);
      await eventually(() => expect(states).toEqual(['1 CHANGED ACTIVE']));
      expect(group.registries[1]?.stats().polling).toBe(1);
    },
  );
});
