import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogFencedError } from '../../src/events/log.ts';
import { feedKeys } from '../../src/events/redis/keys.ts';
import type {
  FeedName,
  LeaderElection,
  LeaderElections,
  Lease,
  PollListener,
} from '../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../src/polling/leader/memory.ts';
import { createRedisElections, leaseMsFor } from '../../src/polling/leader/redis.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type Redis, type RedisSubscriber, RedisUnavailableError } from '../../src/runtime/redis.ts';
import { type RedisHeartbeat, replicasKey, startRedisHeartbeat } from '../../src/runtime/redis-heartbeat.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { namesakeOf, tenantOf } from '../support/tenants.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { leaderElectionContract } from './leader-election.contract.ts';

/** Long enough to be renewed on a busy machine, in milliseconds. */
const leaseMs = 900;
/** Longer than any test, in milliseconds. */
const endlessMs = 30_000;
const { signal: never } = new AbortController();

leaderElectionContract('createMemoryElections', () => {
  const elections = createMemoryElections();
  return {
    replica: () => elections,
    held: async () => ({}),
    [Symbol.asyncDispose]: () => elections[Symbol.asyncDispose](),
  };
});

/** One gateway process with its leader elections. */
interface Replica extends AsyncDisposable {
  readonly redis: Redis;
  readonly heartbeat: RedisHeartbeat;
  readonly elections: LeaderElections;
  readonly warnings: readonly string[];
  createLog: RedisReplica['createLog'];
  /** Number of keys that are kept alive. */
  readonly keeps: number;
  /** Number of commands sent, without heartbeats. */
  readonly sent: number;
  /** Makes calls of the elections fail without being executed, or succeed again. */
  fail(on: boolean): void;
  /** Replies to calls of the elections arrive after this promise. */
  delay: Promise<void>;
  /** Removes the subscriptions, or restores them. Messages in between are lost. */
  deafen(on: boolean): void;
}

async function startElections(
  url: string,
  { lease = endlessMs, clock = systemClock }: { readonly lease?: number; readonly clock?: Clock } = {},
): Promise<Replica> {
  const replica = startReplica(url);
  const warnings: string[] = [];
  const logger = createLogger({ level: 'warn', destination: { write: (line) => void warnings.push(line) } });
  const inner = startRedisHeartbeat({ redis: replica.redis, clock: systemClock, logger, leaseMs: lease });
  let keeps = 0;
  let sent = 0;
  let fails = false;
  let isDeaf = false;
  const subscribers = new Set<RedisSubscriber>();
  const heartbeat: RedisHeartbeat = {
    get replicaId() {
      return inner.replicaId;
    },
    get replicas() {
      return inner.replicas;
    },
    listen: (listener) => inner.listen(listener),
    keepAlive: (keys, ms) => {
      const keeping = inner.keepAlive(keys, ms);
      keeps += 1;
      return {
        [Symbol.dispose]: () => {
          keeps -= 1;
          keeping[Symbol.dispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
  const redis: Pick<Redis, 'send' | 'subscribe'> = {
    send: async (commands) => {
      sent += 1;
      if (fails) throw new RedisUnavailableError('Redis is away.');
      const reply = await replica.redis.send(commands);
      await started.delay;
      return reply;
    },
    subscribe: (channel, subscriber) => {
      const subscription = replica.redis.subscribe(channel, {
        onMessage: (text) => {
          if (!isDeaf) subscriber.onMessage(text);
        },
        onSubscribed: () => subscriber.onSubscribed(),
        onLost: () => subscriber.onLost(),
      });
      subscribers.add(subscriber);
      return {
        [Symbol.dispose]: () => {
          subscribers.delete(subscriber);
          subscription[Symbol.dispose]();
        },
      };
    },
  };
  const elections = createRedisElections({ redis, heartbeat, clock, logger });
  const started: Replica = {
    redis: replica.redis,
    heartbeat,
    elections,
    warnings,
    delay: Promise.resolve(),
    createLog: (options) => replica.createLog(options),
    get keeps() {
      return keeps;
    },
    get sent() {
      return sent;
    },
    fail: (on) => {
      fails = on;
    },
    deafen: (on) => {
      isDeaf = on;
      for (const subscriber of subscribers) {
        if (on) subscriber.onLost();
        else subscriber.onSubscribed();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await elections[Symbol.asyncDispose]();
      await heartbeat[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
    },
  };
  await eventually(() => expect(inner.replicas).not.toBe(null));
  return started;
}

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  let first: Replica;
  let second: Replica;
  const clock = new TrackedClock();

  beforeAll(async () => {
    server = await startRedisServer();
    first = await startElections(server.url, { clock });
    second = await startElections(server.url, { clock });
  });
  afterAll(async () => {
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const scopesOf = ({ tenant, kind }: FeedName): string => `${feedKeys(tenant, kind).prefix}:scopes`;
  const channelOf = ({ tenant, kind }: FeedName): string => `${feedKeys(tenant, kind).prefix}:polls`;
  const metaOf = ({ tenant, kind }: FeedName): string => feedKeys(tenant, kind).meta;

  leaderElectionContract('createRedisElections', () => {
    let next = 0;
    return {
      replica: () => {
        next += 1;
        return (next % 2 === 1 ? first : second).elections;
      },
      held: (feeds) =>
        first.redis.send(async (client) => {
          const subscribers = await client.pubSubNumSub(feeds.map(channelOf));
          const fields = await Promise.all(feeds.map((feed) => client.hLen(scopesOf(feed))));
          const holders = await Promise.all(feeds.map((feed) => client.hGet(metaOf(feed), 'holder')));
          return {
            subscriptions: Object.values(subscribers).reduce((sum, count) => sum + Number(count), 0),
            fields: fields.reduce((sum, count) => sum + count, 0),
            holders: holders.filter((holder) => holder !== null).length,
            keeps: first.keeps + second.keeps,
            timers: clock.pending,
          };
        }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  });

  describe('createRedisElections', () => {
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
    const whole = { everything: true, ids: new Set<string>() };
    const lost = ({ lost: signal }: Lease) =>
      new Promise<number>((resolve) =>
        signal.addEventListener('abort', () => resolve(performance.now()), { once: true }),
      );
    /** Resolves when the candidate knows the leader and the scope of the other replicas. */
    const knows = (election: LeaderElection, term: number) => eventually(() => expect(election.term).toBe(term));

    it('sends nothing while nothing changes', async () => {
      const feed = ownFeed();
      await using holder = first.elections.join(feed, listener());
      await using other = second.elections.join(feed, listener());
      const lease = await holder.acquireLease(never);
      await Promise.all([holder.publishScope(whole), other.publishScope(whole)]);
      const candidacy = new AbortController();
      const given = expect(other.acquireLease(candidacy.signal)).rejects.toThrow('enough');
      await knows(other, lease.term);
      await eventually(async () => expect(await holder.otherScopes()).toEqual(whole));
      const before = [first.sent, second.sent];
      const timers = clock.pending;
      for (let round = 0; round < 100; round += 1) {
        await Promise.all([
          holder.otherScopes(),
          other.otherScopes(),
          holder.publishScope(whole),
          other.publishScope(whole),
        ]);
      }
      expect([first.sent, second.sent]).toEqual(before);
      // A candidate that waits for a leader needs no timer.
      expect(timers).toBe(0);
      candidacy.abort(new Error('enough'));
      await given;
    });

    it.each(['1e300', '9007199254740992', 'inf', 'nan', '-1', 'what?'])('treats the term %s as none', async (text) => {
      const feed = ownFeed();
      const keys = feedKeys(feed.tenant, feed.kind);
      await using log = first.createLog<{ readonly id: string }>({ key: ({ id }) => id, keys });
      await using holder = first.elections.join(feed, listener());
      await using other = second.elections.join(feed, listener());
      const damage = () => first.redis.send((client) => client.hSet(keys.meta, 'term', text));
      await damage();
      const lease = await holder.acquireLease(never);
      const write = ({ term }: Lease) =>
        log.write({ changes: [{ kind: 'CREATED', entity: { id: 'a' } }] }, { observedAt: new Date(), term });
      await write(lease);
      await damage();
      await write(lease);
      await lease.release();
      const next = await other.acquireLease(never);
      expect(next.term).toBeGreaterThan(lease.term);
      await write(next);
    });

    it('stores only keys with an expiry in Redis', async () => {
      const feed = ownFeed();
      await using election = first.elections.join(feed, listener());
      await election.publishScope({ everything: true, ids: new Set(['a']) });
      await election.acquireLease(never);
      const { prefix } = feedKeys(feed.tenant, feed.kind);
      const keys = await first.redis.send((client) => client.keys(`${prefix}:*`));
      expect(keys.map((key) => key.slice(prefix.length)).toSorted()).toEqual([':meta', ':scopes']);
      for (const key of keys) expect(await first.redis.send((client) => client.pTTL(key)), key).toBeGreaterThan(0);
    });

    it('publishes only the difference, once, however many subscribers join', async () => {
      const feed = ownFeed();
      await using one = first.elections.join(feed, listener());
      await using other = second.elections.join(feed, listener());
      const scope = (ids: readonly string[]) => ({ everything: false, ids: new Set(ids) });
      const many = Array.from({ length: 3_000 }, (_, index) => `id-${index}`);
      await one.publishScope(scope(many));
      await eventually(async () => expect(await other.otherScopes()).toEqual(scope(many)));
      const messages: string[] = [];
      using _listening = second.redis.subscribe(channelOf(feed), {
        onMessage: (text) => messages.push(text),
        onSubscribed: () => undefined,
        onLost: () => undefined,
      });
      await eventually(async () => {
        await other.send({ kind: 'nudge' });
        expect(messages.length).toBeGreaterThan(0);
      });
      messages.length = 0;
      const { sent } = first;
      const next = [...many.slice(1), 'new'];
      await Promise.all([one.publishScope(scope(many)), one.publishScope(scope(next)), one.publishScope(scope(next))]);
      expect(first.sent).toBe(sent + 1);
      await eventually(async () => expect(await other.otherScopes()).toEqual(scope(next)));
      await eventually(() => expect(messages.filter((text) => text.includes('scope'))).toHaveLength(1));
      expect(messages.at(-1)?.length).toBeLessThan(200);
      await using late = second.elections.join(feed, listener());
      expect(await late.otherScopes()).toEqual(scope(next));
    });

    it('sends the steps of many feeds in few calls', async () => {
      await using replica = await startElections(server.url);
      const names = Array.from({ length: 250 }, ownFeed);
      const before = replica.sent;
      const joined = names.map((name) => replica.elections.join(name, listener()));
      await Promise.all(joined.map((election) => election.publishScope(whole)));
      await Promise.all(joined.map((election) => election.acquireLease(new AbortController().signal)));
      // A hundred steps per call: a scope, a read and an attempt per feed, and additional turns.
      expect(replica.sent - before).toBeLessThan(20);
      await Promise.all(joined.map((election) => election[Symbol.asyncDispose]()));
    });

    describe('after the lease was released', () => {
      /** Candidates of several replicas that watch. Their clock stands still, so that no replica waits for its turn. */
      async function watchers(count: number) {
        const stopped = new FakeClock();
        const replicas = await Promise.all(
          Array.from({ length: count }, () => startElections(server.url, { clock: stopped })),
        );
        return {
          stopped,
          replicas,
          /** The first candidate polls immediately if it is the leader. */
          join: async (feed: FeedName, { holds }: { readonly holds: boolean }) => {
            const joined = replicas.map(({ elections }) => elections.join(feed, listener()));
            const lease = holds ? ((await joined[0]?.acquireLease(never)) ?? null) : null;
            for (const election of joined) await election.publishScope(whole);
            for (const election of joined) {
              await eventually(async () => expect(await election.otherScopes()).toEqual(whole));
              if (lease !== null) await knows(election, lease.term);
            }
            return { joined, lease };
          },
          [Symbol.asyncDispose]: async () => {
            for (const replica of replicas) await replica[Symbol.asyncDispose]();
          },
        };
      }

      it('is acquired at once by the replica with the highest rank, and feeds are spread over replicas', async () => {
        await using group = await watchers(3);
        const taken = [0, 0, 0];
        for (let feed = 0; feed < 32; feed += 1) {
          const { joined, lease } = await group.join(ownFeed(), { holds: true });
          const given = new AbortController();
          const campaigns = joined.map((election) => election.acquireLease(given.signal));
          await lease?.release();
          await Promise.race(campaigns);
          given.abort(new Error('enough'));
          for (const [index, outcome] of (await Promise.allSettled(campaigns)).entries()) {
            if (outcome.status === 'fulfilled') taken[index] = (taken[index] ?? 0) + 1;
          }
          for (const election of joined) await election[Symbol.asyncDispose]();
        }
        expect(taken.reduce((sum, count) => sum + count)).toBe(32);
        expect([taken[0], Math.min(...taken.slice(1)) > 3]).toEqual([0, true]);
      });

      it('is soon acquired by another replica when the first in rank does not respond', async () => {
        await using group = await watchers(2);
        // Both orders of rank are equally probable.
        const orders = { 'the silent one first': 0, 'the other one first': 0 };
        for (let feed = 0; feed < 40 && Object.values(orders).includes(0); feed += 1) {
          const { joined } = await group.join(ownFeed(), { holds: false });
          // The first candidate watches and never campaigns.
          const [, other] = joined;
          let won = false;
          const taking = other?.acquireLease(never).then((lease) => {
            won = true;
            return lease;
          });
          await eventually(() => expect(won || group.stopped.pending() > 0).toBe(true));
          orders[won ? 'the other one first' : 'the silent one first'] += 1;
          if (!won) {
            await group.stopped.advanceBy(299);
            expect(won).toBe(false);
            await group.stopped.advanceBy(1);
          }
          await taking;
          for (const election of joined) await election[Symbol.asyncDispose]();
        }
        expect(Object.values(orders)).not.toContain(0);
      });
    });

    /** A candidate that knows the state in Redis. Its next replies arrive after `arrive`. */
    const delayed = async (replica: Replica, feed: FeedName) => {
      const election = replica.elections.join(feed, listener());
      const before = await election.acquireLease(never);
      await before.release();
      let arrive = () => {};
      replica.delay = new Promise((resolve) => {
        arrive = resolve;
      });
      const granted = () =>
        eventually(async () => {
          const term = Number(await replica.redis.send((client) => client.hGet(metaOf(feed), 'term')));
          expect(term).toBeGreaterThan(before.term);
          return term;
        });
      return { election, granted, arrive };
    };

    it('returns a term that was granted to a candidate after it had withdrawn', async () => {
      await using withdrawing = await startElections(server.url);
      const feed = ownFeed();
      const { election, granted, arrive } = await delayed(withdrawing, feed);
      const candidacy = new AbortController();
      const withdrawn = expect(election.acquireLease(candidacy.signal)).rejects.toThrow('enough');
      const term = await granted();
      candidacy.abort(new Error('enough'));
      arrive();
      await withdrawn;
      await using other = second.elections.join(feed, listener());
      expect((await other.acquireLease(never)).term).toBeGreaterThan(term);
      await election[Symbol.asyncDispose]();
    });

    it('reads the state again when messages were lost', async () => {
      await using deaf = await startElections(server.url);
      const feed = ownFeed();
      await using one = first.elections.join(feed, listener());
      await using other = deaf.elections.join(feed, listener());
      const lease = await one.acquireLease(never);
      await knows(other, lease.term);
      deaf.deafen(true);
      await one.publishScope({ everything: false, ids: new Set(['a', 'b']) });
      await lease.release();
      const next = await one.acquireLease(never);
      expect([await other.otherScopes(), other.term]).toEqual([
        { everything: false, ids: new Set(['a', 'b']) },
        next.term,
      ]);
      await one.publishScope({ everything: false, ids: new Set(['b', 'c']) });
      expect(await other.otherScopes()).toEqual({ everything: false, ids: new Set(['b', 'c']) });
      await next.release();
      const controller = new AbortController();
      const taking = other.acquireLease(controller.signal);
      const { sent } = deaf;
      deaf.deafen(false);
      expect((await taking).term).toBeGreaterThan(next.term);
      // One read and one attempt.
      expect(deaf.sent).toBe(sent + 2);
    });

    it('skips messages that it cannot decode, and logs it once', async () => {
      await using replica = await startElections(server.url);
      const feed = ownFeed();
      const heard: string[] = [];
      await first.redis.send(async (client) => {
        await client.hSet(metaOf(feed), { holder: 'nonsense', term: 'later' });
        await client.hSet(scopesOf(feed), { nonsense: '{', [`${first.heartbeat.replicaId}/x y`]: '', '': '' });
      });
      await using other = replica.elections.join(feed, listener({ received: ({ kind }) => heard.push(kind) }));
      await using namesake = replica.elections.join({ ...feed, tenant: namesakeOf(feed.tenant) }, listener());
      expect([await other.otherScopes(), await namesake.otherScopes()]).toEqual([null, null]);
      const nonsense = ['nonsense', '{}', '{"from":"a b/1","message":{"kind":"held","term":1e99}}', '{"from":null}'];
      await eventually(async () => {
        for (const text of nonsense) await first.redis.send((client) => client.publish(channelOf(feed), text));
        await first.elections.send(feed, { kind: 'nudge' });
        expect(heard.at(-1)).toBe('nudge');
      });
      expect(replica.warnings.filter((line) => line.includes('cannot be decoded'))).toHaveLength(1);
      expect((await other.acquireLease(never)).term).toBeGreaterThan(0);
      for (const key of [metaOf(feed), scopesOf(feed)]) {
        await first.redis.send(async (client) => {
          await client.del(key);
          await client.set(key, 'of another type');
        });
      }
      await using late = first.elections.join(feed, listener());
      expect(await late.otherScopes()).toBe(null);
      await late.publishScope(whole);
      expect((await late.acquireLease(never)).term).toBeGreaterThan(0);
    });

    // These tests wait for leases most of the time. Each has a server of its own, because replicas that come and go
    // cause additional heartbeats of the others.
    it.concurrent('gives up a term that Redis no longer knows, and ignores outdated messages', async () => {
      await using own = await startRedisServer();
      const stopped = new FakeClock();
      await using replica = await startElections(own.url, { lease: leaseMs, clock: stopped });
      await using other = await startElections(own.url);
      const feed = ownFeed();
      await using holder = replica.elections.join(feed, listener());
      const lease = await holder.acquireLease(never);
      const outdated = { from: `${other.heartbeat.replicaId}/1`, message: { kind: 'held', term: lease.term - 1 } };
      const nudged = new Promise<void>((resolve) => {
        replica.elections.join(feed, listener({ received: () => resolve() }));
      });
      await other.redis.send((client) => client.publish(channelOf(feed), JSON.stringify(outdated)));
      await eventually(() => other.elections.send(feed, { kind: 'nudge' }));
      await nudged;
      expect([lease.lost.aborted, holder.term]).toEqual([false, lease.term]);
      await other.redis.send((client) => client.hDel(metaOf(feed), 'holder'));
      const noticed = lost(lease);
      await stopped.advanceBy(299_999);
      let beats = 0;
      using _listening = replica.heartbeat.listen({ succeeded: () => (beats += 1) });
      await eventually(() => expect(beats).toBe(2));
      expect(lease.lost.aborted).toBe(false);
      await stopped.advanceBy(1);
      await noticed;
      expect((await holder.acquireLease(never)).term).toBeGreaterThan(lease.term);
    });

    it.concurrent('passes the lease of a disconnected replica on after that replica has noticed', async () => {
      await using own = await startRedisServer();
      const dying = await startElections(own.url, { lease: leaseMs });
      await using survivor = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      const holders: string[] = [];
      const lease = await dying.elections.join(feed, listener()).acquireLease(never);
      await using election = survivor.elections.join(feed, listener({ termChanged: (holder) => holders.push(holder) }));
      await knows(election, lease.term);
      await eventually(() => expect(survivor.heartbeat.replicas).toContain(dying.heartbeat.replicaId));
      const noticed = lost(lease);
      const taking = election.acquireLease(never);
      const since = performance.now();
      await dying.redis[Symbol.asyncDispose]();
      const next = await taking;
      const tookAt = performance.now();
      expect(await noticed).toBeLessThan(tookAt);
      // A lease lasts one and a half times the shortest pause, and a takeover takes at most two pauses.
      expect(tookAt - since).toBeLessThan((leaseMs / 1.5) * 2);
      expect(next.term).toBeGreaterThan(lease.term);
      expect(holders).toEqual(['elsewhere', 'none', 'here']);
      await dying[Symbol.asyncDispose]();
    });

    it.concurrent('fences the log as soon as the next term is granted, even for a leader that has not noticed', async () => {
      await using own = await startRedisServer();
      await using holding = await startElections(own.url);
      await using taker = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      const keys = feedKeys(feed.tenant, feed.kind);
      await using log = holding.createLog<{ readonly id: string }>({ key: ({ id }) => id, keys });
      await using holder = holding.elections.join(feed, listener());
      await using other = taker.elections.join(feed, listener());
      const lease = await holder.acquireLease(never);
      await knows(other, lease.term);
      const at = { observedAt: new Date(), term: lease.term };
      await log.write({ changes: [{ kind: 'CREATED', entity: { id: 'a' } }] }, at);
      await eventually(() => expect(taker.heartbeat.replicas).toContain(holding.heartbeat.replicaId));
      await taker.redis.send((client) => client.zRem(replicasKey, holding.heartbeat.replicaId));
      const noticed = lost(lease);
      const { replicaId } = holding.heartbeat;
      const next = await other.acquireLease(never);
      await expect(log.write({ changes: [{ kind: 'REMOVED', entity: { id: 'a' } }] }, at)).rejects.toBeInstanceOf(
        LogFencedError,
      );
      await noticed;
      // The message of the next leader arrives long before the next heartbeat.
      expect(holding.heartbeat.replicaId).toBe(replicaId);
      await knows(holder, next.term);
    });

    it.concurrent('repeats steps that Redis did not execute with the next heartbeat', async () => {
      await using own = await startRedisServer();
      await using troubled = await startElections(own.url, { lease: leaseMs });
      await using other = await startElections(own.url, { lease: leaseMs });
      const [held, watched, left] = [ownFeed(), ownFeed(), ownFeed()];
      const joined = [held, watched, left].map((feed) => troubled.elections.join(feed, listener()));
      const [holder, watcher, leaver] = joined;
      await using taker = other.elections.join(held, listener());
      await using seeing = other.elections.join(watched, listener());
      await using remaining = other.elections.join(left, listener());
      const lease = await holder?.acquireLease(never);
      await leaver?.acquireLease(never);
      await leaver?.publishScope(whole);
      await eventually(async () => expect(await remaining.otherScopes()).toEqual(whole));
      await knows(taker, lease?.term ?? 0);
      const scope = (...ids: readonly string[]) => ({ everything: false, ids: new Set(ids) });
      await watcher?.publishScope(scope('a', 'b'));
      await eventually(async () => expect(await seeing.otherScopes()).toEqual(scope('a', 'b')));
      const taking = [taker.acquireLease(never), remaining.acquireLease(never)];
      troubled.fail(true);
      await lease?.release();
      await expect(watcher?.publishScope(scope('b', 'c'))).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
      await leaver?.[Symbol.asyncDispose]();
      expect([taker.term, await seeing.otherScopes()]).toEqual([lease?.term, scope('a', 'b')]);
      expect(await remaining.otherScopes()).toEqual(whole);
      troubled.fail(false);
      await Promise.all(taking);
      await eventually(async () => expect(await seeing.otherScopes()).toEqual(scope('b', 'c')));
      await eventually(async () => expect(await remaining.otherScopes()).toEqual(null));
      await holder?.[Symbol.asyncDispose]();
      await watcher?.[Symbol.asyncDispose]();
    });

    it.concurrent('ignores a term that was granted to a registration that has lapsed since', async () => {
      await using own = await startRedisServer();
      await using lapsing = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      const { election, granted, arrive } = await delayed(lapsing, feed);
      const taking = election.acquireLease(never);
      const term = await granted();
      const { replicaId } = lapsing.heartbeat;
      await lapsing.redis.send((client) => client.zRem(replicasKey, replicaId));
      await eventually(() => expect(lapsing.heartbeat.replicaId).not.toBe(replicaId));
      arrive();
      expect((await taking).term).toBeGreaterThan(term);
      const holder = await lapsing.redis.send((client) => client.hGet(metaOf(feed), 'holder'));
      expect(holder).toContain(lapsing.heartbeat.replicaId);
      await election[Symbol.asyncDispose]();
    });

    it.concurrent('forgets the scope of a dead replica, in Redis too', async () => {
      await using own = await startRedisServer();
      await using dying = await startElections(own.url, { lease: leaseMs });
      await using survivor = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      await dying.elections.join(feed, listener()).publishScope({ everything: true, ids: new Set(['a']) });
      await using election = survivor.elections.join(feed, listener());
      await eventually(async () =>
        expect(await election.otherScopes()).toEqual({ everything: true, ids: new Set(['a']) }),
      );
      await dying.redis[Symbol.asyncDispose]();
      await eventually(async () => expect(await election.otherScopes()).toBe(null));
      await using late = survivor.elections.join(feed, listener());
      expect(await late.otherScopes()).toBe(null);
      expect(await survivor.redis.send((client) => client.hLen(scopesOf(feed)))).toBe(0);
    });

    it.concurrent('gives up everything when its registration lapses, and starts again', async () => {
      await using own = await startRedisServer();
      await using lapsing = await startElections(own.url, { lease: leaseMs });
      await using remaining = await startElections(own.url);
      const feed = ownFeed();
      const holders: string[] = [];
      await using holder = lapsing.elections.join(feed, listener({ termChanged: (who) => holders.push(who) }));
      await using other = remaining.elections.join(feed, listener());
      const lease = await holder.acquireLease(never);
      await holder.publishScope(whole);
      await knows(other, lease.term);
      const noticed = lost(lease);
      await lapsing.redis.send((client) => client.zRem(replicasKey, lapsing.heartbeat.replicaId));
      await noticed;
      expect(holders.slice(0, 2)).toEqual(['here', 'none']);
      const again = await holder.acquireLease(never);
      expect(again.term).toBeGreaterThan(lease.term);
      await knows(other, again.term);
      await eventually(async () => expect(await other.otherScopes()).toEqual(whole));
    });

    it.concurrent('reports that Redis is unavailable, and resumes when Redis returns empty, with greater terms known to all replicas', async () => {
      await using own = await startRedisServer();
      await using one = await startElections(own.url, { lease: leaseMs });
      await using two = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      const errors: unknown[] = [];
      const heard: string[] = [];
      const holders: string[] = [];
      await using holder = one.elections.join(feed, listener());
      await using other = two.elections.join(
        feed,
        listener({
          unreachable: (error) => errors.push(error),
          received: ({ kind }) => heard.push(kind),
          termChanged: (who) => holders.push(who),
        }),
      );
      await holder.publishScope(whole);
      const lease = await holder.acquireLease(never);
      await knows(other, lease.term);
      const noticed = lost(lease);
      const taking = other.acquireLease(never);
      await own.kill();
      await noticed;
      await eventually(() => expect(errors.at(-1)).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true }));
      await expect(holder.otherScopes()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
      await expect(holder.send({ kind: 'nudge' })).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
      expect([holder.term, other.term, holders]).toEqual([null, null, ['elsewhere', 'none']]);
      await own.start();
      expect((await taking).term).toBeGreaterThan(lease.term);
      await eventually(async () => {
        await holder.send({ kind: 'nudge' });
        expect(heard.at(-1)).toBe('nudge');
      });
      await eventually(async () => expect(await other.otherScopes()).toEqual(whole));
    });

    it.concurrent('follows leader and scope over lost connections', async () => {
      await using own = await startRedisServer();
      await using beating = await startElections(own.url, { lease: leaseMs });
      await using also = await startElections(own.url, { lease: leaseMs });
      const feed = ownFeed();
      await using one = beating.elections.join(feed, listener());
      await using other = also.elections.join(feed, listener());
      const lease = await one.acquireLease(never);
      await knows(other, lease.term);
      own.cut();
      await eventually(() => lease.release().then(() => one.publishScope({ everything: false, ids: new Set(['a']) })));
      const next = await other.acquireLease(never);
      expect(next.term).toBeGreaterThan(lease.term);
      await knows(one, next.term);
      await eventually(async () =>
        expect(await other.otherScopes()).toEqual({ everything: false, ids: new Set(['a']) }),
      );
    });
  });
});

it('registers a replica for less than two of the shortest pauses, and never for a mere instant', () => {
  expect([100, 2_000, 10_000, 600_000].map(leaseMsFor)).toEqual([1_000, 3_000, 15_000, 30_000]);
});
