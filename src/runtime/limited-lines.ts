import type { Clock } from './clock.ts';

export interface LimitedLinesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Maximum number of lines with the same key in one minute. */
  readonly perMinute: number;
}

const minuteMs = 60_000;

interface Minute {
  readonly endsAtMs: number;
  taken: number;
}

/**
 * Limits how many lines of one kind are written, because one cause can produce thousands of them. A minute begins with
 * the first line of a key. The first line of a later minute reports how many were suppressed before it.
 */
export class LimitedLines {
  readonly #options: LimitedLinesOptions;
  /** The last minute of each key. The keys are few. */
  readonly #minutes = new Map<string, Minute>();

  constructor(options: LimitedLinesOptions) {
    this.#options = options;
  }

  /** @returns the fields to add to a line with this key; null if the line may not be written now */
  take(key: string): { readonly suppressed?: number } | null {
    const { clock, perMinute } = this.#options;
    const nowMs = clock.monotonicMs();
    const minute = this.#minutes.get(key);
    if (minute !== undefined && nowMs < minute.endsAtMs) {
      minute.taken += 1;
      return minute.taken > perMinute ? null : {};
    }
    this.#minutes.set(key, { endsAtMs: nowMs + minuteMs, taken: 1 });
    const suppressed = minute === undefined ? 0 : minute.taken - perMinute;
    return suppressed > 0 ? { suppressed } : {};
  }
}
