import { beforeAll, describe, expect, it } from 'vitest';
import { createExportRequests } from '../../src/context/created-jobs/export-requests.ts';
import { createMemoryJobTexts } from '../../src/context/created-jobs/memory-store.ts';
import { createRedisJobTexts } from '../../src/context/created-jobs/redis-store.ts';
import { createRequesters } from '../../src/context/created-jobs/requesters.ts';
import type { JobTextKind, JobTexts } from '../../src/context/created-jobs/store.ts';
import type { CreatedJob } from '../../src/domain/created-job.ts';
import type { NewExportJob } from '../../src/domain/export-job.ts';
import { type ExportJobId, platformId } from '../../src/domain/ids.ts';
import { UpstreamUnreachableError } from '../../src/errors.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import type { Redis } from '../../src/runtime/redis.ts';
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

const exportJob: CreatedJob = { type: 'ExportJob', id };
const segmentJob: CreatedJob = { type: 'SegmentJob', id: platformId(id) };

function setUp(store: JobTexts) {
  const logged: string[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void logged.push(line) } });
  return {
    requests: createExportRequests({ store, logger }),
    requesters: createRequesters({ store, logger }),
    logged,
  };
}

function storeContract(createStore: (kind: JobTextKind) => JobTexts): void {
  it('returns the caller of each job of each tenant, in their order', async () => {
    const { requesters } = setUp(createStore('requested-by'));
    const [one, other] = [tenantOf('requesters-one'), tenantOf('requesters-other')];
    await requesters.save(one, exportJob, 'alice');
    await requesters.save(one, segmentJob, 'bob');
    await requesters.save(other, exportJob, 'carol');
    const unknown: CreatedJob = { type: 'ExportJob', id: platformId('unknown') };
    expect(await requesters.find(one, [segmentJob, unknown, exportJob])).toEqual(['bob', null, 'alice']);
    expect(await requesters.find(other, [exportJob, segmentJob])).toEqual(['carol', null]);
    expect(await requesters.find(tenantOf('requesters-none'), [exportJob])).toEqual([null]);
  });

  it('keeps the texts of one kind apart from those of another', async () => {
    const [requests, requesters] = [createStore('export-request'), createStore('requested-by')];
    const tenant = tenantOf('contract-kinds');
    await requests.set(tenant, id, 'request');
    expect(await requesters.getMany(tenant, [id])).toEqual([null]);
    expect(await requests.getMany(tenant, [id])).toEqual(['request']);
  });

  it('returns each stored request of each tenant', async () => {
    const { requests } = setUp(createStore('export-request'));
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
      const store = createStore('export-request');
      const { requests, logged } = setUp(store);
      await store.set(tenantOf('contract-text'), id, text);
      expect(await requests.find(tenantOf('contract-text'), id)).toBe(null);
      expect(logged).toEqual([expect.stringContaining('cannot be decoded')]);
      expect(logged.join()).not.toContain('policy');
    },
  );
}

describe('createMemoryJobTexts', () => {
  storeContract(createMemoryJobTexts);

  it('drops the least recently used texts beyond 8 Mi characters', async () => {
    const store = createMemoryJobTexts();
    const tenant = tenantOf('dev');
    const half = 'x'.repeat(4 * 2 ** 20 - 1_000);
    for (const each of ['1', '2', '3']) {
      await store.set(tenant, each, half);
      if (each === '2') expect(await store.getMany(tenant, ['1'])).toEqual([half]);
    }
    expect(await store.getMany(tenant, ['1', '2'])).toEqual([half, null]);
  });
});

const broken: JobTexts = {
  set: () => Promise.reject(new Error('no connection')),
  getMany: () => Promise.reject(new Error('no connection')),
};

describe('createRequesters', () => {
  it('logs a caller that cannot be stored, without its name, and does not fail', async () => {
    const { requesters, logged } = setUp(broken);
    await requesters.save(tenantOf('dev'), exportJob, 'alice');
    expect(logged).toEqual([expect.stringContaining('could not save who requested a job')]);
    expect(logged.join()).not.toContain('alice');
  });

  it('knows no caller while the store cannot be read', async () => {
    const { requesters } = setUp(broken);
    expect(await requesters.find(tenantOf('dev'), [exportJob, segmentJob])).toEqual([null, null]);
  });
});

describe('createExportRequests', () => {
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

describeWithRedis('createRedisJobTexts', () => {
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

  storeContract((kind) => createRedisJobTexts({ redis: replica.redis, kind }));

  it.each(['export-request', 'requested-by'] as const)('stores a text of the kind %s for 30 days', async (kind) => {
    await createRedisJobTexts({ redis: replica.redis, kind }).set(tenantOf('dev'), id, 'text');
    const [key = ''] = await replica.redis.send((client) => client.keys(`*/dev/${kind}:*`));
    const ttl = await replica.redis.send((client) => client.ttl(key));
    expect(ttl).toBeGreaterThan(30 * 24 * 3_600 - 60);
    expect(ttl).toBeLessThanOrEqual(30 * 24 * 3_600);
  });

  it('reads the texts of many jobs by one command', async () => {
    let sent = 0;
    const redis: Pick<Redis, 'send'> = {
      send: (commands) => {
        sent += 1;
        return replica.redis.send(commands);
      },
    };
    const jobs = Array.from({ length: 100 }, (_, index) => String(index));
    await createRedisJobTexts({ redis, kind: 'requested-by' }).getMany(tenantOf('dev'), jobs);
    expect(sent).toBe(1);
  });
});
