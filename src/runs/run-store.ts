import type { Run } from '../domain/runs/run.ts';
import { type Tenant, tenantKey } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';

/** The name of a kind of runs, for keys and logs. */
export type RunKind = 'export-jobs' | 'segment-jobs';

export interface RunExchange {
  readonly tenant: Tenant;
  readonly kind: RunKind;
  /** Runs to add. A run with a known id replaces the known one. */
  readonly added: readonly Run[];
  /** Ids of the runs to remove. */
  readonly dropped: readonly string[];
  /** The version of the last exchange of this replica; null in the first one. */
  readonly version: string | null;
}

export interface ExchangedRuns {
  readonly version: string;
  /** All stored runs; null: they have not changed since the given version, except by this exchange. */
  readonly runs: readonly Run[] | null;
  /** Ids of stored values of another format. */
  readonly unreadable: readonly string[];
}

/** Holds the runs of all tenants beyond the life of one replica. Each replica has an index of the runs that it uses. */
export interface RunStore {
  /** @throws {RedisUnavailableError} the store is unreachable; it may have received the runs */
  exchange(exchange: RunExchange): Promise<ExchangedRuns>;
  /**
   * Returns true for one caller of all replicas in a period, per tenant.
   * @throws {RedisUnavailableError} the store is unreachable
   */
  claim(tenant: Tenant, periodMs: number): Promise<boolean>;
}

/** Maximum number of tenants with a claim. The oldest claim is dropped first. */
const maxClaims = 10_000;

/** A store of one replica, which ends with it. It holds only claims, because the index holds the runs. */
export function createMemoryRunStore({ clock }: { readonly clock: Pick<Clock, 'monotonicMs'> }): RunStore {
  const claimedUntilMs = new Map<string, number>();
  return {
    exchange: async () => ({ version: '', runs: null, unreadable: [] }),
    claim: async (tenant, periodMs) => {
      const key = tenantKey(tenant);
      const nowMs = clock.monotonicMs();
      if (nowMs < (claimedUntilMs.get(key) ?? 0)) return false;
      claimedUntilMs.delete(key);
      claimedUntilMs.set(key, nowMs + periodMs);
      const [oldest] = claimedUntilMs.keys();
      if (claimedUntilMs.size > maxClaims && oldest !== undefined) claimedUntilMs.delete(oldest);
      return true;
    },
  };
}
