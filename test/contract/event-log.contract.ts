import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EventLog,
  type FeedChange,
  LogConflictError,
  type LogEntry,
  LogFencedError,
  LogOverflowError,
  type LogReader,
  type StaleSubject,
} from '../../src/events/log.ts';
import { openLog, snapshotOf } from '../support/open-log.ts';

export interface Item {
  readonly id: string;
  readonly version: number;
}

/** Maximum number of entries of a log, and maximum total size in bytes. */
export interface LogBounds {
  readonly maxEntries: number;
  readonly maxBytes?: number;
}

/** Creates an empty log. */
export type MakeEventLog = (bounds: LogBounds) => Promise<EventLog<Item>>;

const at = new Date('2030-01-01T00:00:00Z');
const append = (log: EventLog<Item>, changes: readonly FeedChange<Item>[]) =>
  log.write({ changes }, { observedAt: at });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const item = (id: string, version = 0): Item => ({ id, version });
const created = (id: string, version = 0): FeedChange<Item> => ({ kind: 'CREATED', entity: item(id, version) });
const changed = (id: string, version: number): FeedChange<Item> => ({
  kind: 'CHANGED',
  entity: item(id, version),
  previous: item(id, version - 1),
});
const removed = (id: string, version = 0): FeedChange<Item> => ({ kind: 'REMOVED', entity: item(id, version) });

/** Tests that every implementation of the event log must pass. */
export function eventLogContract(name: string, make: MakeEventLog): void {
  describe(`${name} as an event log`, () => {
    /** Creates a log that exists and is empty. */
    const makeBegun: MakeEventLog = async (bounds) => {
      const log = await make(bounds);
      await append(log, []);
      return log;
    };

    it('returns entities as they are after the last entry', async () => {
      await using log = await make({ maxEntries: 100 });
      await append(log, [created('a'), created('b')]);
      await log.write({ changes: [changed('a', 1), removed('b')] }, { observedAt: new Date(at.getTime() + 5) });
      const snapshot = await snapshotOf(log);
      expect(snapshot.entities).toEqual([item('a', 1)]);
      expect(snapshot.observedAt).toEqual(new Date(at.getTime() + 5));
      expect(snapshot.stale).toEqual(new Set());
    });

    it('returns the entity of an OVERDUE in its state, and replays the entry once', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a')]);
      const change = { kind: 'OVERDUE', entity: item('a', 1), previous: item('a') } as const;
      const after = await append(log, [change]);
      expect((await snapshotOf(log)).entities).toEqual([item('a', 1)]);
      const missed = async (from: string) => {
        const { start, tail } = await log.open({ after: from, onReadable: () => undefined });
        tail[Symbol.dispose]();
        return start.kind === 'replay' ? start.missed.map((entry) => entry.change) : start.kind;
      };
      expect(await missed(cursor)).toEqual([change]);
      expect(await missed(after)).toEqual([]);
    });

    it('does not exist until the first write, and lets one writer create it', async () => {
      await using log = await make({ maxEntries: 100 });
      expect(await log.snapshot()).toBe(null);
      const begin = (id: string) => log.write({ adopted: [item(id)] }, { observedAt: at, expectedCursor: null });
      await begin('a');
      expect(await log.snapshot()).toMatchObject({ entities: [item('a')], observedAt: at });
      await expect(begin('b')).rejects.toBeInstanceOf(LogConflictError);
      expect((await snapshotOf(log)).entities).toEqual([item('a')]);
    });

    it('contains each subject that is stale from its STALE to its RECOVERED', async () => {
      await using log = await make({ maxEntries: 100 });
      const mark = async (kind: 'STALE' | 'RECOVERED', ...subjects: readonly StaleSubject[]) => {
        await append(
          log,
          subjects.map((subject) => ({ kind, subject })),
        );
        return (await snapshotOf(log)).stale;
      };
      expect(await mark('STALE', 'feed')).toEqual(new Set(['feed']));
      expect(await mark('STALE', 'list', 'entity:a')).toEqual(new Set(['feed', 'list', 'entity:a']));
      expect(await mark('RECOVERED', 'feed', 'list')).toEqual(new Set(['entity:a']));
      expect(await mark('RECOVERED', 'entity:a')).toEqual(new Set());
    });

    it('is stale only here while it is unattended, and replays nothing about that', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a')]);
      using reader = await read(log);
      log.markUnattended(true);
      log.markUnattended(true);
      expect((await snapshotOf(log)).stale).toEqual(new Set(['local']));
      log.markUnattended(false);
      expect((await snapshotOf(log)).stale).toEqual(new Set());
      await turn();
      expect(reader.entries.map(({ change }) => change)).toEqual([
        { kind: 'STALE', subject: 'local' },
        { kind: 'RECOVERED', subject: 'local' },
      ]);
      expect(reader.entries.map((entry) => entry.cursor)).toEqual([`${cursor}.partial`, cursor]);
      expect(await missedAfter(log, cursor)).toEqual([]);
    });

    it('returns the cursor of the last entry, even when nothing is appended', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a'), created('b')]);
      expect(await append(log, [])).toBe(cursor);
      expect((await snapshotOf(log)).cursor).toBe(cursor);
      expect(await missedAfter(log, cursor)).toEqual([]);
    });

    it('returns URL-safe cursors', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a')]);
      expect(cursor).toMatch(/^[\w-]{8,}\.1(?:\.[\w-]{8})?$/);
    });

    it('adopts entities without an entry, and does not change those that it has', async () => {
      await using log = await make({ maxEntries: 100 });
      const before = await append(log, [created('a', 3)]);
      using reader = await read(log);
      await log.write({ adopted: [item('a', 9), item('b', 9)] }, { observedAt: at });
      expect((await snapshotOf(log)).entities).toEqual([item('a', 3), item('b', 9)]);
      expect((await snapshotOf(log)).cursor).toBe(before);
      await append(log, [changed('b', 10)]);
      await turn();
      expect(reader.entries.map(({ change }) => change)).toEqual([changed('b', 10)]);
    });

    it('evicts entities without an entry', async () => {
      await using log = await make({ maxEntries: 100 });
      const before = await append(log, [created('a'), created('b')]);
      await log.write({ evicted: ['a', 'unknown'] }, { observedAt: at });
      expect(await snapshotOf(log)).toMatchObject({ cursor: before, entities: [item('b')] });
      expect(await missedAfter(log, before)).toEqual([]);
    });

    it('adopts, changes and evicts in one write, in this order', async () => {
      await using log = await make({ maxEntries: 100 });
      await append(log, [created('a')]);
      await log.write(
        { adopted: [item('b'), item('c')], changes: [changed('b', 1), removed('a')], evicted: ['c'] },
        { observedAt: at },
      );
      expect((await snapshotOf(log)).entities).toEqual([item('b', 1)]);
    });

    it('calls its watchers after every visible write, even one without an entry, until they are disposed of', async () => {
      await using log = await make({ maxEntries: 100 });
      const notes: unknown[] = [];
      const listen = async () => notes.push((await snapshotOf(log)).note);
      await log.snapshot();
      {
        using _watch = log.watch(() => void listen());
        await log.write({ note: 'alone' }, { observedAt: at });
        await turn();
        await log.write({ changes: [created('a')], note: 'with an entry' }, { observedAt: at });
        await turn();
        expect(notes).toEqual(['alone', 'with an entry']);
      }
      await append(log, [created('b')]);
      await turn();
      expect(notes).toHaveLength(2);
    });

    it('keeps the last checkpoint, with any plain data', async () => {
      await using log = await make({ maxEntries: 100 });
      await append(log, []);
      expect((await snapshotOf(log)).note).toBe(null);
      const note = { round: 3, at, seen: new Map([['a', new Set([1, 2])]]), none: null, gone: undefined };
      const before = await log.write({ note }, { observedAt: at });
      expect(await append(log, [created('a')])).not.toBe(before);
      expect((await snapshotOf(log)).note).toEqual(note);
      await log.write({ note: null }, { observedAt: at });
      expect((await snapshotOf(log)).note).toBe(null);
    });

    it('rejects a writer of an earlier term, and keeps nothing of its write', async () => {
      await using log = await make({ maxEntries: 100 });
      await log.write({ changes: [created('a')] }, { observedAt: at, term: 2 });
      const cursor = await log.write({ note: 'of the second' }, { observedAt: at, term: 2 });
      const late = { adopted: [item('b')], changes: [changed('a', 9)], evicted: ['a'], note: 'of the first' };
      await expect(log.write(late, { observedAt: new Date(0), term: 1 })).rejects.toBeInstanceOf(LogFencedError);
      expect(await snapshotOf(log)).toMatchObject({
        cursor,
        observedAt: at,
        entities: [item('a')],
        note: 'of the second',
      });
      expect(await missedAfter(log, cursor)).toEqual([]);
      await log.write({ changes: [changed('a', 1)] }, { observedAt: at, term: 3 });
      expect((await snapshotOf(log)).entities).toEqual([item('a', 1)]);
    });

    it('accepts a write that names its snapshot only if that snapshot is still current', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, []);
      const expectedCursor = await log.write({ changes: [created('a')] }, { observedAt: at, expectedCursor: cursor });
      const again = log.write({ changes: [created('a')] }, { observedAt: at, expectedCursor: cursor });
      await expect(again).rejects.toBeInstanceOf(LogConflictError);
      await log.write({ adopted: [item('b')], note: 1 }, { observedAt: at, expectedCursor });
      await log.write({ changes: [changed('a', 1)] }, { observedAt: at, expectedCursor });
      expect((await snapshotOf(log)).entities).toEqual([item('a', 1), item('b')]);
    });

    it('keeps at most its maximum size, whatever the count, and always the last entry', async () => {
      await using log = await make({ maxEntries: 100, maxBytes: 2_000 });
      const cursors = [await append(log, [])];
      const long = 'x'.repeat(500);
      for (let version = 1; version <= 9; version += 1) cursors.push(await append(log, [created(long, version)]));
      const kinds = await Promise.all(cursors.map(async (after) => (await startOf(log, after)).kind));
      const replayed = kinds.filter((kind) => kind === 'replay').length;
      expect(replayed).toBeGreaterThanOrEqual(3);
      expect(replayed).toBeLessThanOrEqual(4);
      expect(kinds.toSorted().toReversed()).toEqual(kinds);
      const before = cursors.at(-1) ?? '';
      await append(log, [created('y'.repeat(5_000))]);
      expect(await missedAfter(log, before)).toHaveLength(1);
      expect((await startOf(log, cursors.at(-2))).kind).toBe('resync');
    });

    it('replays exactly the entries after a cursor, then continues', async () => {
      await using log = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a')]);
      await append(log, [changed('a', 1), changed('a', 2)]);
      using reader = await read(log, cursor);
      await append(log, [changed('a', 3)]);
      await turn();
      expect(reader.start).toMatchObject({
        kind: 'replay',
        missed: [{ change: changed('a', 1) }, { change: changed('a', 2) }],
      });
      expect(reader.entries.map(({ change }) => change)).toEqual([changed('a', 3)]);
    });

    it('replays from every entry that it still has, and from no earlier one', async () => {
      await using log = await make({ maxEntries: 3 });
      const cursors = [await append(log, [])];
      for (let version = 1; version <= 5; version += 1) cursors.push(await append(log, [created('a', version)]));
      const starts = await Promise.all(cursors.map((after) => startOf(log, after)));
      expect(starts.map(({ kind }) => kind)).toEqual(['resync', 'resync', 'replay', 'replay', 'replay', 'replay']);
      expect(starts[2]).toMatchObject({ missed: [3, 4, 5].map((version) => ({ change: created('a', version) })) });
    });

    it('answers a foreign cursor with the current state', async () => {
      await using log = await make({ maxEntries: 100 });
      await using other = await make({ maxEntries: 100 });
      const cursor = await append(log, [created('a')]);
      const foreign = await append(other, [created('a')]);
      const future = cursor.replace(/\.1(?=\.|$)/, '.2');
      for (const after of [foreign, future, `${cursor}.partial`, `${cursor} `, '', 'nonsense', '.', '1']) {
        expect(await startOf(log, after), after).toMatchObject({
          kind: 'resync',
          snapshot: { cursor, entities: [item('a')] },
        });
      }
    });

    it('appends several changes as one step', async () => {
      await using log = await make({ maxEntries: 100 });
      const appending = append(log, [created('a'), created('b'), created('c')]);
      const opening = Promise.all(Array.from({ length: 5 }, () => startOf(log)));
      await appending;
      for (const start of await opening) {
        expect(start.kind === 'snapshot' && [0, 3].includes(start.snapshot.entities.length)).toBe(true);
      }
    });

    it('notifies a reader when entries are available, and no longer after it has left', async () => {
      await using log = await makeBegun({ maxEntries: 100 });
      let calls = 0;
      const { tail } = await log.open({ onReadable: () => (calls += 1) });
      await append(log, [created('a'), created('b')]);
      await turn();
      expect([calls, tail.read()?.change, tail.read()?.change]).toEqual([1, created('a'), created('b')]);
      expect(tail.read()).toBe(null);
      tail[Symbol.dispose]();
      await append(log, [created('c')]);
      await turn();
      expect(calls).toBe(1);
    });

    it('ends its tails when it is closed', async () => {
      const log = await makeBegun({ maxEntries: 100 });
      const { entries } = await openLog(log, { signal: new AbortController().signal });
      const next = entries.next();
      await log[Symbol.asyncDispose]();
      expect((await next).done).toBe(true);
    });

    it('overflows a reader that is further behind than the log reaches back, and lets it open again', async () => {
      await using log = await makeBegun({ maxEntries: 3 });
      const { entries } = await openLog(log, { signal: new AbortController().signal });
      for (let version = 1; version <= 4; version += 1) await append(log, [created('a', version)]);
      await expect(entries.next()).rejects.toBeInstanceOf(LogOverflowError);
      expect(await startOf(log)).toMatchObject({ snapshot: { entities: [item('a', 4)] } });
    });

    it('keeps a reader that is exactly as far behind as the log reaches back', async () => {
      await using log = await makeBegun({ maxEntries: 3 });
      using reader = await read(log);
      for (let version = 1; version <= 3; version += 1) await append(log, [created('a', version)]);
      await turn();
      expect(reader.entries.map(({ change }) => change)).toEqual([1, 2, 3].map((version) => created('a', version)));
    });

    it('serves readers independently, so that a stopped or idle reader delays no other', async () => {
      await using log = await makeBegun({ maxEntries: 10 });
      using one = await read(log);
      using two = await read(log);
      await log.open({ onReadable: () => undefined });
      await append(log, [created('a')]);
      await turn();
      one[Symbol.dispose]();
      for (let version = 1; version <= 20; version += 1) {
        await append(log, [changed('a', version)]);
        await turn();
      }
      expect(one.entries).toHaveLength(1);
      expect(two.entries.map(({ change }) => ('entity' in change ? change.entity.version : null))).toEqual(
        Array.from({ length: 21 }, (_, version) => version),
      );
    });

    it('gives every reader a snapshot or a replay and then the rest, without a gap or a duplicate, whatever the timing', async () => {
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant('append' as const),
            ids: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
          }),
        },
        {
          weight: 3,
          arbitrary: fc.record({ do: fc.constant('open' as const), resume: fc.option(fc.nat(30), { nil: null }) }),
        },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          await using log = await makeBegun({ maxEntries: 1_000 });
          const versions = new Map<string, number>();
          const appends: { readonly cursor: Promise<string>; readonly count: number }[] = [];
          const readers: Promise<{ readonly reader: Follower; readonly from: number | null }>[] = [];
          const expected: FeedChange<Item>[] = [];
          for (const one of steps) {
            if (one.do === 'append') {
              const changes = one.ids.map((id) => {
                const version = (versions.get(id) ?? -1) + 1;
                versions.set(id, version);
                return version === 0 ? created(id) : changed(id, version);
              });
              expected.push(...changes);
              appends.push({ cursor: append(log, changes), count: expected.length });
            } else if (one.do === 'open') {
              const last = appends[one.resume ?? -1];
              const open = async () => ({ reader: await read(log, await last?.cursor), from: last?.count ?? null });
              readers.push(open());
            } else await turn();
          }
          await Promise.all(appends.map(({ cursor }) => cursor));
          const opened = await Promise.all(readers);
          await turn();
          const truth = new Map(((await log.snapshot())?.entities ?? []).map((entity) => [entity.id, entity]));
          for (const { reader, from } of opened) {
            using _ = reader;
            const tail = reader.entries.map(({ change }) => change);
            if (reader.start.kind === 'replay') {
              const missed = reader.start.missed.map(({ change }) => change);
              expect([...missed, ...tail]).toEqual(expected.slice(from ?? 0));
            } else {
              expect(from).toBe(null);
              expect(tail).toEqual(expected.slice(expected.length - tail.length));
              expect(stateAfter(reader.start.snapshot.entities, tail)).toEqual(truth);
            }
          }
        }),
        { numRuns: 200 },
      );
    });
  });
}

interface Follower extends Disposable {
  readonly start: LogReader<Item>['start'];
  readonly entries: readonly LogEntry<Item>[];
}

async function read(log: EventLog<Item>, after?: string): Promise<Follower> {
  const controller = new AbortController();
  const { start, entries: received } = await openLog(log, { after, signal: controller.signal });
  const entries: LogEntry<Item>[] = [];
  const follow = async () => {
    for await (const entry of received) entries.push(entry);
  };
  follow().catch((error: unknown) => {
    throw error;
  });
  return {
    start,
    entries,
    [Symbol.dispose]: () => controller.abort(),
  };
}

function stateAfter(
  entities: readonly Item[],
  changes: readonly LogEntry<Item>['change'][],
): ReadonlyMap<string, Item> {
  const state = new Map(entities.map((entity) => [entity.id, entity]));
  for (const change of changes) {
    if (!('entity' in change)) continue;
    if (change.kind === 'REMOVED') state.delete(change.entity.id);
    else state.set(change.entity.id, change.entity);
  }
  return state;
}

async function startOf(log: EventLog<Item>, after?: string): Promise<LogReader<Item>['start']> {
  const { start, tail } = await log.open({ after, onReadable: () => undefined });
  tail[Symbol.dispose]();
  return start;
}

async function missedAfter(log: EventLog<Item>, after: string): Promise<readonly LogEntry<Item>[]> {
  const start = await startOf(log, after);
  if (start.kind !== 'replay') throw new Error(`The log does not know ${after}.`);
  return start.missed;
}
