import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { RateLimitedError, UpstreamTimeoutError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CallLayer, UpstreamRequest } from './call.ts';
import { unanswered } from './errors.ts';
import type { UpstreamMetrics } from './metrics.ts';
import { type BucketOptions, TokenBucket } from './token-bucket.ts';
import { WaitingLine } from './waiting-line.ts';

/** Calls of one tenant that wait at most. One more is refused at once. */
const maxWaiting = 10_000;
/** Tenants that are remembered before the first look for those that need not be. */
const firstSweepAt = 64;

export interface BudgetOptions extends BucketOptions {
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
}

/**
 * Bounds how often the platform is called for one tenant (organization and sandbox), by a token bucket that halves when
 * the platform answers 429 and recovers slowly. Interactive calls go before polls. Waiting ends with the signal of the
 * call; at its deadline by a RateLimitedError that says when there may be room. A tenant who is not served for long
 * enough is forgotten.
 */
export function withBudget(options: BudgetOptions): CallLayer {
  const budgets = new Map<string, TenantBudget>();
  let sweepAt = firstSweepAt;

  const budgetOf = (tenant: Tenant): TenantBudget => {
    const key = tenantKey(tenant);
    const found = budgets.get(key);
    if (found !== undefined) return found;
    if (budgets.size >= sweepAt) {
      for (const [other, budget] of budgets) if (budget.isUnused()) budgets.delete(other);
      // Looking only when they have doubled keeps the cost of it small, however many there are.
      sweepAt = Math.max(firstSweepAt, budgets.size * 2);
    }
    const created = new TenantBudget(options);
    budgets.set(key, created);
    return created;
  };

  return (next) => async (request) => {
    using permit = await budgetOf(request.caller.tenant).enter(request);
    try {
      return await next(request);
    } catch (error) {
      if (error instanceof RateLimitedError) permit.refused();
      throw error;
    }
  };
}

/** The right to make one call. Dispose it when the call is over. */
interface Permit extends Disposable {
  /** The platform answered that there were too many calls. */
  refused(): void;
}

class TenantBudget {
  readonly #options: BudgetOptions;
  readonly #bucket: TokenBucket;
  readonly #line = new WaitingLine();
  #inFlight = 0;
  /** How often the rate was halved. Calls that left before the last time say nothing about the rate since. */
  #halvings = 0;
  #serving = false;
  #sleep: AbortController | null = null;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options, options.clock.now().getTime());
  }

  isUnused(): boolean {
    return this.#inFlight === 0 && this.#bucket.isFull(this.#nowMs());
  }

  /** @throws {RateLimitedError} there is no room before the deadline; else the reason of the request's signal */
  async enter(request: UpstreamRequest): Promise<Permit> {
    request.signal.throwIfAborted();
    // Counted from here on, so that nobody who waits is forgotten.
    this.#inFlight += 1;
    try {
      if (this.#line.size > 0 || !this.#bucket.take(this.#nowMs())) await this.#waitMeasured(request);
    } catch (error) {
      this.#inFlight -= 1;
      throw error;
    }
    const halvings = this.#halvings;
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

  async #waitMeasured(request: UpstreamRequest): Promise<void> {
    const startedAtMs = this.#nowMs();
    let granted = false;
    try {
      if (this.#line.size >= maxWaiting) throw this.#noRoom(request);
      await this.#wait(request);
      granted = true;
    } catch (error) {
      throw error instanceof UpstreamTimeoutError ? this.#noRoom(request) : error;
    } finally {
      const seconds = (this.#nowMs() - startedAtMs) / 1_000;
      this.#options.metrics.budgetWaited({ priority: request.priority, seconds, granted });
    }
  }

  #wait({ signal, hastened, priority }: UpstreamRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        signal.removeEventListener('abort', leave);
        hastened?.removeEventListener('abort', hasten);
      };
      const waiter = {
        go: () => {
          done();
          resolve();
        },
      };
      const leave = () => {
        done();
        this.#line.leave(waiter);
        if (this.#line.size === 0) this.#sleep?.abort();
        reject(signal.reason);
      };
      const hasten = () => this.#line.hasten(waiter);
      signal.addEventListener('abort', leave, { once: true });
      hastened?.addEventListener('abort', hasten, { once: true });
      this.#line.join(waiter, hastened?.aborted === true ? 'interactive' : priority);
      void this.#serve();
    });
  }

  /** Lets those who wait go as tokens come, until nobody waits. Never rejects. */
  async #serve(): Promise<void> {
    if (this.#serving) return;
    this.#serving = true;
    while (this.#line.size > 0) {
      const nowMs = this.#nowMs();
      if (this.#bucket.take(nowMs)) {
        this.#line.next();
        continue;
      }
      this.#sleep = new AbortController();
      // It ends early only because nobody waits any more.
      await this.#options.clock.sleep(this.#bucket.msUntil(1, nowMs), this.#sleep.signal).catch(() => {});
      this.#sleep = null;
    }
    this.#serving = false;
  }

  #noRoom({ service }: UpstreamRequest): RateLimitedError {
    return new RateLimitedError({
      message: 'More calls to the platform are waiting for this sandbox than its budget lets through.',
      upstream: unanswered(service),
      retryAfterMs: this.#bucket.msUntil(this.#line.size + 1, this.#nowMs()),
    });
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
