import { describe, expect, it } from 'vitest';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import { append, at, changed, created, type Item, item, key, type OpenOptions, Subscriber } from './stream-setup.ts';

/** Seconds since the end of each ended item. The end of `unknown` is not known. */
const endedSecondsAgo = new Map([
  ['just-now', 0],
  ['in-time', 900],
  ['too-late', 900.001],
]);
const note = { of: 'the round' };

const endedAtMs = ({ id }: Item, given: unknown): number | null => {
  expect(given).toEqual(note);
  const seconds = endedSecondsAgo.get(id);
  return seconds === undefined ? null : at.getTime() - seconds * 1_000;
};

async function receivedAtStart(options: OpenOptions): Promise<readonly string[]> {
  const log = createMemoryEventLog({ key });
  const ended = [...endedSecondsAgo.keys(), 'unknown'].map((id) => item(id, 9));
  await log.write({ adopted: [item('running', 1), ...ended], note }, { observedAt: at });
  return (await Subscriber.open(log, { endedAtMs, ...options })).received();
}

describe('endedWithinSeconds', () => {
  it('adds the items that ended within this time to the first snapshot, to the millisecond', async () => {
    expect(await receivedAtStart({ endedWithinSeconds: 900 })).toEqual([
      'SNAPSHOT running1',
      'SNAPSHOT just-now9',
      'SNAPSHOT in-time9',
    ]);
  });

  it('adds none when it is 0 or absent', async () => {
    expect(await receivedAtStart({ endedWithinSeconds: 0 })).toEqual(['SNAPSHOT running1']);
    expect(await receivedAtStart({})).toEqual(['SNAPSHOT running1']);
  });

  it('restricts the items that match a filter in the same way', async () => {
    const ended = ({ version }: Item) => version === 9;
    expect(await receivedAtStart({ endedWithinSeconds: 900, matches: ended })).toEqual([
      'SNAPSHOT just-now9',
      'SNAPSHOT in-time9',
    ]);
    expect(await receivedAtStart({ matches: ended })).toEqual([]);
  });

  it('does not apply to named items, or after a RESYNC', async () => {
    expect(await receivedAtStart({ ids: ['too-late', 'unknown'] })).toEqual([
      'SNAPSHOT too-late9',
      'SNAPSHOT unknown9',
    ]);
    expect(await receivedAtStart({ endedWithinSeconds: 900, after: 'other.1' })).toHaveLength(6);
  });

  it('delivers the missed end to a client that subscribes again with its original arguments', async () => {
    const log = createMemoryEventLog({ key });
    await append(log, created('a'), created('b'));
    const options = { endedWithinSeconds: 900, endedAtMs: () => at.getTime() };
    const first = await Subscriber.open(log, options);
    expect(await first.received()).toEqual(['SNAPSHOT b0', 'SNAPSHOT a0']);
    await first.stream.return();
    await append(log, changed('a', 0, 9));
    expect(await (await Subscriber.open(log, options)).received()).toEqual(['SNAPSHOT b0', 'SNAPSHOT a9']);
  });
});
