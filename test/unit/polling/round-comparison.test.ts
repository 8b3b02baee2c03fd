import { describe, expect, it } from 'vitest';
import type { ReadingTimes } from '../../../src/domain/reading-times.ts';
import { ForbiddenError, PlatformError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { type EventLog, LogFencedError, type LogWrite, type LogWriteOptions } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { LeaderElection, Lease } from '../../../src/polling/leader/election.ts';
import { type FeedMember, FeedMembers } from '../../../src/polling/members.ts';
import { PollRounds } from '../../../src/polling/round.ts';
import type { WatchScope } from '../../../src/polling/scope.ts';
import type { FeedSource, RoundRequest, RoundResult } from '../../../src/polling/sources/source.ts';
import { type FeedNote, FeedState } from '../../../src/polling/state.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { snapshotOf } from '../../support/open-log.ts';

interface Thing extends ReadingTimes {
  readonly id: string;
  readonly createdMs: number;
  readonly state: 'RUNS' | 'RUNS_ON' | 'ENDED';
}

const thing = (id: string, createdMs = 0, state: Thing['state'] = 'RUNS'): Thing => ({
  id,
  createdMs,
  state,
  requestedAt: new Date(0),
  observedAt: new Date(0),
});

/** Creation time up to which the previous round has read all things. */
type Checkpoint = number;
type Result = RoundResult<Thing, Checkpoint>;

const nothing: Result = {
  read: [],
  absent: [],
  failed: new Map(),
  evicted: [],
  unfollowed: [],
  incomplete: null,
  truncated: false,
  spansPages: false,
  calls: { pages: 1 },
  checkpoint: 10,
};

const leaseOf = (term: number, lost = new AbortController()): Lease => ({
  term,
  lost: lost.signal,
  release: async () => undefined,
});

const broken = new PlatformError({ message: 'broken', status: 500 });

/** A memory log that records its writes, and that can be lost like a log in Redis. */
function losableLog() {
  const begin = () => createMemoryEventLog<Thing>({ key: ({ id }) => id });
  let memory = begin();
  const writes: { readonly write: LogWrite<Thing>; readonly options: LogWriteOptions }[] = [];
  const listeners = new Set<() => void>();
  const grown = () => {
    for (const listener of listeners) listener();
  };
  const log: EventLog<Thing> = {
    write: async (write, options) => {
      const cursor = await memory.write(write, options);
      writes.push({ write, options });
      grown();
      return cursor;
    },
    snapshot: () => memory.snapshot(),
    markUnattended: (on) => memory.markUnattended(on),
    watch: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    open: (options) => memory.open(options),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  const lose = () => {
    memory = begin();
    grown();
  };
  return { log, writes, lose };
}

/** A poller of a source whose results the test determines. */
function setUp({ endedAt = null }: { readonly endedAt?: Date | null } = {}) {
  const clock = new FakeClock();
  const { log, writes, lose } = losableLog();
  const members = new FeedMembers<string>();
  const requests: RoundRequest<Thing, Checkpoint>[] = [];
  let answer: (by: string) => Partial<Result> = () => ({});
  const others: { get(): WatchScope | null } = { get: () => null };
  const source: FeedSource<Thing, string, Checkpoint> = {
    kind: 'things',
    service: 'things',
    key: ({ id }) => id,
    isTerminal: ({ state }) => state === 'ENDED',
    updatedAt: () => null,
    mayFollow: (known, { state }) => known.state !== 'ENDED' || state === 'ENDED',
    endedAt: () => endedAt,
    hasAppeared: ({ createdMs }, checkpoint) => checkpoint !== null && createdMs > checkpoint,
    lasting: (checkpoint) => checkpoint - 1,
    newestFirst: (a, b) => b.createdMs - a.createdMs,
    read: async (by, request) => {
      requests.push(request);
      return { ...nothing, ...answer(by) };
    },
  };
  const election: LeaderElection = {
    term: 1,
    acquireLease: () => new Promise(() => undefined),
    publishScope: async () => undefined,
    otherScopes: async () => others.get(),
    send: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const pollerOf = () => {
    const view = new FeedState<Thing, Checkpoint>({ log, key: source.key }, () => undefined);
    return new PollRounds({ source, log, view, members, clock, lateness: null });
  };
  const poller = pollerOf();
  const join = (ids: readonly string[] | null = null, by = 'one'): FeedMember<string> => {
    const member = { reader: by, credential: by, ids: ids && new Set(ids), onRefused: () => undefined };
    members.add(member);
    return member;
  };
  /** Makes a round with this result. */
  const round = (
    result: Partial<Result> | ((by: string) => Partial<Result>) = {},
    lease = leaseOf(1),
    awaited = false,
  ) => {
    answer = typeof result === 'function' ? result : () => result;
    return poller.round(lease, election, () => awaited);
  };
  const note = async () => (await snapshotOf(log)).note as FeedNote<Checkpoint>;
  const ids = async () => (await snapshotOf(log)).entities.map(({ id }) => id);
  return { clock, log, writes, lose, members, requests, others, poller, pollerOf, election, join, round, note, ids };
}

describe('the request of a round', () => {
  it('contains the scope of the subscribers of all replicas', async () => {
    const { join, round, requests, others } = setUp();
    join(['a']);
    others.get = () => ({ everything: false, ids: new Set(['b']) });
    await round();
    expect(requests[0]?.scope).toEqual({ everything: false, ids: new Set(['a', 'b']) });
  });

  it('begins with the checkpoint of this replica, else of the log, else with none', async () => {
    const { join, round, requests, lose, pollerOf, election } = setUp();
    join();
    await round({ checkpoint: 10 });
    await round({ checkpoint: 20 });
    await pollerOf().round(leaseOf(1), election, () => false);
    lose();
    await round();
    expect(requests.map(({ checkpoint }) => checkpoint)).toEqual([null, 10, 19, null]);
  });

  it('includes a search for running things in the first round, and five minutes after a list that was too long', async () => {
    const { clock, join, round, requests } = setUp();
    join();
    const discovers = async (result: Partial<Result> = {}) => {
      await round(result);
      return requests.at(-1)?.discover;
    };
    expect([await discovers({ truncated: true }), await discovers()]).toEqual([true, false]);
    await clock.advanceBy(299_999);
    expect(await discovers()).toBe(false);
    await clock.advanceBy(1);
    expect([await discovers(), await discovers()]).toEqual([true, false]);
    await clock.advanceBy(600_000);
    expect(await discovers()).toBe(false);
    // A truncated round between two searches causes another search at once.
    expect([await discovers({ truncated: true }), await discovers(), await discovers()]).toEqual([false, true, false]);
  });

  it('includes a search again when the log was lost, although a list was too long', async () => {
    const { clock, join, round, requests, lose } = setUp();
    join();
    await round({ truncated: true });
    lose();
    await round();
    await clock.advanceBy(300_000);
    await round();
    expect(requests.map(({ discover }) => discover)).toEqual([true, true, false]);
  });

  it('includes a search until all things within reach are followed', async () => {
    const { join, round, requests, note } = setUp();
    join();
    const read = [thing('a'), thing('b')];
    await round({ read, unfollowed: ['a', 'b'], failed: new Map([['a', broken]]) });
    expect((await note()).discovered).toBe(false);
    await round({ unfollowed: ['a', 'b'], failed: new Map([['a', broken]]), absent: ['b'] });
    expect((await note()).discovered).toBe(true);
    await round();
    expect(requests.map(({ discover }) => discover)).toEqual([true, true, false]);
  });

  it('includes an absent named id after its pause, or when a subscriber waits for it', async () => {
    const { clock, join, round, requests } = setUp();
    join(['a']);
    const unread = async (awaited = false) => {
      await round({ absent: ['a'] }, leaseOf(1), awaited);
      return requests.at(-1)?.unread;
    };
    expect([await unread(), await unread(), await unread(true)]).toEqual([['a'], [], ['a']]);
    await clock.advanceBy(3_999);
    expect(await unread()).toEqual([]);
  });

  it('includes an id at once that was absent before all its subscribers left', async () => {
    const { join, members, round, requests } = setUp();
    join(['other']);
    const leaving = join(['a']);
    await round({ absent: ['a'] });
    members.delete(leaving);
    await round();
    join(['a']);
    await round();
    expect(requests.at(-1)?.unread).toContain('a');
  });

  it('includes watched things that were not followed before, and no others', async () => {
    const { join, round, requests } = setUp();
    join(['a']);
    await round({ read: [thing('a'), thing('b'), thing('c')], unfollowed: ['b', 'c'] });
    await round({ unfollowed: ['b', 'c'] });
    join(['b']);
    await round({ unfollowed: ['b', 'c'] });
    join();
    await round();
    expect(requests.map(({ unread }) => unread)).toEqual([['a'], [], ['b'], ['b', 'c']]);
  });
});

describe('a removed thing that no subscriber names', () => {
  /** Makes three rounds, after which `a` is removed and due for another reading, and `b` is known. */
  async function setUpRemoved() {
    const setup = setUp();
    setup.join();
    await setup.round({ read: [thing('a'), thing('b')], calls: {} });
    await setup.round({ absent: ['a'], calls: {} });
    await setup.clock.advanceBy(1_000);
    expect(await setup.round({ absent: ['a'], calls: {} })).toMatchObject({ emitted: ['REMOVED'] });
    const { requests, round } = setup;
    /** Makes a round, and returns the ids that it may read. */
    const permitted = async (calls: Record<string, number> = {}) => {
      await round({ calls });
      const { unread, allowance } = requests.at(-1) ?? {};
      return { unread, allowance };
    };
    return { ...setup, permitted };
  }

  it('is read after its pause, with one of the remaining calls', async () => {
    const { clock, permitted } = await setUpRemoved();
    await clock.advanceBy(3_999);
    expect(await permitted()).toEqual({ unread: [], allowance: 19 });
    await clock.advanceBy(1);
    expect(await permitted()).toEqual({ unread: ['a'], allowance: 18 });
  });

  it('is not read with the last call', async () => {
    const { clock, permitted } = await setUpRemoved();
    await clock.advanceBy(60_000);
    await permitted({ pages: 10, gets: 8 });
    expect(await permitted({ pages: 1 })).toEqual({ unread: [], allowance: 1 });
    await clock.advanceBy(2_300);
    expect(await permitted()).toEqual({ unread: ['a'], allowance: 1 });
  });

  it('is read once as a named thing if a subscriber names it', async () => {
    const { clock, join, permitted } = await setUpRemoved();
    join(['a']);
    expect(await permitted()).toEqual({ unread: [], allowance: 19 });
    await clock.advanceBy(60_000);
    expect(await permitted()).toEqual({ unread: ['a'], allowance: 18 });
  });

  it('is not read in this way while it is known, because only its first absence was noted', async () => {
    const { clock, join, round, requests } = setUp();
    join();
    await round({ read: [thing('a')], unfollowed: ['a'] });
    await round({ absent: ['a'], unfollowed: ['a'] });
    await round({ unfollowed: [] });
    await clock.advanceBy(60_000);
    await round();
    expect(requests.at(-1)?.unread).toEqual(['a']);
  });
});

describe('a round', () => {
  it('fails if the other replicas are unreachable, and treats them as not watching', async () => {
    const { join, round, others } = setUp();
    join();
    const error = new UpstreamUnreachableError({ message: 'no answer' });
    others.get = () => {
      throw error;
    };
    expect(await round()).toEqual({ kind: 'failed', error, watchedElsewhere: false });
    others.get = () => ({ everything: true, ids: new Set() });
    const failing = () => {
      throw error;
    };
    expect(await round(failing)).toEqual({ kind: 'failed', error, watchedElsewhere: true });
  });

  it('reads nothing without a subscriber of this replica, and nothing after the lease was lost', async () => {
    const { join, round, requests } = setUp();
    expect(await round()).toEqual({ kind: 'interrupted' });
    join();
    join(null, 'two');
    const lost = new AbortController();
    const refuse = () => {
      lost.abort();
      throw new ForbiddenError({ message: 'no' });
    };
    expect(await round(refuse, leaseOf(1, lost))).toEqual({ kind: 'lost' });
    expect(requests).toHaveLength(1);
  });

  it('is interrupted only for the member whose reader it uses, and only while it reads', async () => {
    const { join, round, requests, poller } = setUp();
    const reading = join();
    const other = join(null, 'two');
    const interruptWith = (member: FeedMember<string>) => () => {
      poller.interrupt(member);
      return {};
    };
    expect(await round(interruptWith(other))).toMatchObject({ kind: 'good' });
    expect(await round(interruptWith(reading))).toEqual({ kind: 'interrupted' });
    await round();
    poller.interrupt();
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([false, true, false]);
  });

  it('reports that something runs while a watched thing runs', async () => {
    const { join, members, round } = setUp();
    const everything = join();
    expect(await round({ read: [thing('a'), thing('b', 0, 'ENDED')] })).toMatchObject({ running: true });
    members.delete(everything);
    join(['b']);
    expect(await round()).toMatchObject({ running: false });
    const named = join(['a']);
    expect(await round()).toMatchObject({ running: true });
    members.delete(named);
    join();
    expect(await round({ read: [thing('a', 0, 'ENDED')] })).toMatchObject({ running: false });
  });
});

describe('a write', () => {
  it('carries the term of its lease, its time, and the cursor of the compared state', async () => {
    const { clock, log, writes, join, round, poller, note } = setUp();
    join();
    await round({ read: [thing('a')] });
    await round({ read: [thing('a', 0, 'ENDED')] });
    const before = [(await snapshotOf(log)).cursor, (await note()).round];
    await round({}, leaseOf(2));
    await poller.emitStale(leaseOf(2));
    const observedAt = clock.now();
    expect(writes.map(({ options }) => options)).toEqual(
      [1, 1, 2, 2, 2].map((term, index) => ({
        observedAt,
        term,
        expectedCursor: index === 0 ? null : expect.any(String),
      })),
    );
    expect(writes[2]).toMatchObject({ write: {}, options: { expectedCursor: before[0] } });
    expect([before[1], (await note()).round]).toEqual([2, 3]);
    await round({}, leaseOf(2));
    await expect(poller.emitStale(leaseOf(1))).rejects.toBeInstanceOf(LogFencedError);
  });

  it('continues the round number of another replica', async () => {
    const { join, round, pollerOf, election, note } = setUp();
    join();
    for (const state of ['RUNS', 'RUNS_ON', 'ENDED'] as const) await round({ read: [thing('a', 0, state)] });
    await pollerOf().round(leaseOf(2), election, () => false);
    expect((await note()).round).toBe(4);
  });

  it('does not happen for evicted keys that the log does not contain', async () => {
    const { writes, join, round } = setUp();
    join();
    await round({ read: [thing('a')] });
    await round({ evicted: ['unknown'] });
    expect(writes).toHaveLength(1);
  });
});

describe('a thing that no earlier round has read', () => {
  it('is created if it is newer than the last round, or runs although all running ones were known', async () => {
    const { writes, join, round } = setUp();
    join();
    await round({ read: [thing('known')] });
    await round({ read: [thing('new ended', 11, 'ENDED'), thing('runs', 9), thing('old ended', 9, 'ENDED')] });
    expect(writes.at(-1)?.write).toMatchObject({
      adopted: [{ id: 'old ended' }],
      changes: [
        { kind: 'CREATED', entity: { id: 'new ended' } },
        { kind: 'CREATED', entity: { id: 'runs' } },
      ],
    });
  });

  it('is adopted without an event if only named ones were followed before, or the search was incomplete', async () => {
    const { writes, members, join, round } = setUp();
    const named = join(['known']);
    await round({ read: [thing('known')] });
    join();
    await round({ read: [thing('a')], unfollowed: ['known'] });
    await round({ read: [thing('b')], unfollowed: [] });
    await round();
    members.delete(named);
    expect(writes.flatMap(({ write }) => write.adopted ?? []).map(({ id }) => id)).toEqual(['known', 'a', 'b']);
    expect(writes.flatMap(({ write }) => write.changes ?? [])).toEqual([]);
  });

  it('is not remembered when the same round forgets it, and is emitted if it is new', async () => {
    const { join, round, writes, ids } = setUp();
    join();
    await round({ read: [thing('known')] });
    await round({ read: [thing('old', 9, 'ENDED'), thing('new', 11, 'ENDED')], evicted: ['old', 'new'] });
    expect(writes.at(-1)?.write.changes).toMatchObject([{ kind: 'CREATED', entity: { id: 'new' } }]);
    expect(await ids()).toEqual(['known']);
  });
});

describe('a thing that a round would forget', () => {
  it('stays if another replica watches it, or if a subscriber named it during the round', async () => {
    const { join, others, round, ids } = setUp();
    join(['a']);
    await round({ read: [thing('a'), thing('b'), thing('c'), thing('d')] });
    others.get = () => ({ everything: false, ids: new Set(['b']) });
    await round(() => {
      join(['c']);
      return { evicted: ['b', 'c', 'd'] };
    });
    expect((await ids()).toSorted()).toEqual(['a', 'b', 'c']);
  });
});

describe('an absent thing', () => {
  it('is noted for its subscribers, from the first reading on if its state was old', async () => {
    const { clock, join, round, note } = setUp();
    join(['a', 'b']);
    await round({ read: [thing('a'), thing('b')], unfollowed: ['b'] });
    await round({ absent: ['a', 'b'], unfollowed: ['b'] });
    expect((await note()).missing).toEqual(new Map([['b', 2]]));
    await clock.advanceBy(1_000);
    await round({ absent: ['a', 'b'] });
    expect((await note()).missing).toEqual(
      new Map([
        ['b', 3],
        ['a', 3],
      ]),
    );
  });

  it('is not noted if it has no watchers', async () => {
    const { clock, join, round, note } = setUp();
    join(['a']);
    await round({ read: [thing('a'), thing('b')] });
    await round({ absent: ['b'] });
    await clock.advanceBy(1_000);
    expect(await round({ absent: ['b'] })).toMatchObject({ emitted: ['REMOVED'] });
    expect((await note()).missing).toEqual(new Map());
  });
});

describe('STALE', () => {
  const failed = (...ids: readonly string[]) => ({ failed: new Map(ids.map((id) => [id, broken])) });
  const eventsOf = (writes: readonly { readonly write: LogWrite<Thing> }[]) =>
    writes.flatMap(({ write }) =>
      (write.changes ?? []).map((change) => ('subject' in change ? `${change.kind} ${change.subject}` : change.kind)),
    );

  it('is emitted once for a list that is too long, until a search reaches its end', async () => {
    const { clock, writes, join, round } = setUp();
    join();
    await round({ truncated: true });
    await round();
    await clock.advanceBy(300_000);
    await round({ truncated: true });
    expect(eventsOf(writes)).toEqual(['STALE list']);
    await clock.advanceBy(300_000);
    await round();
    expect(eventsOf(writes)).toEqual(['STALE list', 'RECOVERED list']);
  });

  it('is not emitted for a long list without watchers', async () => {
    const { writes, join, round } = setUp();
    join(['a']);
    await round({ read: [thing('a')], truncated: true });
    expect(eventsOf(writes)).toEqual([]);
  });

  it('is emitted once for a known thing that failed twice, and not for an unknown or evicted one', async () => {
    const { writes, join, round } = setUp();
    join(['a', 'unknown']);
    await round({ read: [thing('a'), thing('b')] });
    await round(failed('a', 'b', 'unknown'));
    await round({ ...failed('a', 'b', 'unknown'), evicted: ['b'] });
    await round(failed('a', 'unknown'));
    expect(eventsOf(writes)).toEqual(['STALE entity:a']);
    await round({ read: [thing('a')] });
    expect(eventsOf(writes)).toEqual(['STALE entity:a', 'RECOVERED entity:a']);
  });
});

describe('the end of a thing without an end time of the platform', () => {
  it('is noted with the time at which the gateway saw it', async () => {
    const { clock, join, round, note } = setUp();
    join();
    await round({ read: [thing('a')] });
    await round({ read: [thing('a', 0, 'ENDED')] });
    expect((await note()).endedSeen).toEqual(new Map([['a', clock.now().getTime()]]));
  });
});
