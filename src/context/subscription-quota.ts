import { RateLimitedError } from '../errors.ts';

/** How many subscriptions each principal has open, over all its sockets and event streams. */
export interface SubscriptionQuota {
  /**
   * Counts a subscription until what it returns is disposed of.
   * @throws {RateLimitedError} the principal has as many open as it may
   */
  open(principal: string): Disposable;
}

export const createSubscriptionQuota = (mostPerPrincipal: number): SubscriptionQuota => new Quota(mostPerPrincipal);

class Quota implements SubscriptionQuota {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(mostPerPrincipal: number) {
    this.#most = mostPerPrincipal;
  }

  open(principal: string): Disposable {
    const count = this.#counts.get(principal) ?? 0;
    if (count >= this.#most) {
      throw new RateLimitedError({ message: `A caller may have ${this.#most} subscriptions open at a time.` });
    }
    this.#counts.set(principal, count + 1);
    return new Place(this.#counts, principal);
  }
}

/** One subscription that is counted. An object of a class, because thousands are held by subscribers who are silent. */
class Place implements Disposable {
  readonly #counts: Map<string, number>;
  readonly #principal: string;
  #open = true;

  constructor(counts: Map<string, number>, principal: string) {
    this.#counts = counts;
    this.#principal = principal;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    const left = (this.#counts.get(this.#principal) ?? 1) - 1;
    if (left === 0) this.#counts.delete(this.#principal);
    else this.#counts.set(this.#principal, left);
  }
}
