/** What the readings of one id in a row have shown. */
interface Streak {
  /** Number of readings since it was last found that did not find it. */
  absences: number;
  /** The credential of the last of them, and the number of readings in a row with it; null: the gateway's own. */
  credential: string | null;
  inRow: number;
  /** When the last reading that counts in this row was made, in monotonic milliseconds. */
  countedAtMs: number;
  /** Credentials with which enough readings in a row did not find it. */
  readonly confirmedBy: Set<string | null>;
  /** Consecutive readings that failed. */
  failures: number;
  /** It is not read before this time, in monotonic milliseconds. */
  retryAtMs: number;
  /** Place of the last of these readings among those of all ids. */
  place: number;
}

/** Consecutive readings with one credential after which an id counts as absent for that credential. */
const readingsUntilAbsent = 2;
/** Shortest time between two readings that count, in milliseconds: those of one moment show the same lagging replica. */
const minApartMs = 1_000;
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
  #place = 0;

  /** Number of ids that are remembered. */
  get size(): number {
    return this.#streaks.size;
  }

  clear(): void {
    this.#streaks.clear();
  }

  /** @returns the credentials with which two readings in a row, some time apart, have not found the id since it was last found */
  absent(id: string, credential: string | null, nowMs: number): ReadonlySet<string | null> {
    const streak = this.#of(id);
    streak.failures = 0;
    streak.absences += 1;
    const isFirst = streak.inRow === 0 || streak.credential !== credential;
    if (isFirst || nowMs - streak.countedAtMs >= minApartMs) {
      streak.inRow = isFirst ? 1 : streak.inRow + 1;
      streak.countedAtMs = nowMs;
    }
    streak.credential = credential;
    if (streak.inRow >= readingsUntilAbsent) streak.confirmedBy.add(credential);
    streak.retryAtMs = nowMs + Math.min(maxRetryMs, firstRetryMs * 2 ** (streak.absences - 1));
    return streak.confirmedBy;
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

  /** Whether the id was absent since it was last found. */
  wasAbsent(id: string): boolean {
    return (this.#streaks.get(id)?.absences ?? 0) > 0;
  }

  /** Whether the pause after the last absence is over. */
  isDue(id: string, nowMs: number): boolean {
    return (this.#streaks.get(id)?.retryAtMs ?? 0) <= nowMs;
  }

  /** The ids, those first that were found last, or not read yet, then those whose last reading is the oldest. */
  oldestFirst(ids: readonly string[]): string[] {
    const place = (id: string) => this.#streaks.get(id)?.place ?? 0;
    return ids.toSorted((a, b) => place(a) - place(b));
  }

  /** Forgets all ids but these. */
  keep(isFollowed: (id: string) => boolean): void {
    for (const id of this.#streaks.keys()) if (!isFollowed(id)) this.#streaks.delete(id);
  }

  /** The streak of an id that was read just now. */
  #of(id: string): Streak {
    this.#place += 1;
    const known = this.#streaks.get(id);
    if (known !== undefined) known.place = this.#place;
    if (known !== undefined) return known;
    const streak: Streak = {
      absences: 0,
      credential: null,
      inRow: 0,
      countedAtMs: 0,
      confirmedBy: new Set(),
      failures: 0,
      retryAtMs: 0,
      place: this.#place,
    };
    this.#streaks.set(id, streak);
    if (this.#streaks.size > maxStreaks) {
      const [oldest] = this.#streaks.keys();
      if (oldest !== undefined) this.#streaks.delete(oldest);
    }
    return streak;
  }
}
