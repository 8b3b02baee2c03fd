import { RateLimitedError, UpstreamTimeoutError } from '../../../errors.ts';
import type { BudgetNumbers, PlatformMetrics } from '../../../metrics/platform.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { UpstreamRequest } from '../call.ts';
import { noResponse } from '../errors.ts';
import { PriorityQueue, type Waiter } from './priority-queue.ts';
import { type BucketOptions, TokenBucket } from './token-bucket.ts';

/** Number of budgets at which the first search for unused budgets runs. */
const firstSweepAt = 64;

export interface TenantBudgetOptions extends BucketOptions {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  /** Maximum number of waiting calls. */
  readonly maxWaiting: number;
  /** Another budget of the tenant with this key, whose surplus may be used too; null for none. @default null */
  readonly lenderOf?: (key: string) => TenantBudget | null;
}

/** The budgets of all tenants. Unused budgets are dropped from time to time, because a new one is the same. */
export function createTenantBudgets(options: TenantBudgetOptions) {
  const { clock } = options;
  const budgets = new Map<string, TenantBudget>();
  let sweepAt = firstSweepAt;
  return {
    get size() {
      return budgets.size;
    },
    has: (key: string): boolean => budgets.has(key),
    /** The least budget of all tenants. */
    numbers: (): BudgetNumbers => {
      const nowMs = clock.monotonicMs();
      const least = { remainingShare: 1, rateShare: 1, waiting: 0 };
      for (const budget of budgets.values()) {
        const { remainingShare, rateShare, waiting } = budget.numbers(nowMs);
        least.remainingShare = Math.min(least.remainingShare, remainingShare);
        least.rateShare = Math.min(least.rateShare, rateShare);
        least.waiting += waiting;
      }
      return least;
    },
    of: (key: string): TenantBudget => {
      const found = budgets.get(key);
      if (found !== undefined) return found;
      if (budgets.size >= sweepAt) {
        for (const [other, budget] of budgets) if (budget.isUnused(clock.monotonicMs())) budgets.delete(other);
        // The search runs only after the number has doubled, so that its amortized cost is constant.
        sweepAt = Math.max(firstSweepAt, budgets.size * 2);
      }
      const created = new TenantBudget(options, options.lenderOf?.(key) ?? null);
      budgets.set(key, created);
      return created;
    },
  };
}

/** Permission for one call. Dispose it when the call is over. */
export interface Permit extends Disposable {
  /** The platform responded that there were too many calls. */
  refused(): void;
}

/** A call in the queue of a budget. */
interface WaitingCall extends Waiter {
  /** Removes the call from the queue, with an error, or as dismissed if the error is null. */
  end(error: RateLimitedError | null): void;
}

export class TenantBudget {
  readonly #options: TenantBudgetOptions;
  readonly #lender: TenantBudget | null;
  readonly #bucket: TokenBucket;
  readonly #line = new PriorityQueue<WaitingCall>();
  #inFlight = 0;
  /** Number of halvings of the rate. A 429 to a call that was sent before the last halving does not count again. */
  #halvings = 0;
  #serving = false;
  #sleep: AbortController | null = null;

  constructor(options: TenantBudgetOptions, lender: TenantBudget | null) {
    this.#options = options;
    this.#lender = lender;
    this.#bucket = new TokenBucket(options, options.clock.monotonicMs());
  }

  numbers(nowMs: number): BudgetNumbers {
    return {
      remainingShare: this.#bucket.remainingShare(nowMs),
      rateShare: this.#bucket.rateShare(nowMs),
      waiting: this.#line.size,
    };
  }

  isUnused(nowMs: number): boolean {
    return this.#inFlight === 0 && this.#bucket.isFull(nowMs);
  }

  /** Dismisses all waiting calls of a member, without a permit. */
  dismiss(member: string): void {
    for (const waiter of this.#line.takeAll(member)) waiter.end(null);
    if (this.#line.size === 0) this.#sleep?.abort();
  }

  /** @returns null if the call has to wait */
  tryEnter(): Permit | null {
    return this.#line.size === 0 && this.#take(this.#nowMs()) ? this.#admit() : null;
  }

  /**
   * @returns null if the call was dismissed
   * @throws {RateLimitedError} there is no room before the deadline
   * @throws the reason of the request's signal if it aborts
   */
  async enter(request: UpstreamRequest): Promise<Permit | null> {
    request.signal.throwIfAborted();
    const permit = this.tryEnter();
    if (permit !== null) return permit;
    // Waiting calls count too, so that their budget is not dropped.
    this.#inFlight += 1;
    try {
      return (await this.#waitMeasured(request)) ? this.#admit() : null;
    } finally {
      this.#inFlight -= 1;
    }
  }

  #admit(): Permit {
    const halvings = this.#halvings;
    this.#inFlight += 1;
    return {
      refused: () => {
        if (halvings !== this.#halvings) return;
        this.#halvings += 1;
        this.#bucket.halve(this.#nowMs());
      },
      [Symbol.dispose]: () => {
        this.#inFlight -= 1;
      },
    };
  }

  async #waitMeasured(request: UpstreamRequest): Promise<boolean> {
    const startedAtMs = this.#nowMs();
    let granted = false;
    try {
      if (this.#line.size >= this.#options.maxWaiting) this.#makeRoom(request);
      granted = await this.#wait(request);
      return granted;
    } catch (error) {
      throw error instanceof UpstreamTimeoutError ? this.noRoom(request) : error;
    } finally {
      const seconds = (this.#nowMs() - startedAtMs) / 1_000;
      this.#options.metrics.budgetWaited({ priority: request.priority, seconds, granted });
    }
  }

  /** In a full queue, a call of the credential with the most waiting calls makes room for a credential with fewer. */
  #makeRoom(request: UpstreamRequest): void {
    const dropped = this.#line.makeRoom(request.caller.credential.fingerprint);
    if (dropped === undefined) throw this.noRoom(request);
    dropped.end(this.noRoom(request));
  }

  /** @returns false if the call was dismissed */
  #wait({ signal, promoted, priority, caller }: UpstreamRequest): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const done = () => {
        signal.removeEventListener('abort', leave);
        promoted?.removeEventListener('abort', promote);
      };
      const waiter: WaitingCall = {
        member: caller.credential.fingerprint,
        go: () => {
          done();
          resolve(true);
        },
        end: (error) => {
          done();
          if (error === null) resolve(false);
          else reject(error);
        },
      };
      const leave = () => {
        done();
        this.#line.leave(waiter);
        if (this.#line.size === 0) this.#sleep?.abort();
        reject(signal.reason);
      };
      const promote = () => this.#line.promote(waiter);
      signal.addEventListener('abort', leave, { once: true });
      promoted?.addEventListener('abort', promote, { once: true });
      this.#line.join(waiter, promoted?.aborted === true ? 'interactive' : priority);
      void this.#serve();
    });
  }

  /** Releases waiting calls as tokens become available, until the queue is empty. Never rejects. */
  async #serve(): Promise<void> {
    if (this.#serving) return;
    this.#serving = true;
    while (this.#line.size > 0) {
      const nowMs = this.#nowMs();
      if (this.#take(nowMs)) {
        this.#line.next();
        continue;
      }
      this.#sleep = new AbortController();
      // The sleep ends early only if the queue has become empty.
      await this.#options.clock.sleep(this.#msUntilToken(nowMs), this.#sleep.signal).catch(() => {});
      this.#sleep = null;
    }
    this.#serving = false;
  }

  #take(nowMs: number): boolean {
    return this.#bucket.take(nowMs) || this.#lender?.lend(nowMs) === true;
  }

  /** At least 1 ms if the lender has a surplus that it does not lend because its own calls wait. */
  #msUntilToken(nowMs: number): number {
    const ownMs = this.#bucket.msUntil(1, nowMs);
    return this.#lender === null ? ownMs : Math.min(ownMs, Math.max(1, this.#lender.#bucket.msUntilSurplus(nowMs)));
  }

  /** Lends a token of the upper half of the bucket to another budget, unless own calls wait. */
  lend(nowMs: number): boolean {
    return this.#line.size === 0 && this.#bucket.takeSurplus(nowMs);
  }

  /** The error of a call for which there is no room. */
  noRoom({ service }: UpstreamRequest): RateLimitedError {
    return new RateLimitedError({
      message: 'Too many calls to the platform are waiting for the budget of this sandbox.',
      upstream: noResponse(service),
      retryAfterMs: this.#bucket.msUntil(this.#line.size + 1, this.#nowMs()),
    });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
