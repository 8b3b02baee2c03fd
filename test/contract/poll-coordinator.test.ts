import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogFencedError } from '../../src/events/event-log.ts';
import { feedKeys } from '../../src/events/redis-keys.ts';
import { createMemoryCoordinator } from '../../src/poller/memory-coordinator.ts';
import type { FeedName, Lease, PollListener } from '../../src/poller/poll-coordinator.ts';
import { createRedisCoordinator, leaseMsFor } from '../../src/poller/redis-coordinator.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { Redis } from '../../src/runtime/redis.ts';
import { eventually } from '../support/eventually.ts';
import { snapshotOf } from '../support/open-log.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { tenantOf } from '../support/tenants.ts';
import { pollCoordinatorContract } from './poll-coordinator.contract.ts';

/** Long enough to be renewed on a busy machine, in milliseconds. */
const leaseMs = 600;
/** So long that no test waits for its end. */
const endlessMs = 600_000;
const { signal: never } = new AbortController();
const logger = { debug: () => undefined, warn: () => undefined };

pollCoordinatorContract('createMemoryCoordinator', () => {
  const coordinator = createMemoryCoordinator();
  return { replica: () => coordinator, [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose]() };
});

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  const replicas: RedisReplica[] = [];

  const coordinatorsOf = ({ redis }: Pick<RedisReplica, 'redis'>) => {
    const options = { redis, clock: systemClock, logger };
    return {
      coordinator: createRedisCoordinator({ ...options, leaseMs }),
      patient: createRedisCoordinator({ ...options, leaseMs: endlessMs }),
    };
  };
  const replica = async () => {
    const started = startReplica(server.url);
    replicas.push(started);
    await eventually(() => started.redis.send((client) => client.ping()));
    return { ...started, ...coordinatorsOf(started) };
  };
  let first: Awaited<ReturnType<typeof replica>>;
  let second: Awaited<ReturnType<typeof replica>>;

  beforeAll(async () => {
    server = await startRedisServer();
    first = await replica();
    second = await replica();
  });
  afterAll(async () => {
    for (const each of replicas) await each[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  pollCoordinatorContract('createRedisCoordinator', () => {
    let next = 0;
    return {
      replica: () => {
        next += 1;
        return next % 2 === 1 ? first.patient : second.patient;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  });

  describe('createRedisCoordinator', () => {
    let feeds = 0;
    const ownFeed = (): FeedName => {
      feeds += 1;
      return { tenant: tenantOf('prod'), kind: `own-${feeds}` };
    };
    const listener = (more: Partial<PollListener> = {}): PollListener => ({
      received: () => undefined,
      termChanged: () => undefined,
      unreachable: () => undefined,
      ...more,
    });
    const lost = ({ lost: signal }: Lease) =>
      new Promise<number>((resolve) =>
        signal.addEventListener('abort', () => resolve(performance.now()), { once: true }),
      );

    it('passes the lease of a replica that is cut off on, after that one has noticed', async () => {
      const dying = await replica();
      const feed = ownFeed();
      const lease = await dying.coordinator.join(feed, listener()).elected(never);
      await using seat = second.coordinator.join(feed, listener());
      const noticed = lost(lease);
      const since = performance.now();
      const taking = seat.elected(never);
      await dying.redis[Symbol.asyncDispose]();
      const next = await taking;
      const tookAt = performance.now();
      expect(await noticed).toBeLessThan(tookAt);
      expect(tookAt - since).toBeLessThan(2 * leaseMs);
      expect(next.term).toBeGreaterThan(lease.term);
    });

    it('keeps the lease as long as it is renewed', async () => {
      const feed = ownFeed();
      let attempts = 0;
      const send: Redis['send'] = (commands) => {
        attempts += 1;
        return second.redis.send(commands);
      };
      const candidate = createRedisCoordinator({ redis: { send }, clock: systemClock, logger, leaseMs });
      await using holder = first.coordinator.join(feed, listener());
      await using other = candidate.join(feed, listener());
      const lease = await holder.elected(never);
      const controller = new AbortController();
      const given = expect(other.elected(controller.signal)).rejects.toThrow('enough');
      // Each attempt but the first comes when the lease would have run out.
      await eventually(() => expect(attempts).toBeGreaterThan(4));
      expect([lease.lost.aborted, other.term]).toEqual([false, lease.term]);
      controller.abort(new Error('enough'));
      await given;
    });

    it('fences the log from the moment at which the next lease is granted, also for one who never noticed', async () => {
      const feed = ownFeed();
      const keys = feedKeys(feed.tenant, feed.kind);
      await using log = first.createLog<{ readonly id: string }>({ key: ({ id }) => id, keys });
      await using holder = first.coordinator.join(feed, listener());
      await using other = second.coordinator.join(feed, listener());
      const lease = await holder.elected(never);
      const at = { observedAt: new Date(), term: lease.term };
      await log.write({ changes: [{ kind: 'CREATED', entity: { id: 'a' } }] }, at);
      await first.redis.send((client) => client.del(`${keys.prefix}:lease`));
      await other.elected(never);
      await expect(log.write({ changes: [{ kind: 'STALE', subject: 'feed' }] }, at)).rejects.toBeInstanceOf(
        LogFencedError,
      );
      expect(await snapshotOf(log)).toMatchObject({ stale: new Set() });
      expect(await lost(lease)).toBeGreaterThan(0);
    });

    it('keeps nothing for ever', async () => {
      const feed = ownFeed();
      await using seat = first.coordinator.join(feed, listener());
      await seat.announce({ everything: true, ids: new Set() });
      await seat.elected(never);
      const { prefix } = feedKeys(feed.tenant, feed.kind);
      const keys = await first.redis.send((client) => client.keys(`${prefix}:*`));
      expect(keys.map((key) => key.slice(prefix.length)).toSorted()).toEqual([
        ':lease',
        ':meta',
        ':replicas',
        ':scopes',
      ]);
      for (const key of keys) expect(await first.redis.send((client) => client.pTTL(key)), key).toBeGreaterThan(0);
    });

    it('says what it watches when that changes, not whenever a subscriber comes', async () => {
      let sent = 0;
      const send: Redis['send'] = (commands) => {
        sent += 1;
        return first.redis.send(commands);
      };
      const counted = createRedisCoordinator({ redis: { send }, clock: systemClock, logger, leaseMs });
      const feed = ownFeed();
      await using one = counted.join(feed, listener());
      await using other = second.coordinator.join(feed, listener());
      const scope = (id: string) => ({ everything: false, ids: new Set([id]) });
      await one.announce(scope('a'));
      const before = sent;
      await Promise.all([one.announce(scope('a')), one.announce(scope('b')), one.announce(scope('b'))]);
      expect(sent).toBe(before + 1);
      expect(await other.others()).toEqual(scope('b'));
    });

    it('asks for everything in place of a thousand names', async () => {
      const feed = ownFeed();
      await using one = first.coordinator.join(feed, listener());
      await using other = second.coordinator.join(feed, listener());
      const ids = new Set(Array.from({ length: 1_001 }, (_, index) => `${index}`));
      await other.announce({ everything: false, ids });
      expect(await one.others()).toEqual({ everything: true, ids: new Set() });
    });

    it('says that Redis is away, and goes on by itself when it is back, empty: with greater terms, and heard by all', async () => {
      const feed = ownFeed();
      const errors: unknown[] = [];
      const heard: string[] = [];
      await using holder = first.coordinator.join(feed, listener());
      await using other = second.coordinator.join(
        feed,
        listener({ unreachable: (error) => errors.push(error), received: ({ kind }) => heard.push(kind) }),
      );
      await holder.announce({ everything: true, ids: new Set() });
      const lease = await holder.elected(never);
      const noticed = lost(lease);
      const taking = other.elected(never);
      await server.kill();
      await noticed;
      await eventually(() => expect(errors.at(-1)).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true }));
      await expect(holder.others()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
      await server.start();
      expect((await taking).term).toBeGreaterThan(lease.term);
      await eventually(async () => {
        await holder.send({ kind: 'nudge' });
        expect(heard.at(-1)).toBe('nudge');
      });
      await eventually(async () => expect(await other.others()).toEqual({ everything: true, ids: new Set() }));
    });

    it('survives what it does not understand, and says so', async () => {
      const feed = ownFeed();
      const heard: string[] = [];
      const warnings: string[] = [];
      const noting = createLogger({ level: 'warn', destination: { write: (line) => void warnings.push(line) } });
      const { redis } = second;
      const coordinator = createRedisCoordinator({ redis, clock: systemClock, logger: noting, leaseMs });
      await using other = coordinator.join(feed, listener({ received: ({ kind }) => heard.push(kind) }));
      const { prefix } = feedKeys(feed.tenant, feed.kind);
      await eventually(async () => {
        await first.redis.send((client) => client.publish(`${prefix}:polls`, 'nonsense'));
        await first.coordinator.send(feed, { kind: 'nudge' });
        expect(heard.at(-1)).toBe('nudge');
      });
      expect(warnings[0]).toContain('not understood');
      expect(other.term).toBe(null);
    });
  });
});

it('holds a lease for less than two of the shortest pauses, and never for an instant only', () => {
  expect([100, 2_000, 10_000].map(leaseMsFor)).toEqual([1_000, 3_000, 15_000]);
});
