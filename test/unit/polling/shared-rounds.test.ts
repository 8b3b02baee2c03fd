import { describe, expect, it } from 'vitest';
import type { ExportJob } from '../../../src/domain/export-job.ts';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import type { EventLog } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { LeaderElections } from '../../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../../src/polling/leader/memory.ts';
import { exportJob, settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

describe('a round with the credential of the gateway', () => {
  it('is not ended by subscribers that leave, so that short subscriptions do not delay the others', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.put(exportJob('a', 1));
    const release = setup.platform.hold();
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const leaving = controllers.map((controller) => setup.subscribe({}, 'someone', controller));
    const staying = setup.follow();
    await settle();
    for (const [index, controller] of controllers.entries()) {
      controller.abort(new Error('the client left'));
      await expect(leaving[index]).rejects.toThrow('the client left');
    }
    await settle();
    expect(setup.platform.count('list')).toBe(1);
    release();
    expect((await staying).kinds).toEqual(['SNAPSHOT a PROCESSING']);
    expect(setup.platform.count('list')).toBe(1);
  });

  it('ends when the last subscriber leaves', async () => {
    await using setup = new WatchSetup({ ownRights: false });
    setup.platform.hold();
    const controller = new AbortController();
    const leaving = setup.subscribe({}, 'someone', controller);
    await settle();
    expect(setup.platform.inFlight).toBe(1);
    controller.abort(new Error('the client left'));
    await expect(leaving).rejects.toThrow('the client left');
    await settle();
    expect(setup.platform.inFlight).toBe(0);
  });
});

/** Elections that can be disconnected, and a log that can reject writes, as during an outage of Redis. */
function troubled() {
  const trouble = { rejectsWrites: false };
  const listeners: ((holder: 'here' | 'elsewhere' | 'none') => void)[] = [];
  const log = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
  const createLog = (): EventLog<ExportJob> => ({
    write: async (write, options) => {
      if (trouble.rejectsWrites)
        throw new UpstreamUnreachableError({ message: 'Live views are temporarily unavailable.' });
      return await log.write(write, options);
    },
    snapshot: () => log.snapshot(),
    markUnattended: (on) => log.markUnattended(on),
    watch: (listener) => log.watch(listener),
    open: (options) => log.open(options),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  });
  const memory = createMemoryElections();
  const elections: LeaderElections = {
    join: (feed, listener) => {
      listeners.push((holder) => listener.termChanged(holder));
      return memory.join(feed, listener);
    },
    send: (feed, message) => memory.send(feed, message),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  const holder = (who: 'here' | 'elsewhere' | 'none') => {
    for (const listener of listeners) listener(who);
  };
  return { trouble, createLog, elections, holder };
}

describe('subscribers of a feed that no replica serves', () => {
  it('receive STALE after four of the shortest pauses, and RECOVERED with the next lease holder', async () => {
    const { createLog, elections, holder } = troubled();
    await using setup = new WatchSetup({ createLog, elections });
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    setup.platform.hold();
    holder('none');
    await setup.pass(7_999);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING']);
    await setup.pass(1);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'STALE']);
    holder('elsewhere');
    await settle();
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'STALE', 'RECOVERED']);
  });

  it('receive nothing when another replica takes over in time', async () => {
    const { createLog, elections, holder } = troubled();
    await using setup = new WatchSetup({ createLog, elections });
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    setup.platform.hold();
    for (let time = 0; time < 5; time += 1) {
      holder('none');
      await setup.pass(7_000);
      holder('elsewhere');
    }
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING']);
  });

  it('receive STALE while the log rejects writes, and then the missed events', async () => {
    const { trouble, createLog, elections } = troubled();
    await using setup = new WatchSetup({ createLog, elections });
    setup.platform.put(exportJob('a', 1));
    const follower = await setup.follow();
    trouble.rejectsWrites = true;
    setup.platform.set('a', 'SUCCEEDED');
    await setup.pass(12_000);
    expect(follower.kinds).toEqual(['SNAPSHOT a PROCESSING', 'STALE']);
    trouble.rejectsWrites = false;
    await setup.pass(12_000);
    expect(follower.kinds.slice(0, 2)).toEqual(['SNAPSHOT a PROCESSING', 'STALE']);
    expect(follower.kinds.slice(2).toSorted()).toEqual(['CHANGED a SUCCEEDED', 'RECOVERED']);
  });
});
