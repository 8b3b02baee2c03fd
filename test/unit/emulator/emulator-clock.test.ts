import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmulatorClock, parseClock } from '../../../src/emulator/settings/emulator-clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const startsAt = new Date('2026-01-01T00:00:00.000Z');
const noWork = () => Promise.resolve();

describe('the clock of an emulator', () => {
  it('follows the clock of the machine, even when that is set', () => {
    const machine = new FakeClock();
    const clock = new EmulatorClock({}, machine);
    machine.setWallClock(-3_600_000);
    expect(clock.now()).toEqual(machine.now());
  });

  it('runs at its rate, starting at its start time', async () => {
    const machine = new FakeClock();
    const clock = new EmulatorClock({ startsAt, rate: 60 }, machine);
    await machine.advanceBy(1_000);
    expect(clock.now()).toEqual(new Date('2026-01-01T00:01:00.000Z'));
    clock.setRate(0);
    await machine.advanceBy(1_000);
    expect(clock.now()).toEqual(new Date('2026-01-01T00:01:00.000Z'));
    clock.setRate(1);
    await machine.advanceBy(1_000);
    expect(clock.now()).toEqual(new Date('2026-01-01T00:01:01.000Z'));
  });

  it('ends sleeps and deadlines by its own time, and forgets aborted ones', async () => {
    const machine = new FakeClock();
    const clock = new EmulatorClock({ rate: 10 }, machine);
    const ends: string[] = [];
    void clock.sleep(1_000).then(() => ends.push('sleep'));
    using deadline = clock.deadline(2_000);
    const abort = new AbortController();
    const given = clock.sleep(500, abort.signal).catch((error: unknown) => error);
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await given).toBe(reason);
    await machine.advanceBy(99);
    expect(ends).toEqual([]);
    await machine.advanceBy(1);
    expect(ends).toEqual(['sleep']);
    expect(deadline.signal.aborted).toBe(false);
    await machine.advanceBy(100);
    expect(deadline.signal.aborted).toBe(true);
    expect(machine.pending('deadline')).toBe(0);
    await expect(clock.sleep(1, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('stops at each timer when it is moved, including timers that are added meanwhile', async () => {
    const clock = new EmulatorClock({ startsAt, rate: 0 }, new FakeClock());
    const times: number[] = [];
    const work = async () => {
      for (const ms of [300, 200]) {
        await clock.sleep(ms);
        times.push(clock.now().getTime() - startsAt.getTime());
      }
    };
    void work();
    await clock.advanceBy(499, noWork);
    expect(times).toEqual([300]);
    await clock.advanceBy(1, noWork);
    expect(times).toEqual([300, 500]);
    expect(clock.now()).toEqual(new Date(startsAt.getTime() + 500));
  });

  it('sleeps for whole milliseconds, so that planned times are met', async () => {
    const clock = new EmulatorClock({ startsAt, rate: 0 }, new FakeClock());
    void clock.sleep(10.5);
    await clock.advanceBy(20, noWork);
    let ended: Date | null = null;
    void clock.sleep(100).then(() => {
      ended = clock.now();
    });
    await clock.advanceBy(100, noWork);
    expect(ended).toEqual(new Date(startsAt.getTime() + 120));
  });

  it('waits for the work that a timer has started before it moves on, and keeps its time when the move is aborted', async () => {
    const clock = new EmulatorClock({ startsAt, rate: 0 }, new FakeClock());
    void clock.sleep(100);
    const abort = new AbortController();
    const moving = clock.advanceBy(
      1_000,
      () => {
        abort.abort(new Error('closing'));
        return Promise.resolve();
      },
      abort.signal,
    );
    await expect(moving).rejects.toThrow('closing');
    expect(clock.now()).toEqual(new Date(startsAt.getTime() + 100));
  });

  it('returns to its start on a reset, without moving its monotonic time back', async () => {
    const machine = new FakeClock();
    const clock = new EmulatorClock({ startsAt, rate: 2 }, machine);
    await clock.advanceBy(5_000, noWork);
    clock.setRate(7);
    const before = clock.monotonicMs();
    clock.reset();
    expect([clock.now(), clock.rate]).toEqual([startsAt, 2]);
    expect(clock.monotonicMs()).toBe(before);
  });

  it('never moves back, whatever operations it receives', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('rate' as const), value: fc.double({ min: 0, max: 1_000, noNaN: true }) }),
      fc.record({ kind: fc.constant('machine' as const), value: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('advance' as const), value: fc.nat(100_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.boolean(), async (steps, follows) => {
        const machine = new FakeClock();
        const clock = new EmulatorClock(follows ? {} : { startsAt }, machine);
        for (const { kind, value } of steps) {
          const [monotonic, wall] = [clock.monotonicMs(), clock.now().getTime()];
          if (kind === 'rate') clock.setRate(value);
          else if (kind === 'machine') await machine.advanceBy(value);
          else await clock.advanceBy(value, noWork);
          expect(clock.monotonicMs()).toBeGreaterThanOrEqual(monotonic);
          // The wall clock has a resolution of whole milliseconds.
          expect(clock.now().getTime()).toBeGreaterThanOrEqual(wall - 1);
          if (kind === 'advance') expect(Math.abs(clock.now().getTime() - wall - value)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the setting of the clock', () => {
  it.each([
    ['2026-01-01T00:00:00Z', { startsAt, rate: 0 }],
    ['2026-01-01T01:00:00.000+01:00', { startsAt, rate: 0 }],
    ['x60', { rate: 60 }],
    ['x0.5', { rate: 0.5 }],
    [' 2026-01-01T00:00Z  x1 ', { startsAt, rate: 1 }],
  ])('is read from %s', (text, settings) => {
    expect(parseClock(text)).toEqual(settings);
  });

  it.each([
    '',
    '60',
    'x',
    'x-1',
    'x1e3',
    'x100001',
    '2026-01-01',
    '2026-13-01T00:00:00Z',
    'x60 2026-01-01T00:00:00Z',
    'tomorrow x2',
  ])('%j is rejected', (text) => {
    expect(parseClock(text)).toBeNull();
  });
});
