import { FairQueue } from '../runtime/fair-queue.ts';
import type { Priority } from './call.ts';

/** Interactive calls that overtake a waiting poll at most; then one poll goes first. */
const maxOvertakings = 9;

/** A call that waits for its turn. */
export interface Waiter {
  /** Waiters of one member are served in order, members in turn. */
  readonly member: string;
  /** Called once, when it is this one's turn. */
  readonly go: () => void;
}

/**
 * The order of waiting calls: interactive calls before polls, and within each the members in turn. While a poll waits, at the latest
 * every tenth turn is a poll's.
 */
export class WaitingLine<Each extends Waiter = Waiter> {
  readonly #interactive = new FairQueue<Each>();
  readonly #polls = new FairQueue<Each>();
  #overtakings = 0;

  get size(): number {
    return this.#interactive.size + this.#polls.size;
  }

  join(waiter: Each, priority: Priority): void {
    (priority === 'interactive' ? this.#interactive : this.#polls).add(waiter.member, waiter);
  }

  /** Moves a waiting poll to the interactive calls, behind those of its member. */
  hasten(waiter: Each): void {
    if (this.#polls.delete(waiter.member, waiter)) this.#interactive.add(waiter.member, waiter);
  }

  leave(waiter: Each): void {
    this.#interactive.delete(waiter.member, waiter);
    this.#polls.delete(waiter.member, waiter);
  }

  /** Removes all waiters of a member. */
  takeAll(member: string): readonly Each[] {
    return [...this.#interactive.takeAll(member), ...this.#polls.takeAll(member)];
  }

  /** Removes a waiter of the member that has the most, to make room for one of `newcomer`, polls first. */
  makeRoom(newcomer: string): Each | undefined {
    return this.#polls.takeFromLongest(newcomer) ?? this.#interactive.takeFromLongest(newcomer);
  }

  /** Releases the next call, if there is one. */
  next(): void {
    const pollsTurn = this.#polls.size > 0 && (this.#interactive.size === 0 || this.#overtakings >= maxOvertakings);
    const pollsWait = this.#polls.size > 0;
    const waiter = pollsTurn ? this.#polls.take() : this.#interactive.take();
    if (waiter === undefined) return;
    this.#overtakings = pollsTurn || !pollsWait ? 0 : this.#overtakings + 1;
    waiter.go();
  }
}
