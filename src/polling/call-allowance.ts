/** Maximum average number of calls per second of a feed whose rounds are two seconds apart. */
const ratePerSecond = 0.9;
/** Maximum number of calls that a feed saves up while its rounds are far apart. */
const maxSaved = 20;

/**
 * Number of calls that a round may make besides the one for the newest page. It keeps a feed below 60 calls a minute,
 * however many entities it follows. A feed with very short pauses still makes one such call in every second round. All
 * times are monotonic milliseconds.
 */
export class CallAllowance {
  #saved = maxSaved;
  #atMs: number;
  #hadNone = false;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** Call it once in each round. */
  available(nowMs: number): number {
    this.#saved = Math.min(maxSaved, this.#saved + ((nowMs - this.#atMs) / 1_000) * ratePerSecond);
    this.#atMs = nowMs;
    const calls = Math.max(this.#hadNone ? 1 : 0, Math.floor(this.#saved - 1));
    this.#hadNone = calls === 0;
    return calls;
  }

  /** @param calls all calls of the round, including the one for the newest page */
  spend(calls: number): void {
    this.#saved = Math.max(0, this.#saved - calls);
  }
}
