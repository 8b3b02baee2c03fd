import { print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { type Emulator, goldTier, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import {
  RequestExportAgainDocument,
  RequestExportDocument,
  RequestersDocument,
  RequestSegmentationDocument,
  WatchRequestersDocument,
} from './operations.generated.ts';

let platform: Emulator;
let issuer: TokenIssuer;
let [alice, bob]: Headers[] = [];
beforeAll(async () => {
  [platform, issuer] = await Promise.all([startPlatform({ profiles: 20 }), startTokenIssuer()]);
  alice = bearer(await issuer.sign({ sub: 'alice' }));
  bob = bearer(await issuer.sign({ sub: 'bob' }));
});
afterAll(async () => {
  await Promise.all([platform.close(), issuer[Symbol.asyncDispose]()]);
});

const exportInput = { destination: { target: { datasetId: profileDataset } } };
const segmentInput = { segmentIds: [goldTier] };

/** The job of a payload. */
function jobOf<Job>({ made }: { readonly made: object | null }): Job {
  if (made === null || !('job' in made)) throw new Error(JSON.stringify(made));
  // The documents select the same fields of every job.
  return made.job as Job;
}
interface MadeJob {
  readonly id: string;
  readonly requestedBy: string | null;
}

const createExport = async (gateway: Gateway, headers: Headers | undefined, idempotencyKey?: string) =>
  jobOf<MadeJob>(
    await gateway.query(
      RequestExportDocument,
      { input: { ...exportInput, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) } },
      headers,
    ),
  );
const createSegmentJob = async (gateway: Gateway, headers: Headers | undefined, idempotencyKey?: string) =>
  jobOf<MadeJob>(
    await gateway.query(
      RequestSegmentationDocument,
      { input: { ...segmentInput, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) } },
      headers,
    ),
  );

/** The caller of each listed job, by its global id. */
async function listed(gateway: Gateway, headers: Headers | undefined): Promise<ReadonlyMap<string, string | null>> {
  const { exportJobs, segmentJobs } = await gateway.query(RequestersDocument, {}, headers);
  const jobs = [...(exportJobs?.nodes ?? []), ...(segmentJobs?.nodes ?? [])];
  return new Map(jobs.map(({ id, requestedBy }) => [id, requestedBy]));
}

describe('requestedBy', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({ platform, env: issuer.env(platform) });
    return () => gateway.close();
  });

  it('names the caller of each job in the payload and in lists, and nobody for other jobs', async () => {
    const first = await createExport(gateway, alice);
    const second = await createExport(gateway, bob);
    const again = jobOf<MadeJob>(await gateway.query(RequestExportAgainDocument, { id: first.id }, bob));
    const segmentJobs = [await createSegmentJob(gateway, alice), await createSegmentJob(gateway, bob)];
    const made = [first, second, again, ...segmentJobs];
    expect(made.map(({ requestedBy }) => requestedBy)).toEqual(['alice', 'bob', 'bob', 'alice', 'bob']);
    const callers = await listed(gateway, alice);
    for (const { id, requestedBy } of made) expect(callers.get(id)).toBe(requestedBy);
    const others = [...callers].filter(([id]) => !made.some((job) => job.id === id));
    expect(others.length).toBeGreaterThan(10);
    expect(new Set(others.map(([, name]) => name))).toEqual(new Set([null]));
  });

  it('keeps the first caller when another one sends the same idempotency key', async () => {
    for (const create of [createExport, createSegmentJob]) {
      const first = await create(gateway, alice, 'same');
      expect(await create(gateway, bob, 'same')).toEqual({ ...first, requestedBy: 'alice' });
      expect((await listed(gateway, bob)).get(first.id)).toBe('alice');
    }
  });

  it('is in the first event of a job', async () => {
    await using events = gateway.subscribe(WatchRequestersDocument, {}, { headers: bob ?? {} });
    await events.take();
    const { id } = await createExport(gateway, alice);
    const taken = await events.until(({ exportJobChanged: { job } }) => job?.id === id);
    expect(taken.at(-1)?.exportJobChanged.job).toEqual({ id, requestedBy: 'alice' });
  });

  it.each([
    ['createExportJob', RequestExportDocument, { input: exportInput }],
    ['createSegmentJob', RequestSegmentationDocument, { input: segmentInput }],
  ] as const)('is not readable in the payload of %s without read access', async (_, document, variables) => {
    const writer = bearer(await issuer.sign({ sub: 'writer', scope: 'exports:write' }));
    const { data, errors } = await gateway.send(print(document), variables, writer);
    expect(data?.['made']).toMatchObject({ job: { id: expect.any(String), requestedBy: null } });
    expect(errors).toMatchObject([{ path: ['made', 'job', 'requestedBy'], extensions: { code: 'FORBIDDEN' } }]);
  });

  it('does not name the caller of a job with the same id in another sandbox', async () => {
    await using door = await startProxy(platform, (request) => {
      request.headers['x-sandbox-name'] = 'prod';
      return false;
    });
    await using mixed = await startGateway({ platform: door, env: issuer.env(door) });
    const { id } = await createExport(mixed, alice);
    expect((await listed(mixed, alice)).get(id)).toBe('alice');
    expect((await listed(mixed, { ...alice, 'x-sandbox-name': 'dev' })).get(id)).toBe(null);
  });
});

describeWithRedis('requestedBy with Redis', () => {
  it('is known at every replica, and null while Redis is away', async () => {
    await using redis = await startRedisServer();
    const env = { ...issuer.env(platform), REDIS_URL: redis.url };
    await using one = await startGateway({ platform, env });
    await using other = await startGateway({ platform, env });
    // A create with a key succeeds only when the replica is connected, so that the name is stored then.
    const { id } = await eventually(() => createExport(one, alice, 'shared'));
    await eventually(async () => expect((await listed(other, bob)).get(id)).toBe('alice'));
    await redis.kill();
    await eventually(async () => expect((await listed(other, bob)).get(id)).toBe(null));
    expect(await createExport(one, bob)).toEqual({ id: expect.any(String), requestedBy: null });
  });
});
