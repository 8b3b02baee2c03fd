import { describe, expect, it } from 'vitest';
import { SnapshotRefresher } from '../../../../src/events/subscriber/snapshot-refresh.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function start(intervalMs: number | null = 1_000) {
  const clock = new FakeClock();
  const confirmed: string[] = [];
  const view = (name: string) => ({ confirm: () => void confirmed.push(name) });
  return { clock, confirmed, view, confirmations: new SnapshotRefresher({ clock, intervalMs }) };
}

describe('confirmations of the state', () => {
  it('are sent to all views at the end of each interval, by one timer', async () => {
    const { clock, confirmed, view, confirmations } = start();
    confirmations.add(view('a'));
    await clock.advanceBy(600);
    confirmations.add(view('b'));
    confirmations.add(view('c'));
    expect(clock.pending()).toBe(1);
    await clock.advanceBy(399);
    expect(confirmed).toEqual([]);
    await clock.advanceBy(1);
    expect(confirmed).toEqual(['a', 'b', 'c']);
    await clock.advanceBy(1_000);
    expect(confirmed).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('are not sent to a view that has left, and leave no timer after the last one', async () => {
    const { clock, confirmed, view, confirmations } = start();
    const [a, b] = [view('a'), view('b')];
    confirmations.add(a);
    confirmations.add(b);
    confirmations.delete(a);
    expect(clock.pending()).toBe(1);
    await clock.advanceBy(1_000);
    expect(confirmed).toEqual(['b']);
    confirmations.delete(b);
    await clock.advanceBy(5_000);
    expect([confirmed, clock.pending()]).toEqual([['b'], 0]);
  });

  it('restart with the next view, a whole interval later', async () => {
    const { clock, confirmed, view, confirmations } = start();
    const a = view('a');
    confirmations.add(a);
    await clock.advanceBy(900);
    confirmations.delete(a);
    confirmations.add(view('b'));
    expect(clock.pending()).toBe(1);
    await clock.advanceBy(999);
    expect(confirmed).toEqual([]);
    await clock.advanceBy(1);
    expect(confirmed).toEqual(['b']);
  });

  it('are not sent without an interval', async () => {
    const { clock, confirmed, view, confirmations } = start(null);
    const a = view('a');
    confirmations.add(a);
    await clock.advanceBy(1_000_000);
    expect([confirmed, clock.pending()]).toEqual([[], 0]);
    confirmations.delete(a);
  });
});
