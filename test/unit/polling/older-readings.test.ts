import { describe, expect, it } from 'vitest';
import { OlderReadings } from '../../../src/polling/older-readings.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { exportJob } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

interface Thing {
  readonly id: string;
  readonly updatedAt: Date | null;
  readonly hasEnded?: boolean;
}

const thing = (updatedMs: number | null, hasEnded = false, id = 'a'): Thing => ({
  id,
  updatedAt: updatedMs === null ? null : new Date(updatedMs),
  hasEnded,
});

function setUp() {
  const clock = new FakeClock();
  const older = new OlderReadings<Thing>({
    clock,
    source: { key: ({ id }) => id, isTerminal: ({ hasEnded }) => hasEnded === true, updatedAt: (one) => one.updatedAt },
  });
  /** Whether a reading replaces the known state. */
  const counts = (known: Thing, entity: Thing) => older.replaced([entity], new Map([[known.id, known]]))[0] === entity;
  return { clock, older, counts };
}

describe('a reading', () => {
  it.each([
    { what: 'of a later time', known: thing(1_500), entity: thing(1_501), counts: true },
    { what: 'of the same time', known: thing(1_500), entity: thing(1_500), counts: true },
    { what: 'of an earlier time', known: thing(1_500), entity: thing(1_499), counts: false },
    { what: 'in seconds of the same second', known: thing(1_500), entity: thing(1_000), counts: true },
    { what: 'in seconds of an earlier second', known: thing(2_500), entity: thing(1_000), counts: false },
    { what: 'without a time', known: thing(1_500), entity: thing(null), counts: true },
    { what: 'after a state without a time', known: thing(null), entity: thing(1), counts: true },
    { what: 'of an earlier time that shows the end', known: thing(1_500), entity: thing(1_499, true), counts: true },
    {
      what: 'of an earlier time of an ended one',
      known: thing(1_500, true),
      entity: thing(1_499, true),
      counts: false,
    },
  ])('$what counts: $counts', ({ known, entity, counts }) => {
    expect(setUp().counts(known, entity)).toBe(counts);
  });

  it('of an earlier time counts after a minute without a later one', async () => {
    const { clock, counts } = setUp();
    const [known, old] = [thing(1_500), thing(1_499)];
    expect(counts(known, old)).toBe(false);
    await clock.advanceBy(59_999);
    expect(counts(known, old)).toBe(false);
    expect(counts(known, known)).toBe(true);
    await clock.advanceBy(1);
    expect(counts(known, old)).toBe(false);
    await clock.advanceBy(60_000);
    expect(counts(known, old)).toBe(true);
  });

  it('of an earlier time of an entity that was forgotten in between counts as a first one', async () => {
    const { clock, older, counts } = setUp();
    expect(counts(thing(1_500), thing(1_499))).toBe(false);
    older.replaced([], new Map());
    await clock.advanceBy(60_000);
    expect(counts(thing(1_500), thing(1_499))).toBe(false);
  });
});

describe('a list that lags behind a read by id', () => {
  it('does not take subscribers back to an older state, and the next state follows', async () => {
    await using setup = new WatchSetup();
    const { platform } = setup;
    const queued = exportJob('a', 1, 'QUEUED');
    platform.put(queued);
    const follower = await setup.follow();
    platform.set('a', 'PROCESSING', { updatedAt: new Date(2) });
    const processing = platform.job('a') ?? queued;
    for (const state of [processing, queued, processing, queued]) {
      platform.put(state);
      await setup.nextRound();
    }
    const later = await setup.follow();
    platform.set('a', 'SUCCEEDED');
    await setup.nextRound();
    expect(follower.kinds).toEqual(['SNAPSHOT a QUEUED', 'CHANGED a PROCESSING', 'CHANGED a SUCCEEDED']);
    expect(later.kinds).toEqual(['SNAPSHOT a PROCESSING', 'CHANGED a SUCCEEDED']);
  });
});
