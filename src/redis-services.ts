import { createRedisJobTexts } from './context/created-jobs/redis-store.ts';
import type { JobTexts } from './context/created-jobs/store.ts';
import { createRedisIdempotencyStore } from './context/idempotency/redis-store.ts';
import type { IdempotencyStore } from './context/idempotency/store.ts';
import type { FeedSharing } from './polling/feed-registry.ts';
import type { HoldStore } from './polling/holds.ts';
import { shareByRedis } from './polling/leader/redis-sharing.ts';
import { createRedisHoldStore } from './polling/redis-holds.ts';
import { createRedisRunStore } from './runs/redis-run-store.ts';
import type { RunStore } from './runs/run-store.ts';
import type { Clock } from './runtime/clock.ts';
import type { Lifecycle } from './runtime/lifecycle.ts';
import type { Logger } from './runtime/logger.ts';
import { type RedisState, startRedis } from './runtime/redis.ts';

export interface RedisServicesOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shortest pause between two rounds of a feed, in milliseconds. */
  readonly pollMinMs: number;
  /** Aborts all waits for Redis. */
  readonly lifetime: AbortSignal;
  /** Closes the connections, and the parts that depend on them before. */
  readonly lifecycle: Pick<Lifecycle, 'add'>;
}

/** The parts of a gateway that all replicas with the same Redis share. */
export interface RedisServices {
  readonly state: () => RedisState;
  readonly sharing: FeedSharing;
  readonly holds: HoldStore;
  readonly idempotency: IdempotencyStore;
  readonly exportRequests: JobTexts;
  readonly requesters: JobTexts;
  readonly runs: RunStore;
}

/** Connects in the background, so that the gateway starts without its Redis. */
export function startRedisServices({
  url,
  pollMinMs,
  lifetime,
  lifecycle,
  ...shared
}: RedisServicesOptions): RedisServices {
  const redis = startRedis({ url, ...shared });
  lifecycle.add('Redis', () => redis[Symbol.asyncDispose]());
  return {
    state: () => redis.state,
    sharing: shareByRedis({ redis, pollMinMs, lifecycle, ...shared }),
    holds: createRedisHoldStore({ redis }),
    idempotency: createRedisIdempotencyStore({ redis, lifetime, ...shared }),
    exportRequests: createRedisJobTexts({ redis, kind: 'export-request' }),
    requesters: createRedisJobTexts({ redis, kind: 'requested-by' }),
    runs: createRedisRunStore({ redis }),
  };
}
