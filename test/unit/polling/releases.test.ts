import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { PlatformError } from '../../../src/errors.ts';
import type { EventLog } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { LeaderElections, PollMessage } from '../../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../../src/polling/leader/memory.ts';
import { exportJob, settle, tenantOf } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Counts the memory that logs and elections keep for a registry. */
function counted() {
  const held = { logs: 0, watchers: 0, tails: 0, joined: 0 };
  const published: (number | null)[] = [];
  const createLog = (): EventLog<ExportJob> => {
    const log = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
    held.logs += 1;
    return {
      write: (write, options) => log.write(write, options),
      snapshot: () => log.snapshot(),
      markUnattended: (on) => log.markUnattended(on),
      watch: (listener) => {
        const watch = log.watch(listener);
        held.watchers += 1;
        return {
          [Symbol.dispose]: () => {
            held.watchers -= 1;
            watch[Symbol.dispose]();
          },
        };
      },
      open: async (options) => {
        const { start, tail } = await log.open(options);
        held.tails += 1;
        let disposed = false;
        const dispose = tail[Symbol.dispose].bind(tail);
        const counting = () => {
          if (!disposed) held.tails -= 1;
          disposed = true;
          dispose();
        };
        return { start, tail: Object.assign(tail, { [Symbol.dispose]: counting }) };
      },
      [Symbol.asyncDispose]: async () => {
        held.logs -= 1;
        await log[Symbol.asyncDispose]();
      },
    };
  };
  const memory = createMemoryElections();
  const elections: LeaderElections = {
    join: (feed, listener) => {
      const election = memory.join(feed, listener);
      held.joined += 1;
      return {
        get term() {
          return election.term;
        },
        acquireLease: (signal) => election.acquireLease(signal),
        publishScope: (scope) => {
          published.push(scope === null ? null : scope.ids.size);
          return election.publishScope(scope);
        },
        otherScopes: () => election.otherScopes(),
        send: (message: PollMessage) => election.send(message),
        [Symbol.asyncDispose]: async () => {
          held.joined -= 1;
          await election[Symbol.asyncDispose]();
        },
      };
    },
    send: (feed, message) => memory.send(feed, message),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  return { held, published, createLog, elections };
}

const nothing = { logs: 0, watchers: 0, tails: 0, joined: 0 };

describe('after subscribers have left', () => {
  it('nothing is kept for them, however they left', async () => {
    const { held, published, createLog, elections } = counted();
    await using setup = new WatchSetup({ createLog, elections, retentionMs: 0 });
    setup.platform.put(exportJob('a', 1), exportJob('b', 2, 'SUCCEEDED'));
    const outage = new PlatformError({ status: 503, message: 'The platform is out of order.' });
    const staying = await setup.follow();
    for (let time = 0; time < 5; time += 1) {
      const followers = [
        await setup.follow(),
        await setup.follow({ ids: ['a'] }),
        await setup.follow({ ids: ['a', 'b'] }),
      ];
      await setup.follow({ ids: ['b'] });
      followers.push(await setup.follow({ after: followers[0]?.cursor }));
      await expect(setup.subscribe({ ids: ['nobody'] })).rejects.toThrow();
      setup.platform.failure = ({ kind }) => (kind === 'list' ? outage : null);
      await setup.nextRound();
      setup.platform.failure = () => null;
      const controller = new AbortController();
      const leaving = setup.subscribe({ ids: ['a'] }, 'other', controller);
      controller.abort(new Error('the client left'));
      await expect(leaving).rejects.toThrow('the client left');
      for (const follower of followers) follower.leave();
      const iterator = (await setup.subscribe())[Symbol.asyncIterator]();
      await iterator.return?.();
      await settle();
      expect(held).toEqual({ logs: 1, watchers: 1, tails: 1, joined: 1 });
    }
    expect([setup.registry.stats().subscribers, staying.ended]).toEqual([1, null]);
    await setup.registry.close();
    await settle();
    expect(held).toEqual(nothing);
    expect([setup.clock.pending(), setup.clock.pending('deadline')]).toEqual([0, 0]);
    expect(published.filter((ids) => ids !== null && ids > 2)).toEqual([]);
  });

  it('no listener is kept on the signal that they share', async () => {
    const { held, createLog, elections } = counted();
    await using setup = new WatchSetup({ createLog, elections });
    setup.platform.put(exportJob('a', 1));
    const controller = new AbortController();
    const listeners = () => getEventListeners(controller.signal, 'abort').length;
    const streams = await Promise.all([1, 2, 3].map(() => setup.subscribe({ ids: ['a'] }, 'someone', controller)));
    await expect(setup.subscribe({ ids: ['nobody'] }, 'someone', controller)).rejects.toThrow();
    expect([held.tails, listeners()]).toEqual([3, 3]);
    for (const stream of streams) await stream[Symbol.asyncIterator]().return?.();
    expect([held.tails, listeners()]).toEqual([0, 0]);
  });

  it('no log is kept of a feed that never read anything', async () => {
    const { held, createLog, elections } = counted();
    await using setup = new WatchSetup({ createLog, elections });
    const outage = new PlatformError({ status: 503, message: 'The platform is out of order.' });
    setup.platform.failure = ({ kind }) => (kind === 'list' ? outage : null);
    await expect(setup.subscribe()).rejects.toThrow('out of order');
    expect(held.logs).toBe(1);
    await setup.pass(10_000);
    expect(held).toEqual(nothing);
  });

  it('no id is read that only they named', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(
      exportJob('old', 1),
      exportJob('older', 0),
      ...Array.from({ length: 150 }, (_, index) => exportJob(`ended-${index}`, 10 + index, 'SUCCEEDED')),
    );
    const leaving = await setup.follow({ ids: ['old'] });
    await setup.follow({ ids: ['older'] });
    leaving.leave();
    await setup.nextRound();
    setup.platform.calls.length = 0;
    await setup.pass(30_000);
    expect(new Set(setup.platform.calls.map(({ id }) => id))).toEqual(new Set([undefined, 'older']));
  });

  it('no feed, log or timer of their tenants is kept', async () => {
    const { held, createLog, elections } = counted();
    await using setup = new WatchSetup({ createLog, elections, retentionMs: 0 });
    for (let index = 0; index < 20; index += 1) {
      const controller = new AbortController();
      const watch = setup.registry.connect(tenantOf(`sandbox-${index}`), setup.platform.reader());
      await watch.subscribe({ ids: null, matches: null, signal: controller.signal });
      controller.abort();
    }
    await settle();
    expect(held).toMatchObject({ logs: 20, joined: 20, tails: 0 });
    await setup.pass(5_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, subscribers: 0 });
    // Logs without retention are dropped when the next feed stops.
    const last = await setup.follow();
    last.leave();
    await setup.pass(5_000);
    expect(held).toEqual(nothing);
    expect([setup.clock.pending(), setup.clock.pending('deadline')]).toEqual([0, 0]);
  });
});

describe('a log that could not be read once', () => {
  it('is read again for the next subscriber', async () => {
    const log = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
    let fails = true;
    const createLog = (): EventLog<ExportJob> => ({
      write: (write, options) => log.write(write, options),
      snapshot: async () => {
        if (fails) throw new PlatformError({ status: 503, message: 'The log is out of reach.' });
        return await log.snapshot();
      },
      markUnattended: (on) => log.markUnattended(on),
      watch: (listener) => log.watch(listener),
      open: (options) => log.open(options),
      [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
    });
    await using setup = new WatchSetup({ createLog });
    setup.platform.put(exportJob('a', 1));
    await expect(setup.subscribe()).rejects.toThrow('The log is out of reach.');
    fails = false;
    expect((await setup.follow()).kinds).toEqual(['SNAPSHOT a PROCESSING']);
  });
});
