import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { RateLimitedError } from '../errors.ts';
import type { QuotaLevel, SubscriptionEnd, SubscriptionMetrics } from '../metrics/subscriptions.ts';
import type { DocumentInUse, OperationDescription } from '../observation/operation-record.ts';
import { bytesPerMiB } from '../runtime/bytes-per-mib.ts';
import { Counts } from '../runtime/counts.ts';
import { DocumentQuota } from './document-quota.ts';

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
  readonly record: { readonly operation: Pick<OperationDescription, 'document'> | null } | null;
}

/** Maximum size of the documents of all open subscriptions of a holder, in MiB. Those of an app have less than one. */
const maxDocumentMiB = { perCaller: 32, perTenant: 64, total: 128 } as const;

/** One counted subscription. */
export interface SubscriptionSlot {
  /** A result is sent to the subscriber. */
  delivered(): void;
  /** Ends the subscription. A second call does nothing. */
  end(reason: SubscriptionEnd): void;
}

/** Number of open subscriptions of each caller, of each tenant, and of all of them, and the sizes of their documents. */
export interface SubscriptionQuota {
  /**
   * Counts a subscription until the result is ended.
   * @throws {RateLimitedError} the caller, its tenant or the replica has reached a limit
   */
  open(holder: QuotaHolder): SubscriptionSlot;
}

export const createSubscriptionQuota = (limits: SubscriptionLimits, metrics: SubscriptionMetrics): SubscriptionQuota =>
  new Quota(limits, metrics);

interface Level {
  readonly name: QuotaLevel;
  /** One of the holders, in an error. */
  readonly holder: string;
  readonly max: number;
  /** Returns the key of the holders that share a count. */
  readonly keyOf: (holder: Owner) => string;
  /** Describes the limit, with the variable that sets it. */
  readonly describe: (max: number) => string;
  readonly counts: Counts;
  readonly maxMiB: number;
  readonly documents: DocumentQuota;
}

type Owner = Pick<QuotaHolder, 'principal' | 'tenant'>;

/** The subscription of a slot. */
interface Counted extends Owner {
  /** Null: the document is not known. */
  readonly document: DocumentInUse | null;
}

const documentsWithin = (maxMiB: number) => ({ maxMiB, documents: new DocumentQuota(maxMiB * bytesPerMiB) });

class Quota implements SubscriptionQuota {
  /** The narrowest level first, so that an error names the limit that concerns the caller most. */
  readonly #levels: readonly Level[];
  readonly #metrics: SubscriptionMetrics;

  constructor({ perCaller, perTenant, total }: SubscriptionLimits, metrics: SubscriptionMetrics) {
    this.#metrics = metrics;
    this.#levels = [
      {
        name: 'caller',
        holder: 'a caller',
        max: perCaller,
        keyOf: ({ principal }) => principal,
        describe: (max) => `A caller may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_CALLER).`,
        counts: new Counts(),
        ...documentsWithin(maxDocumentMiB.perCaller),
      },
      {
        name: 'tenant',
        holder: 'a sandbox',
        max: perTenant,
        keyOf: ({ tenant }) => tenantKey(tenant),
        describe: (max) => `A sandbox may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS_PER_TENANT).`,
        counts: new Counts(),
        ...documentsWithin(maxDocumentMiB.perTenant),
      },
      {
        name: 'total',
        holder: 'the gateway',
        max: total,
        keyOf: () => '',
        describe: (max) => `The gateway may have ${max} subscriptions open at a time (MAX_SUBSCRIPTIONS).`,
        counts: new Counts(),
        ...documentsWithin(maxDocumentMiB.total),
      },
    ];
  }

  open({ principal, tenant, record }: QuotaHolder): SubscriptionSlot {
    // Copies only these, because the given object is the context of an operation and must not stay in memory.
    const counted = { principal, tenant, document: record?.operation?.document ?? null };
    const { document } = counted;
    const full = this.#levels.find(({ counts, keyOf, max }) => counts.of(keyOf(counted)) >= max);
    if (full !== undefined) this.#reject(full, full.describe(full.max));
    const large = this.#levels.find(
      ({ documents, keyOf }) => document !== null && !documents.hasRoomFor(keyOf(counted), document),
    );
    if (large !== undefined) {
      const { holder, maxMiB } = large;
      this.#reject(large, `The documents of the open subscriptions of ${holder} may have ${maxMiB} MiB together.`);
    }
    for (const { name, counts, documents, keyOf } of this.#levels) {
      counts.add(keyOf(counted), 1);
      const isFirst = document !== null && documents.add(keyOf(counted), document);
      if (isFirst && name === 'total') document.keep();
    }
    this.#metrics.opened();
    return new Slot(this, counted);
  }

  /** Called once for each slot. */
  close(counted: Counted, reason: SubscriptionEnd): void {
    const { document } = counted;
    for (const { name, counts, documents, keyOf } of this.#levels) {
      counts.add(keyOf(counted), -1);
      const wasLast = document !== null && documents.remove(keyOf(counted), document);
      if (wasLast && name === 'total') document.release();
    }
    this.#metrics.closed(reason);
  }

  delivered(): void {
    this.#metrics.delivered();
  }

  #reject({ name }: Level, message: string): never {
    this.#metrics.rejected({ limit: name });
    throw new RateLimitedError({ message });
  }
}

/**
 * One counted subscription. It is an instance of a class to save memory, because thousands of silent subscribers have
 * one each.
 */
class Slot implements SubscriptionSlot {
  readonly #quota: Quota;
  /** Null: the subscription has ended. */
  #counted: Counted | null;

  constructor(quota: Quota, counted: Counted) {
    this.#quota = quota;
    this.#counted = counted;
  }

  delivered(): void {
    this.#quota.delivered();
  }

  end(reason: SubscriptionEnd): void {
    const counted = this.#counted;
    this.#counted = null;
    if (counted !== null) this.#quota.close(counted, reason);
  }
}
