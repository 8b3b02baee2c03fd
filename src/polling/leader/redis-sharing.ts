import { feedKeys } from '../../events/redis/keys.ts';
import { createRedisEventLog } from '../../events/redis/log.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Lifecycle } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Redis } from '../../runtime/redis.ts';
import { startRedisHeartbeat } from '../../runtime/redis-heartbeat.ts';
import type { FeedSharing } from '../feed-registry.ts';
import { createRedisElections, leaseMsFor } from './redis.ts';

export interface RedisSharingOptions {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shortest pause between two rounds, in milliseconds. */
  readonly pollMinMs: number;
  /** Closes the parts that are created here before Redis. */
  readonly lifecycle: Pick<Lifecycle, 'add'>;
}

/** All replicas with the same Redis share the logs, and one of them polls. */
export function shareByRedis({ redis, clock, logger, pollMinMs, lifecycle }: RedisSharingOptions): FeedSharing {
  const heartbeat = startRedisHeartbeat({ redis, clock, logger, leaseMs: leaseMsFor(pollMinMs) });
  lifecycle.add('heartbeat in Redis', () => heartbeat[Symbol.asyncDispose]());
  const elections = createRedisElections({ redis, heartbeat, clock, logger });
  lifecycle.add('poll leases', () => elections[Symbol.asyncDispose]());
  return ({ key, kind }) => ({
    elections,
    createLog: (tenant) => createRedisEventLog({ key, keys: feedKeys(tenant, kind), redis, heartbeat, clock, logger }),
    // Redis keeps the log. A replica without subscribers does not follow it.
    retentionMs: 0,
  });
}
