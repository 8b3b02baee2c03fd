import { type Tenant, tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';

/**
 * Time for which the platform permits a tenant no call of one service. It outlives the feed whose round received the
 * response.
 */
export interface PlatformHold {
  /** Monotonic milliseconds; 0: there is no hold. */
  readonly untilMs: number;
  extend(untilMs: number): void;
}

/** The holds of all tenants, by tenant and service. */
export class PlatformHolds {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Number of remembered holds. */
  get size(): number {
    return this.#untilMs.size;
  }

  of(tenant: Tenant, service: string): PlatformHold {
    const key = JSON.stringify([tenantKey(tenant), service]);
    const known = () => this.#untilMs.get(key) ?? 0;
    return {
      get untilMs() {
        return known();
      },
      extend: (untilMs) => {
        this.#forgetPast();
        this.#untilMs.set(key, Math.max(known(), untilMs));
      },
    };
  }

  #forgetPast(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(key);
  }
}
