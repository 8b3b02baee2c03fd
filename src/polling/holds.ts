import { type Tenant, tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

/**
 * Time for which the platform permits a tenant no call of one service. It outlives the feed whose round received the
 * response, and the replica if there is a store.
 */
export interface PlatformHold {
  /** Monotonic milliseconds; 0: there is no hold. */
  readonly untilMs: number;
  extend(untilMs: number): void;
  /**
   * Reads the hold that other replicas have stored. Call it when this replica begins to poll. Never rejects: without the
   * store, this replica keeps the hold that it knows.
   */
  refresh(): Promise<void>;
}

/** The service of a tenant that a hold concerns. */
export interface HoldName {
  readonly tenant: Tenant;
  /** `service` of the feed's source. */
  readonly service: string;
}

/** Holds that all replicas share. It stores remaining times, because replicas have different clocks. */
export interface HoldStore {
  /**
   * Remaining time of a hold in milliseconds; 0: there is no hold.
   * @throws the store cannot be reached
   */
  read(name: HoldName): Promise<number>;
  /**
   * Stores a hold that ends after `ms` milliseconds, unless one is stored that ends later.
   * @throws the store cannot be reached
   */
  extend(name: HoldName, ms: number): Promise<void>;
}

export interface PlatformHoldsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly logger: Pick<Logger, 'debug'>;
  /** Null: this is the only replica. @default null */
  readonly store?: HoldStore | null;
}

/** The holds of all tenants, by tenant and service. */
export class PlatformHolds {
  readonly #options: PlatformHoldsOptions;
  readonly #untilMs = new Map<string, number>();
  /** Writes to the store that have not ended. */
  readonly #writes = new Set<Promise<void>>();

  constructor(options: PlatformHoldsOptions) {
    this.#options = options;
  }

  /** Number of remembered holds. */
  get size(): number {
    return this.#untilMs.size;
  }

  /** Resolves when the holds so far are stored, or could not be. A replica that stops waits for it. */
  async stored(): Promise<void> {
    await Promise.all(this.#writes);
  }

  of(tenant: Tenant, service: string): PlatformHold {
    const { clock, logger, store = null } = this.#options;
    const name = { tenant, service };
    const key = JSON.stringify([tenantKey(tenant), service]);
    const known = () => this.#untilMs.get(key) ?? 0;
    const note = (err: unknown) =>
      logger.debug({ ...tenant, service, err }, 'could not share the pause of the platform');
    return {
      get untilMs() {
        return known();
      },
      extend: (untilMs) => {
        if (!this.#extend(key, untilMs)) return;
        if (store === null) return;
        const write = store
          .extend(name, Math.ceil(untilMs - clock.monotonicMs()))
          .catch(note)
          .finally(() => this.#writes.delete(write));
        this.#writes.add(write);
      },
      refresh: async () => {
        if (store === null) return;
        try {
          const leftMs = await store.read(name);
          if (leftMs > 0) this.#extend(key, clock.monotonicMs() + leftMs);
        } catch (error) {
          note(error);
        }
      },
    };
  }

  /** @returns whether the hold ends later than before */
  #extend(key: string, untilMs: number): boolean {
    this.#forgetPast();
    const isLater = untilMs > (this.#untilMs.get(key) ?? this.#options.clock.monotonicMs());
    if (isLater) this.#untilMs.set(key, untilMs);
    return isLater;
  }

  #forgetPast(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(key);
  }
}
