import { getEventListeners } from 'node:events';
import { stringify } from 'devalue';
import { describe, expect, it } from 'vitest';
import { UpstreamUnreachableError } from '../../../../src/errors.ts';
import { LogOverflowError, type LogTail } from '../../../../src/events/log.ts';
import { UndecodableError } from '../../../../src/events/redis/codec.ts';
import { RedisUnavailableError } from '../../../../src/runtime/redis.ts';
import type { FakeClock } from '../../../support/fake-clock.ts';
import { append, at, changed, created, type Item, item } from '../subscriber/stream-setup.ts';
import { LogReplica, LogServer, settle, take } from './log-server.ts';

const ignore = () => undefined;
const away = () => {
  throw new RedisUnavailableError('Redis is unavailable.');
};

/** Creates a writer, and a reader on another replica that follows the log. The log contains the item `a`. */
async function followed() {
  const server = new LogServer();
  const [writer, reader] = [new LogReplica(server), new LogReplica(server)];
  await writer.follow();
  await append(writer.log, created('a'));
  await reader.follow();
  const { tail } = await reader.log.open({ onReadable: ignore });
  let watched = 0;
  reader.log.watch(() => {
    watched += 1;
  });
  const { length } = server.calls;
  return {
    server,
    writer,
    reader,
    tail,
    /** Calls since the reader was up to date. */
    calls: () => server.calls.slice(length),
    watched: () => watched,
    /** Writes entries without a message for the reader. */
    miss: async (...ids: readonly string[]) => {
      server.publishes = false;
      for (const id of ids) await append(writer.log, created(id));
      server.publishes = true;
    },
  };
}

/** Collects the signals of the deadlines that a clock starts from now on. */
function deadlinesOf(clock: FakeClock): readonly AbortSignal[] {
  const signals: AbortSignal[] = [];
  const deadline = clock.deadline.bind(clock);
  clock.deadline = (ms) => {
    const made = deadline(ms);
    signals.push(made.signal);
    return made;
  };
  return signals;
}
const listenersOf = (signals: readonly AbortSignal[]) => signals.map((one) => getEventListeners(one, 'abort').length);

const changesOf = (tail: LogTail<Item>) => take(tail).map(({ change }) => change);
const stale = { kind: 'STALE', subject: 'local' };
const recovered = { kind: 'RECOVERED', subject: 'local' };

describe('a replica that follows a log', () => {
  it('shows the records of its channel without a read', async () => {
    const { writer, tail, calls } = await followed();
    await append(writer.log, created('b'), created('c'));
    await append(writer.log, created('d'));
    expect(changesOf(tail)).toEqual([created('b'), created('c'), created('d')]);
    await settle();
    expect(calls()).toEqual(['write', 'write']);
  });

  it('subscribes once and keeps the log alive, but only when the log is needed', async () => {
    const server = new LogServer();
    const replica = new LogReplica(server);
    expect([server.subscribers.size, replica.heartbeat.kept.size, replica.heartbeat.listeners]).toEqual([0, 0, 0]);
    await replica.follow();
    await replica.follow();
    const { events, snapshot, meta, channel } = replica.keys;
    expect([...server.subscribers].map((one) => one.channel)).toEqual([channel]);
    expect([...replica.heartbeat.kept]).toEqual([{ keys: [events, snapshot, meta], ms: 600_000 }]);
    expect(replica.heartbeat.listeners).toBe(1);
  });

  it('reads nothing before its channel is subscribed to', async () => {
    const server = new LogServer();
    const replica = new LogReplica(server);
    replica.log.watch(ignore);
    replica.heartbeat.replaceDatabase();
    server.publish(replica.keys.channel, 'garbage');
    await settle();
    expect(server.calls).toEqual([]);
  });

  it('loads entities in pages of 500, with state, note and stale subjects', async () => {
    const { server, writer } = await followed();
    const adopted = Array.from({ length: 1_000 }, (_, index) => item(`i${index}`));
    const changes = [{ kind: 'STALE', subject: 'list' } as const, { kind: 'STALE', subject: 'entity:a' } as const];
    await writer.log.write({ adopted, changes, note: { next: 7 } }, { observedAt: at });
    const late = new LogReplica(server);
    const { length } = server.calls;
    await late.follow();
    expect(server.calls.slice(length)).toEqual(['head', 'state', 'scan 0', 'scan 500', 'scan 1000', 'head']);
    const [there, here] = [await writer.log.snapshot(), await late.log.snapshot()];
    expect(here).toEqual(there);
    expect(here).toMatchObject({ observedAt: at, note: { next: 7 }, stale: new Set(['list', 'entity:a']) });
    expect(here?.entities).toHaveLength(1_001);
  });

  it('applies concurrent writes while it loads, even those that it has already loaded', async () => {
    const { server, writer } = await followed();
    const late = new LogReplica(server);
    server.before = async (call) => {
      if (call !== 'scan 0') return;
      server.before = ignore;
      await append(writer.log, changed('a', 0, 1), created('b'));
      await append(writer.log, changed('a', 1, 2));
    };
    await late.follow();
    expect((await late.log.snapshot())?.entities).toEqual([item('a', 2), item('b')]);
    expect(late.logged).toEqual([]);
  });

  it.each(['begins', 'ends'])('has no log if Redis loses it when the load %s', async (when) => {
    const { server, writer } = await followed();
    const late = new LogReplica(server);
    server.before = (call) => {
      if (call !== (when === 'begins' ? 'state' : 'scan 0')) return;
      server.remove(writer.keys);
    };
    const { length } = server.calls;
    await late.follow();
    expect(await late.log.snapshot()).toBe(null);
    expect(server.calls.slice(length)).toEqual(
      when === 'begins' ? ['head', 'state'] : ['head', 'state', 'scan 0', 'head'],
    );
    expect(late.logged).toEqual([]);
  });

  it('loads again after 200 ms if the log has begun another epoch in the meantime', async () => {
    const { server, writer } = await followed();
    const late = new LogReplica(server);
    server.before = async (call) => {
      if (call !== 'scan 0') return;
      server.before = ignore;
      server.remove(writer.keys);
      writer.heartbeat.replaceDatabase();
      await settle();
      await append(writer.log, created('x'));
    };
    await late.follow();
    await settle();
    const { length } = server.calls;
    await late.clock.advanceBy(199);
    expect(server.calls).toHaveLength(length);
    await late.clock.advanceBy(1);
    await settle();
    expect((await late.log.snapshot())?.entities).toEqual([item('x')]);
    expect(late.logged).toEqual([
      [
        { err: new Error('The event log changed too fast to be loaded.'), log: late.keys.prefix },
        'event log not followed',
      ],
    ]);
  });
});

describe('a replica that has missed records', () => {
  it('reads only the missed ones with the next record, and shows all of them in order', async () => {
    const { writer, reader, tail, calls, miss } = await followed();
    await miss('b', 'c');
    await append(writer.log, created('d'));
    await settle();
    expect(changesOf(tail)).toEqual([created('b'), created('c'), created('d')]);
    expect(calls().filter((call) => call !== 'write')).toEqual(['head', 'range (1-0']);
    expect(reader.logged).toEqual([]);
  });

  it('reads them when its channel is subscribed to again, and nothing if it has missed nothing', async () => {
    const { reader, tail, calls, miss } = await followed();
    reader.subscriber?.onLost();
    reader.subscriber?.onSubscribed();
    await settle();
    expect(calls()).toEqual(['head']);
    reader.subscriber?.onLost();
    await miss('b');
    await settle();
    expect(changesOf(tail)).toEqual([]);
    reader.subscriber?.onSubscribed();
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
  });

  it('shows no record of a lost channel before the missed ones are read', async () => {
    const { writer, reader, tail } = await followed();
    reader.subscriber?.onLost();
    await append(writer.log, created('b'));
    await settle();
    expect(changesOf(tail)).toEqual([]);
    reader.subscriber?.onSubscribed();
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
  });

  it('reads again if a record arrives while it reads', async () => {
    const { server, writer, tail, reader, calls } = await followed();
    server.before = async (call) => {
      if (call !== 'head') return;
      server.before = ignore;
      await append(writer.log, created('b'));
    };
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
    expect(calls()).toEqual(['head', 'write', 'range (1-0', 'head']);
  });

  it('reads them after its database was replaced', async () => {
    const { reader, tail, miss } = await followed();
    await miss('b');
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
  });

  it('reads those without an entry after its last record', async () => {
    const { server, writer, reader, calls } = await followed();
    await writer.log.write({ note: 1 }, { observedAt: at });
    server.publishes = false;
    await writer.log.write({ note: 2 }, { observedAt: at });
    reader.heartbeat.replaceDatabase();
    await settle();
    expect((await reader.log.snapshot())?.note).toBe(2);
    expect(calls().filter((call) => call !== 'write')).toEqual(['head', 'range (1-1']);
  });

  it('loads the log if they are no longer in the stream, and its readers open it again', async () => {
    const { server, writer, reader, tail, calls, miss } = await followed();
    await miss('b', 'c');
    server.trim(writer.keys, 2);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(() => tail.read()).toThrow(LogOverflowError);
    expect((await reader.log.snapshot())?.entities).toEqual([item('a'), item('b'), item('c')]);
    expect(calls().filter((call) => call !== 'write')).toEqual(['head', 'range (1-0', 'state', 'scan 0', 'head']);
  });

  it('loads the log if one of them cannot be decoded, which is logged', async () => {
    const { server, writer, reader, miss } = await followed();
    await miss('b');
    const [, record] = server.stream(writer.keys.events);
    if (record === undefined) throw new Error('no record');
    record.message = { ...record.message, data: 'garbage' };
    reader.heartbeat.replaceDatabase();
    await settle();
    expect((await reader.log.snapshot())?.entities).toEqual([item('a'), item('b')]);
    expect(reader.logged).toEqual([
      [
        { err: new UndecodableError('A value of the event log is not in its format.'), log: reader.keys.prefix },
        'event log cannot be decoded, so its missing entries are treated as lost',
      ],
    ]);
  });

  it('loads the log of another epoch without reading the gap', async () => {
    const { server, writer, reader, calls } = await followed();
    server.publishes = false;
    server.remove(writer.keys);
    writer.heartbeat.replaceDatabase();
    await settle();
    await append(writer.log, created('x'), created('y'));
    reader.heartbeat.replaceDatabase();
    await settle();
    expect((await reader.log.snapshot())?.entities).toEqual([item('x'), item('y')]);
    expect(calls().filter((call) => call.startsWith('range'))).toEqual([]);
  });

  it('loads a log that a failover has reverted without reading the gap', async () => {
    const { server, writer, reader, calls } = await followed();
    const fields = new Map(server.meta(writer.keys));
    const entities = new Map(server.snapshots.get(writer.keys.snapshot));
    await append(writer.log, created('b'));
    const lost = server.stream(writer.keys.events).pop();
    server.metas.set(writer.keys.meta, fields);
    server.snapshots.set(writer.keys.snapshot, entities);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect((await reader.log.snapshot())?.entities).toEqual([item('a')]);
    expect(calls().filter((call) => call.startsWith('range'))).toEqual([]);
    // The former master returns with the lost record.
    server.publish(writer.keys.channel, Object.values(lost?.message ?? {}).join('\n'));
    expect((await reader.log.snapshot())?.entities).toEqual([item('a'), item('b')]);
  });

  it('shows each record once, although one of the last 128 arrives again', async () => {
    const { server, writer, reader, tail, calls } = await followed();
    const { channel, events } = writer.keys;
    for (let count = 0; count < 128; count += 1) await append(writer.log, changed('a', count, count + 1));
    await settle();
    expect(changesOf(tail)).toHaveLength(128);
    const textOf = (index: number) => Object.values(server.stream(events)[index]?.message ?? {}).join('\n');
    server.publish(channel, textOf(1));
    server.publish(channel, textOf(128));
    await settle();
    expect(calls().filter((call) => call !== 'write')).toEqual([]);
    server.publish(channel, textOf(0));
    await settle();
    expect(server.named('head', server.calls.length - 2).length).toBeGreaterThan(0);
    expect(changesOf(tail)).toEqual([]);
    expect(reader.logged).toEqual([]);
  });
});

describe('a message that cannot be decoded', () => {
  it('is logged once a minute, and the log is read instead', async () => {
    const { reader, calls } = await followed();
    const line = [
      {
        err: new UndecodableError('The name of a record in the event log cannot be decoded.'),
        log: reader.keys.prefix,
      },
      'event log cannot be decoded, so its missing entries are treated as lost',
    ];
    const garble = async () => {
      reader.subscriber?.onMessage('garbage');
      await settle();
    };
    await garble();
    await reader.clock.advanceBy(59_999);
    await garble();
    expect([reader.logged, calls()]).toEqual([[line], ['head', 'head']]);
    await reader.clock.advanceBy(1);
    await garble();
    expect(reader.logged).toEqual([line, line]);
  });
});

describe('while Redis is unavailable', () => {
  it('reads are repeated every 200 ms, and nothing is logged', async () => {
    const { server, reader, tail, calls, miss } = await followed();
    await miss('b');
    server.before = away;
    reader.heartbeat.replaceDatabase();
    await settle();
    const { length } = calls();
    await reader.clock.advanceBy(199);
    expect(calls()).toHaveLength(length);
    await reader.clock.advanceBy(1);
    expect(calls()).toHaveLength(length + 1);
    server.before = ignore;
    await reader.clock.advanceBy(200);
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
    expect(reader.logged).toEqual([]);
  });

  it('a gap that cannot be read is read again, without loading the log', async () => {
    const { server, reader, tail, calls, miss } = await followed();
    await miss('b');
    server.before = (call) => {
      if (call.startsWith('range')) away();
    };
    reader.heartbeat.replaceDatabase();
    await settle();
    server.before = ignore;
    await reader.clock.advanceBy(200);
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
    expect([calls().slice(1), reader.logged]).toEqual([['head', 'range (1-0', 'head', 'range (1-0'], []]);
  });

  it('a replica whose channel is lost during a read does not count as up to date', async () => {
    const { server, reader, tail } = await followed();
    server.before = () => {
      server.before = ignore;
      reader.subscriber?.onLost();
    };
    reader.heartbeat.replaceDatabase();
    await settle();
    let answered = 0;
    const waiting = reader.log.snapshot().then(
      () => {
        answered += 1;
      },
      () => undefined,
    );
    await reader.clock.advanceBy(1_999);
    expect([answered, changesOf(tail)]).toEqual([0, []]);
    await reader.clock.advanceBy(1);
    expect(changesOf(tail)).toEqual([stale]);
    await waiting;
    expect(answered).toBe(0);
  });

  it('requests fail after 2 s, readers receive STALE then, and RECOVERED after the outage', async () => {
    const { reader, tail } = await followed();
    reader.subscriber?.onLost();
    const waiting = reader.log.snapshot();
    const failed = expect(waiting).rejects.toThrow('Live views are temporarily unavailable.');
    await reader.clock.advanceBy(1_999);
    expect(changesOf(tail)).toEqual([]);
    await reader.clock.advanceBy(1);
    await failed;
    expect(changesOf(tail)).toEqual([stale]);
    await expect(reader.log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    reader.subscriber?.onSubscribed();
    await settle();
    expect(changesOf(tail)).toEqual([recovered]);
    expect((await reader.log.snapshot())?.entities).toEqual([item('a')]);
    expect(reader.clock.pending()).toBe(0);
  });

  it('requests of a replica that has just started fail after 2 s', async () => {
    const replica = new LogReplica(new LogServer());
    const failed = expect(replica.log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await replica.clock.advanceBy(2_000);
    await failed;
  });

  it('nothing becomes stale if it returns within 2 s', async () => {
    const { reader, tail } = await followed();
    for (let time = 0; time < 3; time += 1) {
      reader.subscriber?.onLost();
      await reader.clock.advanceBy(1_500);
      reader.subscriber?.onSubscribed();
      await settle();
    }
    await reader.clock.advanceBy(10_000);
    expect(changesOf(tail)).toEqual([]);
  });

  it('the time is measured from the first invalidation', async () => {
    const { reader, tail } = await followed();
    reader.subscriber?.onLost();
    await reader.clock.advanceBy(1_500);
    reader.heartbeat.replaceDatabase();
    await reader.clock.advanceBy(500);
    expect(changesOf(tail)).toEqual([stale]);
  });

  it('readers that open the log again after it was loaded do not fail', async () => {
    const { server, writer, reader, tail } = await followed();
    reader.subscriber?.onLost();
    await reader.clock.advanceBy(2_000);
    expect(changesOf(tail)).toEqual([stale]);
    server.remove(writer.keys);
    writer.heartbeat.replaceDatabase();
    await settle();
    await append(writer.log, created('x'));
    const opened: string[] = [];
    const again = await reader.log.open({ onReadable: ignore }).catch(() => null);
    expect(again).toBe(null);
    reader.log.watch(() => {
      reader.log.open({ onReadable: ignore }).then(
        ({ start }) => opened.push(start.kind),
        () => opened.push('failed'),
      );
    });
    reader.subscriber?.onSubscribed();
    await settle();
    expect(opened.length).toBeGreaterThan(0);
    expect(new Set(opened)).toEqual(new Set(['snapshot']));
  });

  it('a defect is logged once a minute, and the log is followed when the defect is gone', async () => {
    const { server, reader, tail, miss } = await followed();
    await miss('b');
    const defect = new RangeError('a defect');
    server.before = () => {
      throw defect;
    };
    reader.heartbeat.replaceDatabase();
    await settle();
    await reader.clock.advanceBy(1_000);
    expect(reader.logged).toEqual([[{ err: defect, log: reader.keys.prefix }, 'event log not followed']]);
    server.before = ignore;
    await reader.clock.advanceBy(200);
    await settle();
    expect(changesOf(tail)).toEqual([created('b')]);
  });
});

describe('a log that Redis has lost', () => {
  it('leaves readers their state, notifies the watchers, and is stale after a minute', async () => {
    const { server, writer, reader, tail, watched } = await followed();
    server.remove(writer.keys);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect([await reader.log.snapshot(), watched(), tail.snapshot.entities]).toEqual([null, 1, [item('a')]]);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(watched()).toBe(1);
    await reader.clock.advanceBy(59_999);
    expect(changesOf(tail)).toEqual([]);
    await reader.clock.advanceBy(1);
    expect(changesOf(tail)).toEqual([stale]);
  });

  it.each(['state', 'scan 0'])('is noticed if that happens while another epoch is loaded: %s', async (when) => {
    const { server, writer, reader, watched } = await followed();
    server.remove(writer.keys);
    writer.heartbeat.replaceDatabase();
    await settle();
    server.publishes = false;
    await append(writer.log, created('x'));
    server.before = (call) => {
      if (call === when) server.remove(writer.keys);
    };
    reader.heartbeat.replaceDatabase();
    await settle();
    expect([await reader.log.snapshot(), watched()]).toEqual([null, 1]);
  });

  it('is followed again if it returns unchanged: watchers are notified, and nothing is stale', async () => {
    const { server, writer, reader, tail, watched } = await followed();
    const [records, fields] = [server.stream(writer.keys.events), server.meta(writer.keys)];
    server.remove(writer.keys);
    reader.heartbeat.replaceDatabase();
    await settle();
    server.streams.set(writer.keys.events, records);
    server.metas.set(writer.keys.meta, fields);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect((await reader.log.snapshot())?.entities).toEqual([item('a')]);
    expect(watched()).toBe(2);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(watched()).toBe(2);
    await reader.clock.advanceBy(60_000);
    expect(changesOf(tail)).toEqual([]);
    expect(reader.clock.pending()).toBe(0);
  });

  it('is no longer stale when its next records arrive', async () => {
    const { server, writer, reader, tail } = await followed();
    const [records, fields] = [server.stream(writer.keys.events), server.meta(writer.keys)];
    server.remove(writer.keys);
    reader.heartbeat.replaceDatabase();
    await settle();
    await reader.clock.advanceBy(60_000);
    server.streams.set(writer.keys.events, records);
    server.metas.set(writer.keys.meta, fields);
    server.publishes = false;
    await append(writer.log, created('b'));
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(changesOf(tail)).toEqual([stale, recovered, created('b')]);
    expect((await reader.log.snapshot())?.entities).toEqual([item('a'), item('b')]);
  });

  it('lets readers that open it wait for the next one for 2 s', async () => {
    const { server, writer, reader } = await followed();
    server.remove(writer.keys);
    for (const { heartbeat } of [writer, reader]) heartbeat.replaceDatabase();
    await settle();
    const signals = deadlinesOf(reader.clock);
    let failures = 0;
    const opening = reader.log.open({ onReadable: ignore });
    const failed = reader.log.open({ onReadable: ignore }).catch((error: unknown) => {
      failures += 1;
      return error;
    });
    opening.catch(ignore);
    await settle();
    await reader.clock.advanceBy(1_999);
    expect(failures).toBe(0);
    await reader.clock.advanceBy(1);
    expect(await failed).toBeInstanceOf(UpstreamUnreachableError);
    await expect(opening).rejects.toBeInstanceOf(UpstreamUnreachableError);
    expect(reader.clock.pending('deadline')).toBe(0);
    const next = reader.log.open({ onReadable: ignore });
    await settle();
    reader.heartbeat.replaceDatabase();
    await settle();
    await append(writer.log, created('x'));
    await settle();
    expect((await next).start.snapshot.entities).toEqual([item('x')]);
    expect(reader.clock.pending('deadline')).toBe(0);
    expect(listenersOf(signals)).toEqual([0, 0, 0]);
  });
});

describe('a log whose state cannot be decoded', () => {
  const spoil = (server: LogServer, { keys }: LogReplica) => server.meta(keys).set('stale', 'garbage');

  it('is discarded for all replicas, and the next write begins another epoch', async () => {
    const { server, writer, reader } = await followed();
    spoil(server, writer);
    const late = new LogReplica(server);
    await late.follow();
    expect([server.named('discard'), server.streams.size]).toEqual([['discard'], 0]);
    expect([writer.logged, reader.logged, late.logged.length]).toEqual([[], [], 1]);
    for (const { log } of [writer, reader, late]) expect(await log.snapshot()).toBe(null);
    await append(writer.log, created('x'));
    await settle();
    for (const { log } of [writer, reader, late]) expect((await log.snapshot())?.entities).toEqual([item('x')]);
  });

  it.each([
    ['the epoch', (cursor: string) => cursor.replace(/^[^.]+/, 'other')],
    ['the sequence', (cursor: string) => cursor.replace(/\.1\./, '.2.')],
    ['the identity', (cursor: string) => cursor.replace(/\.[^.]+$/, '')],
  ])('is discarded if %s of its cursor does not belong to its last record', async (_, spoiled) => {
    const { server, writer } = await followed();
    const fields = server.meta(writer.keys);
    fields.set('cursor', spoiled(fields.get('cursor') ?? ''));
    const late = new LogReplica(server);
    await late.follow();
    expect(server.named('discard')).toHaveLength(1);
    expect(late.logged).toEqual([
      [
        {
          err: new UndecodableError('The cursor of the event log does not belong to its last record.'),
          log: late.keys.prefix,
        },
        'event log cannot be decoded, so its missing entries are treated as lost',
      ],
    ]);
  });

  it.each(['observedAt', 'entity'])('is discarded if its %s is invalid', async (what) => {
    const { server, writer } = await followed();
    if (what === 'entity') server.snapshots.get(writer.keys.snapshot)?.set('a', stringify('no item'));
    else server.meta(writer.keys).delete(what);
    await new LogReplica(server).follow();
    expect(server.named('discard')).toHaveLength(1);
  });

  it('is discarded again by one replica only after 10 s, then 20 s, and at most 10 minutes', async () => {
    const { server, writer } = await followed();
    const reader = new LogReplica(server);
    spoil(server, writer);
    await reader.follow();
    const again = async () => {
      const before = server.named('discard').length;
      writer.heartbeat.replaceDatabase();
      await settle();
      server.publishes = false;
      await append(writer.log, created('x'));
      server.publishes = true;
      spoil(server, writer);
      reader.heartbeat.replaceDatabase();
      await settle();
      return server.named('discard').length - before;
    };
    for (const pauseMs of [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000]) {
      await reader.clock.advanceBy(pauseMs - 1);
      expect(await again()).toBe(0);
      const { length } = server.calls;
      reader.heartbeat.replaceDatabase();
      await settle();
      expect(server.calls.slice(length)).toEqual(['head']);
      await reader.clock.advanceBy(1);
      reader.heartbeat.replaceDatabase();
      await settle();
      expect(server.streams.size).toBe(0);
    }
  });

  it('is treated as lost while it must not be discarded', async () => {
    const { server, writer } = await followed();
    const reader = new LogReplica(server);
    spoil(server, writer);
    await reader.follow();
    await append(writer.log, created('x'));
    await settle();
    expect((await reader.log.snapshot())?.entities).toEqual([item('x')]);
    server.publishes = false;
    server.remove(writer.keys);
    writer.heartbeat.replaceDatabase();
    await settle();
    await append(writer.log, created('y'));
    spoil(server, writer);
    reader.heartbeat.replaceDatabase();
    await settle();
    expect([await reader.log.snapshot(), server.named('discard').length]).toEqual([null, 1]);
  });

  it('is kept if it has begun another epoch in the meantime', async () => {
    const { server, writer } = await followed();
    const late = new LogReplica(server);
    const fields = server.meta(writer.keys);
    fields.set('cursor', 'garbage');
    server.before = async (call) => {
      if (call !== 'discard') return;
      server.before = ignore;
      server.remove(writer.keys);
      writer.heartbeat.replaceDatabase();
      await settle();
      await append(writer.log, created('x'));
    };
    await late.follow();
    expect((await late.log.snapshot())?.entities).toEqual([item('x')]);
  });
});

describe('a closed log', () => {
  it('holds no subscription, listener, key or timer, and rejects waiting requests', async () => {
    const { server, writer, reader, tail } = await followed();
    server.remove(writer.keys);
    reader.heartbeat.replaceDatabase();
    await settle();
    const signals = deadlinesOf(reader.clock);
    const opening = expect(reader.log.open({ onReadable: ignore })).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await settle();
    expect(listenersOf(signals)).toEqual([1]);
    reader.subscriber?.onLost();
    const waiting = expect(reader.log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await reader.log[Symbol.asyncDispose]();
    await Promise.all([opening, waiting]);
    expect(listenersOf(signals)).toEqual([0]);
    const { heartbeat, clock } = reader;
    expect([reader.channels, heartbeat.kept.size, heartbeat.listeners]).toEqual([[], 0, 0]);
    expect([clock.pending(), clock.pending('deadline'), tail.ended]).toEqual([0, 0, true]);
    const { length } = server.calls;
    await expect(reader.log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await settle();
    expect(server.calls).toHaveLength(length);
  });

  it('does not wait for a read without a reply, and does not show its result', async () => {
    const { server, reader, tail, miss, watched } = await followed();
    await miss('b');
    let reply: () => void = ignore;
    server.before = () =>
      new Promise((resolve) => {
        reply = resolve;
      });
    reader.heartbeat.replaceDatabase();
    await settle();
    await reader.log[Symbol.asyncDispose]();
    server.before = ignore;
    reply();
    await settle();
    expect([tail.snapshot.entities, watched(), reader.logged, reader.clock.pending()]).toEqual([[item('a')], 0, [], 0]);
  });

  it('is not treated as lost after the reply to a read', async () => {
    const { server, writer, reader, watched } = await followed();
    let reply: () => void = ignore;
    server.before = () =>
      new Promise((resolve) => {
        reply = resolve;
      });
    reader.heartbeat.replaceDatabase();
    await settle();
    await reader.log[Symbol.asyncDispose]();
    server.remove(writer.keys);
    reply();
    await settle();
    expect([watched(), reader.clock.pending()]).toEqual([0, 0]);
  });

  it('need not have been followed', async () => {
    const { log } = new LogReplica(new LogServer());
    await log[Symbol.asyncDispose]();
    await expect(log.snapshot()).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });

  it('ends the pause before the next read', async () => {
    const { server, reader, calls } = await followed();
    server.before = away;
    reader.heartbeat.replaceDatabase();
    await settle();
    expect(reader.clock.pending()).toBe(2);
    await reader.log[Symbol.asyncDispose]();
    expect(reader.clock.pending()).toBe(0);
    const { length } = calls();
    await reader.clock.advanceBy(1_000);
    expect(calls()).toHaveLength(length);
  });

  it('ignores messages, and reads nothing after a write that ends later', async () => {
    const { server, writer, reader, tail, miss } = await followed();
    let reply: () => void = ignore;
    server.before = (call) => {
      if (call !== 'write') return;
      server.before = ignore;
      return new Promise((resolve) => {
        reply = resolve;
      });
    };
    const write = append(reader.log, created('c'));
    await settle();
    await miss('b');
    const { subscriber } = reader;
    await reader.log[Symbol.asyncDispose]();
    reply();
    await write;
    await append(writer.log, created('d'));
    subscriber?.onMessage('garbage');
    subscriber?.onMessage('discarded');
    subscriber?.onSubscribed();
    const { length } = server.calls;
    await settle();
    expect([tail.snapshot.entities, reader.logged, reader.clock.pending()]).toEqual([[item('a')], [], 0]);
    expect(server.calls).toHaveLength(length);
  });
});
