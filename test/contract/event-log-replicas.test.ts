import { setImmediate as turn } from 'node:timers/promises';
import { RESP_TYPES } from '@redis/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../src/errors.ts';
import {
  type EventLog,
  type FeedChange,
  LogConflictError,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
  type LogSnapshot,
  type LogWrite,
} from '../../src/events/log.ts';
import type { FeedKeys } from '../../src/events/redis/keys.ts';
import { createRedisEventLog } from '../../src/events/redis/log.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { Redis, RedisClient } from '../../src/runtime/redis.ts';
import { startRedisHeartbeat } from '../../src/runtime/redis-heartbeat.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { openLog, snapshotOf } from '../support/open-log.ts';
import { describeWithRedis } from '../support/redis.ts';
import { ownKeys, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import type { LogBounds } from './event-log.contract.ts';

interface Item {
  readonly id: string;
  readonly version: number;
}

const at = new Date('2030-01-01T00:00:00Z');
const created = (id: string, version = 0): FeedChange<Item> => ({ kind: 'CREATED', entity: { id, version } });
const changed = (id: string, version: number): FeedChange<Item> => ({
  kind: 'CHANGED',
  entity: { id, version },
  previous: { id, version: version - 1 },
});
const append = (log: EventLog<Item>, ...changes: readonly FeedChange<Item>[]) =>
  log.write({ changes }, { observedAt: at });

/** Time without Redis after which subscribers receive STALE, in milliseconds. */
const graceMs = 2_000;
/** Longer than the pause before the next connection attempt, in milliseconds. */
const retryMs = 300;

interface Tail extends Disposable {
  readonly entries: readonly LogEntry<Item>[];
  /** Resolves with the error that ended the reader. */
  readonly failure: Promise<unknown>;
}

async function follow(log: EventLog<Item>, after?: string): Promise<Tail> {
  const controller = new AbortController();
  const { start, entries: later } = await openLog(log, { after, signal: controller.signal });
  const entries: LogEntry<Item>[] = start.kind === 'replay' ? [...start.missed] : [];
  const failure = (async () => {
    try {
      for await (const entry of later) entries.push(entry);
      return null;
    } catch (error) {
      return error;
    }
  })();
  return { entries, failure, [Symbol.dispose]: () => controller.abort() };
}

/** Entries that a resume after the cursor replays; null when it returns no replay. */
async function missedAfter(log: EventLog<Item>, after = ''): Promise<readonly LogEntry<Item>[] | null> {
  const { start, tail } = await log.open({ after, onReadable: () => undefined });
  tail[Symbol.dispose]();
  return start.kind === 'replay' ? start.missed : null;
}

/** The snapshot, if it is available without advancing the clock. */
function answer(log: EventLog<Item>): Promise<LogSnapshot<Item> | null> {
  const unanswered = turn().then(() => Promise.reject(new Error('The log has not returned a snapshot yet.')));
  return Promise.race([log.snapshot(), unanswered]);
}

/** Epoch and sequence of a cursor. */
const positionOf = (cursor = '') => cursor.split('.').slice(0, 2).join('.');

/** Epoch and sequence of a number of entries after a cursor. */
function positionsAfter(after = '', count: number): readonly string[] {
  const [epoch, sequence] = after.split('.');
  return Array.from({ length: count }, (_, index) => `${epoch}.${Number(sequence) + index + 1}`);
}

const kinds = ({ entries }: Tail) => entries.map(({ change }) => change.kind);

describeWithRedis('an event log of two replicas', () => {
  let server: RedisUnderTest;

  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function keysOfOwnFeed(): Promise<FeedKeys> {
    await using visitor = startReplica(server.url);
    return await ownKeys(visitor);
  }

  /** Two replicas, each with a log of the same feed, and a clock that stands still. */
  async function startReplicas(bounds: Partial<LogBounds> = {}) {
    const keys = await keysOfOwnFeed();
    const clock = new FakeClock();
    const lifecycle = new Lifecycle();
    const start = async () => {
      const replica = startReplica(server.url, clock);
      lifecycle.add('replica', () => replica[Symbol.asyncDispose]());
      const log = replica.createLog<Item>({ key: ({ id }) => id, keys, ...bounds });
      lifecycle.add('log', () => log[Symbol.asyncDispose]());
      await eventually(() => expect(replica.redis.state).toBe('ready'));
      return { log, replica };
    };
    const [one, two] = [await start(), await start()];
    const admin = one.replica.redis;
    /** Cuts all connections for a time, and resolves when they are restored. */
    const reconnected = async ({ afterMs }: { readonly afterMs: number }) => {
      const states = () => [one, two].map(({ replica }) => replica.redis.state);
      server.pause();
      server.cut();
      await eventually(() => expect(states()).toEqual(['away', 'away']));
      await clock.advanceBy(afterMs);
      server.resume();
      await eventually(() => expect(states()).toEqual(['ready', 'ready']));
    };
    const warnings = () =>
      [one, two].flatMap(({ replica }) => replica.logged).filter((line) => line.includes('event log'));
    const close = () => lifecycle.close();
    const [a, b] = [one.log, two.log];
    const replicas = [one.replica, two.replica];
    return { keys, clock, a, b, replicas, admin, start, reconnected, warnings, [Symbol.asyncDispose]: close };
  }

  /** Makes the server unreachable, with its data, until `comeBack`. */
  async function goAway(log: EventLog<Item>, clock: FakeClock): Promise<void> {
    server.pause();
    server.cut();
    await eventually(async () => {
      await clock.advanceBy(graceMs);
      await expect(answer(log)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    });
  }

  /** Resolves when the log can be read again. */
  async function comeBack(log: EventLog<Item>, clock: FakeClock): Promise<void> {
    server.resume();
    await reachable(log, clock);
  }

  async function reachable(log: EventLog<Item>, clock: FakeClock): Promise<void> {
    await eventually(async () => {
      await clock.advanceBy(retryMs);
      await answer(log);
    });
  }

  it('delivers writes of one replica to the readers of both, each entry once and in order', async () => {
    await using replicas = await startReplicas();
    const { a, b } = replicas;
    await append(a);
    using readerOfA = await follow(a);
    using readerOfB = await follow(b);
    await append(a, created('x'), created('y'));
    await append(b, { kind: 'REMOVED', entity: { id: 'x', version: 0 } });
    await a.write({ adopted: [{ id: 'z', version: 7 }], note: new Map([['k', at]]) }, { observedAt: at });
    await eventually(async () => expect((await snapshotOf(b)).note).toEqual(new Map([['k', at]])));
    await eventually(() => expect(kinds(readerOfA)).toEqual(['CREATED', 'CREATED', 'REMOVED']));
    expect(readerOfB.entries).toEqual(readerOfA.entries);
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
    expect(replicas.warnings()).toEqual([]);
  });

  it('lets a replica that joined later replay entries that it has not received itself', async () => {
    await using replicas = await startReplicas();
    const { a, start } = replicas;
    const cursors: string[] = [await append(a)];
    cursors.push(await append(a, created('x'), created('y')));
    for (let version = 1; version <= 600; version += 1) cursors.push(await append(a, changed('x', version)));
    await a.write({ note: 'quiet' }, { observedAt: at });
    const { log } = await start();
    await snapshotOf(log);
    using fromStart = await follow(log, cursors[0]);
    using fromMiddle = await follow(log, cursors[300]);
    expect(fromStart.entries).toHaveLength(602);
    expect(fromStart.entries.map(({ cursor }) => positionOf(cursor))).toEqual(positionsAfter(cursors[0], 602));
    expect(fromStart.entries.at(-1)?.cursor).toBe(cursors.at(-1));
    // The same entry is the same object for all readers, so that readers can share work on it.
    expect(fromMiddle.entries).toEqual(fromStart.entries.slice(301));
    expect(fromMiddle.entries[0]).toBe(fromStart.entries[301]);
    expect(await start().then(({ log: third }) => missedAfter(third, cursors.at(-1)))).toEqual([]);
  });

  it('returns the current state to a replica that joined later when the stream does not reach back far enough', async () => {
    await using replicas = await startReplicas({ maxEntries: 3 });
    const { a, start, admin, keys } = replicas;
    const cursors: string[] = [];
    for (let version = 1; version <= 6; version += 1) cursors.push(await append(a, changed('x', version)));
    const { log } = await start();
    expect(await missedAfter(log, cursors[1])).toBe(null);
    expect(await missedAfter(log, cursors[2])).toHaveLength(3);
    expect(await admin.send((client) => client.xLen(keys.events))).toBe(3);
  });

  it('rejects writes of an earlier term, whichever replica had the later one', async () => {
    await using replicas = await startReplicas();
    const { a, b } = replicas;
    await a.write({ changes: [created('x')] }, { observedAt: at, term: 1 });
    await b.write({ note: 'taken over' }, { observedAt: at, term: 2 });
    const late = a.write({ changes: [changed('x', 9)] }, { observedAt: at, term: 1 });
    await expect(late).rejects.toBeInstanceOf(LogFencedError);
    expect((await snapshotOf(a)).entities).toEqual([{ id: 'x', version: 0 }]);
  });

  it('emits STALE while Redis is unavailable and RECOVERED afterwards, and loses no entry in between', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock } = replicas;
    const cursor = await append(a, created('x'));
    using reader = await follow(b, cursor);
    await goAway(b, clock);
    await eventually(() => expect(kinds(reader)).toEqual(['STALE']));
    await expect(append(b, created('y'))).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
    await expect(follow(b)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    server.resume();
    await reachable(a, clock);
    await append(a, created('y'));
    await reachable(b, clock);
    await append(b, created('z'));
    await eventually(() => expect(kinds(reader).filter((kind) => kind === 'CREATED')).toHaveLength(2));
    expect(kinds(reader).toSorted()).toEqual(['CREATED', 'CREATED', 'RECOVERED', 'STALE']);
    // A client that resumes at a STALE that only this replica emitted receives a RESYNC, because no log contains its
    // RECOVERED.
    expect(await missedAfter(b, reader.entries[0]?.cursor)).toBe(null);
    expect(await missedAfter(b, reader.entries.at(-1)?.cursor)).toEqual([]);
  });

  it('distinguishes staleness of the feed from staleness because Redis is unavailable', async () => {
    await using replicas = await startReplicas();
    const { a, clock } = replicas;
    await append(a);
    using reader = await follow(a);
    await append(a, { kind: 'STALE', subject: 'feed' });
    await goAway(a, clock);
    await comeBack(a, clock);
    await append(a, { kind: 'RECOVERED', subject: 'feed' });
    await eventually(() => expect(reader.entries).toHaveLength(4));
    expect(reader.entries.map(({ change }) => change)).toEqual([
      { kind: 'STALE', subject: 'feed' },
      { kind: 'STALE', subject: 'local' },
      { kind: 'RECOVERED', subject: 'local' },
      { kind: 'RECOVERED', subject: 'feed' },
    ]);
  });

  it('emits nothing when the connection is restored within the grace period', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock, reconnected } = replicas;
    await append(a);
    using reader = await follow(b);
    await append(a, created('x'));
    await reconnected({ afterMs: graceMs / 2 });
    await clock.advanceBy(retryMs);
    await Promise.all([a.snapshot(), b.snapshot()]);
    await clock.advanceBy(graceMs);
    await append(a, created('y'));
    await eventually(() => expect(kinds(reader)).toEqual(['CREATED', 'CREATED']));
  });

  /** Number of calls of these commands that the server has counted. */
  async function callsOf(redis: Pick<Redis, 'send'>, ...commands: readonly string[]): Promise<number> {
    const stats = await redis.send((client) => client.info('commandstats'));
    return commands.reduce(
      (sum, command) => sum + Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
      0,
    );
  }

  it('serves many clients that resume from an expired position with one small read', async () => {
    await using replicas = await startReplicas({ maxBytes: 2_000 });
    const { a, start, admin } = replicas;
    const old = await append(a);
    for (let version = 1; version <= 50; version += 1) await append(a, changed('x', version));
    const { log } = await start();
    await snapshotOf(log);
    const calls = () => Promise.all([callsOf(admin, 'xrange'), callsOf(admin, 'hget', 'hmget')]);
    const [ranges, reads] = await calls();
    const starts = await Promise.all(Array.from({ length: 50 }, () => missedAfter(log, old)));
    expect(starts).toEqual(Array(50).fill(null));
    expect(await calls()).toEqual([ranges, reads + 1]);
  });

  it('reads the entries that it has missed, and only those', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin } = replicas;
    await append(a, created('x'));
    using reader = await follow(b);
    const scans = await callsOf(admin, 'hscan');
    for (let version = 1; version <= 5; version += 1) {
      // The replica misses an entry between the loss of its subscription and the next subscription.
      expect(await server.command('CLIENT KILL TYPE pubsub')).toBe(':2');
      await append(a, changed('x', version));
    }
    await eventually(() => expect(reader.entries).toHaveLength(5));
    expect(reader.entries.map(({ change }) => change)).toEqual([1, 2, 3, 4, 5].map((version) => changed('x', version)));
    expect(await callsOf(admin, 'hscan')).toBe(scans);
  });

  it('catches up before it serves a client that has received more from another replica', async () => {
    await using replicas = await startReplicas();
    const { a, keys, clock, replicas: both } = replicas;
    const [, second] = both;
    if (second === undefined) throw new Error('There is no second replica.');
    const { redis, heartbeat } = second;
    const logger = createLogger({ destination: { write: () => undefined } });
    // No entry arrives on the channel.
    const late: Pick<Redis, 'send' | 'subscribe'> = {
      send: (command) => redis.send(command),
      subscribe: (channel, subscriber) => redis.subscribe(channel, { ...subscriber, onMessage: () => undefined }),
    };
    const key = ({ id }: Item) => id;
    await using log = createRedisEventLog<Item>({ key, keys, redis: late, heartbeat, clock, logger });
    await append(a, created('x'));
    await snapshotOf(log);
    const received = await append(a, changed('x', 1));
    expect(await missedAfter(log, received)).toEqual([]);
    await append(a, changed('x', 2));
    const calls = await callsOf(redis, 'hget', 'hmget');
    const latest = await append(a, changed('x', 3));
    const starts = await Promise.all(Array.from({ length: 50 }, () => missedAfter(log, latest)));
    expect(starts).toEqual(Array(50).fill([]));
    expect((await callsOf(redis, 'hget', 'hmget')) - calls).toBeLessThan(10);
    expect((await missedAfter(log, received))?.map(({ change }) => change)).toEqual([changed('x', 2), changed('x', 3)]);
  });

  it('sends nothing to Redis while nothing changes', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock, admin } = replicas;
    await append(a, created('x'));
    await Promise.all([snapshotOf(a), snapshotOf(b)]);
    const calls = () => callsOf(admin, 'evalsha', 'eval', 'hget', 'hmget', 'xrange', 'pexpire', 'publish');
    const before = await calls();
    await clock.advanceBy(3_600_000);
    expect(await calls()).toBe(before);
  });

  it('writes little for a round without changes', async () => {
    await using replicas = await startReplicas();
    const { a, admin, keys } = replicas;
    await a.write(
      { adopted: Array.from({ length: 1_000 }, (_, index) => ({ id: `job-${index}`, version: 0 })), note: 'n' },
      { observedAt: at },
    );
    await a.write({}, { observedAt: at });
    const [last] = (await admin.send((client) => client.xRevRange(keys.events, '+', '-', { COUNT: 1 }))) ?? [];
    expect(last?.message['data']?.length).toBeLessThan(100);
  });

  it('loads a large log in pieces, and consistently although others write meanwhile', async () => {
    await using replicas = await startReplicas();
    const { a, start, admin } = replicas;
    const entities = Array.from({ length: 10_000 }, (_, index) => ({ id: `job-${index}`, version: 0 }));
    await a.write({ adopted: entities }, { observedAt: at });
    const scans = await callsOf(admin, 'hscan');
    const { log } = await start();
    const loading = snapshotOf(log);
    for (let version = 1; version <= 20; version += 1) {
      await a.write(
        {
          changes: [changed('job-0', version), { kind: 'REMOVED', entity: { id: `job-${version}`, version: 0 } }],
          adopted: [{ id: `new-${version}`, version }],
          evicted: [`job-${9_000 + version}`],
        },
        { observedAt: at },
      );
    }
    await loading;
    expect(await callsOf(admin, 'hscan')).toBeGreaterThanOrEqual(scans + 20);
    expect(await callsOf(admin, 'hvals', 'hgetall')).toBe(0);
    await eventually(async () => expect((await snapshotOf(log)).cursor).toBe((await snapshotOf(a)).cursor));
    const byId = async (one: EventLog<Item>) =>
      (await snapshotOf(one)).entities.toSorted((left, right) => (left.id < right.id ? -1 : 1));
    expect(await byId(log)).toEqual(await byId(a));
    expect(replicas.warnings()).toEqual([]);
  });

  it('lets readers wait for a log that does not exist, and rejects them after the grace period', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock } = replicas;
    expect(await b.snapshot()).toBe(null);
    const opening = follow(b);
    await a.write({ adopted: [{ id: 'x', version: 1 }] }, { observedAt: at, expectedCursor: null });
    using reader = await opening;
    await append(a, changed('x', 2));
    await eventually(() => expect(kinds(reader)).toEqual(['CHANGED']));
    await using others = await startReplicas();
    expect(await others.a.snapshot()).toBe(null);
    const late = expect(follow(others.a)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await turn();
    await others.clock.advanceBy(graceMs - 1);
    expect(others.clock.pending('deadline')).toBe(1);
    await others.clock.advanceBy(1);
    await late;
    expect(clock.pending('deadline')).toBe(0);
  });

  /** The next round of the poller. It recreates the log with all entities that it has read. */
  const beginAgain = (log: EventLog<Item>, ...entities: readonly Item[]) =>
    log.write({ adopted: entities }, { observedAt: at, expectedCursor: null, term: 5 });

  it('keeps the state of readers after the server has lost everything, and begins an epoch with the next write', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock } = replicas;
    const before = await a.write({ adopted: [{ id: 'w', version: 3 }], note: 'n' }, { observedAt: at, term: 5 });
    using reader = await follow(b);
    await server.start();
    for (const log of [a, b]) {
      await eventually(async () => {
        await clock.advanceBy(retryMs);
        expect(await answer(log)).toBe(null);
      });
    }
    expect(reader.entries.filter(({ change }) => !('subject' in change))).toEqual([]);
    await expect(
      a.write({ changes: [changed('w', 4)] }, { observedAt: at, term: 5, expectedCursor: before }),
    ).rejects.toBeInstanceOf(LogConflictError);
    await beginAgain(a, { id: 'w', version: 4 });
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    const after = await snapshotOf(b);
    expect(after).toMatchObject({ entities: [{ id: 'w', version: 4 }], note: null });
    expect(await snapshotOf(a)).toEqual(after);
    expect(await missedAfter(b, before)).toBe(null);
    const late = b.write({ changes: [changed('w', 9)] }, { observedAt: at, term: 4 });
    await expect(late).rejects.toBeInstanceOf(LogFencedError);
    using again = await follow(b);
    await append(a, changed('w', 5));
    await eventually(() => expect(kinds(again)).toEqual(['CHANGED']));
  });

  it('detects a flushed database without a lost connection, by the heartbeat or by the next write', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin } = replicas;
    const expectedCursor = await append(a, created('x'));
    using reader = await follow(b);
    await admin.send((client) => client.flushAll());
    const late = a.write({ changes: [changed('x', 1)] }, { observedAt: at, expectedCursor });
    await expect(late).rejects.toBeInstanceOf(LogConflictError);
    expect(await a.snapshot()).toBe(null);
    expect(await b.snapshot()).not.toBe(null);
    let calls = 0;
    using _watch = b.watch(() => (calls += 1));
    replicas.replicas[1]?.heartbeat.replaceDatabase();
    expect(await b.snapshot()).toBe(null);
    expect(calls).toBe(1);
    await beginAgain(a, { id: 'x', version: 1 });
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
  });

  it('emits STALE when no poller recreates a lost log, and a state that is not stale when one does', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin, clock } = replicas;
    await append(a, created('x'));
    using reader = await follow(b);
    await admin.send((client) => client.flushAll());
    for (const { heartbeat } of replicas.replicas) heartbeat.replaceDatabase();
    expect(await b.snapshot()).toBe(null);
    await clock.advanceBy(59_999);
    expect(reader.entries).toEqual([]);
    await clock.advanceBy(1);
    await eventually(() =>
      expect(reader.entries.map(({ change }) => change)).toEqual([{ kind: 'STALE', subject: 'local' }]),
    );
    await beginAgain(a, { id: 'x', version: 1 });
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    expect((await snapshotOf(b)).stale).toEqual(new Set());
    await clock.advanceBy(120_000);
    expect((await snapshotOf(b)).stale).toEqual(new Set());
  });

  it('emits RECOVERED when a log that was lost for long is restored unchanged', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin, clock, keys } = replicas;
    const heartbeat = replicas.replicas[1]?.heartbeat;
    await append(a, created('x'));
    using reader = await follow(b);
    const hidden = `${keys.meta}:hidden`;
    await admin.send((client) => client.rename(keys.meta, hidden));
    heartbeat?.replaceDatabase();
    expect(await b.snapshot()).toBe(null);
    await clock.advanceBy(60_000);
    await admin.send((client) => client.rename(hidden, keys.meta));
    heartbeat?.replaceDatabase();
    await snapshotOf(b);
    await eventually(() => expect(kinds(reader)).toEqual(['STALE', 'RECOVERED']));
    await append(a, changed('x', 1));
    await eventually(() => expect(kinds(reader)).toEqual(['STALE', 'RECOVERED', 'CHANGED']));
  });

  it('calls its watchers when a lost log is restored unchanged', async () => {
    await using replicas = await startReplicas();
    const { a, admin, keys } = replicas;
    const [replica] = replicas.replicas;
    const expectedCursor = await append(a, created('x'));
    const hidden = `${keys.meta}:hidden`;
    await admin.send((client) => client.rename(keys.meta, hidden));
    replica?.heartbeat.replaceDatabase();
    expect(await a.snapshot()).toBe(null);
    const seen: Promise<LogSnapshot<Item> | null>[] = [];
    using _watch = a.watch(() => seen.push(a.snapshot()));
    await admin.send((client) => client.rename(hidden, keys.meta));
    replica?.heartbeat.replaceDatabase();
    await a.snapshot();
    expect(await Promise.all(seen)).toEqual([expect.objectContaining({ cursor: expectedCursor })]);
  });

  it('detects a flushed database by the heartbeat of its replica', async () => {
    await using replicas = await startReplicas();
    const { admin, keys } = replicas;
    const clock = new FakeClock();
    const logger = createLogger({ destination: { write: () => undefined } });
    await using heartbeat = startRedisHeartbeat({ redis: admin, clock, logger, leaseMs: 3_000 });
    const [replica] = replicas.replicas;
    if (replica === undefined) throw new Error('There is no replica.');
    await using log = createRedisEventLog<Item>({ key: ({ id }) => id, keys, redis: admin, heartbeat, clock, logger });
    await append(log, created('x'));
    await eventually(() => expect(heartbeat.replicas?.size).toBe(1));
    await admin.send((client) => client.flushAll());
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect(await answer(log)).toBe(null);
    });
  });

  /** Copies the log, and later restores the copy. All writes in between are lost, as in a failover. */
  async function startLoss({ admin, keys }: { readonly admin: Pick<Redis, 'send'>; readonly keys: FeedKeys }) {
    const dumps = await Promise.all(
      [keys.events, keys.snapshot, keys.meta].map(async (key) => {
        const mapped = admin.send((client) => client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).dump(key));
        return { key, dump: await mapped };
      }),
    );
    return async () => {
      for (const { key, dump } of dumps) {
        await admin.send((client) => client.restore(key, 600_000, dump, { REPLACE: true }));
      }
    };
  }

  describe.each<{ readonly name: string; readonly lost: LogWrite<Item>; readonly other: LogWrite<Item> }>([
    { name: 'an entry', lost: { changes: [created('lost')] }, other: { changes: [created('other')] } },
    {
      name: 'an entry, and has two others',
      lost: { changes: [created('lost')] },
      other: { changes: [created('other'), created('third')] },
    },
    {
      name: 'two entries, and has another',
      lost: { changes: [created('lost'), created('too')] },
      other: { changes: [created('other')] },
    },
    {
      name: 'an adopted entity',
      lost: { adopted: [{ id: 'lost', version: 0 }] },
      other: { adopted: [{ id: 'other', version: 0 }] },
    },
    {
      name: 'an adopted entity, and has an entry',
      lost: { adopted: [{ id: 'lost', version: 0 }] },
      other: { changes: [created('other')] },
    },
  ])('after a failover that has lost $name', ({ lost, other }) => {
    const ids = async (log: EventLog<Item>) => (await snapshotOf(log)).entities.map(({ id }) => id);

    it('does not fork, because readers of the lost write overflow with the next write', async () => {
      await using replicas = await startReplicas();
      const { a, b, start } = replicas;
      const before = await append(a, created('one'));
      using reader = await follow(b);
      const lose = await startLoss(replicas);
      const lostCursor = await a.write(lost, { observedAt: at });
      await eventually(async () => expect(await ids(b)).toContain('lost'));
      await lose();
      const { log: next } = await start();
      await next.write(other, { observedAt: at });
      expect(await reader.failure).toBeInstanceOf(LogOverflowError);
      await next.write({ changes: [created('last')] }, { observedAt: at });
      for (const log of [a, b]) await eventually(async () => expect(await ids(log)).toEqual(await ids(next)));
      expect(await ids(next)).not.toContain('lost');
      // The cursor of the lost write is unknown, even if another entry has its sequence now.
      for (const log of [a, b, next]) {
        if (lostCursor !== before) expect(await missedAfter(log, lostCursor)).toBe(null);
        expect(await missedAfter(log, before)).toHaveLength((other.changes?.length ?? 0) + 1);
      }
    });

    it('rejects a write that was based on the lost one', async () => {
      await using replicas = await startReplicas();
      const { a, start } = replicas;
      await append(a, created('one'));
      const lose = await startLoss(replicas);
      const expectedCursor = await a.write(lost, { observedAt: at });
      await lose();
      const { log: next } = await start();
      // Read so that both replicas have a state. Nothing is published.
      await snapshotOf(next);
      const late = a.write({ changes: [created('two')] }, { observedAt: at, expectedCursor });
      await expect(late).rejects.toBeInstanceOf(LogConflictError);
      expect(await ids(a)).toEqual(['one']);
      await append(a, created('two'));
      await eventually(async () => expect(await ids(next)).toEqual(['one', 'two']));
    });
  });

  it.each(['events', 'snapshot', 'meta'] as const)('counts as lost when the server has lost its %s', async (part) => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys, start } = replicas;
    const expectedCursor = await append(a, created('x'));
    using reader = await follow(b);
    await admin.send((client) => client.del(keys[part]));
    const { log } = await start();
    expect(await log.snapshot()).toBe(null);
    const late = a.write({ changes: [changed('x', 1)] }, { observedAt: at, expectedCursor });
    await expect(late).rejects.toBeInstanceOf(LogConflictError);
    expect(await a.snapshot()).toBe(null);
    await beginAgain(a, { id: 'x', version: 1 });
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    await eventually(async () => expect((await snapshotOf(log)).entities).toEqual([{ id: 'x', version: 1 }]));
    expect(await missedAfter(log, expectedCursor)).toBe(null);
  });

  interface Damage {
    readonly name: string;
    readonly harm: (client: RedisClient, keys: FeedKeys) => Promise<unknown>;
  }
  const damages: readonly Damage[] = [
    { name: 'entity', harm: (client, keys) => client.hSet(keys.snapshot, 'x', 'what?') },
    { name: 'entity of another form', harm: (client, keys) => client.hSet(keys.snapshot, 'x', '[1]') },
    { name: 'note', harm: (client, keys) => client.hSet(keys.meta, 'note', 'what?') },
    { name: 'moment', harm: (client, keys) => client.hSet(keys.meta, 'observedAt', 'what?') },
    { name: 'list of stale subjects', harm: (client, keys) => client.hSet(keys.meta, 'stale', '["what?"]') },
    { name: 'text in place of stale subjects', harm: (client, keys) => client.hSet(keys.meta, 'stale', 'what?') },
    { name: 'head', harm: (client, keys) => client.hSet(keys.meta, 'head', 'what?') },
    {
      name: 'head with another identity',
      harm: async (client, keys) => {
        const head = 'epoch.1000-1.short';
        await client.xAdd(keys.events, '1000-1', { head, after: '', data: '' });
        await client.hSet(keys.meta, 'head', head);
      },
    },
    { name: 'cursor', harm: (client, keys) => client.hSet(keys.meta, 'cursor', 'what?') },
    { name: 'number of bytes', harm: (client, keys) => client.hSet(keys.meta, 'bytes', 'what?') },
    { name: 'number of entities', harm: (client, keys) => client.hSet(keys.meta, 'entities', 'what?') },
    { name: 'record', harm: (client, keys) => client.xAdd(keys.events, '1000-1', { head: 'what?' }) },
    {
      name: 'string in place of the entities',
      harm: async (client, keys) => client.set(keys.snapshot, 'what?'),
    },
    { name: 'string in place of the stream', harm: (client, keys) => client.set(keys.events, 'what?') },
  ];

  it.each(damages)('counts a $name that cannot be decoded as lost data', async ({ harm }) => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys, start, clock } = replicas;
    const expectedCursor = await a.write({ adopted: [{ id: 'x', version: 0 }], note: 'n' }, { observedAt: at });
    using reader = await follow(b);
    await admin.send((client) => harm(client, keys));
    // A replica that loads the log cannot decode it, and removes it for all replicas.
    const { log, replica } = await start();
    expect(await log.snapshot()).toBe(null);
    replicas.replicas[0]?.heartbeat.replaceDatabase();
    expect(await a.snapshot()).toBe(null);
    await expect(
      append(a, changed('x', 1)).then(() => a.write({}, { observedAt: at, expectedCursor })),
    ).rejects.toBeInstanceOf(LogConflictError);
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    await eventually(async () => expect((await snapshotOf(log)).entities).toEqual([{ id: 'x', version: 1 }]));
    const calls = await callsOf(admin, 'evalsha', 'hscan');
    await clock.advanceBy(60_000);
    expect(await callsOf(admin, 'evalsha', 'hscan')).toBe(calls);
    const warnings = replica.logged.filter((line) => line.includes('cannot be decoded'));
    expect(warnings.length).toBeLessThanOrEqual(1);
  });

  it.each([
    { name: 'another cursor', damaged: (cursor: string) => cursor.replace(/[^.]+$/, 'another1') },
    { name: 'no cursor', damaged: () => 'what?' },
  ])('is written again by replicas that all follow a log with $name', async ({ damaged }) => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys } = replicas;
    const cursor = await a.write({ adopted: [{ id: 'x', version: 0 }] }, { observedAt: at });
    expect((await snapshotOf(b)).cursor).toBe(cursor);
    await admin.send((client) => client.hSet(keys.meta, 'cursor', damaged(cursor)));
    const conflicts: unknown[] = [];
    const write = async () => {
      const expectedCursor = (await a.snapshot())?.cursor ?? null;
      const entity = { id: 'x', version: 1 };
      await a.write({ adopted: [entity], changes: [changed('x', 1)] }, { observedAt: at, expectedCursor });
    };
    for (let attempt = 0; attempt < 3; attempt += 1) await write().catch((error: unknown) => conflicts.push(error));
    expect(conflicts.length).toBeLessThan(3);
    for (const error of conflicts) expect(error).toBeInstanceOf(LogConflictError);
    await eventually(async () => expect((await snapshotOf(b)).entities).toEqual([{ id: 'x', version: 1 }]));
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
  });

  it('loads the log when an entry that it has missed cannot be decoded', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys, clock } = replicas;
    const before = await append(a, created('x'));
    using reader = await follow(b);
    await append(a, changed('x', 1));
    await eventually(() => expect(reader.entries).toHaveLength(1));
    // Replaces the last entry by one with a valid name and invalid data.
    const [last] = (await admin.send((client) => client.xRevRange(keys.events, '+', '-', { COUNT: 1 }))) ?? [];
    if (last === undefined) throw new Error('The stream is empty.');
    await admin.send((client) => client.del(keys.events));
    await admin.send((client) => client.xAdd(keys.events, last.id, { ...last.message, data: 'what?' }));
    const { log, replica } = await replicas.start();
    expect((await snapshotOf(log)).entities).toEqual([{ id: 'x', version: 1 }]);
    for (let attempt = 0; attempt < 5; attempt += 1) expect(await missedAfter(log, before)).toBe(null);
    await clock.advanceBy(60_000);
    expect(replica.logged.filter((line) => line.includes('cannot be decoded'))).toHaveLength(1);
  });

  it('logs messages that cannot be decoded once, and continues', async () => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys, warnings } = replicas;
    await append(a, created('x'));
    using reader = await follow(b);
    const { text } = { text: `${'e'.repeat(16)}.1-0.${'i'.repeat(8)}` };
    for (const message of ['', 'what?', '\n\n', `${text}\n\nwhat?`, `${text}\n${text}\n[{"changes":1}]`]) {
      await admin.send((client) => client.publish(keys.channel, message));
    }
    await append(a, changed('x', 1));
    await eventually(() => expect(kinds(reader)).toEqual(['CHANGED']));
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
    expect(warnings()).toHaveLength(2);
  });

  it.each([
    { name: 'text that is no JSON', text: 'jane.doe@example.com' },
    { name: 'JSON with a type that nothing writes', text: '[["jane.doe@example.com",1]]' },
    { name: 'an entity of another form', text: '["jane.doe@example.com"]' },
  ])('logs no part of the data of $name', async ({ text }) => {
    await using replicas = await startReplicas();
    const { a, b, admin, keys, start, warnings } = replicas;
    await append(a, created('x'));
    await snapshotOf(b);
    const name = `${'e'.repeat(16)}.1-0.${'i'.repeat(8)}`;
    await admin.send((client) => client.publish(keys.channel, `${name}\n${name}\n${text}`));
    await eventually(() => expect(warnings()).toHaveLength(2));
    await admin.send((client) => client.hSet(keys.snapshot, 'x', text));
    const { log, replica } = await start();
    expect(await log.snapshot()).toBe(null);
    const lines = [...warnings(), ...replica.logged.filter((line) => line.includes('event log'))];
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toContain('jane');
  });

  it('logs once that the log cannot be followed, and resumes as soon as it can', async () => {
    await using replicas = await startReplicas();
    const { a, keys, clock, replicas: both } = replicas;
    const [, second] = both;
    if (second === undefined) throw new Error('There is no second replica.');
    const { redis, heartbeat } = second;
    await append(a, created('x'));
    let failure: Error | null = new Error('ERR unknown command');
    let attempts = 0;
    const broken: Pick<Redis, 'send' | 'subscribe'> = {
      send: async (command) => {
        attempts += 1;
        if (failure !== null) throw failure;
        return await redis.send(command);
      },
      subscribe: (channel, subscriber) => redis.subscribe(channel, subscriber),
    };
    const lines: string[] = [];
    const logger = createLogger({ destination: { write: (line) => void lines.push(line) } });
    const key = ({ id }: Item) => id;
    await using log = createRedisEventLog<Item>({ key, keys, redis: broken, heartbeat, clock, logger });
    const early = expect(log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await eventually(async () => {
      await clock.advanceBy(retryMs);
      expect(attempts).toBeGreaterThan(10);
    });
    await early;
    expect(lines.filter((line) => line.includes('event log not followed'))).toHaveLength(1);
    failure = null;
    await reachable(log, clock);
    expect(await snapshotOf(log)).toEqual(await snapshotOf(a));
  });

  it('discards a log that it can never decode with growing pauses', async () => {
    await using replicas = await startReplicas();
    const { a, keys, clock, admin, replicas: both } = replicas;
    await using log = both[1]?.createLog<Item>({
      key: () => {
        throw new Error('No item of this replica has a key.');
      },
      keys,
    });
    /** Creates the log if it does not exist. */
    const epoch = async () => {
      const [name] = (await a.write({ adopted: [{ id: 'x', version: 0 }] }, { observedAt: at })).split('.');
      return name;
    };
    const discarded = () => eventually(async () => expect(await answer(a)).toBe(null));
    await epoch();
    expect(await log?.snapshot()).toBe(null);
    await discarded();
    for (const pauseMs of [10_000, 20_000, 40_000]) {
      const scans = await callsOf(admin, 'hscan');
      const begun = await epoch();
      // Both replicas load the log.
      await eventually(async () => expect(await callsOf(admin, 'hscan')).toBe(scans + 2));
      await clock.advanceBy(pauseMs - 1_000);
      expect(await epoch()).toBe(begun);
      await clock.advanceBy(1_000);
      expect(await epoch()).toBe(begun);
      await discarded();
    }
    expect(replicas.warnings().length).toBeLessThanOrEqual(2);
  });

  it('keeps its keys alive as long as it is followed, and leaves none behind when it is closed', async () => {
    await using replicas = await startReplicas();
    const { a, b, keys, admin } = replicas;
    await append(a, created('x'));
    using _reader = await follow(b);
    const [, second] = replicas.replicas;
    const { events, snapshot, meta, channel } = keys;
    expect([...(second?.heartbeat.kept ?? [])]).toEqual([{ keys: [events, snapshot, meta], ms: 600_000 }]);
    const subscribers = async () => (await admin.send((client) => client.pubSubNumSub([channel])))[channel];
    expect(await subscribers()).toBe(2);
    await b[Symbol.asyncDispose]();
    expect([second?.heartbeat.kept.size, second?.heartbeat.listeners]).toEqual([0, 0]);
    await eventually(async () => expect(await subscribers()).toBe(1));
  });

  it('stores nothing in Redis without an expiry, and little for writes without an entry', async () => {
    await using replicas = await startReplicas();
    const { a, admin, keys } = replicas;
    await append(a, created('x'));
    for (let round = 0; round < 100; round += 1) await a.write({ note: { round } }, { observedAt: at });
    expect(await admin.send((client) => client.xLen(keys.events))).toBe(65);
    const all = await admin.send((client) => client.keys(`${keys.prefix}*`));
    expect(all.toSorted()).toEqual([keys.events, keys.meta, keys.snapshot].toSorted());
    for (const key of all) {
      const leftMs = await admin.send((client) => client.pTTL(key));
      expect(leftMs).toBeGreaterThan(500_000);
      expect(leftMs).toBeLessThanOrEqual(600_000);
    }
    const bytes = Number(await admin.send((client) => client.hGet(keys.meta, 'bytes')));
    const records = (await admin.send((client) => client.xRange(keys.events, '-', '+'))) ?? [];
    expect(bytes).toBe(records.reduce((sum, { message }) => sum + (message['data'] ?? '').length, 0));
  });

  it('leaves nothing running when it is closed, whether Redis is available or not', async () => {
    const { clock } = await (async () => {
      await using replicas = await startReplicas();
      await Promise.all([replicas.a.snapshot(), replicas.b.snapshot()]);
      return replicas;
    })();
    expect([clock.pending(), clock.pending('deadline')]).toEqual([0, 0]);
    const { clock: other } = await (async () => {
      await using replicas = await startReplicas();
      await replicas.a.snapshot();
      await goAway(replicas.a, replicas.clock);
      const asked = replicas.b.snapshot().catch((error: unknown) => error);
      await replicas.b[Symbol.asyncDispose]();
      expect(await asked).toBeInstanceOf(UpstreamUnreachableError);
      return replicas;
    })();
    server.resume();
    expect(other.pending()).toBe(0);
    await using replicas = await startReplicas();
    await append(replicas.a);
    await snapshotOf(replicas.b);
    const late = replicas.a.write({}, { observedAt: at, expectedCursor: null });
    await replicas.a[Symbol.asyncDispose]();
    await expect(late).rejects.toBeInstanceOf(LogConflictError);
    expect(replicas.clock.pending()).toBe(0);
    await replicas.admin.send((client) => client.flushAll());
    replicas.replicas[1]?.heartbeat.replaceDatabase();
    expect(await replicas.b.snapshot()).toBe(null);
    await replicas.b[Symbol.asyncDispose]();
    expect(replicas.clock.pending()).toBe(0);
  });
});
