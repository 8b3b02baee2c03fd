import { describe, expect, it } from 'vitest';
import { ForbiddenError } from '../../../src/errors.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import { exportJob, settle, tenantOf } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Adds a subscriber to one sandbox. */
async function subscribe(setup: WatchSetup, sandbox: string) {
  const controller = new AbortController();
  const watch = setup.registry.connect(tenantOf(sandbox), setup.platform.reader());
  await watch.subscribe({ ids: null, matches: null, signal: controller.signal });
  return {
    leave: async () => {
      controller.abort();
      await settle();
    },
  };
}

const nothing = { feeds: 0, polling: 0, idleFeeds: 0, subscribers: 0, rounds: 0, lastRoundAt: null };

describe('the numbers of a registry', () => {
  it('cover all its sandboxes', async () => {
    await using setup = new WatchSetup();
    expect(setup.registry.stats()).toEqual(nothing);
    await subscribe(setup, 'one');
    await subscribe(setup, 'one');
    const firstAt = setup.clock.now();
    expect(setup.registry.stats()).toEqual({
      ...nothing,
      feeds: 1,
      polling: 1,
      subscribers: 2,
      rounds: 1,
      lastRoundAt: firstAt,
    });
    await setup.clock.advanceBy(500);
    await subscribe(setup, 'two');
    expect(setup.registry.stats()).toEqual({
      ...nothing,
      feeds: 2,
      polling: 2,
      subscribers: 3,
      rounds: 2,
      lastRoundAt: setup.clock.now(),
    });
  });

  it('have the last round of all, whichever sandbox it was made for', async () => {
    await using setup = new WatchSetup();
    await subscribe(setup, 'one');
    await setup.clock.advanceBy(1_000);
    const leaving = await subscribe(setup, 'two');
    const lastAt = setup.clock.now();
    await leaving.leave();
    await setup.clock.advanceBy(500);
    expect(setup.registry.stats().lastRoundAt).toEqual(lastAt);
  });

  it('keep the rounds of sandboxes whose logs are gone', async () => {
    await using setup = new WatchSetup({ retentionMs: 0 });
    const leaving = await subscribe(setup, 'one');
    const lastAt = setup.clock.now();
    await leaving.leave();
    await setup.pass(4_000);
    expect(setup.registry.stats()).toEqual({ ...nothing, rounds: 1, lastRoundAt: lastAt });
    await setup.pass(1_000);
    await subscribe(setup, 'two');
    expect(setup.registry.stats()).toMatchObject({ feeds: 1, rounds: 2, lastRoundAt: setup.clock.now() });
  });

  it('count a sandbox without subscribers as idle once it is not polled, until its log is gone', async () => {
    await using setup = new WatchSetup({ retentionMs: 10_000 });
    const leaving = await subscribe(setup, 'one');
    await leaving.leave();
    await setup.pass(2_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 1, idleFeeds: 0, subscribers: 0 });
    await setup.pass(2_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 1, rounds: 1 });
    await setup.pass(7_000);
    const other = await subscribe(setup, 'two');
    expect(setup.registry.stats()).toMatchObject({ feeds: 1, idleFeeds: 1 });
    await setup.pass(3_000);
    await other.leave();
    await setup.pass(4_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 1 });
  });

  it('do not count failed rounds as the last round', async () => {
    await using setup = new WatchSetup({ retentionMs: 0 });
    const good = await subscribe(setup, 'one');
    const lastAt = setup.clock.now();
    await good.leave();
    await setup.pass(4_000);
    setup.platform.failure = () => new ForbiddenError({ message: 'no' });
    await expect(subscribe(setup, 'two')).rejects.toThrow('no');
    await setup.pass(4_000);
    expect(setup.registry.stats()).toEqual({ ...nothing, rounds: 1, lastRoundAt: lastAt });
  });
});

describe('a registry', () => {
  it('ends with its scope, and then rejects all subscriptions', async () => {
    const setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    await setup.registry[Symbol.asyncDispose]();
    await settle();
    expect(follower.ended).toMatchObject({ error: { code: 'SHUTTING_DOWN' } });
    await expect(setup.subscribe()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(setup.clock.pending()).toBe(0);
  });

  it('requests a round at once in a sandbox with subscribers, and does not fail if no other replica is reachable', async () => {
    const sent: string[] = [];
    const lines: unknown[] = [];
    const err = new Error('out of reach');
    await using setup = new WatchSetup({
      logger: { debug: (details: unknown, message?: string) => void lines.push([message, details]), warn: () => {} },
      elections: {
        join: () => {
          throw new Error('nobody watches');
        },
        send: async ({ kind, tenant }, message) => {
          sent.push(`${kind} of ${tenant.sandbox}: ${message.kind}`);
          throw err;
        },
        [Symbol.asyncDispose]: async () => undefined,
      },
    });
    setup.nudge();
    await settle();
    expect(sent).toEqual(['export-jobs of prod: nudge']);
    expect(lines).toEqual([
      ['could not notify other replicas', expect.objectContaining({ kind: 'export-jobs', sandbox: 'prod', err })],
    ]);

    await using own = new WatchSetup();
    await own.follow();
    const rounds = own.platform.count('list');
    own.nudge();
    await settle();
    expect(own.platform.count('list')).toBe(rounds + 1);
  });

  it('logs that a log could not be closed, and continues', async () => {
    const lines: unknown[] = [];
    const err = new Error('broken');
    await using setup = new WatchSetup({
      retentionMs: 0,
      logger: { debug: () => {}, warn: (details: unknown, message?: string) => void lines.push([message, details]) },
      createLog: () => {
        const log = createMemoryEventLog<ReturnType<typeof exportJob>>({ key: ({ id }) => id });
        return {
          write: (...write) => log.write(...write),
          snapshot: () => log.snapshot(),
          open: (options) => log.open(options),
          watch: (listener) => log.watch(listener),
          markUnattended: (on) => log.markUnattended(on),
          [Symbol.asyncDispose]: () => Promise.reject(err),
        };
      },
    });
    const leaving = await subscribe(setup, 'one');
    await leaving.leave();
    await setup.pass(4_000);
    expect(lines).toEqual([['could not close the event log', { err }]]);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0 });
  });

  it('reports that an id is unknown', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    await expect(setup.subscribe({ ids: ['nobody'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'The platform does not know nobody.',
    });
  });
});
