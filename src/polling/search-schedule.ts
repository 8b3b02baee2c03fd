import type { RoundResult } from './sources/source.ts';

/** Pause after a truncated search, in milliseconds. */
const truncatedPauseMs = 300_000;
/**
 * Time after which no replica of the platform lags any longer, so that a search also finds what one of them left out, in
 * milliseconds. Searches because of lagging replicas are at least as far apart.
 */
const settledMs = 60_000;

/**
 * Determines when running entities have to be searched for again, after a search has found all of them. All times are
 * monotonic milliseconds.
 */
export class SearchSchedule {
  #nextMs = Number.POSITIVE_INFINITY;
  /** Time of the last search. */
  #searchedMs = Number.NEGATIVE_INFINITY;
  /** Time of the last round that may have missed entities; null: no search is needed because of it. */
  #spannedMs: number | null = null;

  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextMs;
  }

  /** @param searched whether the round has searched for running entities */
  ended(
    { truncated, spansPages }: Pick<RoundResult<unknown, unknown>, 'truncated' | 'spansPages'>,
    { searched, nowMs }: { readonly searched: boolean; readonly nowMs: number },
  ): void {
    if (spansPages) this.#spannedMs = nowMs;
    if (searched) {
      this.#searchedMs = nowMs;
      this.#nextMs = Number.POSITIVE_INFINITY;
      if (this.#spannedMs !== null && nowMs - this.#spannedMs >= settledMs) this.#spannedMs = null;
    }
    if (truncated) this.#nextMs = nowMs + (searched ? truncatedPauseMs : 0);
    // One search follows soon, and another one when no replica lags any longer. A search that is due later because the
    // last one was truncated is sufficient.
    else if (this.#spannedMs !== null && this.#nextMs === Number.POSITIVE_INFINITY)
      this.#nextMs = this.#searchedMs + settledMs;
  }

  reset(): void {
    this.#nextMs = Number.POSITIVE_INFINITY;
    this.#searchedMs = Number.NEGATIVE_INFINITY;
    this.#spannedMs = null;
  }
}
