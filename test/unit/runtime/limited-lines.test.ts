import { expect, it } from 'vitest';
import { LimitedLines } from '../../../src/runtime/limited-lines.ts';
import { FakeClock } from '../../support/fake-clock.ts';

it('lines of each key are limited in a minute, and the next line reports the number of the others', async () => {
  const clock = new FakeClock();
  const lines = new LimitedLines({ clock, perMinute: 2 });
  const take = (key: string, count: number) =>
    Array.from({ length: count }, () => lines.take(key)).filter((line) => line !== null);
  expect(take('a', 1_000)).toEqual([{}, {}]);
  expect(take('b', 2)).toEqual([{}, {}]);
  await clock.advanceBy(59_999);
  expect(take('a', 1)).toEqual([]);
  await clock.advanceBy(1);
  expect(take('a', 3)).toEqual([{ suppressed: 999 }, {}]);
  expect(take('b', 1)).toEqual([{}]);
  await clock.advanceBy(60_000);
  expect(take('a', 1)).toEqual([{ suppressed: 1 }]);
  expect(clock.pending('deadline')).toBe(0);
});
