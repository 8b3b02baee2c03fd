import { RateLimitedError } from '../errors.ts';
import { Counts } from '../runtime/counts.ts';

/** Number of open subscriptions of each principal, over all its sockets and event streams. */
export interface SubscriptionQuota {
  /**
   * Counts a subscription until the result is disposed of.
   * @throws {RateLimitedError} the principal has as many open as it may
   */
  open(principal: string): Disposable;
}

export const createSubscriptionQuota = (mostPerPrincipal: number): SubscriptionQuota => new Quota(mostPerPrincipal);

class Quota implements SubscriptionQuota {
  readonly #most: number;
  readonly #counts = new Counts();

  constructor(mostPerPrincipal: number) {
    this.#most = mostPerPrincipal;
  }

  open(principal: string): Disposable {
    if (this.#counts.of(principal) >= this.#most) {
      throw new RateLimitedError({ message: `A caller may have ${this.#most} subscriptions open at a time.` });
    }
    this.#counts.add(principal, 1);
    return new Place(this.#counts, principal);
  }
}

/** One counted subscription. It is an object of a class, because thousands of silent subscribers hold one each. */
class Place implements Disposable {
  readonly #counts: Counts;
  readonly #principal: string;
  #open = true;

  constructor(counts: Counts, principal: string) {
    this.#counts = counts;
    this.#principal = principal;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#counts.add(this.#principal, -1);
  }
}
