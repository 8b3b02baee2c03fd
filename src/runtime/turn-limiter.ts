export interface TurnLimits {
  /** Units of work of all readers in one turn. */
  readonly perTurn: number;
  /** Units of work of one reader before the next one. */
  readonly perReader: number;
}

/**
 * Limits the work that many readers do in one turn of the event loop, so that other requests are served in between.
 * Readers that exceed a limit wait in a queue, and take turns.
 */
export class TurnLimiter {
  readonly #limits: TurnLimits;
  #left: number;
  /** Readers that wait, in their order. */
  readonly #waiting = new Set<() => void>();
  /** The reader that took the last unit, and the number of its units in a row. */
  #reader: (() => void) | null = null;
  #inRow = 0;
  #scheduled = false;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
    this.#left = limits.perTurn;
  }

  /**
   * Takes one unit.
   * @param resume identifies the reader, and is called later if it has to wait
   * @returns whether the reader may do the work now
   */
  take(resume: () => void): boolean {
    this.#schedule();
    if (this.#reader !== resume) this.#begin(resume);
    if (this.#left === 0 || this.#inRow === this.#limits.perReader) {
      this.#waiting.add(resume);
      return false;
    }
    this.#left -= 1;
    this.#inRow += 1;
    return true;
  }

  /** Removes a reader that has ended. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume);
    if (this.#reader === resume) this.#reader = null;
  }

  #begin(resume: (() => void) | null): void {
    this.#reader = resume;
    this.#inRow = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const { perTurn } = this.#limits;
    this.#scheduled = false;
    this.#left = perTurn;
    let resumed = 0;
    // Readers that wait again are resumed again, behind the others.
    for (const resume of this.#waiting) {
      // A reader may take its unit only after this loop.
      if (this.#left === 0 || resumed === perTurn) break;
      this.#waiting.delete(resume);
      resumed += 1;
      this.#begin(null);
      resume();
    }
    if (this.#waiting.size > 0) this.#schedule();
    else this.#begin(null);
  }
}
