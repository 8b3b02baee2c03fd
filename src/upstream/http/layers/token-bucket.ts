/** The lowest rate after rejections, in calls per second: enough for one page and its related entities at once … */
const leastRate = 5;
/** … or this share of the full rate, if that is less. */
const leastShare = 1 / 8;
/** The fastest recovery of a reduced rate, in calls per second per second … */
const mostRecovery = 2;
/** … or the speed at which the full rate takes this number of seconds to recover, if that is slower. */
const leastRecoverySeconds = 60;

export interface BucketOptions {
  /** Tokens that are added per second. */
  readonly ratePerSecond: number;
  /** Maximum number of tokens; at least 1. */
  readonly burst: number;
}

/**
 * A token bucket that slows down after rejections: `halve` halves its rate, which then grows back linearly. The maximum
 * number of tokens shrinks and grows with the rate. All times are monotonic milliseconds.
 */
export class TokenBucket {
  readonly #options: BucketOptions;
  readonly #recovery: number;
  #rate: number;
  #tokens: number;
  #atMs: number;
  /** Tokens that were taken in this second and in the second before, which show the actual rate. */
  #used = { second: 0, now: 0, before: 0 };

  constructor(options: BucketOptions, nowMs: number) {
    this.#options = options;
    this.#recovery = Math.min(mostRecovery, options.ratePerSecond / leastRecoverySeconds);
    this.#rate = options.ratePerSecond;
    this.#tokens = options.burst;
    this.#atMs = nowMs;
  }

  /** Takes a token. False if there is none. */
  take(nowMs: number): boolean {
    this.#advance(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#used.now += 1;
    return true;
  }

  /** Takes a token of the upper half. False if there is none. */
  takeSurplus(nowMs: number): boolean {
    return this.msUntilSurplus(nowMs) === 0 && this.take(nowMs);
  }

  /**
   * Upper bound of the time until there is a token of the upper half, in milliseconds from `nowMs`; 0 if there is one.
   */
  msUntilSurplus(nowMs: number): number {
    return this.msUntil(this.#capacity() / 2 + 1, nowMs);
  }

  /** Upper bound of the time until there are `count` tokens, in milliseconds from `nowMs`; 0 if there are. */
  msUntil(count: number, nowMs: number): number {
    this.#advance(nowMs);
    return Math.ceil((Math.max(0, count - this.#tokens) / this.#rate) * 1_000);
  }

  /** Halves the rate, or the rate of the recent calls if that is lower. */
  halve(nowMs: number): void {
    this.#advance(nowMs);
    const { now, before } = this.#used;
    const halved = Math.min(this.#rate, Math.max(now, before)) / 2;
    const least = Math.min(leastRate, this.#options.ratePerSecond * leastShare);
    this.#rate = Math.max(halved, least);
    this.#tokens = Math.min(this.#tokens, this.#capacity());
  }

  /** Whether the bucket is in its initial state, so that a new bucket can replace it. */
  isFull(nowMs: number): boolean {
    this.#advance(nowMs);
    return this.#rate === this.#options.ratePerSecond && this.#tokens === this.#options.burst;
  }

  /** The tokens as a share of a full bucket at the full rate, from 0 to 1. */
  remainingShare(nowMs: number): number {
    this.#advance(nowMs);
    return this.#tokens / this.#options.burst;
  }

  /** The current rate as a share of the full rate, from 0 to 1. */
  rateShare(nowMs: number): number {
    this.#advance(nowMs);
    return this.#rate / this.#options.ratePerSecond;
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
