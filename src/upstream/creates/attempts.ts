import { createHash } from 'node:crypto';
import { type Tenant, tenantKey } from '../../domain/tenant.ts';
import type { Clock } from '../../runtime/clock.ts';

/**
 * Time for which a create is remembered, in milliseconds. It is longer than any call whose response may be lost,
 * including the lookup of its result.
 */
const rememberMs = 300_000;
/** Maximum numbers of remembered creates. An entry takes about 300 bytes, because it contains only digests. */
const maxEntriesPerTenant = 5_000;
const maxEntries = 50_000;
/** Time between two searches for entries that have become old, in milliseconds. */
const sweepIntervalMs = 10_000;

/**
 * Recent creates of this process, so that the result of one create is never taken for the result of another one. Each
 * process has its own record. If a tenant has too many entries, the oldest are dropped; for the next five minutes
 * lost creates of that tenant are then found by their request id only.
 */
export interface CreateAttempts {
  /**
   * Records a create before it is sent.
   * @param options.group creates of a tenant whose results could be taken for each other
   * @param options.body the body of the request
   */
  begin(options: { readonly tenant: Tenant; readonly group: string; readonly body: string }): CreateAttempt;
  /** Creates that are remembered, the groups that they are in, and their tenants. */
  readonly size: { readonly creates: number; readonly groups: number; readonly tenants: number };
}

/** A create. It ends by `succeeded`, `refused` or `lost`; a lost create may then claim an entity. */
export interface CreateAttempt {
  readonly startedAt: Date;
  /** The platform returned this entity. No other create can claim it. */
  succeeded(id: string): void;
  /** Nothing was created. */
  refused(): void;
  /** The outcome is unknown. */
  lost(): void;
  /** Whether an entity is known as the result of another create. */
  isTaken(id: string): boolean;
  /**
   * Takes an entity for the result of this lost create. False if that is not certain: the entity is taken, or another
   * create of the group that is running or was lost may have made it.
   * @param proven no other create can have made the entity
   */
  claim(id: string, proven: boolean): boolean;
}

interface Entry {
  readonly digest: string;
  state: 'running' | 'lost' | 'created';
  /** Digest of the entity's id. */
  id: string | null;
  /** Time at which the state was reached. */
  atMs: number;
}

/** Creates of one tenant. */
interface Tenancy {
  readonly key: string;
  /** By digest of the group, least recently used group first. */
  readonly groups: Map<string, Set<Entry>>;
  size: number;
  /** Time until which the record is incomplete, because entries were dropped to stay within the bounds. */
  incompleteUntilMs: number;
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64');

export function createAttempts(clock: Clock): CreateAttempts {
  /**
   * Least recently used tenant first. `LRUCache` does not fit, because it drops whole entries at its bound: here running
   * creates stay, and a tenant stays until its record is complete again.
   */
  const tenancies = new Map<string, Tenancy>();
  let size = 0;
  let sweepAtMs = 0;
  const nowMs = () => clock.monotonicMs();

  const remove = (tenancy: Tenancy, group: string, entry: Entry): void => {
    const entries = tenancy.groups.get(group);
    if (entries?.delete(entry) !== true) return;
    tenancy.size -= 1;
    size -= 1;
    if (entries.size === 0) tenancy.groups.delete(group);
    if (tenancy.size === 0 && tenancy.incompleteUntilMs <= nowMs()) tenancies.delete(tenancy.key);
  };

  const sweep = (): void => {
    if (nowMs() < sweepAtMs) return;
    sweepAtMs = nowMs() + sweepIntervalMs;
    const oldestMs = nowMs() - rememberMs;
    for (const tenancy of tenancies.values()) {
      for (const [group, entries] of tenancy.groups) {
        for (const entry of entries) {
          if (entry.state !== 'running' && entry.atMs <= oldestMs) remove(tenancy, group, entry);
        }
      }
      if (tenancy.size === 0 && tenancy.incompleteUntilMs <= nowMs()) tenancies.delete(tenancy.key);
    }
  };

  /** Drops the oldest entries of a tenant. Running creates stay, because they end soon. */
  const dropTo = (tenancy: Tenancy, bound: number): void => {
    for (const [group, entries] of tenancy.groups) {
      for (const entry of entries) {
        if (tenancy.size <= bound) return;
        if (entry.state === 'running') continue;
        tenancy.incompleteUntilMs = nowMs() + rememberMs;
        remove(tenancy, group, entry);
      }
    }
  };

  const tenancyOf = (tenant: Tenant): Tenancy => {
    const key = tenantKey(tenant);
    const tenancy = tenancies.get(key) ?? { key, groups: new Map(), size: 0, incompleteUntilMs: 0 };
    tenancies.delete(key);
    tenancies.set(key, tenancy);
    return tenancy;
  };

  return {
    begin: ({ tenant, group: name, body }) => {
      sweep();
      const tenancy = tenancyOf(tenant);
      dropTo(tenancy, maxEntriesPerTenant - 1);
      for (const oldest of tenancies.values()) {
        if (size < maxEntries) break;
        dropTo(oldest, 0);
      }
      const [group, digest] = [digestOf(name), digestOf(body)];
      const entry: Entry = { digest, state: 'running', id: null, atMs: nowMs() };
      const entries = tenancy.groups.get(group) ?? new Set<Entry>();
      tenancy.groups.delete(group);
      tenancy.groups.set(group, entries.add(entry));
      tenancy.size += 1;
      size += 1;

      const become = (state: Entry['state'], id: string | null) => {
        entry.state = state;
        entry.id = id === null ? null : digestOf(id);
        entry.atMs = nowMs();
      };
      const others = () => [...entries].filter((other) => other !== entry);
      const isTaken = (id: string) => {
        const idDigest = digestOf(id);
        return others().some((other) => other.id === idDigest);
      };
      // A lost create of the same body would have made the same entity.
      const isOpen = (other: Entry) => other.state === 'running' || (other.state === 'lost' && other.digest !== digest);

      return {
        startedAt: clock.now(),
        succeeded: (id) => become('created', id),
        refused: () => remove(tenancy, group, entry),
        lost: () => become('lost', null),
        isTaken,
        claim: (id, proven) => {
          if (isTaken(id)) return false;
          if (!proven && (tenancy.incompleteUntilMs > nowMs() || others().some(isOpen))) return false;
          become('created', id);
          return true;
        },
      };
    },
    get size() {
      const groups = [...tenancies.values()].reduce((sum, tenancy) => sum + tenancy.groups.size, 0);
      return { creates: size, groups, tenants: tenancies.size };
    },
  };
}
