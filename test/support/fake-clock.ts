import { type Clock, timeoutError } from '../../src/runtime/clock.ts';

interface Timer {
  readonly at: number;
  readonly kind: 'sleep' | 'deadline';
  fire(): void;
}

/**
 * A clock that stands still until the test moves it.
 *
 * Work over real sockets takes real time that this clock does not see. A test therefore waits until the code under test
 * sleeps (`sleeping`, `tick`), and only then moves the clock. Deadlines fire when the clock passes them, but `sleeping`
 * and `tick` ignore them.
 */
export class FakeClock implements Clock {
  /** Monotonic time. It starts above 0, so that it cannot be confused with the wall clock. */
  #now = 1_000;
  /** Wall-clock time at the monotonic time 0. */
  #wallOffset: number;
  readonly #timers = new Set<Timer>();
  readonly #waiters = new Set<{ readonly count: number; resolve(): void }>();

  constructor(start: string | number | Date = '2030-01-01T00:00:00.000Z') {
    this.#wallOffset = new Date(start).getTime() - this.#now;
  }

  now(): Date {
    return new Date(this.#now + this.#wallOffset);
  }

  monotonicMs(): number {
    return this.#now;
  }

  /**
   * Sets the wall clock forward, or back with a negative number, as an operator or NTP does. Timers are not affected.
   */
  setWallClock(byMs: number): void {
    this.#wallOffset += byMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        this.#timers.delete(timer);
        reject(signal?.reason);
      };
      const timer: Timer = {
        at: this.#now + Math.max(0, ms),
        kind: 'sleep',
        fire: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#timers.add(timer);
      for (const waiter of this.#waiters) {
        if (this.pending() >= waiter.count) {
          this.#waiters.delete(waiter);
          waiter.resolve();
        }
      }
    });
  }

  deadline(ms: number): { signal: AbortSignal; [Symbol.dispose](): void } {
    const controller = new AbortController();
    const alarm = this.alarm(ms, () => controller.abort(timeoutError(ms)));
    return { signal: controller.signal, [Symbol.dispose]: () => alarm[Symbol.dispose]() };
  }

  /** Counts as a deadline and not as a sleep. */
  alarm(ms: number, ring: () => void): Disposable {
    const timer: Timer = { at: this.#now + ms, kind: 'deadline', fire: ring };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Number of sleeps (or deadlines) that have not ended. */
  pending(kind: Timer['kind'] = 'sleep'): number {
    return [...this.#timers].filter((timer) => timer.kind === kind).length;
  }

  /** Resolves as soon as at least `count` sleeps are pending. */
  sleeping(count = 1): Promise<void> {
    if (this.pending() >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ count, resolve }));
  }

  /** Moves the clock forward and fires due timers in order, with a turn of the event loop after each. */
  async advanceBy(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#fire(next);
      await new Promise(setImmediate);
    }
    this.#now = end;
    await new Promise(setImmediate);
  }

  /** Waits until there is a sleep, then moves the clock to the end of the earliest sleep. */
  async tick(): Promise<void> {
    await this.sleeping();
    const next = this.#earliest('sleep');
    if (next !== undefined) await this.advanceBy(next.at - this.#now);
  }

  /**
   * Moves the clock from the end of one sleep to the end of the next until `done` has settled. For work that consists
   * of several sleeps with real work between them.
   * @throws the reason with which `done` rejects
   */
  async runUntil<T>(work: PromiseLike<T>): Promise<T> {
    const done = Promise.resolve(work);
    let settled = false;
    const settling = done.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    for (;;) {
      await Promise.race([this.sleeping(), settling]);
      if (settled) return await done;
      const next = this.#earliest('sleep');
      if (next !== undefined) await this.advanceBy(next.at - this.#now);
    }
  }

  #earliest(kind?: Timer['kind']): Timer | undefined {
    return [...this.#timers]
      .filter((timer) => kind === undefined || timer.kind === kind)
      .reduce<Timer | undefined>((first, timer) => (first && first.at <= timer.at ? first : timer), undefined);
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.fire();
  }
}
