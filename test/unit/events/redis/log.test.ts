import { stringify } from 'devalue';
import { describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../../../src/errors.ts';
import { LogConflictError, LogFencedError } from '../../../../src/events/log.ts';
import { UndecodableError } from '../../../../src/events/redis/codec.ts';
import { feedKeys } from '../../../../src/events/redis/keys.ts';
import { RedisUnavailableError } from '../../../../src/runtime/redis.ts';
import { namesakeOf, tenantOf } from '../../../support/tenants.ts';
import { append, at, changed, created, item, removed } from '../subscriber/stream-setup.ts';
import { LogReplica, LogServer, settle, take } from './log-server.ts';

const ignore = () => undefined;

/** Creates two replicas that follow a log. The log contains the item `a`. */
async function twoReplicas() {
  const server = new LogServer();
  const [a, b] = [new LogReplica(server), new LogReplica(server)];
  await a.follow();
  const first = await append(a.log, created('a'));
  await b.follow();
  return { server, a, b, first };
}

describe('a write', () => {
  it('transfers the changes of the snapshot, of the stale subjects, and of the note to Redis', async () => {
    const { server, a } = await twoReplicas();
    await append(a.log, created('o'));
    await a.log.write(
      {
        adopted: [item('l')],
        changes: [
          created('b'),
          changed('a', 0, 1),
          created('c'),
          removed('c'),
          { kind: 'STALE', subject: 'list' },
          { kind: 'RECOVERED', subject: 'feed' },
        ],
        evicted: ['o'],
        note: { next: 7 },
      },
      { observedAt: at, term: 3 },
    );
    expect(server.given).toMatchObject({
      entries: 6,
      adopted: 1,
      set: 2,
      dropped: 2,
      stale: [
        { subject: 'list', on: true },
        { subject: 'feed', on: false },
      ],
      note: stringify({ next: 7 }),
      term: 3,
      begins: false,
      observedAt: at.toISOString(),
      retentionMs: 600_000,
      maxEntries: 10_000,
      maxBytes: 16 * 1024 * 1024,
      maxQuietRecords: 64,
    });
    const entities = server.snapshots.get(a.keys.snapshot) ?? new Map();
    expect([...entities]).toEqual([
      ['a', stringify(item('a', 1))],
      ['l', stringify(item('l'))],
      ['b', stringify(item('b'))],
    ]);
    expect((await a.log.snapshot())?.note).toEqual({ next: 7 });
    await append(a.log, created('d'));
    expect(server.given).toMatchObject({ entries: 1, adopted: 0, set: 1, dropped: 0, stale: [] });
    expect(server.given).not.toHaveProperty('note');
    const late = new LogReplica(server);
    await late.follow();
    expect((await late.log.snapshot())?.note).toEqual({ next: 7 });
  });

  it('has its own identity, and the limits of its log', async () => {
    const server = new LogServer();
    const replica = new LogReplica(server, { maxEntries: 5, maxBytes: 6, retentionMs: 7 });
    await replica.follow();
    await append(replica.log, created('a'));
    const [first] = [server.given];
    expect(first).toMatchObject({ maxEntries: 5, maxBytes: 6, retentionMs: 7 });
    await append(replica.log, created('b'));
    const names = server.stream(replica.keys.events).map(({ message }) => message.head);
    expect(names).toEqual([
      expect.stringMatching(/^[\w-]{16}\.1-0\.[\w-]{8}$/),
      expect.stringMatching(/^[\w-]{16}\.2-0\.[\w-]{8}$/),
    ]);
    expect(new Set(names.map((name) => name.slice(-8))).size).toBe(2);
  });

  it('has no data in its record if it begins the log, which all replicas then load', async () => {
    const { server, a, b } = await twoReplicas();
    server.remove(a.keys);
    for (const { heartbeat } of [a, b]) heartbeat.replaceDatabase();
    await settle();
    await a.log.write({ adopted: [item('x')] }, { observedAt: at, expectedCursor: null });
    expect(server.stream(a.keys.events).map(({ message }) => message.data)).toEqual(['']);
    expect(server.given).toMatchObject({ begins: true, data: '' });
    await settle();
    expect([a.logged, b.logged]).toEqual([[], []]);
    for (const { log } of [a, b]) expect((await log.snapshot())?.entities).toEqual([item('x')]);
  });

  it('is visible at once in the copy of its replica, from its own record and without a read', async () => {
    const { server, a } = await twoReplicas();
    const { length } = server.calls;
    const cursor = await append(a.log, created('b'));
    expect(await a.log.snapshot()).toMatchObject({ cursor, entities: [item('a'), item('b')] });
    await settle();
    expect(server.calls.slice(length)).toEqual(['write']);
  });

  it('is rejected after a later term, without another read of the log', async () => {
    const { server, a, b } = await twoReplicas();
    await a.log.write({ changes: [created('b')] }, { observedAt: at, term: 2 });
    const { length } = server.calls;
    const late = b.log.write({ changes: [created('c')] }, { observedAt: at, term: 1 });
    await expect(late).rejects.toThrow(new LogFencedError('Another writer has taken over the log.'));
    await settle();
    expect(server.calls.slice(length)).toEqual(['write']);
  });

  it('is rejected if its expectedCursor is not the current state, which is then read', async () => {
    const { server, a, b, first } = await twoReplicas();
    server.publishes = false;
    await append(a.log, created('b'));
    const write = b.log.write({ changes: [created('c')] }, { observedAt: at, expectedCursor: first });
    await expect(write).rejects.toThrow(new LogConflictError('The log was written in the meantime.'));
    expect((await b.log.snapshot())?.entities).toEqual([item('a'), item('b')]);
    expect(server.named('state')).toHaveLength(2);
  });

  it('is rejected if Redis has lost the log, and the loss is detected', async () => {
    const { server, a, first } = await twoReplicas();
    server.remove(a.keys);
    const write = a.log.write({ changes: [created('c')] }, { observedAt: at, expectedCursor: first });
    await expect(write).rejects.toThrow(new LogConflictError('The log is not the one that this replica followed.'));
    expect(await a.log.snapshot()).toBe(null);
  });

  it('fails as unreachable while Redis is unavailable, with the error of Redis as its cause', async () => {
    const { server, a } = await twoReplicas();
    const cause = new RedisUnavailableError('Redis is unavailable.');
    server.before = () => {
      throw cause;
    };
    const error = await append(a.log, created('b')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamUnreachableError);
    expect(error).toMatchObject({ message: 'Live views are temporarily unavailable.', cause });
  });

  it('fails with any other error unchanged', async () => {
    const { server, a } = await twoReplicas();
    server.before = () => {
      throw new RangeError('a defect');
    };
    await expect(append(a.log, created('b'))).rejects.toThrow(new RangeError('a defect'));
  });
});

describe('logs of two organizations with equal names of sandboxes and feeds', () => {
  it('share no key and no channel', async () => {
    const server = new LogServer();
    const a = new LogReplica(server);
    const b = new LogReplica(server, { keys: feedKeys(namesakeOf(tenantOf('prod')), 'items') });
    await a.follow();
    await b.follow();
    await append(a.log, created('a'));
    await append(b.log, created('b'));
    await append(a.log, changed('a', 0, 1));
    expect((await a.log.snapshot())?.entities).toEqual([item('a', 1)]);
    expect((await b.log.snapshot())?.entities).toEqual([item('b')]);
    expect([server.streams.size, server.snapshots.size, server.metas.size]).toEqual([2, 2, 2]);
    expect(a.channels).not.toEqual(b.channels);
  });
});

describe('a reader that resumes', () => {
  it('is served from the copy if the copy contains its missed entries', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const { length } = server.calls;
    const { start } = await a.log.open({ after: first, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'replay', missed: [{ change: created('b') }] });
    expect(server.calls).toHaveLength(length);
  });

  it('does not wait for a read if it has no cursor', async () => {
    const { server, a } = await twoReplicas();
    const { length } = server.calls;
    expect((await a.log.open({ onReadable: ignore })).start.kind).toBe('snapshot');
    expect(server.calls).toHaveLength(length);
  });

  it('receives entries that another replica has delivered, even if their message is lost', async () => {
    const { server, a, b } = await twoReplicas();
    server.publishes = false;
    const cursor = await append(a.log, created('b'));
    const { start } = await b.log.open({ after: cursor, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'replay', missed: [], snapshot: { cursor } });
  });

  it('shares the read of the last record with readers that wait at the same time', async () => {
    const { server, b } = await twoReplicas();
    const { length } = server.calls;
    const open = () => b.log.open({ after: 'other.1.aaaaaaaa', onReadable: ignore });
    const reads = [open(), open()];
    await settle();
    await Promise.all([...reads, open(), open(), open()]);
    expect(server.calls.slice(length)).toEqual(['head', 'head']);
  });

  it('reads the last record again after the read of another reader has failed', async () => {
    const { server, b } = await twoReplicas();
    const open = () => b.log.open({ after: 'other.1.aaaaaaaa', onReadable: ignore });
    server.before = () => {
      throw new RedisUnavailableError('Redis is unavailable.');
    };
    await expect(open()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    server.before = ignore;
    expect((await open()).start.kind).toBe('resync');
  });

  it('receives entries before the copy from the stream, which is read once for many readers', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    await append(a.log, created('c'), created('d'));
    const late = new LogReplica(server);
    await late.follow();
    const { length } = server.calls;
    const starts = await Promise.all(
      Array.from({ length: 3 }, () => late.log.open({ after: first, onReadable: ignore })),
    );
    for (const { start } of starts) {
      expect(start).toMatchObject({
        kind: 'replay',
        missed: [{ change: created('b') }, { change: created('c') }, { change: created('d') }],
      });
    }
    expect(server.calls.slice(length)).toEqual(['get oldest', 'range 1-0']);
  });

  it('receives the current state after one small read if its cursor is older than the stream', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    await append(a.log, created('c'));
    const late = new LogReplica(server);
    await late.follow();
    server.trim(a.keys, 2);
    const { length } = server.calls;
    const open = () => late.log.open({ after: first, onReadable: ignore });
    for (const start of [(await open()).start, (await open()).start]) {
      expect(start).toMatchObject({ kind: 'resync', snapshot: { entities: [item('a'), item('b'), item('c')] } });
    }
    expect(server.calls.slice(length)).toEqual(['get oldest', 'get oldest']);
  });

  it('receives the current state if Redis has lost the log in the meantime', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const late = new LogReplica(server);
    await late.follow();
    server.remove(a.keys);
    const { start } = await late.log.open({ after: first, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'resync', snapshot: { entities: [item('a'), item('b')] } });
    expect(server.named('range')).toEqual([]);
  });

  it.each(['the first', 'one between', 'the last'])(
    'receives the current state if %s of the records is missing, which is not searched for again',
    async (which) => {
      const { server, a, first } = await twoReplicas();
      await append(a.log, created('b'));
      await append(a.log, created('c'));
      await append(a.log, created('d'));
      const late = new LogReplica(server);
      await late.follow();
      server.stream(a.keys.events).splice({ 'the first': 0, 'one between': 2, 'the last': 3 }[which] ?? 0, 1);
      if (which === 'the first') server.stream(a.keys.events).splice(0, 1);
      const open = () => late.log.open({ after: first, onReadable: ignore });
      expect((await open()).start.kind).toBe('resync');
      const { length } = server.calls;
      expect((await open()).start.kind).toBe('resync');
      expect(server.calls).toHaveLength(length);
    },
  );

  it('receives its missed entries from a cursor later than one that cannot be replayed', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const third = await append(a.log, created('c'));
    await append(a.log, created('d'));
    const late = new LogReplica(server);
    await late.follow();
    server.stream(a.keys.events).splice(0, 2);
    expect((await late.log.open({ after: first, onReadable: ignore })).start.kind).toBe('resync');
    const { start } = await late.log.open({ after: third, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'replay', missed: [{ change: created('d') }] });
  });

  it('receives the current state if a record cannot be decoded, which is logged', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    await append(a.log, created('c'));
    const late = new LogReplica(server);
    await late.follow();
    const [, record] = server.stream(a.keys.events);
    if (record === undefined) throw new Error('no record');
    record.message = { ...record.message, data: 'garbage' };
    expect((await late.log.open({ after: first, onReadable: ignore })).start.kind).toBe('resync');
    expect(late.logged).toEqual([
      [
        { err: new UndecodableError('A value of the event log is not in its format.') },
        'event log cannot be decoded, so clients that resume at an older cursor receive a RESYNC',
      ],
    ]);
  });

  it('fails if the records cannot be read, and the next reader reads them', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const late = new LogReplica(server);
    await late.follow();
    const open = () => late.log.open({ after: first, onReadable: ignore });
    server.before = (call) => {
      if (call.startsWith('range')) throw new RedisUnavailableError('Redis is unavailable.');
    };
    await expect(open()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    server.before = (call) => {
      if (call.startsWith('get')) throw new RedisUnavailableError('Redis is unavailable.');
    };
    await expect(open()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    server.before = ignore;
    expect((await open()).start).toMatchObject({ kind: 'replay', missed: [{ change: created('b') }] });
  });

  it('receives no entries of another epoch that began while they were read', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const late = new LogReplica(server);
    await late.follow();
    let next = '';
    server.before = async (call) => {
      if (!call.startsWith('range')) return;
      server.before = ignore;
      const records = server.stream(a.keys.events);
      server.remove(a.keys);
      server.publishes = false;
      a.heartbeat.replaceDatabase();
      await settle();
      next = await append(a.log, created('x'));
      await append(a.log, created('y'));
      late.heartbeat.replaceDatabase();
      await settle();
      server.streams.set(a.keys.events, [...records, ...server.stream(a.keys.events)]);
    };
    const { start } = await late.log.open({ after: first, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'resync', snapshot: { entities: [item('x'), item('y')] } });
    server.stream(a.keys.events).splice(0, 2);
    const resumed = await late.log.open({ after: next, onReadable: ignore });
    expect(resumed.start).toMatchObject({ kind: 'replay', missed: [{ change: created('y') }] });
  });

  it('receives no entries of another epoch that its replica does not know yet', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const late = new LogReplica(server);
    await late.follow();
    server.before = async (call) => {
      if (!call.startsWith('range')) return;
      server.before = ignore;
      server.remove(a.keys);
      server.publishes = false;
      a.heartbeat.replaceDatabase();
      await settle();
      for (const id of ['x', 'y']) await append(a.log, created(id));
    };
    const { start } = await late.log.open({ after: first, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'resync', snapshot: { entities: [item('a'), item('b')] } });
  });

  it('receives entries from both the stream and the copy', async () => {
    const { server, a, first } = await twoReplicas();
    await append(a.log, created('b'));
    const late = new LogReplica(server);
    await late.follow();
    await append(a.log, created('c'));
    const { start } = await late.log.open({ after: first, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'replay', missed: [{ change: created('b') }, { change: created('c') }] });
  });

  it('receives its missed entries of an epoch, although the same position of an earlier one could not be replayed', async () => {
    const { server, a, first } = await twoReplicas();
    for (const id of ['b', 'c']) await append(a.log, created(id));
    const late = new LogReplica(server);
    await late.follow();
    server.stream(a.keys.events).splice(0, 2);
    expect((await late.log.open({ after: first, onReadable: ignore })).start.kind).toBe('resync');
    server.remove(a.keys);
    a.heartbeat.replaceDatabase();
    await settle();
    server.publishes = false;
    const next = await append(a.log, created('x'));
    await append(a.log, created('y'));
    late.heartbeat.replaceDatabase();
    await settle();
    const { start } = await late.log.open({ after: next, onReadable: ignore });
    expect(start).toMatchObject({ kind: 'replay', missed: [{ change: created('y') }] });
  });

  it('receives the current state if Redis has lost the log, which its cursor reveals', async () => {
    const { server, a } = await twoReplicas();
    server.remove(a.keys);
    const { start } = await a.log.open({ after: 'other.1.aaaaaaaa', onReadable: ignore });
    expect(start).toMatchObject({ kind: 'resync', snapshot: { entities: [item('a')] } });
    expect(await a.log.snapshot()).toBe(null);
  });

  it('receives more than a hundred records, a hundred per read', async () => {
    const { server, a, first } = await twoReplicas();
    for (let count = 0; count < 200; count += 1) await append(a.log, changed('a', count, count + 1));
    const late = new LogReplica(server);
    await late.follow();
    const { length } = server.calls;
    const { start } = await late.log.open({ after: first, onReadable: ignore });
    expect(start.kind === 'replay' && start.missed.map(({ change }) => change)).toEqual(
      Array.from({ length: 200 }, (_, count) => changed('a', count, count + 1)),
    );
    expect(server.named('range', length)).toEqual(['range 1-0', 'range (100-0', 'range (200-0']);
  });
});

describe('a log that no replica polls', () => {
  it('is stale for the readers of this process, even during and after an outage of Redis', async () => {
    const { a } = await twoReplicas();
    const { tail } = await a.log.open({ onReadable: ignore });
    const received = () => take(tail).map(({ change }) => change);
    a.log.markUnattended(true);
    expect(received()).toEqual([{ kind: 'STALE', subject: 'local' }]);
    a.subscriber?.onLost();
    await a.clock.advanceBy(2_000);
    a.subscriber?.onSubscribed();
    await settle();
    expect(received()).toEqual([]);
    a.log.markUnattended(false);
    expect(received()).toEqual([{ kind: 'RECOVERED', subject: 'local' }]);
  });
});
