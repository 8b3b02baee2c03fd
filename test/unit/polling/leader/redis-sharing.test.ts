import { describe, expect, it } from 'vitest';
import { feedKeys } from '../../../../src/events/redis/keys.ts';
import { unshared } from '../../../../src/polling/feed-registry.ts';
import { leaseMsFor } from '../../../../src/polling/leader/redis.ts';
import { shareByRedis } from '../../../../src/polling/leader/redis-sharing.ts';
import { type Redis, type RedisClient, RedisUnavailableError } from '../../../../src/runtime/redis.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { namesakeOf, tenantOf } from '../../../support/tenants.ts';
import { settle } from '../fake-platform.ts';

const source = { kind: 'items', key: ({ id }: { readonly id: string }) => id };

/** The parts that replicas share through a Redis without replies, and the resources that it holds for them. */
function setUp() {
  const clock = new FakeClock();
  const channels = new Set<string>();
  const sent: (readonly string[])[] = [];
  // The shared parts call no other method of a client.
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
    // The cast is safe, because no other method of a logger is called.
    logger: logger as unknown as Parameters<typeof shareByRedis>[0]['logger'],
    pollMinMs: 4_000,
    lifecycle: { add: (name, close) => void parts.push({ name, close }) },
  });
  return { clock, channels, sent, parts, sharing };
}

describe('the parts that feeds share through Redis', () => {
  it('include a registration that is valid as long as the pace needs, and elections, which are closed in reverse order', async () => {
    const { clock, sent, parts, sharing, channels } = setUp();
    expect(parts.map(({ name }) => name)).toEqual(['heartbeat in Redis', 'poll leases']);
    await settle();
    expect(sent[0]?.[1]).toBe(`${leaseMsFor(4_000)}`);
    const { elections } = sharing<typeof item>(source);
    elections?.join(
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

  it('include a log for each tenant and kind, which a replica does not keep unless it follows it', () => {
    const { sharing, channels } = setUp();
    const { createLog, retentionMs } = sharing<typeof item>(source);
    const tenants = [tenantOf('prod'), namesakeOf(tenantOf('prod'))];
    for (const tenant of tenants) createLog?.(tenant).watch(() => undefined);
    expect([...channels]).toEqual(tenants.map((tenant) => feedKeys(tenant, 'items').channel));
    expect(retentionMs).toBe(0);
  });

  it('are empty if replicas do not share Redis', () => {
    expect(unshared<typeof item>(source)).toEqual({});
  });
});

const item = { id: 'a', requestedAt: new Date(0), observedAt: new Date(0) };
