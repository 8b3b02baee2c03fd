import { TokenExpiredError } from '../../errors.ts';
import type { Clock, Deadline } from '../../runtime/clock.ts';

/** A live view that can end with an error. */
export interface Expirable {
  fail(error: TokenExpiredError): void;
}

interface Moment {
  readonly views: Set<Expirable>;
  /** End of the remaining life of the token, measured when the first view was added, in monotonic milliseconds. */
  readonly dueMs: number;
  deadline: Deadline;
}

/** Maximum time for which a wall clock that was set forward is not noticed, in milliseconds. */
const checkMs = 60_000;

/**
 * Ends live views when the token of their subscriber expires. All views that end at the same moment share one timer,
 * because tokens expire at whole seconds. No timer is left when there are no views.
 *
 * A token names a moment of the wall clock, and the clock can be set at any time. A clock that is set back does not
 * prolong a view, because the remaining life of the token is measured in monotonic time from the beginning of the view.
 * A clock that is set forward ends the view within a minute.
 */
export class TokenExpiryTimers {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>;
  /** By expiry time, in milliseconds since 1970. */
  readonly #moments = new Map<number, Moment>();

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs' | 'deadline'>) {
    this.#clock = clock;
  }

  /** Adds a view. It ends at once if the token has already expired. */
  add(view: Expirable, at: Date): void {
    const atMs = at.getTime();
    const known = this.#moments.get(atMs);
    if (known !== undefined) {
      known.views.add(view);
      return;
    }
    const leftMs = atMs - this.#clock.now().getTime();
    if (leftMs <= 0) {
      view.fail(expired());
      return;
    }
    const dueMs = this.#clock.monotonicMs() + leftMs;
    this.#moments.set(atMs, { views: new Set([view]), dueMs, deadline: this.#wait(atMs, leftMs) });
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

  #wait(atMs: number, leftMs: number): Deadline {
    const deadline = this.#clock.deadline(Math.min(leftMs, checkMs));
    deadline.signal.addEventListener('abort', () => this.#check(atMs), { once: true });
    return deadline;
  }

  #check(atMs: number): void {
    const moment = this.#moments.get(atMs);
    if (moment === undefined) return;
    const leftMs = moment.dueMs - this.#clock.monotonicMs();
    if (leftMs > 0 && this.#clock.now().getTime() < atMs) {
      moment.deadline = this.#wait(atMs, leftMs);
      return;
    }
    this.#moments.delete(atMs);
    for (const view of moment.views) view.fail(expired());
  }
}

const expired = (): TokenExpiredError => new TokenExpiredError({ message: 'The token has expired.' });
