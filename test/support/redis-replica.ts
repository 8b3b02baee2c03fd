import type { EventLog } from '../../src/events/log.ts';
import { type FeedKeys, feedKeys } from '../../src/events/redis/keys.ts';
import { createRedisEventLog, type RedisEventLogOptions } from '../../src/events/redis/log.ts';
import type { LogHeartbeat } from '../../src/events/redis/mirror.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type Redis, startRedis } from '../../src/runtime/redis.ts';
import { namesakeOf, tenantOf } from './tenants.ts';

/** The Redis parts of one gateway process: its connections, and a heartbeat that the test controls. */
export interface RedisReplica extends AsyncDisposable {
  readonly redis: Redis;
  readonly heartbeat: TestHeartbeat;
  /** All log lines, as JSON. */
  readonly logged: readonly string[];
  createLog<Entity>(
    options: Pick<RedisEventLogOptions<Entity>, 'key' | 'maxEntries' | 'maxBytes' | 'retentionMs'> & {
      readonly keys: FeedKeys;
    },
  ): EventLog<Entity>;
}

export function startReplica(url: string, clock: Clock = systemClock): RedisReplica {
  const logged: string[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } });
  const redis = startRedis({ url, clock, logger });
  const heartbeat = new TestHeartbeat();
  return {
    redis,
    heartbeat,
    logged,
    createLog: (options) => createRedisEventLog({ ...options, redis, heartbeat, clock, logger }),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

/** A heartbeat that extends no expiry by itself, and reports a replaced database on request of the test. */
export class TestHeartbeat implements LogHeartbeat {
  readonly kept = new Set<{ readonly keys: readonly string[]; readonly ms: number }>();
  readonly #listeners = new Set<{ databaseReplaced(): void }>();

  keepAlive(keys: readonly string[], ms: number): Disposable {
    const kept = { keys, ms };
    this.kept.add(kept);
    return { [Symbol.dispose]: () => void this.kept.delete(kept) };
  }

  listen(listener: { databaseReplaced(): void }): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  replaceDatabase(): void {
    for (const listener of this.#listeners) listener.databaseReplaced();
  }
}

let feeds = 0;

/**
 * Keys of a feed that no other test uses. The feed with the same names in another organization has an entity, a
 * checkpoint and a later term, so that a test fails if its log reads or writes the keys of that organization.
 */
export async function ownKeys(replica: Pick<RedisReplica, 'createLog'>): Promise<FeedKeys> {
  feeds += 1;
  const kind = `feed-${feeds}`;
  const tenant = tenantOf('prod');
  await using namesake = replica.createLog<{ readonly id: string }>({
    key: ({ id }) => id,
    keys: feedKeys(namesakeOf(tenant), kind),
  });
  const changes = [{ kind: 'CREATED', entity: { id: 'of the other organization' } }] as const;
  await namesake.write({ changes, note: 'of the other organization' }, { observedAt: new Date(0), term: 1_000_000 });
  return feedKeys(tenant, kind);
}
