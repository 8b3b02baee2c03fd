import type { Clock } from '../../runtime/clock.ts';
import { Permits } from '../store/permits.ts';

/** A limited number of slots. Each piece of work holds one while it runs. */
export type Slots = Pick<Permits, 'hold'>;

/**
 * Detects when all jobs and schedules are idle, so that each sleeps, waits for another one, or has ended. Only then may
 * a manually moved clock advance to its next timer.
 */
export class Activity {
  #working = 0;
  readonly #waiting = new Set<() => void>();

  /** Counts `task` as active until it ends. */
  async work<T>(task: () => Promise<T>): Promise<T> {
    this.#working += 1;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  /** Called within a task: the task does not count as active until `wait` ends. */
  async rest<T>(wait: () => Promise<T>): Promise<T> {
    this.#leave();
    try {
      return await wait();
    } finally {
      this.#working += 1;
    }
  }

  /** A clock for tasks. A task that sleeps on it does not count as active. */
  restingClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => this.rest(() => clock.sleep(ms, signal)),
      deadline: (ms) => clock.deadline(ms),
      alarm: (ms, ring) => clock.alarm(ms, ring),
    };
  }

  /** Slots for tasks. A task that waits for a slot does not count as active. */
  slots(count: number): Slots {
    const permits = new Permits(count);
    return { hold: (task, signal) => this.rest(() => permits.hold(() => this.work(task), signal)) };
  }

  /** Resolves when no task is active. */
  async quiet(): Promise<void> {
    do {
      if (this.#working > 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
      // A fired timer or a released slot resumes its waiters in a later turn of the event loop.
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
