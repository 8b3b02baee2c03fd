import { createHash } from 'node:crypto';
import { type Tenant, tenantKey } from '../domain/tenant.ts';
import { ConflictError, mayHaveHappened } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';

/** A create that must happen once, however often it is asked for. */
export interface IdempotentCreate {
  readonly tenant: Tenant;
  /** What is created: keys of different operations do not meet. */
  readonly operation: string;
  /** The caller's idempotency key. */
  readonly key: string;
  /** The checked input: the same key must come with the same one. */
  readonly input: unknown;
}

/** What has been created under which idempotency key, of all tenants. */
export interface IdempotencyRecords {
  /**
   * Creates, unless that was done before: then answers with the id of the first time. While the first one is under way,
   * the others wait for it. A create that was refused leaves its key free; one that may have
   * happened keeps it.
   * @throws {ConflictError} the key was used with another input
   * @throws {GatewayError} an earlier create may have happened or not, or that cannot be found out now. Nothing was created.
   * @throws what `create` throws
   */
  run(
    request: IdempotentCreate,
    create: () => Promise<string>,
  ): Promise<{ readonly id: string; readonly replayed: boolean }>;
}

/** How long a key is remembered, in milliseconds. */
export const keyLifetimeMs = 24 * 60 * 60 * 1_000;
/** Keys kept in memory; beyond that the oldest are forgotten first. */
const maxRecords = 100_000;

export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

export const otherInput = (): ConflictError =>
  new ConflictError({ message: 'The idempotency key was used before, with another input.' });

interface IdempotencyRecord {
  readonly inputDigest: string;
  readonly outcome: Promise<string>;
  readonly expiresAtMs: number;
}

/** Records in the memory of this process: they end with it, and other replicas do not see them. */
export function createMemoryIdempotencyRecords({ clock }: { readonly clock: Clock }): IdempotencyRecords {
  const records = new Map<string, IdempotencyRecord>();

  const forgetOld = (nowMs: number): void => {
    for (const [key, record] of records) {
      if (record.expiresAtMs > nowMs && records.size < maxRecords) return;
      records.delete(key);
    }
  };

  return {
    run: async ({ tenant, operation, key, input }, create) => {
      const nowMs = clock.now().getTime();
      forgetOld(nowMs);
      const recordKey = JSON.stringify([tenantKey(tenant), operation, key]);
      const inputDigest = digest(JSON.stringify(input));
      const known = records.get(recordKey);
      if (known !== undefined) {
        if (known.inputDigest !== inputDigest) {
          throw otherInput();
        }
        return { id: await known.outcome, replayed: true };
      }

      const outcome = create();
      records.set(recordKey, { inputDigest, outcome, expiresAtMs: nowMs + keyLifetimeMs });
      try {
        return { id: await outcome, replayed: false };
      } catch (error) {
        if (!mayHaveHappened(error)) records.delete(recordKey);
        throw error;
      }
    },
  };
}
