import { describe, expect, it } from 'vitest';
import type { FeedChange, StaleSubject } from '../../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import { append, changed, created, type Item, key, Subscriber } from './stream-setup.ts';

const stale = (subject: StaleSubject): FeedChange<Item> => ({ kind: 'STALE', subject });
const recovered = (subject: StaleSubject): FeedChange<Item> => ({ kind: 'RECOVERED', subject });

async function logOf(...changes: readonly FeedChange<Item>[]) {
  const log = createMemoryEventLog({ key });
  return { log, cursor: await append(log, created('a'), created('b'), ...changes) };
}

describe('STALE and RECOVERED', () => {
  it('are sent to the subscribers that the subject concerns, once for all subjects together', async () => {
    const { log } = await logOf();
    const everything = await Subscriber.open(log);
    const filtered = await Subscriber.open(log, { matches: () => false });
    const ofA = await Subscriber.open(log, { ids: ['a'] });
    const ofB = await Subscriber.open(log, { ids: ['b'] });
    const all = [everything, filtered, ofA, ofB];
    const received = () => Promise.all(all.map((one) => one.received()));
    await received();
    await append(log, stale('entity:a'));
    expect(await received()).toEqual([['STALE'], ['STALE'], ['STALE'], []]);
    await append(log, stale('list'));
    expect(await received()).toEqual([[], [], [], []]);
    await append(log, recovered('entity:a'));
    expect(await received()).toEqual([[], [], ['RECOVERED'], []]);
    await append(log, stale('feed'), recovered('list'));
    expect(await received()).toEqual([[], [], ['STALE'], ['STALE']]);
    await append(log, recovered('feed'));
    expect(await received()).toEqual([['RECOVERED'], ['RECOVERED'], ['RECOVERED'], ['RECOVERED']]);
  });

  it('end a snapshot only if the subject concerns the subscriber', async () => {
    const { log } = await logOf(stale('entity:a'), stale('list'));
    expect((await (await Subscriber.open(log)).received()).at(-1)).toBe('STALE');
    expect(await (await Subscriber.open(log, { ids: ['a'] })).received()).toEqual(['SNAPSHOT a0', 'STALE']);
    expect(await (await Subscriber.open(log, { ids: ['b'] })).received()).toEqual(['SNAPSHOT b0']);
  });

  it('continue from the state of the subscriber at its cursor', async () => {
    const { log, cursor: fresh } = await logOf();
    const known = await append(log, stale('entity:a'), changed('a', 0, 1));
    await append(log, stale('feed'), recovered('entity:a'), recovered('feed'));
    expect(await (await Subscriber.open(log, { after: fresh })).received()).toEqual([
      'STALE',
      'CHANGED a1',
      'RECOVERED',
    ]);
    expect(await (await Subscriber.open(log, { after: known })).received()).toEqual(['RECOVERED']);
    expect(await (await Subscriber.open(log, { ids: ['b'], after: known })).received()).toEqual(['STALE', 'RECOVERED']);
  });

  it('are sent again with a confirmation, for clients that joined behind a router', async () => {
    const { log } = await logOf(stale('feed'));
    const subscriber = await Subscriber.open(log, { ids: ['a'] });
    await subscriber.received();
    subscriber.stream.confirm();
    expect(await subscriber.received()).toEqual(['SNAPSHOT a0', 'STALE']);
  });

  it('come before and after the changes between them, even for a slow subscriber', async () => {
    const { log } = await logOf();
    const subscriber = await Subscriber.open(log, { ids: ['a', 'b'], slow: true });
    subscriber.takeAll();
    await subscriber.received();
    await append(log, stale('feed'), changed('a', 0, 1), recovered('feed'), stale('list'), changed('b', 0, 1));
    subscriber.takeAll();
    expect(await subscriber.received()).toEqual(['STALE', 'CHANGED a1', 'RECOVERED', 'CHANGED b1']);
  });

  it('of only this process have cursors that cannot continue in the log', async () => {
    const { log } = await logOf();
    const subscriber = await Subscriber.open(log);
    await subscriber.received();
    log.markUnattended(true);
    await append(log, changed('a', 0, 1));
    const cursors: unknown[] = [];
    const note = async () => {
      const partial = subscriber.cursor?.endsWith('.partial');
      cursors.push([partial, ...(await subscriber.received())]);
    };
    await Promise.resolve();
    subscriber.takeAll();
    await note();
    // The log contains this STALE, so a subscriber that resumes here is known to have received it.
    await append(log, stale('feed'), changed('a', 1, 2));
    await note();
    await append(log, recovered('feed'), changed('a', 2, 3));
    await note();
    log.markUnattended(false);
    await append(log, changed('a', 3, 4));
    await note();
    expect(cursors).toEqual([
      [true, 'STALE', 'CHANGED a1'],
      [false, 'CHANGED a2'],
      [true, 'CHANGED a3'],
      [false, 'RECOVERED', 'CHANGED a4'],
    ]);
  });

  it('of only this process are sent to subscribers that begin or resume while they hold', async () => {
    const { log, cursor } = await logOf();
    log.markUnattended(true);
    const begun = await Subscriber.open(log, { ids: ['a'] });
    const resumed = await Subscriber.open(log, { ids: ['a'], after: cursor });
    expect(begun.events.map((event) => event.cursor.endsWith('.partial'))).toEqual([true, true]);
    expect(resumed.events.map((event) => event.cursor.endsWith('.partial'))).toEqual([true]);
    expect(await begun.received()).toEqual(['SNAPSHOT a0', 'STALE']);
    expect(await resumed.received()).toEqual(['STALE']);
    log.markUnattended(false);
    expect(await begun.received()).toEqual(['RECOVERED']);
    expect(await resumed.received()).toEqual(['RECOVERED']);
  });
});
