import { describe, expect, it } from 'vitest';
import { SearchSchedule } from '../../../src/polling/search-schedule.ts';

const second = 1_000;
const minute = 60_000;

/** The rounds of ten minutes, one per second, as the times (s) at which they search. */
function searchesOf(
  roundAt: (seconds: number, searched: boolean) => { truncated?: boolean; spansPages?: boolean },
): readonly number[] {
  const schedule = new SearchSchedule();
  const searches: number[] = [];
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const nowMs = seconds * second;
    // The first round of a lease searches.
    const searched = seconds === 0 || schedule.isDue(nowMs);
    if (searched) searches.push(seconds);
    schedule.ended({ truncated: false, spansPages: false, ...roundAt(seconds, searched) }, { searched, nowMs });
  }
  return searches;
}

describe('searches for running entities', () => {
  it('are not repeated if the first one was complete and the newest pages show all new entities', () => {
    expect(searchesOf(() => ({}))).toEqual([0]);
  });

  it('follow a round whose new entities are on several pages: one soon, and one when no replica lags', () => {
    expect(searchesOf((seconds) => ({ spansPages: seconds === 200 }))).toEqual([0, 201, 261]);
    expect(searchesOf((seconds) => ({ spansPages: seconds === 0 }))).toEqual([0, 60]);
  });

  it('are at least a minute apart while new entities are always on several pages', () => {
    const searches = searchesOf((seconds) => ({ spansPages: seconds > 90 }));
    expect(searches.slice(0, 4)).toEqual([0, 92, 152, 212]);
  });

  it('are a minute apart if new entities are on several pages again before the second one', () => {
    const searches = searchesOf((seconds) => ({ spansPages: seconds === 200 || seconds === 230 }));
    expect(searches).toEqual([0, 201, 261, 321]);
  });

  it('are repeated every five minutes while they are truncated, and at once after another truncated round', () => {
    expect(searchesOf((_, searched) => ({ truncated: searched }))).toEqual([0, 300]);
    expect(searchesOf((_, searched) => ({ truncated: searched, spansPages: true }))).toEqual([0, 300]);
    expect(searchesOf((seconds) => ({ truncated: seconds === 10 }))).toEqual([0, 11]);
  });

  it('are forgotten with the lease', () => {
    const schedule = new SearchSchedule();
    schedule.ended({ truncated: true, spansPages: true }, { searched: false, nowMs: 0 });
    expect(schedule.isDue(0)).toBe(true);
    schedule.reset();
    expect(schedule.isDue(100 * minute)).toBe(false);
  });
});
