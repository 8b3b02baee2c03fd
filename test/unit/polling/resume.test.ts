import { describe, expect, it } from 'vitest';
import { NotFoundError, PlatformError } from '../../../src/errors.ts';
import { exportJob, settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

describe('resuming', () => {
  it('replays exactly the missed events while other subscribers kept the feed alive, without a call', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    await setup.follow();
    const first = await setup.follow();
    setup.platform.set('a', 'QUEUED');
    await setup.nextRound();
    first.leave();
    setup.platform.set('a', 'PROCESSING');
    await setup.nextRound();
    setup.platform.set('b', 'SUCCEEDED');
    await setup.nextRound();
    const calls = setup.platform.count('list');
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual(['CHANGED a PROCESSING', 'CHANGED b SUCCEEDED']);
    expect(setup.platform.count('list')).toBe(calls);
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(again.kinds.at(-1)).toBe('CHANGED a SUCCEEDED');
  });

  it('delivers the changes that happened while the feed stood still without subscribers', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('gone', 2, 'NEW'));
    const first = await setup.follow();
    first.leave();
    await setup.pass(300_000);
    setup.platform.set('a', 'SUCCEEDED');
    setup.platform.delete('gone');
    setup.platform.put(exportJob('new', 3, 'NEW'));
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual(['CHANGED a SUCCEEDED', 'CREATED new NEW']);
    await setup.pass(2_000);
    expect(again.kinds.slice(2)).toEqual(['REMOVED gone NEW']);
  });

  it('delivers changes of jobs on deeper pages, although they were not followed in the meantime', async () => {
    await using setup = new WatchSetup();
    const ended = Array.from({ length: 250 }, (_, index) => exportJob(`ended-${index}`, 100 + index, 'SUCCEEDED'));
    setup.platform.put(...ended, exportJob('old', 1), exportJob('other', 500));
    const first = await setup.follow();
    await setup.follow({ ids: ['other'] });
    first.leave();
    await setup.nextRound();
    setup.platform.set('old', 'FAILED');
    await setup.nextRound();
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual(['CHANGED old FAILED']);
  });

  it('emits RESYNC and the whole state, including ended jobs, when the log is gone', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    const first = await setup.follow();
    first.leave();
    await setup.pass(604_000);
    setup.platform.set('a', 'SUCCEEDED');
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual(['RESYNC', 'SNAPSHOT b NEW', 'SNAPSHOT a SUCCEEDED']);
  });

  it('keeps the logs of the last stopped feeds, up to a maximum number', async () => {
    await using setup = new WatchSetup({ maxIdleFeeds: 0 });
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await setup.follow();
    first.leave();
    await setup.pass(5_000);
    expect(setup.registry.stats()).toMatchObject({ feeds: 0, idleFeeds: 0, rounds: 1 });
    const again = await setup.follow({ after: first.cursor });
    expect(again.kinds).toEqual(['RESYNC', 'SNAPSHOT a NEW']);
  });

  it.each(['nonsense', '', 'epoch.3'])('emits RESYNC for an unknown cursor: %j', async (after) => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    expect((await setup.follow({ after })).kinds).toEqual(['RESYNC', 'SNAPSHOT a NEW']);
  });

  it('emits the snapshots again from a cursor among them, and continues from the last one', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'), exportJob('c', 3, 'NEW'));
    const { events } = await setup.follow();
    const all = ['RESYNC', 'SNAPSHOT c NEW', 'SNAPSHOT b NEW', 'SNAPSHOT a NEW'];
    for (const [index, expected] of [all, all, []].entries()) {
      const again = await setup.follow({ after: events[index]?.cursor });
      expect(again.kinds).toEqual(expected);
    }
    const resynced = await setup.follow({ after: 'nonsense' });
    expect((await setup.follow({ after: resynced.events[0]?.cursor })).kinds).toEqual(all);
    expect((await setup.follow({ after: resynced.events[3]?.cursor })).kinds).toEqual([]);
  });

  it('completes when the named jobs ended while the subscriber was away', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    await setup.follow();
    const first = await setup.follow({ ids: ['a', 'b'] });
    first.leave();
    setup.platform.set('a', 'SUCCEEDED');
    setup.platform.delete('b');
    await setup.nextRound();
    await setup.nextRound();
    const again = await setup.follow({ ids: ['a', 'b'], after: first.cursor });
    expect(again.kinds).toEqual(['CHANGED a SUCCEEDED', 'REMOVED b NEW']);
    expect(again.ended).toBe('completed');
    const once = await setup.follow({ ids: ['a', 'b'], after: again.cursor });
    expect(once.kinds).toEqual([]);
    expect(once.ended).toBe('completed');
  });

  it('continues with the named jobs that still run', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    const first = await setup.follow({ ids: ['a', 'b'] });
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    first.leave();
    const again = await setup.follow({ ids: ['a', 'b'], after: first.cursor });
    expect(again.ended).toBe(null);
    setup.platform.set('b', 'SUCCEEDED');
    await setup.nextRound();
    expect(again.kinds).toEqual(['CHANGED b SUCCEEDED']);
    expect(again.ended).toBe('completed');
  });

  it('does not wait for a named job that does not exist after a RESYNC', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    await expect(setup.subscribe({ ids: ['a', 'nobody'], after: 'nonsense' })).rejects.toBeInstanceOf(NotFoundError);
    expect(setup.registry.stats().subscribers).toBe(0);
  });

  it('begins a feed that stood still while stale with RECOVERED', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const first = await setup.follow();
    setup.platform.failure = ({ kind }) =>
      kind === 'list' ? new PlatformError({ status: 503, message: 'out' }) : null;
    await setup.nextRound();
    await setup.nextRound();
    expect(first.kinds.at(-1)).toBe('STALE');
    first.leave();
    await setup.pass(10_000);
    setup.platform.failure = () => null;
    expect((await setup.follow({ after: first.cursor })).kinds).toEqual(['RECOVERED']);
  });
});

describe('a slow subscriber', () => {
  it('receives the latest state of each job, as a change from the last state that it received', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    const slow = (await setup.subscribe())[Symbol.asyncIterator]();
    await slow.next();
    await slow.next();
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED'] as const) {
      setup.platform.set('a', status);
      if (status === 'PROCESSING') setup.platform.set('b', status);
      await setup.nextRound();
    }
    const events = [(await slow.next()).value, (await slow.next()).value];
    expect(events).toMatchObject([
      { kind: 'CHANGED', entity: { id: 'b', status: 'PROCESSING' }, previous: { status: 'NEW' } },
      { kind: 'CHANGED', entity: { id: 'a', status: 'SUCCEEDED' }, previous: { status: 'NEW' } },
    ]);
  });

  it('loses nothing when it resumes between two events that were merged', async () => {
    await using setup = new WatchSetup();
    setup.platform.put(exportJob('a', 1, 'NEW'), exportJob('b', 2, 'NEW'));
    await setup.follow();
    const slow = (await setup.subscribe())[Symbol.asyncIterator]();
    await slow.next();
    await slow.next();
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED'] as const) {
      setup.platform.set('a', status);
      if (status === 'PROCESSING') setup.platform.set('b', status);
      await setup.nextRound();
    }
    const { value } = await slow.next();
    await slow.return?.();
    expect((await setup.follow({ after: value?.cursor })).kinds).toEqual(['CHANGED a SUCCEEDED']);
  });

  it('receives RESYNC and the current state when too many events wait for it', async () => {
    await using setup = new WatchSetup({ maxPendingEvents: 3 });
    setup.platform.put(exportJob('a', 1, 'NEW'));
    const slow = (await setup.subscribe())[Symbol.asyncIterator]();
    await slow.next();
    setup.platform.put(...Array.from({ length: 4 }, (_, index) => exportJob(`new-${index}`, 10 + index, 'NEW')));
    await setup.nextRound();
    setup.platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    const kinds: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      const { value } = await slow.next();
      kinds.push(`${value?.kind} ${value?.entity?.id} ${value?.entity?.status}`);
    }
    expect(kinds).toEqual([
      'RESYNC undefined undefined',
      'SNAPSHOT new-3 NEW',
      'SNAPSHOT new-2 NEW',
      'SNAPSHOT new-1 NEW',
      'SNAPSHOT new-0 NEW',
      'SNAPSHOT a SUCCEEDED',
    ]);
    const next = slow.next();
    setup.platform.set('new-0', 'SUCCEEDED');
    await setup.nextRound();
    await settle();
    expect((await next).value).toMatchObject({ kind: 'CHANGED', entity: { id: 'new-0' } });
  });
});
