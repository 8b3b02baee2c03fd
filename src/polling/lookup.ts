import { backoffMs } from '../runtime/backoff.ts';
import { growingLru } from '../runtime/lru.ts';

/** Consecutive readings of one id that did not find it. */
interface Streak {
  /** Number of readings since the id was last found. */
  absences: number;
  /** Credential of the last reading; null: the gateway's own. `inRow` is the number of consecutive readings with it. */
  credential: string | null;
  inRow: number;
  /** Time of the last reading that counts in `inRow`, in monotonic milliseconds. */
  countedAtMs: number;
  /** Credentials whose readings in a row are sufficient to confirm the absence. */
  readonly confirmedBy: Set<string | null>;
  /** Credentials with which the id was absent or rejected since it was last found. */
  readonly unreadableBy: Set<string | null>;
  /** Number of consecutive failed readings. */
  failures: number;
  /** Earliest time of the next reading, in monotonic milliseconds. */
  retryAtMs: number;
  /** Sequence number of the last reading among the readings of all ids. */
  readSequence: number;
}

/** Number of consecutive readings with one credential after which an id counts as absent for that credential. */
const readingsUntilAbsent = 2;
/**
 * Minimum time between two readings that count, in milliseconds, because readings of one moment may reach the same
 * lagging replica.
 */
const minApartMs = 1_000;
/** Pauses before an absent id is read again. */
const absenceBackoff = { firstMs: 2_000, maxMs: 60_000 };
/** Number of readings after which an absent id that is not named by a subscriber is no longer read. */
const maxReadings = 8;
/** Maximum number of remembered ids. The least recently read are dropped first. */
const maxStreaks = 10_000;

/**
 * Counts how often in a row an id was absent or could not be read, while this replica polls. One reading proves
 * nothing, because a lagging read replica of the platform may not know a job yet.
 */
export class IdReadings {
  readonly #streaks = growingLru<Streak>(maxStreaks);
  #readSequence = 0;

  /** Number of remembered ids. */
  get size(): number {
    return this.#streaks.size;
  }

  clear(): void {
    this.#streaks.clear();
  }

  /**
   * @returns the credentials that have confirmed the absence: each did not find the id in two consecutive readings,
   *   some time apart
   */
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
    streak.unreadableBy.add(credential);
    if (streak.inRow >= readingsUntilAbsent) streak.confirmedBy.add(credential);
    streak.retryAtMs = nowMs + backoffMs(absenceBackoff, streak.absences);
    return streak.confirmedBy;
  }

  /** The platform rejected the credential for this id. The reading counts as failed. */
  rejected(id: string, credential: string | null): void {
    this.#of(id).unreadableBy.add(credential);
  }

  /** Credentials with which the id was absent or rejected since it was last found. */
  unreadableBy(id: string): ReadonlySet<string | null> {
    return this.#streaks.peek(id)?.unreadableBy ?? new Set();
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

  /** Whether an absent id that is not named by a subscriber has to be read again. */
  isSought(id: string): boolean {
    const absences = this.#streaks.peek(id)?.absences ?? 0;
    return absences > 0 && absences < maxReadings;
  }

  /** Whether the id was absent in a reading since it was last found. */
  wasAbsent(id: string): boolean {
    return (this.#streaks.peek(id)?.absences ?? 0) > 0;
  }

  /** Whether the pause after the last absence is over. */
  isDue(id: string, nowMs: number): boolean {
    return (this.#streaks.peek(id)?.retryAtMs ?? 0) <= nowMs;
  }

  /**
   * Sorts ids: first those without an absence or failure since they were last found, then the others, least recently
   * read first.
   */
  oldestFirst(ids: readonly string[]): string[] {
    const sequence = (id: string) => this.#streaks.peek(id)?.readSequence ?? 0;
    return ids.toSorted((a, b) => sequence(a) - sequence(b));
  }

  /** Forgets all ids that are not followed. */
  keep(isFollowed: (id: string) => boolean): void {
    for (const id of [...this.#streaks.keys()]) if (!isFollowed(id)) this.#streaks.delete(id);
  }

  /** Returns the streak of an id that was read just now. */
  #of(id: string): Streak {
    this.#readSequence += 1;
    const known = this.#streaks.get(id);
    if (known !== undefined) known.readSequence = this.#readSequence;
    if (known !== undefined) return known;
    const streak: Streak = {
      absences: 0,
      credential: null,
      inRow: 0,
      countedAtMs: 0,
      confirmedBy: new Set(),
      unreadableBy: new Set(),
      failures: 0,
      retryAtMs: 0,
      readSequence: this.#readSequence,
    };
    this.#streaks.set(id, streak);
    return streak;
  }
}
