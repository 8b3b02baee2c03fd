import { describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startSteppedPlatform } from '../support/platform.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { runSoak } from './run-soak.ts';
import { runStorm, sharedProofMs, stormEnv } from './run-storm.ts';

const subscribers = 300;
const credentials = 5;
const env = { ...stormEnv, MAX_SUBSCRIPTIONS_PER_CALLER: '1000' };

it('clients that are killed at any moment of their lives leak nothing', async () => {
  const { violations } = await runSoak({ warmUp: 60, cycles: 240, seed: 1, gateway: ['src/main.ts'] });
  expect(violations).toEqual([]);
});

describeWithRedis('with a log in Redis', () => {
  it('clients that are killed at any moment of their lives leak nothing, neither in the gateway nor in Redis', async () => {
    await using redis = await startRedisServer();
    const { violations } = await runSoak({ warmUp: 60, cycles: 240, seed: 2, gateway: ['src/main.ts'], redis });
    expect(violations).toEqual([]);
  });
});

describe('many subscribers that reconnect at once', () => {
  it('receive the events that they missed, without a request to the platform', async () => {
    await using platform = await startSteppedPlatform({ clock: new FakeClock() });
    await using gateway = await startGateway({ platform, env });
    const report = await runStorm({ platform, subscribers, credentials: 0, from: gateway, to: gateway });
    expect(report).toMatchObject({ calls: [], violations: [] });
  });

  it('are verified with one call per credential, without any other request to the platform', async () => {
    await using platform = await startSteppedPlatform({ clock: new FakeClock() });
    const clock = new FakeClock();
    await using gateway = await startGateway({
      platform,
      clock,
      env: { ...env, AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url },
    });
    const whileAway = () => clock.advanceBy(sharedProofMs);
    const report = await runStorm({ platform, subscribers, credentials, from: gateway, to: gateway, whileAway });
    const proof = 'GET /data/core/ups/export/jobs?limit=1';
    expect(report).toMatchObject({ calls: Array.from({ length: credentials }, () => proof), violations: [] });
  });
});

describeWithRedis('many subscribers that a gateway sends away', () => {
  it('receive the events that they missed from another gateway, without a request to the platform', async () => {
    await using redis = await startRedisServer();
    await using platform = await startSteppedPlatform({ clock: new FakeClock() });
    const shared = { ...env, REDIS_URL: redis.url, DRAIN_MS: '1000' };
    await using from = await startGateway({ platform, env: shared });
    await using to = await startGateway({ platform, env: shared });
    const sendAway = () => from.close();
    const report = await runStorm({ platform, subscribers, credentials: 0, from, to, sendAway });
    expect(report).toMatchObject({ calls: [], violations: [] });
  });
});
