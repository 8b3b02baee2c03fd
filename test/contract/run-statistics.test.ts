import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisRunStore } from '../../src/runs/redis-run-store.ts';
import { createMemoryRunStore } from '../../src/runs/run-store.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { tenantOf } from '../support/tenants.ts';
import {
  endedExport,
  endedExports,
  minuteMs,
  runningExport,
  runStatisticsContract,
  statisticsOf,
} from './run-statistics.contract.ts';

const prod = tenantOf('prod');
const intervalMs = 30_000;

runStatisticsContract('statistics over createMemoryRunStore', async (clock) => createMemoryRunStore({ clock }));

describe('createMemoryRunStore', () => {
  it('permits one additional page per tenant and ten minutes', async () => {
    const clock = new FakeClock();
    const store = createMemoryRunStore({ clock });
    const claim = (sandbox: string) => store.claim(tenantOf(sandbox), 10 * minuteMs);
    expect([await claim('prod'), await claim('prod'), await claim('dev')]).toEqual([true, false, true]);
    await clock.advanceBy(10 * minuteMs - 1);
    expect(await claim('prod')).toBe(false);
    await clock.advanceBy(1);
    expect(await claim('prod')).toBe(true);
  });
});

describeWithRedis('with a Redis server', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;

  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
  });
  beforeEach(() => eventually(() => replica.redis.send((client) => client.flushAll())));
  afterAll(async () => {
    await replica[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const storeOf = ({ redis } = replica) => createRedisRunStore({ redis });

  /** The runs of one more replica. */
  const replicaRuns = async (clock = new FakeClock()) => {
    const { exportJobs: runs } = statisticsOf(storeOf(), clock).of(prod);
    await runs.ready();
    return { clock, runs };
  };

  /** Makes exchanges of a replica until they have the result. */
  const exchange = ({ clock, runs }: Awaited<ReturnType<typeof replicaRuns>>, isDone: () => unknown) =>
    eventually(async () => {
      await clock.advanceBy(intervalMs);
      runs.ready();
      expect(await isDone()).toBe(true);
    });

  const idsInRedis = async () =>
    (await replica.redis.send((client) => client.hKeys(keyName()))).filter((id) => id !== '').toSorted();
  const keyName = () => `aep:v1:${prod.org}/prod/runs:export-jobs`;
  const areStored = (count: number) => async () => (await idsInRedis()).length === count;

  runStatisticsContract('statistics over createRedisRunStore', async () => storeOf());

  describe('statistics over createRedisRunStore', () => {
    it('contain the runs that other replicas have read, also after a restart', async () => {
      const one = await replicaRuns();
      one.runs.note(endedExports(3));
      await exchange(one, areStored(3));
      const { runs } = await replicaRuns();
      expect(runs.expectation(runningExport)).toEqual(one.runs.expectation(runningExport));
      expect(runs.expectation(runningExport)).toMatchObject({ sampleSize: 3 });
    });

    it('contain runs that another replica reads later, and all runs of two replicas that read at the same time', async () => {
      const [one, other] = [await replicaRuns(), await replicaRuns()];
      one.runs.note(endedExports(3));
      other.runs.note([endedExport('4'), endedExport('5')]);
      await exchange(one, areStored(3));
      await exchange(other, areStored(5));
      await exchange(one, () => one.runs.expectation(runningExport)?.sampleSize === 5);
      expect(other.runs.expectation(runningExport)).toEqual(one.runs.expectation(runningExport));
    });

    it('read the runs only if they have changed', async () => {
      const store = storeOf();
      const request = { tenant: prod, kind: 'export-jobs', dropped: [] } as const;
      const first = await store.exchange({ ...request, added: [], version: null });
      expect(first).toMatchObject({ runs: [] });
      expect(await store.exchange({ ...request, added: [], version: first.version })).toMatchObject({ runs: null });
    });

    it('send their runs again after Redis has lost them', async () => {
      const one = await replicaRuns();
      one.runs.note(endedExports(3));
      await exchange(one, areStored(3));
      await replica.redis.send((client) => client.flushAll());
      await exchange(one, areStored(3));
    });

    it('remove values of another format, and runs beyond the 30 newest of a shape', async () => {
      const one = await replicaRuns();
      one.runs.note(endedExports(30));
      await exchange(one, areStored(30));
      await replica.redis.send((client) => client.hSet(keyName(), { x: 'no JSON', y: '{"id":"y"}', '': 'other' }));
      one.runs.note([endedExport('31')]);
      await exchange(
        one,
        async () =>
          (await idsInRedis()).join() ===
          [...Array(30).keys()]
            .map((at) => `${at + 2}`)
            .toSorted()
            .join(),
      );
    });

    it('permit one additional page for all replicas', async () => {
      const readPage = vi.fn(async () => endedExports(3));
      for (const { runs } of [await replicaRuns(), await replicaRuns()]) await runs.ready(readPage);
      expect(readPage).toHaveBeenCalledTimes(1);
    });

    it('have keys that begin with the tenant and expire within 31 days', async () => {
      const { runs } = await replicaRuns();
      await runs.ready(async () => []);
      const keys = await replica.redis.send((client) => client.keys('*'));
      expect(keys.filter((one) => one !== 'aep:probe').every((one) => one.startsWith(`aep:v1:${prod.org}/prod/`))).toBe(
        true,
      );
      for (const one of keys) {
        const leftMs = await replica.redis.send((client) => client.pTTL(one));
        expect(leftMs).toBeLessThanOrEqual(31 * 24 * 60 * minuteMs);
      }
    });

    it('are those of the replica alone while Redis is unavailable, and complete afterwards', async () => {
      const one = await replicaRuns();
      await server.kill();
      one.runs.note(endedExports(3));
      await one.clock.advanceBy(intervalMs);
      void one.runs.ready();
      const { exportJobs: others } = statisticsOf(storeOf()).of(prod);
      await others.ready(async () => endedExports(3));
      expect(one.runs.expectation(runningExport)).toMatchObject({ sampleSize: 3 });
      await server.start();
      await eventually(() => replica.redis.send((client) => client.ping()));
      await exchange(one, areStored(3));
    });
  });
});
