/** Pauses that double with each consecutive failure, up to a maximum. */
export interface Backoff {
  /** Pause after the first failure, in milliseconds. */
  readonly firstMs: number;
  /** The longest pause, in milliseconds. */
  readonly maxMs: number;
}

/**
 * Pause before the next attempt, in milliseconds.
 * @param failures number of consecutive failures. There is no pause before the first failure.
 */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number): number =>
  failures < 1 ? 0 : Math.min(maxMs, firstMs * 2 ** (failures - 1));

/**
 * Random pause before the next attempt, in milliseconds: between 0 and `backoffMs` ("full jitter"), so that attempts of
 * several clients do not synchronize.
 * @param random returns a number from 0 to below 1
 */
export const jitteredBackoffMs = (backoff: Backoff, failures: number, random: () => number): number =>
  random() * backoffMs(backoff, failures);
