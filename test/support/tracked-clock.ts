import { type Clock, type Deadline, systemClock, timeoutError } from '../../src/runtime/clock.ts';

/** The clock of the machine, which counts the sleeps and deadlines that have neither ended nor been aborted. */
export class TrackedClock implements Clock {
  #pending = 0;

  /** Number of pending timers. */
  get pending(): number {
    return this.#pending;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  now(): Date {
    return systemClock.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.#pending += 1;
    try {
      await systemClock.sleep(ms, signal);
    } finally {
      this.#pending -= 1;
    }
  }

  deadline(ms: number): Deadline {
    const controller = new AbortController();
    const alarm = this.alarm(ms, () => controller.abort(timeoutError(ms)));
    return { signal: controller.signal, [Symbol.dispose]: () => alarm[Symbol.dispose]() };
  }

  alarm(ms: number, ring: () => void): Disposable {
    let ended = false;
    this.#pending += 1;
    const end = () => {
      if (!ended) this.#pending -= 1;
      ended = true;
    };
    const alarm = systemClock.alarm(ms, () => {
      end();
      ring();
    });
    return {
      [Symbol.dispose]: () => {
        alarm[Symbol.dispose]();
        end();
      },
    };
  }
}
