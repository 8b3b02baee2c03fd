import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { RateLimitedError } from '../errors.ts';
import type { QuotaLevel, SubscriptionEnd, SubscriptionMetrics } from '../metrics/subscriptions.ts';
import { Counts } from '../runtime/counts.ts';

/** Maximum number of subscriptions that are open at a time in this replica, over all transports. */
export interface SubscriptionLimits {
  readonly perCaller: number;
  /** A tenant is a sandbox of an organization. */
  readonly perTenant: number;
  readonly total: number;
}

/** The caller of a subscription. */
export interface QuotaHolder {
  readonly principal: string;
  readonly tenant: Tenant;
}

/** One counted subscription. */
export interface SubscriptionSlot {
  /** A result is sent to the subscriber. */
  delivered(): void;
  /** Ends the subscription. A second call does nothing. */
  end(reason: SubscriptionEnd): void;
}

/** Number of open subscriptions of each caller, of each tenant, and of all of them. */
export interface SubscriptionQuota {
  /**
   * Counts a subscription until the result is ended.
   * @throws {RateLimitedError} the caller, its tenant or the replica has reached its limit
   */
  open(holder: QuotaHolder): SubscriptionSlot;
}

export const createSubscriptionQuota = (limits: SubscriptionLimits, metrics: SubscriptionMetrics): SubscriptionQuota =>
  new Quota(limits, metrics);

interface Level {
  readonly name: QuotaLevel;
  readonly max: number;
  /** Returns the key of the holders that share a count. */
  readonly keyOf: (holder: QuotaHolder) => string;
  /** Describes the limit, with the variable that sets it. */
  readonly describe: (max: number) => string;
  readonly counts: Counts;
}

class Quota implements SubscriptionQuota {
  /** The narrowest level first, so that an error names the limit that concerns the caller most. */
  readonly #levels: readonly Level[];
  readonly #metrics: SubscriptionMetrics;

  constructor({ perCaller, perTenant, total }: SubscriptionLimits, metrics: SubscriptionMetrics) {
    this.#metrics = metrics;
    this.#levels = [
      {
        name: 'caller',
        max: perCaller,
        keyOf: ({ principal }) => principal,
        describe: (max) => `A caller may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_CALLER).`,
        counts: new Counts(),
      },
      {
        name: 'tenant',
        max: perTenant,
        keyOf: ({ tenant }) => tenantKey(tenant),
        describe: (max) => `A sandbox may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_TENANT).`,
        counts: new Counts(),
      },
      {
        name: 'total',
        max: total,
        keyOf: () => '',
        describe: (max) => `The gateway may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS).`,
        counts: new Counts(),
      },
    ];
  }

  open({ principal, tenant }: QuotaHolder): SubscriptionSlot {
    // Copies only these two, because the given object is the context of an operation and must not stay in memory.
    const holder = { principal, tenant };
    const full = this.#levels.find(({ counts, keyOf, max }) => counts.of(keyOf(holder)) >= max);
    if (full !== undefined) {
      this.#metrics.rejected({ limit: full.name });
      throw new RateLimitedError({ message: full.describe(full.max) });
    }
    this.#add(holder, 1);
    this.#metrics.opened();
    return new Slot(this, holder);
  }

  /** Called once for each slot. */
  close(holder: QuotaHolder, reason: SubscriptionEnd): void {
    this.#add(holder, -1);
    this.#metrics.closed(reason);
  }

  delivered(): void {
    this.#metrics.delivered();
  }

  #add(holder: QuotaHolder, difference: number): void {
    for (const { counts, keyOf } of this.#levels) counts.add(keyOf(holder), difference);
  }
}

/**
 * One counted subscription. It is an instance of a class to save memory, because thousands of silent subscribers have
 * one each.
 */
class Slot implements SubscriptionSlot {
  readonly #quota: Quota;
  /** Null: the subscription has ended. */
  #holder: QuotaHolder | null;

  constructor(quota: Quota, holder: QuotaHolder) {
    this.#quota = quota;
    this.#holder = holder;
  }

  delivered(): void {
    this.#quota.delivered();
  }

  end(reason: SubscriptionEnd): void {
    const holder = this.#holder;
    this.#holder = null;
    if (holder !== null) this.#quota.close(holder, reason);
  }
}
