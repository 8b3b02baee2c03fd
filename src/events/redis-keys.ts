import type { Tenant } from '../domain/tenant.ts';

/** Version of what is written. Replicas of different versions do not share feeds: each would misread the other's. */
const format = 'v2';

/** The keys of one feed. They have one hash tag, so that a script may use them together also in a cluster. */
export interface FeedKeys {
  /** What all keys of the feed begin with. No two tenants share one: neither part of a tenant may hold a slash. */
  readonly prefix: string;
  /** Stream: one record for each write. */
  readonly events: string;
  /** Hash: entities by key. */
  readonly snapshot: string;
  /** Hash: epoch, last record, state of the feed, note, and the term of the lease. */
  readonly meta: string;
}

export function feedKeys({ org, sandbox }: Tenant, kind: string): FeedKeys {
  const prefix = `aep:${format}:{${org}/${sandbox}/${kind}}`;
  return { prefix, events: `${prefix}:events`, snapshot: `${prefix}:snapshot`, meta: `${prefix}:meta` };
}
