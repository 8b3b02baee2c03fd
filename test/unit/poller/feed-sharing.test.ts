import { describe, expect, it } from 'vitest';
import { feedKeys } from '../../../src/events/redis-keys.ts';
import { unshared } from '../../../src/poller/feed-sharing.ts';
import { leaseMsFor } from '../../../src/poller/redis-coordinator.ts';
import { shareByRedis } from '../../../src/poller/redis-sharing.ts';
import { type Redis, type RedisClient, RedisUnavailableError } from '../../../src/runtime/redis.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { namesakeOf, tenantOf } from '../../support/tenants.ts';
import { settle } from './fake-platform.ts';

const source = { kind: 'items', key: ({ id }: { readonly id: string }) => id };

/** What replicas share by a Redis that replies to nothing, and what it holds for them. */
function setUp() {
  const clock = new FakeClock();
  const channels = new Set<string>();
  const sent: (readonly string[])[] = [];
  // What is shared calls nothing else of a client.
  const client = {
    evalSha: async (_: string, options: { readonly arguments: readonly string[] }) => {
      sent.push(options.arguments);
      throw new RedisUnavailableError('Redis is unavailable.');
    },
  } as unknown as RedisClient;
  const redis: Redis = {
    state: 'away',
    send: (commands) => commands(client),
    subscribe: (channel) => {
      channels.add(channel);
      return { [Symbol.dispose]: () => void channels.delete(channel) };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const parts: { readonly name: string; readonly close: () => PromiseLike<void> | void }[] = [];
  const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const sharing = shareByRedis({
    redis,
    clock,
    // Nothing else of a logger is called.
    logger: logger as unknown as Parameters<typeof shareByRedis>[0]['logger'],
    pollMinMs: 4_000,
    lifecycle: { add: (name, close) => void parts.push({ name, close }) },
  });
  return { clock, channels, sent, parts, sharing };
}

describe('what the feeds of replicas share by Redis', () => {
  it('is a registration that holds as long as the pace needs, and seats, which are closed in the reverse order', async () => {
    const { clock, sent, parts, sharing, channels } = setUp();
    expect(parts.map(({ name }) => name)).toEqual(['heartbeat in Redis', 'poll leases']);
    await settle();
    expect(sent[0]?.[1]).toBe(`${leaseMsFor(4_000)}`);
    const { coordinator } = sharing<typeof item>(source);
    coordinator?.join(
      { tenant: tenantOf('prod'), kind: 'items' },
      { received: () => undefined, termChanged: () => undefined, unreachable: () => undefined },
    );
    expect(channels.size).toBe(1);
    await parts[1]?.close();
    expect(channels.size).toBe(0);
    expect(clock.pending()).toBeGreaterThan(0);
    await parts[0]?.close();
    expect(clock.pending()).toBe(0);
  });

  it('is a log for each tenant and kind, of which a replica that does not follow it keeps nothing', () => {
    const { sharing, channels } = setUp();
    const { createLog, retentionMs } = sharing<typeof item>(source);
    const tenants = [tenantOf('prod'), namesakeOf(tenantOf('prod'))];
    for (const tenant of tenants) createLog?.(tenant).watch(() => undefined);
    expect([...channels]).toEqual(tenants.map((tenant) => feedKeys(tenant, 'items').channel));
    expect(retentionMs).toBe(0);
  });

  it('is nothing where each replica is on its own', () => {
    expect(unshared<typeof item>(source)).toEqual({});
  });
});

const item = { id: 'a', requestedAt: new Date(0), observedAt: new Date(0) };
