/** Calls per second that a feed makes on average. */
const ratePerSecond = 1;
/** Calls that a feed can save up while its rounds are far apart. */
const maxSaved = 20;

/**
 * How many calls a round may make. A feed makes about one call per second on average: at the fastest pace a round has one
 * call for the newest page and one for what lies behind it, after a long pause it has more. All times are monotonic
 * milliseconds.
 */
export class CallAllowance {
  #saved = maxSaved;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** Number of calls besides the one for the newest page; at least 1, so that every feed makes progress. */
  available(nowMs: number): number {
    this.#saved = Math.min(maxSaved, this.#saved + ((nowMs - this.#atMs) / 1_000) * ratePerSecond);
    this.#atMs = nowMs;
    return Math.max(1, Math.floor(this.#saved - 1));
  }

  spend(calls: number): void {
    this.#saved = Math.max(-maxSaved, this.#saved - calls);
  }
}
