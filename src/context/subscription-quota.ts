import { RateLimitedError } from '../errors.ts';

/** How many subscriptions each principal has open, over all its sockets and event streams. */
export interface SubscriptionQuota {
  /**
   * Counts a subscription until what it returns is disposed of.
   * @throws {RateLimitedError} the principal has as many open as it may
   */
  open(principal: string): Disposable;
}

export function createSubscriptionQuota(mostPerPrincipal: number): SubscriptionQuota {
  const counts = new Map<string, number>();
  return {
    open: (principal) => {
      const count = counts.get(principal) ?? 0;
      if (count >= mostPerPrincipal) {
        throw new RateLimitedError({ message: `A caller may have ${mostPerPrincipal} subscriptions open at a time.` });
      }
      counts.set(principal, count + 1);
      let open = true;
      return {
        [Symbol.dispose]: () => {
          if (!open) return;
          open = false;
          const left = (counts.get(principal) ?? 1) - 1;
          if (left === 0) counts.delete(principal);
          else counts.set(principal, left);
        },
      };
    },
  };
}
