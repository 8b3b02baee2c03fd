import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIdempotencyRecords } from '../../src/context/idempotency/idempotency.ts';
import { createMemoryIdempotencyStore } from '../../src/context/idempotency/memory-store.ts';
import { createRedisIdempotencyStore } from '../../src/context/idempotency/redis-store.ts';
import { OutcomeUnknownError, RateLimitedError } from '../../src/errors.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { tenantOf } from '../support/tenants.ts';
import { uncountedWrites } from '../support/uncounted-metrics.ts';
import { controlledCreate, createRequest, idempotencyContract } from './idempotency.contract.ts';

const dayMs = 24 * 60 * 60 * 1_000;

idempotencyContract('createMemoryIdempotencyStore', async (clock) => createMemoryIdempotencyStore({ clock }));

describe('createMemoryIdempotencyStore', () => {
  const setUp = () => {
    const clock = new FakeClock();
    const store = createMemoryIdempotencyStore({ clock });
    return { clock, store, records: createIdempotencyRecords({ store, clock, metrics: uncountedWrites }) };
  };
  const create = async () => 'job-1';

  it('forgets a key after 24 hours, and not before', async () => {
    const { clock, records } = setUp();
    await records.run(createRequest(), create);
    await clock.advanceBy(dayMs - 1);
    expect(await records.run(createRequest(), create)).toMatchObject({ replayed: true });
    await clock.advanceBy(1);
    expect(await records.run(createRequest(), create)).toMatchObject({ replayed: false });
  });

  it('stores nothing about rejected creates, and nothing about any tenant after a day', async () => {
    const { clock, store, records } = setUp();
    for (let each = 0; each < 20; each += 1) {
      const tenant = tenantOf(`sandbox-${each}`);
      await records.run(createRequest({ tenant }), create);
      const rejected = records.run(createRequest({ tenant, key: 'k2' }), () => Promise.reject(new Error('no')));
      await expect(rejected).rejects.toThrow();
    }
    expect(store.size).toEqual({ keys: 20, tenants: 20 });
    await clock.advanceBy(dayMs);
    await records.run(createRequest(), create);
    expect(store.size).toEqual({ keys: 1, tenants: 1 });
  });

  it('stores 10,000 keys of a tenant, and evicts its oldest key first', async () => {
    const { store, records } = setUp();
    const run = (key: string) => records.run(createRequest({ key }), create);
    await records.run(createRequest({ tenant: tenantOf('dev') }), create);
    for (let each = 0; each < 10_001; each += 1) await run(`k${each}`);
    expect(store.size.keys).toBe(10_001);
    expect(await run('k1')).toMatchObject({ replayed: true });
    expect(await run('k0')).toMatchObject({ replayed: false });
    expect(await records.run(createRequest({ tenant: tenantOf('dev') }), create)).toMatchObject({ replayed: true });
  });

  it('stores 4 MiB of a tenant', async () => {
    const { store, records } = setUp();
    const longId = 'x'.repeat(2 ** 18);
    for (let each = 0; each < 20; each += 1) await records.run(createRequest({ key: `k${each}` }), async () => longId);
    // The last key may exceed the limit, because its id is not known when its create begins.
    expect(store.size.keys).toBe(8);
  });

  it('stores 100,000 keys in total, and evicts a key of the largest tenant', async () => {
    const { store } = setUp();
    const claim = async (sandbox: string, key: string) => {
      const found = await store.claim({ tenant: tenantOf(sandbox), operation: 'createDataset', key }, 'input');
      if (found.state === 'claimed') await found.claim.end({ state: 'done', id: 'id' });
      return found.state;
    };
    await claim('small', 'k');
    for (let tenant = 0; tenant < 11; tenant += 1) {
      for (let each = 0; each < 9_999; each += 1) await claim(`sandbox-${tenant}`, `k${each}`);
    }
    expect(store.size.keys).toBe(100_000);
    expect(await claim('small', 'k')).toBe('done');
  });

  it('evicts no running create, but rejects one more', async () => {
    const { store, records } = setUp();
    for (let each = 0; each < 10_000; each += 1) {
      await store.claim({ tenant: tenantOf('prod'), operation: 'createDataset', key: `k${each}` }, 'input');
    }
    await expect(records.run(createRequest(), create)).rejects.toBeInstanceOf(RateLimitedError);
    expect(await records.run(createRequest({ tenant: tenantOf('dev') }), create)).toMatchObject({ replayed: false });
  });
});

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;
  const logger = createLogger({ level: 'silent' });
  const ending = new AbortController();
  const storeOf = ({ redis }: RedisReplica, clock: Clock) =>
    createRedisIdempotencyStore({ redis, clock, logger, lifetime: ending.signal });
  const recordsOf = (of: RedisReplica, clock: Clock) =>
    createIdempotencyRecords({ store: storeOf(of, clock), clock, metrics: uncountedWrites });

  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
  });
  beforeEach(() => eventually(() => replica.redis.send((client) => client.flushAll())));
  afterAll(async () => {
    ending.abort();
    await replica[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  idempotencyContract('createRedisIdempotencyStore', async (clock) => storeOf(replica, clock));

  describe('createRedisIdempotencyStore', () => {
    const allKeys = () => replica.redis.send((client) => client.keys('*'));
    const leaseKey = async () => (await allKeys()).find((key) => key.endsWith(':lease')) ?? '';
    const recordKey = async () => (await allKeys()).find((key) => !key.endsWith(':lease')) ?? '';
    const stateOf = async () => {
      const key = await recordKey();
      return key === '' ? null : await replica.redis.send((client) => client.hGet(key, 'state'));
    };
    /** Redis does this itself when the lease is not renewed. */
    const expire = async (key: string) => void (await replica.redis.send((client) => client.del(key)));
    const created = async (starting: () => Promise<void>) => {
      await starting();
      return 'job-1';
    };

    it('lets a request wait for the create of another replica', async () => {
      await using other = startReplica(server.url);
      await eventually(() => other.redis.send((client) => client.ping()));
      const clock = new FakeClock();
      const { create, send, sent, resolve } = controlledCreate();
      const first = recordsOf(other, new FakeClock()).run(createRequest(), create);
      await sent();
      const second = recordsOf(replica, clock).run(createRequest(), create);
      await clock.tick();
      resolve('job-1');
      expect(await first).toEqual({ id: 'job-1', replayed: false });
      expect(await clock.runUntil(second)).toEqual({ id: 'job-1', replayed: true });
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('does not repeat a create whose replica was lost after it had started', async () => {
      const clock = new FakeClock();
      const { create, send, sent } = controlledCreate();
      void recordsOf(replica, new FakeClock()).run(createRequest(), create);
      await sent();
      const second = recordsOf(replica, clock).run(createRequest(), create);
      await clock.sleeping();
      await expire(await leaseKey());
      await expect(clock.runUntil(second)).rejects.toBeInstanceOf(OutcomeUnknownError);
      await expect(recordsOf(replica, clock).run(createRequest(), create)).rejects.toBeInstanceOf(OutcomeUnknownError);
      expect(send).toHaveBeenCalledTimes(1);
    });

    it('frees the key of a replica that was lost before it started the create', async () => {
      const clock = new FakeClock();
      await storeOf(replica, new FakeClock()).claim(createRequest(), 'input');
      expect(await stateOf()).toBe('claimed');
      const leftMs = await replica.redis.send(async (client) => client.pTTL(await recordKey()));
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(10_000);
      const second = storeOf(replica, clock).claim(createRequest(), 'input');
      expect(await second).toMatchObject({ state: 'busy' });
      await expire(await recordKey());
      expect(await recordsOf(replica, clock).run(createRequest(), created)).toEqual({ id: 'job-1', replayed: false });
    });

    it('starts no create under a claim that has expired', async () => {
      const first = await storeOf(replica, new FakeClock()).claim(createRequest(), 'input');
      if (first.state !== 'claimed') throw new Error('The key was not free.');
      await expire(await recordKey());
      expect(await first.claim.start()).toBe(false);
      const second = await storeOf(replica, new FakeClock()).claim(createRequest(), 'input');
      if (second.state !== 'claimed') throw new Error('The key was not free.');
      expect(await first.claim.start()).toBe(false);
      await first.claim.end({ state: 'unknown' });
      expect(await stateOf()).toBe('claimed');
      expect(await second.claim.start()).toBe(true);
      await second.claim.end({ state: 'free' });
      expect(await allKeys()).toEqual([]);
    });

    it.each(['claimed', 'running'] as const)(
      'renews the lease of a %s record as long as the create takes',
      async (state) => {
        const clock = new FakeClock();
        const { create, sent, resolve } = controlledCreate();
        let prepare = () => {};
        const prepared = new Promise<void>((settle) => {
          prepare = settle;
        });
        const first = recordsOf(replica, clock).run(createRequest(), async (starting) => {
          await prepared;
          return await create(starting);
        });
        if (state === 'running') prepare();
        await eventually(async () => expect(await stateOf()).toBe(state));
        const key = state === 'running' ? await leaseKey() : await recordKey();
        await replica.redis.send((client) => client.pExpire(key, 5_000));
        await clock.advanceBy(4_000);
        await eventually(async () =>
          expect(await replica.redis.send((client) => client.pTTL(key))).toBeGreaterThan(5_000),
        );
        prepare();
        await sent();
        resolve('job-1');
        await first;
        expect(clock.pending()).toBe(0);
      },
    );

    it('stores neither key nor input in Redis, and nothing for longer than 24 hours', async () => {
      const request = createRequest({ key: 'a secret key', input: { name: 'a secret name' } });
      await recordsOf(replica, new FakeClock()).run(request, created);
      const keys = await allKeys();
      expect(keys).toHaveLength(1);
      const [key = ''] = keys;
      const record = await replica.redis.send((client) => client.hGetAll(key));
      expect(JSON.stringify({ key, record })).not.toContain('secret');
      expect(record).toMatchObject({ state: 'done', id: 'job-1' });
      const leftMs = await replica.redis.send((client) => client.pTTL(key));
      expect(leftMs).toBeGreaterThan(dayMs - 60_000);
      expect(leftMs).toBeLessThanOrEqual(dayMs);
    });

    it('creates nothing while Redis is unavailable', async () => {
      const { create, send } = controlledCreate();
      await server.kill();
      const run = recordsOf(replica, new FakeClock()).run(createRequest(), create);
      await expect(run).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
      expect(send).not.toHaveBeenCalled();
      await server.start();
    });

    it('returns the created id although Redis became unavailable meanwhile', async () => {
      const run = recordsOf(replica, new FakeClock()).run(createRequest(), async (starting) => {
        await starting();
        await server.kill();
        return 'job-1';
      });
      expect(await run).toEqual({ id: 'job-1', replayed: false });
      await server.start();
    });

    it('stores the result of a create in Redis later', async () => {
      const clock = new FakeClock();
      await eventually(() => replica.redis.send((client) => client.ping()));
      const { create, sent, resolve } = controlledCreate();
      const first = recordsOf(replica, clock).run(createRequest(), create);
      await sent();
      server.cut();
      resolve('job-1');
      expect(await first).toEqual({ id: 'job-1', replayed: false });
      await eventually(async () => {
        await clock.advanceBy(1_000);
        expect(await stateOf()).toBe('done');
      });
      expect(await recordsOf(replica, new FakeClock()).run(createRequest(), create)).toMatchObject({ replayed: true });
    });

    it.each(['claim', 'start'] as const)(
      'keeps the key usable when Redis responds too late to the %s',
      async (step) => {
        const clock = new FakeClock();
        await using late = startReplica(server.url, clock);
        await eventually(() => late.redis.send((client) => client.ping()));
        const { create, send, sent, resolve } = controlledCreate();
        let pause = () => {};
        const paused = new Promise<void>((settle) => {
          pause = () => {
            server.pause();
            settle();
          };
        });
        if (step === 'claim') pause();
        const first = recordsOf(late, clock).run(createRequest(), async (starting) => {
          if (step === 'start') pause();
          return await create(starting);
        });
        const failure = expect(first).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
        await paused;
        // The step is abandoned now. Redis executes it when it continues.
        await clock.advanceBy(3_000);
        if (step === 'start') await clock.advanceBy(3_000);
        await failure;
        server.resume();
        expect(send).not.toHaveBeenCalled();
        const second = recordsOf(replica, systemClock).run(createRequest(), create);
        await sent();
        resolve('job-1');
        expect(await second).toEqual({ id: 'job-1', replayed: false });
        expect(send).toHaveBeenCalledTimes(1);
      },
    );
  });
});
