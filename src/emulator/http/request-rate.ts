import type { Clock } from '../../runtime/clock.ts';

const windowMs = 1_000;

/** Counts requests against a limit per second. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perSecond: () => number | null;
  #windowStart = Number.NEGATIVE_INFINITY;
  #requests = 0;

  /** @param perSecond returns the current limit; null = unlimited */
  constructor(clock: Clock, perSecond: () => number | null) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Counts a request; false when it exceeds the limit. */
  admits(): boolean {
    const perSecond = this.#perSecond();
    if (perSecond === null) return true;
    const now = this.#clock.monotonicMs();
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now;
      this.#requests = 0;
    }
    this.#requests += 1;
    return this.#requests <= perSecond;
  }
}
