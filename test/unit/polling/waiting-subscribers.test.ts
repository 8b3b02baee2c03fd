import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { RateLimitedError, UpstreamUnreadableError } from '../../../src/errors.ts';
import type { EventLog } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import { createFeedRegistry } from '../../../src/polling/feed-registry.ts';
import { PlatformHolds } from '../../../src/polling/holds.ts';
import type { LeaderElections } from '../../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../../src/polling/leader/memory.ts';
import { exportJobSource } from '../../../src/polling/sources/export-jobs.ts';
import type { FeedNote } from '../../../src/polling/state.ts';
import { defaultPolling } from '../../support/default-config.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { exportJob, FakePlatform, settle, tenantOf, turn } from './fake-platform.ts';
import { ReplicaSetup } from './replica-setup.ts';
import { WatchSetup } from './setup.ts';

/** Jobs that fill the newest page of the list. */
const newestPage = Array.from({ length: 100 }, (_, index) => exportJob(`new-${index}`, 1_000 + index, 'SUCCEEDED'));

const silent = { debug: () => undefined, warn: () => undefined };

const named = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `named-${index}`);

describe('a subscriber that waits', () => {
  it('receives that ids are unknown, even if one round cannot read all of them', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.put(...newestPage);
    await expect(setup.subscribe({ ids: named(250) })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(setup.platform.count('list')).toBe(3);
  });

  it('does not cause absent ids of other subscribers to be read', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    const absent = named(50);
    setup.platform.put(...absent.map((id) => exportJob(id, 2_000)), exportJob('runs', 2_001));
    await setup.follow({ ids: ['runs', ...absent] });
    for (const id of absent) setup.platform.delete(id);
    await setup.pass(300_000);
    setup.platform.put(...newestPage, exportJob('old', 1));
    await setup.nextRound();
    setup.platform.calls.length = 0;
    await setup.follow({ ids: ['old'] });
    const read = setup.platform.calls.flatMap(({ id }) => id ?? []);
    expect(read).toContain('old');
    // Some of the other ids are due.
    expect(read.length).toBeLessThan(12);
  });

  it('costs at most 60 calls a minute for ids that stay absent, once it has begun', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.put(exportJob('runs', 1));
    const first = await setup.follow({ ids: ['runs'] });
    await setup.follow({ ids: ['runs', ...named(300)], after: first.cursor });
    await setup.pass(120_000);
    setup.platform.calls.length = 0;
    await setup.pass(60_000);
    expect(setup.platform.calls.length).toBeLessThanOrEqual(60);
    setup.platform.set('runs', 'SUCCEEDED');
    await setup.pass(30_000);
    expect(first.kinds).toEqual(['SNAPSHOT runs PROCESSING', 'CHANGED runs SUCCEEDED']);
  });

  it('begins with the whole sandbox even if many jobs cannot be read again', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    const ids = named(150);
    setup.platform.put(...ids.map((id) => exportJob(id, 1)), exportJob('watched', 2));
    const first = await setup.follow({ ids: ['watched', ...ids] });
    first.leave();
    await setup.follow({ ids: ['watched'] });
    setup.platform.put(...newestPage);
    await setup.pass(5_000);
    for (const id of ids) setup.platform.unlisted.add(id);
    const unreadable = new Set(ids.slice(0, 100));
    setup.platform.failure = ({ kind, id }) =>
      kind === 'get' && unreadable.has(id ?? '') ? new UpstreamUnreadableError({ message: 'not JSON' }) : null;
    const calls = setup.platform.count('list');
    const everything = await setup.follow();
    expect(everything.events.length).toBeGreaterThan(0);
    expect(setup.platform.count('list') - calls).toBeLessThan(10);
  });

  it('is rejected if the platform finds the job by another form of its id', async () => {
    const platform = new FakePlatform();
    const { clock } = platform;
    platform.put(exportJob('old', 1), ...newestPage);
    await using registry = createFeedRegistry({
      ...defaultPolling,
      metrics: uncountedPolls,
      source: exportJobSource,
      clock,
      logger: silent,
    });
    const own = platform.reader('someone', false);
    const watch = registry.connect(tenantOf(), {
      ...own,
      exportJobs: (calls) => {
        const { list, get } = own.exportJobs(calls);
        return { list, get: (id) => get(id.toLowerCase() as typeof id) };
      },
    });
    const { signal } = new AbortController();
    await expect(watch.subscribe({ ids: ['OLD'], matches: null, signal })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(platform.count('list')).toBe(1);
  });

  it('causes no storm of rounds if no round serves it', async () => {
    const platform = new FakePlatform();
    const { clock } = platform;
    platform.put(exportJob('old', 1), ...newestPage);
    const source: typeof exportJobSource = {
      ...exportJobSource,
      read: (reader, request) => exportJobSource.read(reader, { ...request, unread: [] }),
    };
    await using registry = createFeedRegistry({
      ...defaultPolling,
      metrics: uncountedPolls,
      source,
      clock,
      logger: silent,
      random: () => 0,
    });
    const watch = registry.connect(tenantOf(), platform.reader('someone', false));
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = watch.subscribe({ ids: ['old'], matches: null, signal });
    for (let count = 0; count < 10; count += 1) await settle();
    const rounds = platform.count('list');
    expect(rounds).toBeLessThan(13);
    await clock.advanceBy(2_000);
    await settle();
    expect(platform.count('list')).toBe(rounds + 1);
    controller.abort();
    await expect(waiting).rejects.toThrow();
  });

  it('begins with the rounds of a new log, although their numbers are lower', async () => {
    const listeners = new Set<() => void>();
    const begin = () => createMemoryEventLog<ExportJob>({ key: exportJobSource.key });
    let memory = begin();
    const log: EventLog<ExportJob> = {
      write: (...write) => memory.write(...write),
      snapshot: () => memory.snapshot(),
      markUnattended: () => undefined,
      watch: (listener) => {
        listeners.add(listener);
        return { [Symbol.dispose]: () => void listeners.delete(listener) };
      },
      open: (options) => memory.open(options),
      [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
    };
    const written = async (round: number, missing: readonly string[]) => {
      const note: FeedNote<null> = {
        term: 1,
        round,
        discovered: false,
        missing: new Map(missing.map((id) => [id, round])),
        unfollowed: new Set(),
        endedSeen: new Map(),
        results: { everything: false, failing: false },
        checkpoint: null,
      };
      await log.write({ note }, { observedAt: new Date(0), term: 1 });
      for (const listener of listeners) listener();
    };
    await using setup = new WatchSetup({ createLog: () => log, elections: polledElsewhere(1), ownRights: false });
    await written(50, []);
    const rejected = expect(setup.subscribe({ ids: ['unknown'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await settle();
    memory = begin();
    await written(1, ['unknown']);
    await rejected;
  });

  it('is rejected if the replica that polls has a defect', async () => {
    await using setup = new ReplicaSetup({ ownRights: false });
    const [polling, other] = setup.replicas;
    setup.platform.put(exportJob('a', 1));
    await polling.follow({ ids: ['a'] });
    setup.platform.through = () => Promise.reject(new TypeError('a defect'));
    const rejected = expect(other.subscribe({ ids: ['unknown'] })).rejects.toThrow(
      'The round of the polling replica failed.',
    );
    await setup.pass(10_000);
    await rejected;
  });

  it('is rejected at once if its replica may poll only later and must not call the platform', async () => {
    const holds = new PlatformHolds({ clock: new FakePlatform().clock, logger: silent });
    const platform = new FakePlatform();
    const elections = slowElections();
    await using setup = new WatchSetup({ platform, holds, elections, ownRights: false });
    holds.of(tenantOf(), exportJobSource.service).extend(platform.clock.monotonicMs() + 60_000);
    await expect(setup.subscribe()).rejects.toBeInstanceOf(RateLimitedError);
    expect(platform.calls).toEqual([]);
  });
});

/** Elections in which another replica polls under this term. */
function polledElsewhere(term: number): LeaderElections {
  return {
    join: () => ({
      term,
      acquireLease: (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
      publishScope: async () => undefined,
      otherScopes: async () => null,
      send: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    }),
    send: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Elections that take a moment, as in Redis. */
function slowElections(): LeaderElections {
  const elections = createMemoryElections();
  return {
    ...elections,
    join: (feed, listener) => {
      const election = elections.join(feed, listener);
      return {
        get term() {
          return election.term;
        },
        acquireLease: async (signal) => {
          for (let count = 0; count < 10; count += 1) await turn();
          return await election.acquireLease(signal);
        },
        publishScope: (scope) => election.publishScope(scope),
        otherScopes: () => election.otherScopes(),
        send: (message) => election.send(message),
        [Symbol.asyncDispose]: () => election[Symbol.asyncDispose](),
      };
    },
  };
}
