import { createHash } from 'node:crypto';
import type { Tenant } from '../domain/tenant.ts';

/** Names one record. Keys of different tenants or operations are different. */
export interface IdempotencyKey {
  readonly tenant: Tenant;
  /** Kind of create: `createExportJob`. */
  readonly operation: string;
  /** The caller's key. */
  readonly key: string;
}

/** How a create ended. `free`: nothing was created, and the key can be used again. */
export type CreateEnd =
  | { readonly state: 'done'; readonly id: string }
  | { readonly state: 'unknown' }
  | { readonly state: 'free' };

/**
 * The right to create under a key. The record is `claimed` first: if its owner is lost, the claim expires, and the key is
 * free again. It becomes `running` immediately before the create is sent: if its owner is lost then, the outcome is
 * unknown.
 */
export interface Claim {
  /**
   * Changes the record from `claimed` to `running`.
   * @returns false if the claim is no longer held. Nothing may be created then.
   * @throws {UpstreamUnreachableError} the store cannot be used now. Nothing may be created then.
   */
  start(): Promise<boolean>;
  /** Ends the claim. If the store cannot be used now, the end is repeated later while it is of use. Never rejects. */
  end(outcome: CreateEnd): Promise<void>;
}

/** `conflict`: the key came with another input. `busy`: another request holds the key. */
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

/** Holds the records. Every method is one atomic step. */
export interface IdempotencyStore {
  /**
   * Claims a free key, or returns what is known about it.
   * @param inputDigest the same key must come with the same input
   * @throws {UpstreamUnreachableError} the store cannot be used now
   * @throws {RateLimitedError} the store has no room for another running create
   */
  claim(key: IdempotencyKey, inputDigest: string): Promise<ClaimResult>;
}

/** Time for which a key is remembered, in milliseconds. */
export const keyLifetimeMs = 24 * 60 * 60 * 1_000;

/** A byte that no UTF-8 text contains. */
const notUtf8 = Buffer.from([0xff]);

/**
 * Digest of a text. Texts that differ in any UTF-16 code unit have different digests: UTF-8 has one replacement character
 * for all lone surrogates, so that a text with lone surrogates is hashed by its code units.
 */
export function digest(text: string): string {
  const hash = createHash('sha256');
  if (text.isWellFormed()) hash.update(text);
  else hash.update(notUtf8).update(Buffer.from(text, 'utf16le'));
  return hash.digest('base64url');
}
