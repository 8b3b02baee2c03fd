import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMemoryIdempotencyRecords } from '../../src/context/idempotency.ts';
import { createRedisIdempotencyRecords } from '../../src/context/redis-idempotency.ts';
import { OutcomeUnknownError } from '../../src/errors.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { createRequest, idempotencyContract } from './idempotency.contract.ts';

const dayMs = 24 * 60 * 60 * 1_000;

idempotencyContract('createMemoryIdempotencyRecords', async (clock) => createMemoryIdempotencyRecords({ clock }));

describe('createMemoryIdempotencyRecords', () => {
  it('forgets a key after 24 hours', async () => {
    const clock = new FakeClock();
    const records = createMemoryIdempotencyRecords({ clock });
    const create = vi.fn(async () => 'job-1');
    await records.run(createRequest(), create);
    await clock.advanceBy(dayMs);
    expect(await records.run(createRequest(), create)).toMatchObject({ replayed: false });
  });
});

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;
  const logger = createLogger({ level: 'silent' });
  const recordsOf = ({ redis }: RedisReplica, clock: FakeClock) =>
    createRedisIdempotencyRecords({ redis, clock, logger });

  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
  });
  beforeEach(() => eventually(() => replica.redis.send((client) => client.flushAll())));
  afterAll(async () => {
    await replica[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  idempotencyContract('createRedisIdempotencyRecords', async (clock) => recordsOf(replica, clock));

  describe('createRedisIdempotencyRecords', () => {
    const never = () => new Promise<string>(() => {});
    const allKeys = () => replica.redis.send((client) => client.keys('*'));
    const leaseKey = async () => (await allKeys()).find((key) => key.endsWith(':lease')) ?? '';

    it('let a request join the create of another replica', async () => {
      await using other = startReplica(server.url);
      await eventually(() => other.redis.send((client) => client.ping()));
      const clock = new FakeClock();
      let resolve = (_id: string) => {};
      const create = vi.fn(
        () =>
          new Promise<string>((settle) => {
            resolve = settle;
          }),
      );
      const first = recordsOf(other, new FakeClock()).run(createRequest(), create);
      await vi.waitFor(() => expect(create).toHaveBeenCalled());
      const second = recordsOf(replica, clock).run(createRequest(), create);
      await clock.tick();
      resolve('job-1');
      expect(await first).toEqual({ id: 'job-1', replayed: false });
      expect(await clock.runUntil(second)).toEqual({ id: 'job-1', replayed: true });
      expect(create).toHaveBeenCalledTimes(1);
    });

    it('do not repeat a create whose replica was lost in the middle of it', async () => {
      const clock = new FakeClock();
      const create = vi.fn(never);
      void recordsOf(replica, new FakeClock()).run(createRequest(), create);
      await vi.waitFor(() => expect(create).toHaveBeenCalled());
      const second = recordsOf(replica, clock).run(createRequest(), create);
      await clock.sleeping();
      // What Redis does by itself when nobody renews it.
      const lease = await leaseKey();
      await replica.redis.send((client) => client.del(lease));
      await expect(clock.runUntil(second)).rejects.toBeInstanceOf(OutcomeUnknownError);
      await expect(recordsOf(replica, clock).run(createRequest(), create)).rejects.toBeInstanceOf(OutcomeUnknownError);
      expect(create).toHaveBeenCalledTimes(1);
    });

    it('say that a create is under way for as long as it takes', async () => {
      const clock = new FakeClock();
      const create = vi.fn(never);
      void recordsOf(replica, clock).run(createRequest(), create);
      await vi.waitFor(() => expect(create).toHaveBeenCalled());
      const lease = await leaseKey();
      await replica.redis.send((client) => client.pExpire(lease, 5_000));
      await clock.advanceBy(4_000);
      await eventually(async () =>
        expect(await replica.redis.send((client) => client.pTTL(lease))).toBeGreaterThan(5_000),
      );
    });

    it('do not wait for ever', async () => {
      const clock = new FakeClock();
      const create = vi.fn(never);
      void recordsOf(replica, new FakeClock()).run(createRequest(), create);
      await vi.waitFor(() => expect(create).toHaveBeenCalled());
      const second = recordsOf(replica, clock).run(createRequest(), create);
      await expect(clock.runUntil(second)).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT', retryable: true });
    });

    it('hold neither key nor input, and nothing for longer than 24 hours', async () => {
      const request = createRequest({ key: 'a secret key', input: { name: 'a secret name' } });
      await recordsOf(replica, new FakeClock()).run(request, async () => 'job-1');
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

    it('create nothing while Redis is away', async () => {
      const create = vi.fn(async () => 'job-1');
      await server.kill();
      const run = recordsOf(replica, new FakeClock()).run(createRequest(), create);
      await expect(run).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
      expect(create).not.toHaveBeenCalled();
      await server.start();
    });

    it('answer with what was created although Redis went away meanwhile', async () => {
      const create = async () => {
        await server.kill();
        return 'job-1';
      };
      const run = recordsOf(replica, new FakeClock()).run(createRequest(), create);
      expect(await run).toEqual({ id: 'job-1', replayed: false });
      await server.start();
    });
  });
});
