import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HoldName, PlatformHolds } from '../../src/polling/holds.ts';
import { createRedisHoldStore } from '../../src/polling/redis-holds.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { namesakeOf, tenantOf } from '../support/tenants.ts';

const logger = createLogger({ level: 'silent' });
const name: HoldName = { tenant: tenantOf('prod'), service: 'export' };
const minute = 60_000;

describeWithRedis('pauses of the platform in Redis', () => {
  let server: RedisUnderTest;
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** One gateway process. */
  const start = async (clock: Pick<FakeClock, 'monotonicMs'> = systemClock) => {
    const replica = startReplica(server.url);
    await eventually(() => expect(replica.redis.state).toBe('ready'));
    const store = createRedisHoldStore(replica);
    const holds = new PlatformHolds({ clock, logger, store });
    return { store, holds, [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose]() };
  };

  it('are the same for all replicas, whatever their clocks show', async () => {
    await using one = await start();
    const clock = new FakeClock();
    await using other = await start(clock);
    one.holds.of(name.tenant, name.service).extend(systemClock.monotonicMs() + minute);
    await eventually(async () => expect(await other.store.read(name)).toBeGreaterThan(0));
    const hold = other.holds.of(name.tenant, name.service);
    await hold.refresh();
    expect(hold.untilMs - clock.monotonicMs()).toBeGreaterThan(minute / 2);
    expect(hold.untilMs - clock.monotonicMs()).toBeLessThanOrEqual(minute);
  });

  it('concern one service of one tenant', async () => {
    await using replica = await start();
    await replica.store.extend(name, minute);
    for (const other of [
      { ...name, service: 'catalog' },
      { ...name, tenant: tenantOf('dev') },
      { ...name, tenant: namesakeOf(name.tenant) },
    ])
      expect(await replica.store.read(other)).toBe(0);
  });

  it('become longer, not shorter, and expire', async () => {
    await using replica = await start();
    const short = { ...name, service: 'short' };
    await replica.store.extend(short, 5 * minute);
    await replica.store.extend(short, minute);
    expect(await replica.store.read(short)).toBeGreaterThan(4 * minute);
    const over = { ...name, service: 'over' };
    await replica.store.extend(over, 1);
    await eventually(async () => expect(await replica.store.read(over)).toBe(0));
  });

  it('are no pauses if they are damaged, and are replaced then', async () => {
    await using replica = await start();
    const damaged = { ...name, service: 'damaged' };
    await replica.store.extend(damaged, 24 * 60 * minute);
    expect(await replica.store.read(damaged)).toBe(0);
    await replica.store.extend(damaged, minute);
    expect(await replica.store.read(damaged)).toBeGreaterThan(minute / 2);
    expect(await replica.store.read(damaged)).toBeLessThanOrEqual(minute);
  });

  it('are known to this replica only while Redis is unreachable', async () => {
    await using own = await startRedisServer();
    const replica = startReplica(own.url);
    await using _ = { [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose]() };
    await own.kill();
    const clock = new FakeClock();
    const hold = new PlatformHolds({ clock, logger, store: createRedisHoldStore(replica) }).of(name.tenant, 'export');
    hold.extend(clock.monotonicMs() + minute);
    await hold.refresh();
    expect(hold.untilMs).toBe(clock.monotonicMs() + minute);
  });
});
