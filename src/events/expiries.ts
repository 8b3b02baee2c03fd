import { TokenExpiredError } from '../errors.ts';
import type { Clock, Deadline } from '../runtime/clock.ts';

/** A live view that can be ended. */
export interface Expirable {
  fail(error: TokenExpiredError): void;
}

interface Moment {
  readonly views: Set<Expirable>;
  deadline: Deadline;
}

/**
 * Ends live views when the token runs out by which they may be seen: a right that has ended shows nothing more. All that
 * end at the same moment share one timer (tokens run out at whole seconds), and none is left when there are none.
 */
export class Expiries {
  readonly #clock: Pick<Clock, 'now' | 'deadline'>;
  /** By time, in milliseconds. */
  readonly #moments = new Map<number, Moment>();

  constructor(clock: Pick<Clock, 'now' | 'deadline'>) {
    this.#clock = clock;
  }

  /** Ends the view at once when its time has come already. */
  add(view: Expirable, at: Date): void {
    const atMs = at.getTime();
    const known = this.#moments.get(atMs);
    if (known !== undefined) known.views.add(view);
    else if (this.#leftMs(atMs) <= 0) view.fail(expired());
    else this.#moments.set(atMs, { views: new Set([view]), deadline: this.#wait(atMs) });
  }

  delete(view: Expirable, at: Date): void {
    const atMs = at.getTime();
    const moment = this.#moments.get(atMs);
    if (moment === undefined) return;
    moment.views.delete(view);
    if (moment.views.size > 0) return;
    moment.deadline[Symbol.dispose]();
    this.#moments.delete(atMs);
  }

  #wait(atMs: number): Deadline {
    const deadline = this.#clock.deadline(this.#leftMs(atMs));
    deadline.signal.addEventListener('abort', () => this.#passed(atMs), { once: true });
    return deadline;
  }

  #passed(atMs: number): void {
    const moment = this.#moments.get(atMs);
    if (moment === undefined) return;
    // A timer cannot count further than some weeks.
    if (this.#leftMs(atMs) > 0) {
      moment.deadline = this.#wait(atMs);
      return;
    }
    this.#moments.delete(atMs);
    for (const view of moment.views) view.fail(expired());
  }

  #leftMs(atMs: number): number {
    return atMs - this.#clock.now().getTime();
  }
}

const expired = (): TokenExpiredError => new TokenExpiredError({ message: 'The token has expired.' });
