import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../src/errors.ts';
import {
  type EventLog,
  type FeedChange,
  LogConflictError,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
  type LogSnapshot,
} from '../../src/events/event-log.ts';
import type { FeedKeys } from '../../src/events/redis-keys.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
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

/** Longer than Redis may be away before subscribers are told. */
const graceMs = 2_000;
/** Longer than the pause before another attempt. */
const retryMs = 300;
/** Longer than the pause between two looks at the log. */
const checkMs = 10_000;

interface Tail extends Disposable {
  readonly entries: readonly LogEntry<Item>[];
  /** Resolves with the error that ended it. */
  readonly failure: Promise<unknown>;
}

async function follow(log: EventLog<Item>, after?: string): Promise<Tail> {
  const controller = new AbortController();
  const { start, entries: told } = await openLog(log, { after, signal: controller.signal });
  const entries: LogEntry<Item>[] = start.kind === 'replay' ? [...start.missed] : [];
  const failure = (async () => {
    try {
      for await (const entry of told) entries.push(entry);
      return null;
    } catch (error) {
      return error;
    }
  })();
  return { entries, failure, [Symbol.dispose]: () => controller.abort() };
}

/** What a resume after the cursor replays; null when it does not. */
async function missedAfter(log: EventLog<Item>, after = ''): Promise<readonly LogEntry<Item>[] | null> {
  const { start, tail } = await log.open({ after, onGrowth: () => undefined });
  tail[Symbol.dispose]();
  return start.kind === 'replay' ? start.missed : null;
}

/** The snapshot, if it comes before time has to pass for it. */
function answer(log: EventLog<Item>): Promise<LogSnapshot<Item>> {
  const unanswered = turn().then(() => Promise.reject(new Error('The log has not answered yet.')));
  return Promise.race([snapshotOf(log), unanswered]);
}

/** The cursors of so many entries after one. */
function cursorsOf(after = '', count: number): readonly string[] {
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

  /** Two replicas with a log each of the same feed, and a clock that stands still. */
  async function startReplicas(bounds: Partial<LogBounds> = {}) {
    const keys = await keysOfOwnFeed();
    const clock = new FakeClock();
    const lifecycle = new Lifecycle();
    const start = async () => {
      const replica = startReplica(server.url, clock);
      lifecycle.add('replica', () => replica[Symbol.asyncDispose]());
      const log = replica.createLog<Item>({ key: ({ id }) => id, keys, ...bounds });
      lifecycle.add('log', () => log[Symbol.asyncDispose]());
      await replica.redis.blocking.ready(new AbortController().signal);
      await eventually(() => replica.redis.send((client) => client.ping()));
      return { log, replica };
    };
    const [one, two] = [await start(), await start()];
    const admin = one.replica.redis;
    /** Cuts all connections for a time, and resolves when they have been made again. */
    const reconnected = async ({ afterMs }: { readonly afterMs: number }) => {
      const clients = [one, two].map(({ replica }) => replica.redis.blocking.client);
      const before = clients.map(({ socketEpoch }) => socketEpoch);
      server.pause();
      server.cut();
      await eventually(() => expect(clients.map(({ isReady }) => isReady)).toEqual([false, false]));
      await clock.advanceBy(afterMs);
      server.resume();
      await eventually(() => expect(clients.map(({ socketEpoch }) => socketEpoch - 1)).toEqual(before));
      for (const { replica } of [one, two]) await eventually(() => replica.redis.send((client) => client.ping()));
    };
    const close = () => lifecycle.close();
    return { keys, clock, a: one.log, b: two.log, admin, start, reconnected, [Symbol.asyncDispose]: close };
  }

  /** Puts the server out of reach, with what it holds, until `comeBack`. */
  async function goAway(log: EventLog<Item>, clock: FakeClock): Promise<void> {
    server.pause();
    server.cut();
    await eventually(async () => {
      await clock.advanceBy(graceMs);
      await expect(answer(log)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    });
  }

  /** Resolves when the log can be asked again. */
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

  it('tells the readers of both what one of them writes, each entry once and in order', async () => {
    await using replicas = await startReplicas();
    const { a, b } = replicas;
    using readerOfA = await follow(a);
    using readerOfB = await follow(b);
    await append(a, created('x'), created('y'));
    await append(b, { kind: 'REMOVED', entity: { id: 'x', version: 0 } });
    await a.write({ learned: [{ id: 'z', version: 7 }], note: new Map([['k', at]]) }, { observedAt: at });
    await eventually(async () => expect((await snapshotOf(b)).note).toEqual(new Map([['k', at]])));
    await eventually(() => expect(kinds(readerOfA)).toEqual(['CREATED', 'CREATED', 'REMOVED']));
    expect(readerOfB.entries).toEqual(readerOfA.entries);
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
  });

  it('lets a replica that came later replay what it has not seen itself', async () => {
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
    expect(fromStart.entries.map(({ cursor }) => cursor)).toEqual(cursorsOf(cursors[0], 602));
    // The same entry is the same object for everybody, so that work on it can be shared.
    expect(fromMiddle.entries).toEqual(fromStart.entries.slice(301));
    expect(fromMiddle.entries[0]).toBe(fromStart.entries[301]);
    expect(await start().then(({ log: third }) => missedAfter(third, cursors.at(-1)))).toEqual([]);
  });

  it('answers a replica that came later with the present state where the stream does not reach back', async () => {
    await using replicas = await startReplicas({ maxEntries: 3 });
    const { a, start, admin, keys } = replicas;
    const cursors: string[] = [];
    for (let version = 1; version <= 6; version += 1) cursors.push(await append(a, changed('x', version)));
    const { log } = await start();
    expect(await missedAfter(log, cursors[1])).toBe(null);
    expect(await missedAfter(log, cursors[2])).toHaveLength(3);
    expect(await admin.send((client) => client.xLen(keys.events))).toBe(3);
  });

  it('takes no write of a term that is over, whichever replica had the later one', async () => {
    await using replicas = await startReplicas();
    const { a, b } = replicas;
    await a.write({ changes: [created('x')] }, { observedAt: at, term: 1 });
    await b.write({ note: 'taken over' }, { observedAt: at, term: 2 });
    const late = a.write({ changes: [changed('x', 9)] }, { observedAt: at, term: 1 });
    await expect(late).rejects.toBeInstanceOf(LogFencedError);
    expect((await snapshotOf(a)).entities).toEqual([{ id: 'x', version: 0 }]);
  });

  it('tells subscribers STALE while Redis is away and RECOVERED afterwards, and loses nothing in between', async () => {
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
    // Who resumes at a STALE that only this replica knows begins anew: no log could tell it of the end of that.
    expect(await missedAfter(b, reader.entries[0]?.cursor)).toBe(null);
    expect(await missedAfter(b, reader.entries.at(-1)?.cursor)).toEqual([]);
  });

  it('keeps apart what the log says of the feed and that Redis is away', async () => {
    await using replicas = await startReplicas();
    const { a, clock } = replicas;
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

  it('says nothing of a connection that is back before the grace is over', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock, reconnected } = replicas;
    using reader = await follow(b);
    await append(a, created('x'));
    await reconnected({ afterMs: graceMs / 2 });
    await clock.advanceBy(retryMs);
    await Promise.all([a.snapshot(), b.snapshot()]);
    await clock.advanceBy(graceMs);
    await append(a, created('y'));
    await eventually(() => expect(kinds(reader)).toEqual(['CREATED', 'CREATED']));
  });

  it('goes on from what the replicas know after the server has lost everything', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock } = replicas;
    await a.write(
      { learned: [{ id: 'w', version: 3 }], changes: [created('x')], note: 'n' },
      { observedAt: at, term: 5 },
    );
    const before = await snapshotOf(b);
    using reader = await follow(b);
    await server.start();
    await reachable(a, clock);
    await reachable(b, clock);
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    const after = await snapshotOf(b);
    expect(after).toEqual({ ...before, cursor: after.cursor });
    expect(after.cursor).toMatch(/\.0$/);
    expect(await snapshotOf(a)).toEqual(after);
    expect(await missedAfter(b, before.cursor)).toBe(null);
    const late = b.write({ changes: [changed('x', 9)] }, { observedAt: at, term: 4 });
    await expect(late).rejects.toBeInstanceOf(LogFencedError);
    using again = await follow(b);
    await append(a, changed('x', 1));
    await eventually(() => expect(kinds(again)).toEqual(['CHANGED']));
  });

  it('notices a flushed database without a lost connection', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock, admin } = replicas;
    await append(a, created('x'));
    using reader = await follow(b);
    await admin.send((client) => client.flushAll());
    await expect(append(a, changed('x', 1))).rejects.toBeInstanceOf(LogConflictError);
    await reachable(a, clock);
    await append(a, changed('x', 1));
    await clock.advanceBy(checkMs);
    expect(await reader.failure).toBeInstanceOf(LogOverflowError);
    await reachable(b, clock);
    expect(await snapshotOf(b)).toEqual(await snapshotOf(a));
  });

  it('begins a new life when the server has lost the last writes, as after a failover', async () => {
    await using replicas = await startReplicas();
    const { a, b, clock, admin, keys } = replicas;
    await append(a, created('x'));
    const { events, snapshot, meta } = keys;
    const copies = [events, snapshot, meta].map((key) => ({ key, copy: `${key}:copy` }));
    for (const { key, copy } of copies) await admin.send((client) => client.copy(key, copy));
    const lost = await append(a, changed('x', 1));
    await eventually(async () => expect((await snapshotOf(b)).cursor).toBe(lost));
    for (const { key, copy } of copies) await admin.send((client) => client.copy(copy, key, { REPLACE: true }));
    // The same sequence would now stand for something else.
    await expect(append(b, created('y'))).rejects.toBeInstanceOf(LogConflictError);
    await reachable(b, clock);
    const after = await snapshotOf(b);
    expect(after.entities).toEqual([{ id: 'x', version: 1 }]);
    expect(await missedAfter(b, lost)).toBe(null);
  });

  it('is no log any more when the server has evicted a part of it', async () => {
    await using replicas = await startReplicas();
    const { a, clock, admin, keys, start } = replicas;
    const cursor = await append(a);
    await append(a, created('x'));
    await admin.send((client) => client.del(keys.snapshot));
    await clock.advanceBy(checkMs);
    const { log } = await start();
    await eventually(async () => expect((await snapshotOf(log)).entities).toEqual([{ id: 'x', version: 0 }]));
    expect(await missedAfter(log, cursor)).toBe(null);
  });

  it('keeps nothing in Redis for ever, and little of what brings no entry', async () => {
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

  it('leaves nothing running when it is closed, whether Redis is there or not', async () => {
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
  });

  it('begins anew where it does not understand what it reads', async () => {
    await using replicas = await startReplicas();
    const { a, clock, admin, keys } = replicas;
    const cursor = await append(a, created('x'));
    const record = { after: `${cursor.slice(0, cursor.indexOf('.'))}.1-0`, data: 'what?' };
    await admin.send((client) => client.xAdd(keys.events, '1-1', record));
    await reachable(a, clock);
    expect((await snapshotOf(a)).entities).toEqual([{ id: 'x', version: 0 }]);
  });
});
