import { FairQueue } from '../../../runtime/fair-queue.ts';
import type { Priority } from '../../types.ts';

/** Maximum number of consecutive interactive calls while a poll waits. Then one poll goes first. */
const maxConsecutiveInteractive = 9;

/** A call that waits for its turn. */
export interface Waiter {
  /** Waiters of one member are served in order; members are served in turn. */
  readonly member: string;
  /** Called once, when it is the turn of this waiter. */
  readonly go: () => void;
}

/**
 * A queue of waiting calls. Interactive calls go before polls, and the members of each priority are served in turn.
 * While a poll waits, at least every tenth call is a poll.
 */
export class PriorityQueue<Each extends Waiter = Waiter> {
  readonly #interactive = new FairQueue<Each>();
  readonly #polls = new FairQueue<Each>();
  #overtakings = 0;

  get size(): number {
    return this.#interactive.size + this.#polls.size;
  }

  join(waiter: Each, priority: Priority): void {
    (priority === 'interactive' ? this.#interactive : this.#polls).add(waiter.member, waiter);
  }

  /** Moves a waiting poll to the interactive calls, behind the calls of its member. */
  promote(waiter: Each): void {
    if (this.#polls.delete(waiter.member, waiter)) this.#interactive.add(waiter.member, waiter);
  }

  leave(waiter: Each): void {
    this.#interactive.delete(waiter.member, waiter);
    this.#polls.delete(waiter.member, waiter);
  }

  /** Removes and returns all waiters of a member. */
  takeAll(member: string): readonly Each[] {
    return [...this.#interactive.takeAll(member), ...this.#polls.takeAll(member)];
  }

  /** Removes a waiter of the member with the most waiters, polls first, to make room for a waiter of `newcomer`. */
  makeRoom(newcomer: string): Each | undefined {
    return this.#polls.takeFromLongest(newcomer) ?? this.#interactive.takeFromLongest(newcomer);
  }

  /** Releases the next call, if there is one. */
  next(): void {
    const pollsTurn =
      this.#polls.size > 0 && (this.#interactive.size === 0 || this.#overtakings >= maxConsecutiveInteractive);
    const pollsWait = this.#polls.size > 0;
    const waiter = pollsTurn ? this.#polls.take() : this.#interactive.take();
    if (waiter === undefined) return;
    this.#overtakings = pollsTurn || !pollsWait ? 0 : this.#overtakings + 1;
    waiter.go();
  }
}
