import { describe, expect, it } from 'vitest';
import { NameStore } from '../../../src/console/live/names.ts';

/** Calls back when the test says so. */
function startManualClock() {
  const calls: (() => void)[] = [];
  return {
    after: (_: number, call: () => void) => {
      calls.push(call);
      return () => void calls.splice(calls.indexOf(call), 1);
    },
    run: async () => {
      for (const call of calls.splice(0)) call();
      await Promise.resolve();
    },
  };
}

describe('names', () => {
  it('are read once, together, and at most 100 at a time', async () => {
    const clock = startManualClock();
    const reads: (readonly string[])[] = [];
    const names = new NameStore(clock, async (ids) => {
      reads.push(ids);
      return new Map(ids.map((id) => [id, `name of ${id}`]));
    });
    for (let index = 0; index < 130; index += 1) names.want(`Dataset:${index % 110}`);
    await clock.run();
    expect(reads.map(({ length }) => length)).toEqual([100, 10]);
    expect(names.get().get('Dataset:7')).toBe('name of Dataset:7');
    names.want('Dataset:7');
    await clock.run();
    expect(reads).toHaveLength(2);
  });

  it('that could not be read are read again after a pause', async () => {
    const clock = startManualClock();
    const answers = [null, new Map([['Dataset:1', 'Weekly']])];
    const names = new NameStore(clock, async () => answers.shift() ?? null);
    names.want('Dataset:1');
    await clock.run();
    expect(names.get().size).toBe(0);
    // The pause, and then the collection of ids.
    await clock.run();
    await clock.run();
    expect(names.get().get('Dataset:1')).toBe('Weekly');
  });
});
