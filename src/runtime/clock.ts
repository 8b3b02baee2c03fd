import type { EndSignal } from './end-signal.ts';

/** A time limit. Dispose of it when the work is done, so that its timer is removed. */
export interface Deadline extends Disposable {
  /** Aborts with a `TimeoutError` (DOMException) when the time has passed. */
  readonly signal: AbortSignal;
}

/**
 * Makes time a parameter. Only this file calls `Date.now` and `setTimeout`. Tests pass a clock that they move by hand.
 */
export interface Clock {
  /** The wall clock, for times that people or other machines read. An operator or NTP may set it back at any time. */
  now(): Date;
  /**
   * Milliseconds since a fixed moment in the life of this process. The value never decreases, so pauses, leases and
   * expiries are measured with it. Values of two processes cannot be compared.
   */
  monotonicMs(): number;
  /**
   * Resolves after `ms` milliseconds. 0 or less resolves on a later turn of the event loop, and more than 24 days after
   * 24.
   * @throws the signal's reason, at once, when `signal` is aborted before or during the sleep
   */
  sleep(ms: number, signal?: EndSignal): Promise<void>;
  /** Starts a deadline `ms` milliseconds from now. It does not keep the process alive. */
  deadline(ms: number): Deadline;
  /**
   * Calls `ring` once, `ms` milliseconds from now, unless it is disposed of before. It does not keep the process alive.
   */
  alarm(ms: number, ring: () => void): Disposable;
}

/** Maximum delay of Node's timers, in milliseconds: nearly 25 days. A timer with a longer delay would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The latest valid Date, in milliseconds since 1970. */
export const lastMomentMs = 8.64e15;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),

  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(ms, maxTimerMs),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    }),

  deadline: (ms) => {
    const controller = new AbortController();
    const alarm = systemClock.alarm(ms, () => controller.abort(timeoutError(ms)));
    return { signal: controller.signal, [Symbol.dispose]: () => alarm[Symbol.dispose]() };
  },

  alarm: (ms, ring) => {
    const timer = setTimeout(ring, Math.min(ms, maxTimerMs));
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** The reason with which a deadline aborts. It is the same as for `AbortSignal.timeout`. */
export function timeoutError(ms: number): DOMException {
  return new DOMException(`The deadline of ${ms} ms has passed.`, 'TimeoutError');
}
