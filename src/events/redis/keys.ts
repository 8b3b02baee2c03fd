import type { Tenant } from '../../domain/tenant.ts';

/**
 * Version of the format. Replicas of different versions share no feeds, because each would misread the data of the
 * other.
 */
const format = 'v7';

/** Keys and channel of one feed. Redis Cluster is not supported, because nothing keeps these keys in one hash slot. */
export interface FeedKeys {
  /** Prefix of all keys of the feed. It is unique per tenant, because no part of a tenant contains a slash. */
  readonly prefix: string;
  /** Stream: one record for each write. */
  readonly events: string;
  /** Hash: entities by key. */
  readonly snapshot: string;
  /** Hash: head and state of the log, and the term of its writer. */
  readonly meta: string;
  /** Channel on which each record is published. */
  readonly channel: string;
}

export function feedKeys({ org, sandbox }: Tenant, kind: string): FeedKeys {
  const prefix = `aep:${format}:${org}/${sandbox}/${kind}`;
  return {
    prefix,
    events: `${prefix}:events`,
    snapshot: `${prefix}:snapshot`,
    meta: `${prefix}:meta`,
    channel: `${prefix}:records`,
  };
}
