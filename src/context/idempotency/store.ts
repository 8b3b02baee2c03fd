import { createHash } from 'node:crypto';
import type { Tenant } from '../../domain/tenant.ts';
import type { Logger } from '../../runtime/logger.ts';

/** Identifies one record. The same key of another tenant or operation is another record. */
export interface IdempotencyKey {
  readonly tenant: Tenant;
  /** Kind of create, such as `createExportJob`. */
  readonly operation: string;
  /** The key that the caller sent. */
  readonly key: string;
}

/** Outcome of a create. `free`: nothing was created, and the key can be used again. */
export type CreateEnd =
  | { readonly state: 'done'; readonly id: string }
  | { readonly state: 'unknown' }
  | { readonly state: 'free' };

/**
 * The right to create under a key. The record is `claimed` first. If its owner is lost then, the claim expires, and the
 * key is free again. The record becomes `running` immediately before the create is sent. If its owner is lost then, the
 * outcome is unknown.
 */
export interface Claim {
  /**
   * Changes the record from `claimed` to `running`.
   * @returns false if the claim is no longer held. The caller must not create then.
   * @throws {UpstreamUnreachableError} the store is unavailable. The caller must not create then.
   */
  start(): Promise<boolean>;
  /** Ends the claim. If the store is unavailable, the end is repeated later while it is useful. Never rejects. */
  end(outcome: CreateEnd): Promise<void>;
}

/** `conflict`: the key was used with another input. `busy`: another request holds the key. */
export type ClaimResult =
  | { readonly state: 'claimed'; readonly claim: Claim }
  | { readonly state: 'done'; readonly id: string }
  | { readonly state: 'conflict' | 'unknown' }
  | {
      readonly state: 'busy';
      /**
       * Resolves when the record may have changed.
       * @throws the reason of the signal
       */
      changed(signal: AbortSignal): Promise<void>;
    };

/** Stores the records. Every method is atomic. */
export interface IdempotencyStore {
  /**
   * Claims a free key, or returns the state of its record.
   * @param inputDigest digest of the input, which must be the same for the same key
   * @param logger of the caller's request, for lines about the claim. @default the logger of the store
   * @throws {UpstreamUnreachableError} the store is unavailable
   * @throws {RateLimitedError} the store has no room for another running create
   */
  claim(key: IdempotencyKey, inputDigest: string, logger?: Pick<Logger, 'warn'>): Promise<ClaimResult>;
}

/** Time for which a key is remembered, in milliseconds. */
export const keyLifetimeMs = 24 * 60 * 60 * 1_000;

/** A byte that no UTF-8 text contains. */
const notUtf8 = Buffer.from([0xff]);

/**
 * Digest of a text. Texts that differ in any UTF-16 code unit have different digests. A text with lone surrogates is
 * hashed by its code units, because UTF-8 has only one replacement character for all of them.
 */
export function digest(text: string): string {
  const hash = createHash('sha256');
  if (text.isWellFormed()) hash.update(text);
  else hash.update(notUtf8).update(Buffer.from(text, 'utf16le'));
  return hash.digest('base64url');
}
