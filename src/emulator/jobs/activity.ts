import type { Clock } from '../../runtime/clock.ts';
import { Permits } from '../store/permits.ts';

/** A limited number of places. Each piece of work holds one while it runs. */
export type Places = Pick<Permits, 'hold'>;

/**
 * Knows when jobs and schedules rest: each one sleeps, waits for another one, or has ended. Only then a clock that is
 * moved from outside may go on to its next timer.
 */
export class Activity {
  #working = 0;
  readonly #waiting = new Set<() => void>();

  /** Counts `task` as work until it ends. */
  async work<T>(task: () => Promise<T>): Promise<T> {
    this.#working += 1;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  /** Within work: does not count it as work until `wait` ends. */
  async rest<T>(wait: () => Promise<T>): Promise<T> {
    this.#leave();
    try {
      return await wait();
    } finally {
      this.#working += 1;
    }
  }

  /** The clock for work: to sleep on it is to rest. */
  restingClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => this.rest(() => clock.sleep(ms, signal)),
      deadline: (ms) => clock.deadline(ms),
      alarm: (ms, ring) => clock.alarm(ms, ring),
    };
  }

  /** A number of places for work: to wait for one is to rest. */
  places(count: number): Places {
    const permits = new Permits(count);
    return { hold: (task, signal) => this.rest(() => permits.hold(() => this.work(task), signal)) };
  }

  /** Resolves when everything rests. */
  async quiet(): Promise<void> {
    do {
      if (this.#working > 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
      // A timer that has just fired, or a place that was given up, lets others go on in a later turn.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#working > 0);
  }

  #leave(): void {
    this.#working -= 1;
    if (this.#working > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
