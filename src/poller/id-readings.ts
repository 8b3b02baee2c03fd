/** What the readings of one id in a row have shown. */
interface Streak {
  /** Consecutive readings that did not find it, all with the same credential. */
  absences: number;
  /** The credential of these readings; null: the gateway's own. */
  credential: string | null;
  /** Consecutive readings that failed. */
  failures: number;
  /** It is not read before this time, in monotonic milliseconds. */
  retryAtMs: number;
}

/** Pause before an absent id is read again, in milliseconds. It doubles with each reading up to the maximum. */
const firstRetryMs = 2_000;
const maxRetryMs = 60_000;
/** After so many readings, an absent id that nobody names is not read again. */
const maxReadings = 8;
/** Ids that are remembered at most; the first remembered goes first. */
const maxStreaks = 10_000;

/**
 * Counts, while one replica polls, how often in a row an id was absent or could not be read. One reading proves nothing:
 * a lagging read replica of the platform may not know a job yet.
 */
export class IdReadings {
  readonly #streaks = new Map<string, Streak>();

  /** Number of ids that are remembered. */
  get size(): number {
    return this.#streaks.size;
  }

  clear(): void {
    this.#streaks.clear();
  }

  /** @returns the number of consecutive readings with this credential that did not find the id */
  absent(id: string, credential: string | null, nowMs: number): number {
    const streak = this.#of(id);
    streak.failures = 0;
    streak.absences = streak.credential === credential ? streak.absences + 1 : 1;
    streak.credential = credential;
    streak.retryAtMs = nowMs + Math.min(maxRetryMs, firstRetryMs * 2 ** (streak.absences - 1));
    return streak.absences;
  }

  /** @returns the number of consecutive readings of the id that failed */
  failed(id: string): number {
    const streak = this.#of(id);
    streak.failures += 1;
    return streak.failures;
  }

  found(id: string): void {
    this.#streaks.delete(id);
  }

  /** Whether an absent id that nobody names is to be read again. */
  isSought(id: string): boolean {
    const absences = this.#streaks.get(id)?.absences ?? 0;
    return absences > 0 && absences < maxReadings;
  }

  /** Whether the pause after the last absence is over. */
  isDue(id: string, nowMs: number): boolean {
    return (this.#streaks.get(id)?.retryAtMs ?? 0) <= nowMs;
  }

  /** Forgets all ids but these. */
  keep(isFollowed: (id: string) => boolean): void {
    for (const id of this.#streaks.keys()) if (!isFollowed(id)) this.#streaks.delete(id);
  }

  #of(id: string): Streak {
    const known = this.#streaks.get(id);
    if (known !== undefined) return known;
    const streak: Streak = { absences: 0, credential: null, failures: 0, retryAtMs: 0 };
    this.#streaks.set(id, streak);
    if (this.#streaks.size > maxStreaks) {
      const [oldest] = this.#streaks.keys();
      if (oldest !== undefined) this.#streaks.delete(oldest);
    }
    return streak;
  }
}
