import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import {
  type EventLog,
  type FeedChange,
  LogConflictError,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
} from '../../src/events/log.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { eventually } from '../support/eventually.ts';
import { openLog, snapshotOf } from '../support/open-log.ts';
import { describeWithRedis } from '../support/redis.ts';
import { ownKeys, startReplica } from '../support/redis-replica.ts';
import { startRedisServer } from '../support/redis-server.ts';

interface Item {
  readonly id: string;
  readonly version: number;
}

const ids = ['a', 'b', 'c', 'd'];
const stepsPerRun = 150;

/** Pseudo-random numbers, the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The true state, independent of the log: the version of each existing item. */
type Truth = Map<string, number>;

/** The complete difference between the state in the log and the true state, as a poller writes it. */
function difference(said: ReadonlyMap<string, number>, truth: Truth): readonly FeedChange<Item>[] {
  const gone = [...said].filter(([id]) => !truth.has(id));
  return [
    ...gone.map(([id, version]) => ({ kind: 'REMOVED' as const, entity: { id, version } })),
    ...[...truth].flatMap(([id, version]): FeedChange<Item>[] => {
      const previous = said.get(id);
      if (previous === version) return [];
      const entity = { id, version };
      return [
        previous === undefined
          ? { kind: 'CREATED', entity }
          : { kind: 'CHANGED', entity, previous: { id, version: previous } },
      ];
    }),
  ];
}

const versionsOf = (entities: readonly Item[]) => new Map(entities.map(({ id, version }) => [id, version]));

function positionOf(cursor: string): { readonly epoch: string; readonly sequence: number } {
  const [epoch = '', sequence] = cursor.split('.');
  return { epoch, sequence: Number(sequence) };
}

/** Reads a log as a subscriber does, and records every event that contradicts an earlier one. */
function startSubscriber(logAt: (place: number) => EventLog<Item> | undefined) {
  let at = 0;
  let ended = false;
  let reading = new AbortController();
  const complaints: string[] = [];
  let state = new Map<string, number>();
  let cursor: string | undefined;
  let received = 0;
  /** How the entries of the current epoch arrived: individually, or as part of a snapshot. */
  let arrivals = { epoch: '', asEntries: 0, inSnapshots: 0 };

  const take = ({ cursor: next, change }: LogEntry<Item>) => {
    received += 1;
    if (!('entity' in change)) return;
    const last = positionOf(cursor ?? '');
    const { epoch, sequence } = positionOf(next);
    arrivals.asEntries += 1;
    if (epoch !== last.epoch || sequence !== last.sequence + 1) complaints.push(`${next} after ${cursor}`);
    cursor = next;
    const { id, version } = change.entity;
    const known = state.get(id);
    const expected =
      change.kind === 'CREATED' ? undefined : change.kind === 'CHANGED' ? change.previous.version : version;
    if (known !== expected) complaints.push(`${next}: ${change.kind} of ${id} from ${expected}, which was ${known}`);
    if (change.kind === 'REMOVED') state.delete(id);
    else state.set(id, version);
  };

  const read = async (log: EventLog<Item>) => {
    reading = new AbortController();
    const { start, entries } = await openLog(log, { after: cursor, signal: reading.signal });
    if (start.kind === 'replay') {
      for (const entry of start.missed) take(entry);
    } else {
      const { epoch, sequence } = positionOf(start.snapshot.cursor);
      if (epoch !== arrivals.epoch) arrivals = { epoch, asEntries: 0, inSnapshots: 0 };
      arrivals.inSnapshots = sequence - arrivals.asEntries;
      state = versionsOf(start.snapshot.entities);
      cursor = start.snapshot.cursor;
    }
    for await (const entry of entries) take(entry);
  };
  const running = (async () => {
    for (;;) {
      const log = logAt(at);
      if (ended || log === undefined) return;
      try {
        await read(log);
      } catch (error) {
        const isExpected = error instanceof LogOverflowError || error instanceof GatewayError;
        if (!isExpected) complaints.push(String(error));
        await turn();
      }
    }
  })();

  return {
    complaints,
    received: () => received,
    arrivals: () => arrivals,
    state: () => state,
    /** Loses its connection and reconnects to the other replica. */
    move: () => {
      at += 1;
      reading.abort();
    },
    end: async () => {
      ended = true;
      reading.abort();
      await running;
    },
  };
}

describeWithRedis('event logs of two replicas under chaos', () => {
  it.each([1, 2])(
    'emit every change once and in order to every subscriber, and end in the true state (seed %i)',
    async (seed) => {
      await using server = await startRedisServer();
      await using lifecycle = new Lifecycle();
      const random = randomNumbers(seed);
      const pick = <One>(from: readonly One[]): One => {
        const one = from[Math.floor(random() * from.length)];
        if (one === undefined) throw new Error('The list to pick from is empty.');
        return one;
      };
      const connections = [startReplica(server.url), startReplica(server.url)] as const;
      const keys = await ownKeys(connections[0]);
      const replicas = connections.map((replica) => {
        lifecycle.add('replica', () => replica[Symbol.asyncDispose]());
        const create = () => replica.createLog<Item>({ key: ({ id }) => id, keys, maxEntries: 50 });
        const started = { replica, log: create(), create };
        lifecycle.add('log', () => started.log[Symbol.asyncDispose]());
        return started;
      });
      const subscribers = [0, 1].map((first) =>
        startSubscriber((place) => replicas[(place + first) % replicas.length]?.log),
      );
      for (const { end } of subscribers) lifecycle.add('subscriber', end);

      const truth: Truth = new Map();
      let version = 0;
      let term = 1;
      let holder = pick(replicas);
      const outcomes = { written: 0, fenced: 0, conflicts: 0, unreachable: 0 };
      const poll = async (writer: (typeof replicas)[number], underTerm: number): Promise<void> => {
        try {
          const { entities, cursor } = (await writer.log.snapshot()) ?? { entities: [], cursor: null };
          const changes = difference(versionsOf(entities), truth);
          const adopted = [...truth].map(([id, known]) => ({ id, version: known }));
          await writer.log.write(cursor === null ? { adopted, note: { term } } : { changes, note: { term } }, {
            observedAt: new Date(version),
            term: underTerm,
            expectedCursor: cursor,
          });
          outcomes.written += 1;
        } catch (error) {
          if (error instanceof LogFencedError) outcomes.fenced += 1;
          else if (error instanceof LogConflictError) outcomes.conflicts += 1;
          else if (error instanceof GatewayError) {
            outcomes.unreachable += 1;
            await eventually(() => writer.replica.redis.send((client) => client.ping()));
          } else throw error;
        }
      };
      const parts = [keys.events, keys.snapshot, keys.meta].map((key) => ({ key, copy: `${key}:copy` }));
      const copyAll = async (copies: readonly { readonly from: string; readonly to: string }[]) => {
        for (const { from, to } of copies) {
          await pick(replicas).replica.redis.send((client) => client.copy(from, to, { REPLACE: true }));
        }
      };
      const lose = () => copyAll(parts.map(({ key, copy }) => ({ from: copy, to: key })));
      const disturb = [
        // A failover to a server that has not received the last writes: the log returns to its state of some steps ago.
        () => copyAll(parts.map(({ key, copy }) => ({ from: key, to: copy }))),
        lose,
        ...[1, 2, 3].map(() => async () => {
          // The writer dies with the server. The other replica has read the last write, but the successor of the writer
          // has not. The successor writes another entry of the same size in its place.
          const id = pick(ids);
          const change = () => {
            version += 1;
            truth.set(id, version);
          };
          await poll(holder, term);
          change();
          await copyAll(parts.map(({ key, copy }) => ({ from: key, to: copy })));
          await poll(holder, term);
          await Promise.all(replicas.map(({ log }) => log.snapshot()));
          await lose();
          const former = holder.log;
          holder.log = holder.create();
          await former[Symbol.asyncDispose]();
          change();
          await poll(holder, term);
        }),
        () => pick(subscribers).move(),
        () => server.cut(),
        () => replicas[0]?.replica.redis.send((client) => client.sendCommand(['CLIENT', 'KILL', 'SKIPME', 'no'])),
        () => server.start(),
        // The former leader does not know yet that it was replaced.
        () => poll(pick(replicas), term - 1),
        () => {
          holder = pick(replicas);
          term += 1;
        },
      ];

      for (let step = 0; step < stepsPerRun; step += 1) {
        const id = pick(ids);
        version += 1;
        if (random() < 0.2) truth.delete(id);
        else truth.set(id, version);
        const disturbance = random() < 0.15 ? Promise.resolve(pick(disturb)()).catch(() => undefined) : null;
        await poll(holder, term);
        await disturbance;
      }

      await eventually(async () => {
        await poll(holder, term);
        for (const { log } of replicas) expect(versionsOf((await snapshotOf(log)).entities)).toEqual(truth);
        // The number of entries that arrive individually depends on the machine, but each entry must arrive exactly once.
        const { epoch, sequence } = positionOf((await replicas[0]?.log.snapshot())?.cursor ?? '');
        for (const { state, arrivals } of subscribers) {
          expect(state()).toEqual(truth);
          const { asEntries, inSnapshots } = arrivals();
          expect({ epoch: arrivals().epoch, sequence: asEntries + inSnapshots }).toEqual({ epoch, sequence });
        }
      });
      expect(subscribers.flatMap(({ complaints }) => complaints)).toEqual([]);
      expect(outcomes.written).toBeGreaterThan(0);
      for (const { received } of subscribers) expect(received()).toBeGreaterThan(0);
    },
  );
});
