import { beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { readinessAt } from '../support/readiness.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { CreateExportJobDocument, ListExportJobsDocument } from './operations.generated.ts';

const creates = 'POST /data/core/ups/export/jobs';
const destination = { target: { datasetId: profileDataset } };

/** Returns the id of the job, or the code of the error. */
async function create(gateway: Gateway, input: { readonly idempotencyKey?: string }): Promise<unknown> {
  const { data, errors } = await gateway.execute(CreateExportJobDocument, { input: { destination, ...input } });
  const result = data?.createExportJob ?? null;
  if (result === null) return errors[0]?.extensions?.['code'];
  return 'exportJob' in result ? result.exportJob.id : result.code;
}

const isJob = expect.stringMatching(/^ExportJob:/);

describeWithRedis('an idempotency key at two replicas with one Redis', () => {
  let redis: RedisUnderTest;
  beforeEach(async () => {
    redis = await startRedisServer();
    return () => redis[Symbol.asyncDispose]();
  });

  it('creates once, for any number of concurrent requests on any replica', async () => {
    await using platform = await startPlatform();
    await using door = await startProxy(platform, () => false);
    const env = { REDIS_URL: redis.url };
    await using one = await startGateway({ platform: door, env });
    await using other = await startGateway({ platform: door, env });
    const first = await eventually(async () => {
      const id = await create(one, { idempotencyKey: 'first' });
      expect(id).toEqual(isJob);
      return id;
    });
    expect(await create(other, { idempotencyKey: 'first' })).toBe(first);
    const ids = await Promise.all([one, other, one, other].map((gateway) => create(gateway, { idempotencyKey: 'k' })));
    expect(new Set(ids)).toEqual(new Set([isJob]));
    expect(new Set([...ids, first]).size).toBe(2);
    expect(door.requests.filter((request) => request === creates)).toHaveLength(2);
  });

  it('is rejected while Redis rejects writes, and the gateway is degraded until Redis accepts them again', async () => {
    await using platform = await startPlatform();
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock, env: { REDIS_URL: redis.url } });
    const readiness = () => readinessAt(gateway.url);
    await eventually(async () => expect(await create(gateway, { idempotencyKey: 'before' })).toEqual(isJob));
    expect([await readiness(), await gateway.metric('aep_redis_unavailable')]).toEqual(['200 ready', 0]);
    expect(await redis.command('CONFIG SET maxmemory 1')).toBe('+OK');
    expect(await create(gateway, { idempotencyKey: 'k' })).toBe('UPSTREAM_UNREACHABLE');
    expect([await readiness(), await gateway.metric('aep_redis_unavailable')]).toEqual(['200 degraded', 1]);
    expect(await redis.command('CONFIG SET maxmemory 0')).toBe('+OK');
    await eventually(async () => {
      await clock.advanceBy(1_000);
      expect([await readiness(), await gateway.metric('aep_redis_unavailable')]).toEqual(['200 ready', 0]);
    });
    expect(await create(gateway, { idempotencyKey: 'k' })).toEqual(isJob);
  });

  it('is rejected while Redis is unavailable, while requests without a key continue', async () => {
    await redis.kill();
    await using platform = await startPlatform();
    await using door = await startProxy(platform, () => false);
    await using gateway = await startGateway({ platform: door, env: { REDIS_URL: redis.url } });
    await eventually(async () => expect(await readinessAt(gateway.url)).toBe('200 degraded'));
    expect(await create(gateway, { idempotencyKey: 'k' })).toBe('UPSTREAM_UNREACHABLE');
    expect(await create(gateway, {})).toEqual(isJob);
    expect((await gateway.query(ListExportJobsDocument, { first: 1 })).exportJobs.edges).toHaveLength(1);
    expect(door.requests.filter((request) => request === creates)).toHaveLength(1);
    await redis.start();
    await eventually(async () => expect(await create(gateway, { idempotencyKey: 'k' })).toEqual(isJob));
  });

  it('can be used again after a delay of Redis', async () => {
    await using platform = await startPlatform();
    await using door = await startProxy(platform, () => false);
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform: door, clock, env: { REDIS_URL: redis.url } });
    await eventually(async () => expect(await create(gateway, { idempotencyKey: 'first' })).toEqual(isJob));
    redis.pause();
    const before = clock.pending('deadline');
    const late = create(gateway, { idempotencyKey: 'k' });
    // Maximum wait of the request, and the delay of Redis.
    await eventually(async () => expect(clock.pending('deadline')).toBeGreaterThanOrEqual(before + 2));
    await clock.advanceBy(3_000);
    expect(await late).toBe('UPSTREAM_UNREACHABLE');
    redis.resume();
    await using other = await startGateway({ platform: door, env: { REDIS_URL: redis.url } });
    await eventually(async () => expect(await create(other, { idempotencyKey: 'k' })).toEqual(isJob));
    expect(door.requests.filter((request) => request === creates)).toHaveLength(2);
  });
});
