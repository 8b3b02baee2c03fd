import { beforeAll, describe, expect, it } from 'vitest';
import { createExportRequests, type RequestStore } from '../../src/context/export-requests/export-requests.ts';
import { createMemoryRequestStore } from '../../src/context/export-requests/memory-store.ts';
import { createRedisRequestStore } from '../../src/context/export-requests/redis-store.ts';
import type { NewExportJob } from '../../src/domain/export-job.ts';
import { type ExportJobId, platformId } from '../../src/domain/ids.ts';
import { UpstreamUnreachableError } from '../../src/errors.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithRedis } from '../support/redis.ts';
import { type RedisReplica, startReplica } from '../support/redis-replica.ts';
import { type RedisUnderTest, startRedisServer } from '../support/redis-server.ts';
import { tenantOf } from '../support/tenants.ts';

const id = platformId<ExportJobId>('job:1');
const request: NewExportJob = {
  fields: ['a.b', 'c'],
  schemaName: '_xdm.context.profile',
  mergePolicy: { id: platformId('policy'), version: null },
  filter: {
    segments: [{ segmentId: platformId('s'), segmentNs: 'ups', statuses: ['EXITED'] }],
    segmentQualificationTime: { startTime: new Date(1), endTime: null },
    fromIngestTimestamp: new Date(2),
    emptyProfiles: true,
  },
  eventList: { fields: null, fromIngestTimestamp: null, toIngestTimestamp: new Date(3) },
  datasetId: platformId('dataset'),
  segmentPerBatch: true,
  evaluateSegments: true,
  waitForBatch: true,
};
const smallest: NewExportJob = { ...request, fields: null, mergePolicy: null, filter: null, eventList: null };

function setUp(store: RequestStore) {
  const logged: string[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } });
  return { requests: createExportRequests({ store, logger }), logged };
}

function storeContract(createStore: () => RequestStore): void {
  it('returns each stored request of each tenant', async () => {
    const { requests } = setUp(createStore());
    const [one, other] = [tenantOf('contract-one'), tenantOf('contract-other')];
    await requests.save(one, id, request);
    await requests.save(other, id, smallest);
    expect(await requests.find(one, id)).toEqual(request);
    expect(await requests.find(other, id)).toEqual(smallest);
    expect(await requests.find(one, platformId('job'))).toBe(null);
    expect(await requests.find(tenantOf('contract-none'), id)).toBe(null);
  });

  it.each(['not JSON', '{}', 'null', JSON.stringify({ ...request, filter: 1 })])(
    'ignores the stored text %j, and logs it without its content',
    async (text) => {
      const store = createStore();
      const { requests, logged } = setUp(store);
      await store.set(tenantOf('contract-text'), id, text);
      expect(await requests.find(tenantOf('contract-text'), id)).toBe(null);
      expect(logged).toEqual([expect.stringContaining('cannot be decoded')]);
      expect(logged.join()).not.toContain('policy');
    },
  );
}

describe('createMemoryRequestStore', () => {
  storeContract(createMemoryRequestStore);

  it('drops the least recently used texts beyond 8 Mi characters', async () => {
    const store = createMemoryRequestStore();
    const tenant = tenantOf('dev');
    const half = 'x'.repeat(4 * 2 ** 20 - 1_000);
    for (const each of ['1', '2', '3']) {
      await store.set(tenant, platformId(each), half);
      if (each === '2') expect(await store.get(tenant, platformId('1'))).toBe(half);
    }
    expect(await store.get(tenant, platformId('1'))).toBe(half);
    expect(await store.get(tenant, platformId('2'))).toBe(null);
  });
});

describe('createExportRequests', () => {
  const broken: RequestStore = {
    set: () => Promise.reject(new Error('no connection')),
    get: () => Promise.reject(new Error('no connection')),
  };

  it('logs a request that cannot be stored, and does not fail', async () => {
    const { requests, logged } = setUp(broken);
    await requests.save(tenantOf('dev'), id, request);
    expect(logged).toEqual([expect.stringContaining('cannot be rerun')]);
  });

  it('reports a store that cannot be read as UPSTREAM_UNREACHABLE', async () => {
    const { requests } = setUp(broken);
    await expect(requests.find(tenantOf('dev'), id)).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });
});

describeWithRedis('createRedisRequestStore', () => {
  let server: RedisUnderTest;
  let replica: RedisReplica;
  beforeAll(async () => {
    server = await startRedisServer();
    replica = startReplica(server.url);
    await eventually(() => expect(replica.redis.state).toBe('ready'));
    return async () => {
      await replica[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    };
  });

  storeContract(() => createRedisRequestStore({ redis: replica.redis }));

  it('stores a request for 30 days', async () => {
    await createRedisRequestStore({ redis: replica.redis }).set(tenantOf('dev'), id, 'text');
    const [key = ''] = await replica.redis.send((client) => client.keys('*/dev/export-request:*'));
    const ttl = await replica.redis.send((client) => client.ttl(key));
    expect(ttl).toBeGreaterThan(30 * 24 * 3_600 - 60);
    expect(ttl).toBeLessThanOrEqual(30 * 24 * 3_600);
  });
});
