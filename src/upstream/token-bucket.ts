/** The lowest rate that refusals lead to, in calls per second: one page with what belongs to it still comes at once … */
const leastRate = 5;
/** … or this share of the whole rate, where that is less. */
const leastShare = 1 / 8;
/** How fast a reduced rate grows again, in calls per second, each second: at most this … */
const mostRecovery = 2;
/** … and no faster than that the whole rate would take this many seconds to come back. */
const leastRecoverySeconds = 60;

export interface BucketOptions {
  /** Tokens that are added each second. */
  readonly ratePerSecond: number;
  /** Tokens that can be there at most. At least 1. */
  readonly burst: number;
}

/**
 * The arithmetic of a token bucket that yields to refusals: `halve` halves its rate, which then grows back linearly. What
 * it holds at most shrinks and grows with the rate. All times are monotonic milliseconds.
 */
export class TokenBucket {
  readonly #options: BucketOptions;
  readonly #recovery: number;
  #rate: number;
  #tokens: number;
  #atMs: number;
  /** Tokens taken in this second and in the one before, by which what is really used is known. */
  #used = { second: 0, now: 0, before: 0 };

  constructor(options: BucketOptions, nowMs: number) {
    this.#options = options;
    this.#recovery = Math.min(mostRecovery, options.ratePerSecond / leastRecoverySeconds);
    this.#rate = options.ratePerSecond;
    this.#tokens = options.burst;
    this.#atMs = nowMs;
  }

  /** Takes a token, if there is one. */
  take(nowMs: number): boolean {
    this.#advance(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#used.now += 1;
    return true;
  }

  /** Takes a token of the upper half, if there is one. */
  takeSurplus(nowMs: number): boolean {
    return this.msUntilSurplus(nowMs) === 0 && this.take(nowMs);
  }

  /** When there will be a token of the upper half, in milliseconds from `nowMs` at the latest; 0 when there is one. */
  msUntilSurplus(nowMs: number): number {
    return this.msUntil(this.#capacity() / 2 + 1, nowMs);
  }

  /** When `count` tokens will be there, in milliseconds from `nowMs` at the latest; 0 when they are there. */
  msUntil(count: number, nowMs: number): number {
    this.#advance(nowMs);
    return Math.ceil((Math.max(0, count - this.#tokens) / this.#rate) * 1_000);
  }

  /** Halves the rate: of the calls that were made lately, where that were fewer than it allows. */
  halve(nowMs: number): void {
    this.#advance(nowMs);
    const { now, before } = this.#used;
    const halved = Math.min(this.#rate, Math.max(now, before)) / 2;
    const least = Math.min(leastRate, this.#options.ratePerSecond * leastShare);
    this.#rate = Math.max(halved, least);
    this.#tokens = Math.min(this.#tokens, this.#capacity());
  }

  /** Whether it is as it was made: a new one would do as well. */
  isFull(nowMs: number): boolean {
    this.#advance(nowMs);
    return this.#rate === this.#options.ratePerSecond && this.#tokens === this.#options.burst;
  }

  #capacity(): number {
    const { burst, ratePerSecond } = this.#options;
    return Math.max(1, (burst * this.#rate) / ratePerSecond);
  }

  #advance(nowMs: number): void {
    const elapsedMs = nowMs - this.#atMs;
    if (elapsedMs <= 0) return;
    this.#atMs = nowMs;
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#used.second) {
      const before = second === this.#used.second + 1 ? this.#used.now : 0;
      this.#used = { second, now: 0, before };
    }
    const { ratePerSecond } = this.#options;
    const elapsed = elapsedMs / 1_000;
    const growing = Math.min(elapsed, (ratePerSecond - this.#rate) / this.#recovery);
    const grown = growing === elapsed ? this.#rate + this.#recovery * growing : ratePerSecond;
    const added = ((this.#rate + grown) / 2) * growing + grown * (elapsed - growing);
    this.#rate = grown;
    this.#tokens = Math.min(this.#tokens + added, this.#capacity());
  }
}
