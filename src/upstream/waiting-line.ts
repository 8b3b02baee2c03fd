import type { Priority } from './call.ts';

/** Interactive calls that overtake a waiting poll at most; then one poll goes first. */
const maxOvertakings = 9;

/** One who waits for a turn. */
export interface Waiter {
  /** Called once, when it is this one's turn. */
  readonly go: () => void;
}

/**
 * Who goes next: interactive calls before polls, first come first served within each. While a poll waits, at the latest
 * every tenth turn is a poll's.
 */
export class WaitingLine {
  readonly #interactive = new Set<Waiter>();
  readonly #polls = new Set<Waiter>();
  #overtakings = 0;

  get size(): number {
    return this.#interactive.size + this.#polls.size;
  }

  join(waiter: Waiter, priority: Priority): void {
    (priority === 'interactive' ? this.#interactive : this.#polls).add(waiter);
  }

  /** Lets one who waits as a poll wait as an interactive call, behind those that wait already. */
  hasten(waiter: Waiter): void {
    if (this.#polls.delete(waiter)) this.#interactive.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#interactive.delete(waiter);
    this.#polls.delete(waiter);
  }

  /** Lets the next one go, if anybody waits. */
  next(): void {
    const [interactive] = this.#interactive;
    const [poll] = this.#polls;
    const waiter = poll !== undefined && this.#overtakings >= maxOvertakings ? poll : (interactive ?? poll);
    if (waiter === undefined) return;
    this.#overtakings = waiter === poll || poll === undefined ? 0 : this.#overtakings + 1;
    this.leave(waiter);
    waiter.go();
  }
}
