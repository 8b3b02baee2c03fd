import { tenantKey } from '../../domain/tenant.ts';
import { RateLimitedError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { untilAborted } from '../../runtime/until-aborted.ts';
import { type ClaimResult, type CreateEnd, digest, type IdempotencyStore, keyLifetimeMs } from './store.ts';

/**
 * Maximum number of records of one tenant. The oldest ended ones are dropped first. An LRU cache is not suitable,
 * because records of running creates must be kept, and bounds exist for a tenant and for all tenants.
 */
const maxRecordsPerTenant = 10_000;
const maxBytesPerTenant = 4 * 2 ** 20;
/** Maximum number of records of all tenants. The tenant with the most records loses its oldest. */
const maxRecords = 100_000;
/** Size of a record without the id of the created entity, in bytes: two digests, and the objects around them. */
const recordBytes = 400;
/** Interval in which expired records of all tenants are searched for, in milliseconds. */
const sweepIntervalMs = 60_000;

interface MemoryRecord {
  readonly inputDigest: string;
  readonly expiresAtMs: number;
  /** Outcome of the create; null: it runs. */
  end: Exclude<CreateEnd, { readonly state: 'free' }> | null;
  /** Resolves when the create has ended. */
  readonly ended: Promise<void>;
}

/** Records of one tenant, oldest first. */
interface TenantRecords {
  readonly byKey: Map<string, MemoryRecord>;
  bytes: number;
}

/** A store with its size: the number of keys, and of tenants with keys. */
export type MemoryIdempotencyStore = IdempotencyStore & {
  readonly size: { readonly keys: number; readonly tenants: number };
};

/**
 * Creates a store in the memory of this process. Its records are lost when the process ends, and other replicas do not
 * see them. Claims need no expiry, because their owner can only be lost together with the store.
 */
export function createMemoryIdempotencyStore({
  clock,
}: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): MemoryIdempotencyStore {
  const tenants = new Map<string, TenantRecords>();
  let size = 0;
  let sweepAtMs = 0;

  const remove = (tenant: string, key: string): void => {
    const records = tenants.get(tenant);
    const record = records?.byKey.get(key);
    if (records === undefined || record === undefined) return;
    records.byKey.delete(key);
    records.bytes -= bytesOf(record);
    size -= 1;
    if (records.byKey.size === 0) tenants.delete(tenant);
  };

  const removeExpired = (tenant: string, nowMs: number): void => {
    for (const [key, record] of tenants.get(tenant)?.byKey ?? []) {
      if (record.expiresAtMs > nowMs) return;
      if (record.end !== null) remove(tenant, key);
    }
  };

  /** @returns false if the tenant has no ended record */
  const removeOldest = (tenant: string): boolean => {
    for (const [key, { end }] of tenants.get(tenant)?.byKey ?? []) {
      if (end === null) continue;
      remove(tenant, key);
      return true;
    }
    return false;
  };

  const largest = (): string => {
    let found = { tenant: '', size: 0 };
    for (const [tenant, { byKey }] of tenants) if (byKey.size > found.size) found = { tenant, size: byKey.size };
    return found.tenant;
  };

  const isFull = (tenant: string): boolean => {
    const records = tenants.get(tenant);
    if (records === undefined) return false;
    return records.byKey.size >= maxRecordsPerTenant || records.bytes + recordBytes > maxBytesPerTenant;
  };

  /** @throws {RateLimitedError} all records belong to running creates */
  const makeRoom = (tenant: string): void => {
    while (isFull(tenant) || size >= maxRecords) {
      if (removeOldest(isFull(tenant) ? tenant : largest())) continue;
      throw new RateLimitedError({ message: 'Too many creates with idempotency keys are running at this moment.' });
    }
  };

  const add = (tenant: string, key: string, inputDigest: string, nowMs: number): ClaimResult => {
    makeRoom(tenant);
    let resolve = () => {};
    const ended = new Promise<void>((settle) => {
      resolve = settle;
    });
    const record: MemoryRecord = { inputDigest, expiresAtMs: nowMs + keyLifetimeMs, end: null, ended };
    const records = tenants.get(tenant) ?? { byKey: new Map<string, MemoryRecord>(), bytes: 0 };
    tenants.set(tenant, records);
    records.byKey.set(key, record);
    records.bytes += recordBytes;
    size += 1;
    const end = async (outcome: CreateEnd): Promise<void> => {
      if (outcome.state === 'free') remove(tenant, key);
      else {
        record.end = outcome;
        records.bytes += bytesOf(record) - recordBytes;
      }
      resolve();
    };
    return { state: 'claimed', claim: { start: async () => true, end } };
  };

  return {
    claim: async ({ tenant: { org, sandbox }, operation, key }, inputDigest) => {
      const nowMs = clock.monotonicMs();
      const tenant = tenantKey({ org, sandbox });
      const recordKey = JSON.stringify([operation, digest(key)]);
      if (nowMs >= sweepAtMs) {
        sweepAtMs = nowMs + sweepIntervalMs;
        for (const each of tenants.keys()) removeExpired(each, nowMs);
      }
      removeExpired(tenant, nowMs);
      const known = tenants.get(tenant)?.byKey.get(recordKey);
      if (known === undefined) return add(tenant, recordKey, inputDigest, nowMs);
      if (known.inputDigest !== inputDigest) return { state: 'conflict' };
      return known.end ?? { state: 'busy', changed: (signal) => untilAborted(known.ended, signal) };
    },
    get size() {
      return { keys: size, tenants: tenants.size };
    },
  };
}

const bytesOf = ({ end }: MemoryRecord): number => recordBytes + (end?.state === 'done' ? 2 * end.id.length : 0);
