import { type Clock, type Deadline, systemClock, timeoutError } from '../../runtime/clock.ts';

/** Settings of an emulator's clock. */
export interface ClockSettings {
  /** Time of the clock at the start. @default the time of the machine */
  readonly startsAt?: Date;
  /** Seconds of emulator time per second of machine time; 0 = the clock stands still. @default 1 */
  readonly rate?: number;
}

interface Timer {
  /** Due time, in milliseconds of `monotonicMs`. */
  readonly atMs: number;
  fire(): void;
}

/**
 * The clock of an emulator. It has its own rate and can be moved forward. All times of jobs, schedules, tokens and
 * paused requests come from it.
 */
export class EmulatorClock implements Clock {
  readonly #settings: Required<Pick<ClockSettings, 'rate'>> & ClockSettings;
  readonly #machine: Clock;
  readonly #timers = new Set<Timer>();
  #alarm: Deadline | undefined;
  #rate: number;
  /** Machine time at which `#wallMs` and `#elapsedMs` were set. The current times are computed from these three. */
  #anchorMs: number;
  #wallMs: number;
  #elapsedMs = 0;
  /** Difference to the machine's clock; null when this clock does not follow it. */
  #aheadMs: number | null;

  constructor(settings: ClockSettings = {}, machine: Clock = systemClock) {
    this.#settings = { rate: 1, ...settings };
    this.#machine = machine;
    this.#rate = this.#settings.rate;
    this.#anchorMs = machine.monotonicMs();
    this.#wallMs = (settings.startsAt ?? machine.now()).getTime();
    this.#aheadMs = this.#follows() ? 0 : null;
  }

  /** Seconds of emulator time per second of machine time. */
  get rate(): number {
    return this.#rate;
  }

  now(): Date {
    // Follows the machine's clock if possible, so that changes by an operator or NTP take effect.
    if (this.#aheadMs !== null) return new Date(this.#machine.now().getTime() + this.#aheadMs);
    return new Date(Math.round(this.#wallMs + this.#sinceAnchorMs()));
  }

  monotonicMs(): number {
    return this.#elapsedMs + this.#sinceAnchorMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        this.#timers.delete(timer);
        this.#setAlarm();
        reject(signal?.reason);
      };
      const timer = this.#add(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  deadline(ms: number): Deadline {
    const controller = new AbortController();
    const alarm = this.alarm(ms, () => controller.abort(timeoutError(ms)));
    return { signal: controller.signal, [Symbol.dispose]: () => alarm[Symbol.dispose]() };
  }

  alarm(ms: number, ring: () => void): Disposable {
    const timer = this.#add(ms, ring);
    return {
      [Symbol.dispose]: () => {
        this.#timers.delete(timer);
        this.#setAlarm();
      },
    };
  }

  /** Changes the rate, starting now. */
  setRate(rate: number): void {
    this.#anchor(0);
    this.#rate = rate;
    this.#aheadMs = this.#follows() ? this.#wallMs - this.#machine.now().getTime() : null;
    this.#setAlarm();
  }

  /**
   * Moves the clock forward, from one timer to the next.
   * @param settle called after each timer; the clock moves on when it resolves
   * @throws the reason of `signal` when it aborts; the clock then stays at the time that it has reached
   */
  async advanceBy(ms: number, settle: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const endMs = this.monotonicMs() + ms;
    for (;;) {
      signal?.throwIfAborted();
      const next = this.#earliest();
      if (next === undefined || next.atMs > endMs) break;
      this.#moveTo(next.atMs);
      this.#fireDue();
      await settle();
    }
    this.#moveTo(endMs);
    await settle();
  }

  /** Returns to the time and the rate of the start. Remaining timers keep their remaining time. */
  reset(): void {
    this.#anchor(0);
    this.#wallMs = (this.#settings.startsAt ?? this.#machine.now()).getTime();
    this.#rate = this.#settings.rate;
    this.#aheadMs = this.#follows() ? 0 : null;
    this.#setAlarm();
  }

  #follows(): boolean {
    return this.#rate === 1 && this.#settings.startsAt === undefined;
  }

  #sinceAnchorMs(): number {
    return (this.#machine.monotonicMs() - this.#anchorMs) * this.#rate;
  }

  /** Ignores a target in the past. The clock can have passed it, because work between two timers takes machine time. */
  #moveTo(atMs: number): void {
    const byMs = atMs - this.monotonicMs();
    if (byMs > 0) this.#anchor(byMs);
  }

  #anchor(byMs: number): void {
    const wallMs = this.now().getTime() + byMs;
    const elapsedMs = this.monotonicMs() + byMs;
    this.#anchorMs = this.#machine.monotonicMs();
    this.#wallMs = wallMs;
    this.#elapsedMs = elapsedMs;
    if (this.#aheadMs !== null) this.#aheadMs += byMs;
  }

  #add(ms: number, fire: () => void): Timer {
    // Rounded to whole milliseconds, like timers of the machine, so that a clock that stands still shows no fractions.
    const timer = { atMs: this.monotonicMs() + Math.ceil(Math.max(0, ms)), fire };
    this.#timers.add(timer);
    this.#setAlarm();
    return timer;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (earliest === undefined || timer.atMs < earliest.atMs) earliest = timer;
    }
    return earliest;
  }

  #fireDue(): void {
    const nowMs = this.monotonicMs();
    const due = [...this.#timers].filter(({ atMs }) => atMs <= nowMs).toSorted((a, b) => a.atMs - b.atMs);
    for (const timer of due) {
      this.#timers.delete(timer);
      timer.fire();
    }
    this.#setAlarm();
  }

  /** Sets one deadline of the machine for the earliest timer. */
  #setAlarm(): void {
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = undefined;
    const earliest = this.#earliest();
    if (earliest === undefined || this.#rate === 0) return;
    this.#alarm = this.#machine.deadline(Math.ceil((earliest.atMs - this.monotonicMs()) / this.#rate));
    this.#alarm.signal.addEventListener('abort', () => this.#fireDue(), { once: true });
  }
}

const rateForm = /^x(\d+(?:\.\d+)?)$/;
/** RFC 3339, with an offset or Z. */
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;
/** Maximum rate. It is limited because timers of the machine count whole milliseconds. */
export const maximumRate = 100_000;

/**
 * Parses `TIME` (the clock stands still at it), `xRATE`, or both with a space between them.
 * @returns null when the text has none of these forms
 */
export function parseClock(text: string): ClockSettings | null {
  const parts = text.trim().split(/\s+/);
  const rateText = rateForm.exec(parts.at(-1) ?? '')?.[1];
  const rate = rateText === undefined ? 0 : Number(rateText);
  const times = rateText === undefined ? parts : parts.slice(0, -1);
  if (times.length > 1 || rate > maximumRate) return null;
  const [time] = times;
  if (time === undefined) return { rate };
  const startsAt = timeForm.test(time) ? new Date(time) : null;
  return startsAt === null || Number.isNaN(startsAt.getTime()) ? null : { startsAt, rate };
}
