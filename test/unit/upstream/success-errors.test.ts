import { describe, expect, it } from 'vitest';
import { platformId } from '../../../src/domain/ids.ts';
import { GatewayCredentialError } from '../../../src/errors.ts';
import type { BulkResult } from '../../../src/upstream/apis/bulk-read.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { newExportJob } from './fixtures.ts';
import { clientCredential, connectTo, sendJson, startStub } from './platform-stub.ts';

type Use = (api: PlatformApi) => Promise<unknown>;
const one = '5b020a27e7040801dedba61b';
const query = { namespace: 'Email', value: 'a@example.org', fields: null, mergePolicyId: null };
/** The only result of a bulk read, as an error or a value. */
const bulk = async (read: Promise<BulkResult<string, unknown>>) => {
  const { found, failed } = await read;
  if (failed[0] !== undefined) throw failed[0].error;
  return found[0] ?? null;
};
const single = async (read: Promise<readonly unknown[]>) => {
  const [first = null] = await read;
  if (first instanceof Error) throw first;
  return first;
};

/** Reads of something that a 404 concerns. */
const reads: Readonly<Record<string, Use>> = {
  'an export job': ({ exportJobs }) => exportJobs.get(platformId(one)),
  'a segment job': ({ segmentJobs }) => segmentJobs.get(platformId(one)),
  'a schedule': ({ schedules }) => schedules.get(platformId(one)),
  'segment jobs by id': ({ segmentJobs }) => bulk(segmentJobs.getMany([platformId(one)])),
  'segment definitions by id': ({ segmentDefinitions }) => bulk(segmentDefinitions.getMany([platformId(one)])),
  'merge policies by id': ({ mergePolicies }) => bulk(mergePolicies.getMany([platformId(one)])),
  'datasets by id': ({ datasets }) => bulk(datasets.getMany([platformId(one)])),
  'batches by id': ({ batches }) => bulk(batches.getMany([platformId(one)])),
  'profiles by identity': ({ profiles }) => single(profiles.getMany([query])),
  'files of a batch': async ({ files }) =>
    single(files.list({ batchId: platformId(one), start: 0, limit: 1 }).then((page) => page.files)),
};
const lists: typeof reads = {
  'export jobs': ({ exportJobs }) => exportJobs.list({ limit: 1 }),
  'segment jobs': ({ segmentJobs }) => segmentJobs.list({ limit: 1 }),
  schedules: ({ schedules }) => schedules.list(),
  'segment definitions': ({ segmentDefinitions }) => segmentDefinitions.list({ limit: 1 }),
  'merge policies': ({ mergePolicies }) => mergePolicies.list({ limit: 1 }),
  datasets: ({ datasets }) => datasets.list({ limit: 3 }),
  batches: ({ batches }) => batches.list({ limit: 3 }),
  sandboxes: ({ sandboxes }) => sandboxes.available(),
};
const creates: typeof reads = {
  'an export job': ({ exportJobs }) => exportJobs.create(newExportJob),
  'a segment job': ({ segmentJobs }) => segmentJobs.create([platformId('s-1')]),
  'a dataset': ({ datasets }) =>
    datasets.create({
      name: 'A',
      description: null,
      schemaRef: { id: 'https://ns.adobe.com/x', contentType: 'a/b' },
      fileFormat: 'parquet',
      tags: [],
    }),
  'a schedule': ({ schedules }) =>
    schedules.create({
      name: 'daily',
      type: 'EXPORT',
      schedule: '0 0 1 * * ?',
      segmentIds: [platformId('*')],
      state: 'INACTIVE',
    }),
};
const changes: typeof reads = {
  'cancels an export job': ({ exportJobs }) => exportJobs.cancel(platformId(one)),
  'cancels a segment job': ({ segmentJobs }) => segmentJobs.cancel(platformId(one)),
  'deletes a schedule': ({ schedules }) => schedules.delete(platformId(one)),
  'changes a schedule': ({ schedules }) => schedules.update(platformId(one), { state: 'ACTIVE' }),
  'deletes a dataset': ({ datasets }) => datasets.delete(platformId(one)),
};

const catalogError = (status: number) => ({
  type: '/placeholder/type/uri',
  status,
  title: 'InternalServerError',
  detail: 'No answer from the store',
});

/** The outcome of a call to which the platform responds with a success and this body. */
async function outcome(use: Use, body: unknown, status = 200): Promise<unknown> {
  await using stub = await startStub((_request, response) => sendJson(response, status, body));
  await using client = connectTo(stub.url);
  const result = await use(client.api).catch((error: unknown) => error);
  // Nothing of the error is taken for an oddity of a record.
  expect(client.metrics.anomalies).toEqual([]);
  return result;
}

describe.each([...Object.entries(reads), ...Object.entries(lists)])('a read of %s', (_, use) => {
  it.each([200, 207])('that returns an error with status %i throws it', async (status) => {
    expect(await outcome(use, catalogError(500), status)).toMatchObject({
      code: 'PLATFORM_ERROR',
      status: 500,
      message: expect.stringContaining('InternalServerError: No answer from the store'),
    });
  });

  it.each([
    [catalogError(403), 'FORBIDDEN'],
    [[{ message: 'Too many requests', retryAfterMs: '500', statusCode: '429' }], 'RATE_LIMITED'],
    [{ error_code: '403003', message: 'Api Key is invalid' }, 'UNAUTHENTICATED'],
    [{ error: { code: 'x', message: 'No', details: { error_code: '403003' } } }, 'UNAUTHENTICATED'],
    [{ requestId: 'r', errors: { '503': [{ code: 'UPAPI-1-503', message: 'Down' }] } }, 'PLATFORM_ERROR'],
    [{ error: { code: 403, message: 'No', status: 'PERMISSION_DENIED' } }, 'FORBIDDEN'],
  ])('that returns %j is %s', async (body, code) => {
    expect(await outcome(use, body)).toMatchObject({ code });
  });

  it.each([
    { title: 'InternalServerError', detail: 'Lost' },
    { message: 'Lost' },
    { errors: [{ message: 'Lost' }] },
    { errorCode: 'EX-1', errorDescription: 'Lost' },
    { success: false, message: 'Lost' },
    { status: 'error', message: 'Lost' },
    { status: 'INTERNAL_SERVER_ERROR', message: 'Lost', timestamp: 1 },
    { error: { code: 'x', message: 'Lost', status: 'INTERNAL' } },
  ])('that returns %j is unreadable, and the error contains the message of the platform', async (body) => {
    expect(await outcome(use, body)).toMatchObject({
      code: 'UPSTREAM_UNREADABLE',
      message: expect.stringMatching(/Lost\.$/),
      upstream: { status: 200 },
    });
  });
});

describe.each([...Object.entries(reads), ...Object.entries(lists)])('a read of %s', (_, use) => {
  it.each([
    { title: 'Lost', traceId: 'x' },
    { code: 'EX-1', message: 'Lost', data: null },
    { exception: 'E', errors: ['Lost'], user: {} },
    'Lost',
  ])('that returns %j, which is another object, fails with its message', async (body) => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, body));
    await using client = connectTo(stub.url);
    const error = await use(client.api).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UPSTREAM_UNREADABLE', message: expect.stringMatching(/: Lost\.$/) });
  });
});

it.each(Object.entries(reads))('a read of %s that returns a 404 within a success returns nothing', async (_, use) => {
  expect(await outcome(use, { ...catalogError(404), title: 'NotFoundError' })).toBeNull();
});

describe.each(Object.entries(creates))('a create of %s', (_, use) => {
  it.each([
    [catalogError(400), 'PLATFORM_ERROR'],
    [catalogError(403), 'FORBIDDEN'],
    [catalogError(429), 'RATE_LIMITED'],
  ])('that returns %j within a success was rejected', async (body, code) => {
    expect(await outcome(use, body, 201)).toMatchObject({ code });
  });

  it.each([catalogError(500), { message: 'Lost' }])('that returns %j has an unknown outcome', async (body) => {
    expect(await outcome(use, body)).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringMatching(/(?:store|Lost)\. The platform may have carried out the request\.$/),
    });
  });
});

describe.each(Object.entries(changes))('a call that %s', (_, use) => {
  it('throws the error within a success', async () => {
    expect(await outcome(use, catalogError(409))).toMatchObject({ code: 'CONFLICT' });
    expect(await outcome(use, catalogError(500))).toMatchObject({ code: 'PLATFORM_ERROR', status: 500 });
  });

  it.each([
    { status: false, message: 'Lost' },
    { success: false, message: 'Lost' },
    { status: 'error', message: 'Lost' },
    { status: 'FAILED', message: 'Lost' },
    { error: 'Lost' },
    { errors: [{ message: 'Lost' }] },
    { errorMessage: 'Lost' },
    { fault: { faultstring: 'Lost' } },
  ])('was not executed if it returns %j', async (body) => {
    expect(await outcome(use, body)).toMatchObject({
      code: 'PLATFORM_ERROR',
      message: expect.stringContaining('Lost'),
    });
  });

  it.each([
    { status: true, message: 'Marked for cancelling' },
    { success: true, errors: [], error: null, message: 'Done' },
    { id: 1, status: 'FAILED', errors: [{ code: '1', msg: 'x' }] },
  ])('was executed if it returns %j', async (body) => {
    expect(await outcome(use, body)).toBe(true);
  });

  it('was executed if it returns a message about the success', async () => {
    for (const body of [{ status: true, message: 'Marked' }, { message: 'Deleted' }])
      expect(await outcome(use, body)).toBe(true);
  });
});

describe('a map of Catalog objects', () => {
  const byWords = { status: { name: 'A' }, type: { description: 'x' }, errors: { name: 'B' }, error: {} };

  it('is accepted with any ids', async () => {
    const ids = async ({ datasets }: PlatformApi) => (await datasets.list({ limit: 4 })).objects.map(({ id }) => id);
    expect(await outcome(ids, byWords)).toEqual(['status', 'type', 'errors', 'error']);
    const batch = { status: 'failed', errors: [{ code: '1', description: 'No' }], created: 1 };
    const batches = async (api: PlatformApi) => (await api.batches.list({ limit: 4 })).objects.map(({ id }) => id);
    expect(await outcome(batches, { errors: batch, error: batch, fault: batch })).toEqual(['errors', 'error', 'fault']);
  });

  it.each<[string, unknown]>([
    ['a text', { [one]: {}, name: 'x' }],
    ['a number', { [one]: {}, count: 1 }],
    ['a truth value', { ok: true }],
  ])('is rejected with %s among its values', async (_, body) => {
    for (const use of [lists['datasets'], reads['datasets by id'], lists['batches']])
      expect(await outcome(use ?? (() => Promise.reject(one)), body)).toMatchObject({ code: 'UPSTREAM_UNREADABLE' });
  });

  it('in a list throws the error in place of its only object', async () => {
    const list = lists['datasets'] ?? (() => Promise.reject(one));
    await using stub = await startStub((_request, response) => sendJson(response, 200, { b: catalogError(503) }));
    await using client = connectTo(stub.url);
    await expect(list(client.api)).rejects.toMatchObject({ status: 503 });
  });
});

describe('a token service', () => {
  it.each([
    [200, { error: 'invalid_client', error_description: 'invalid client_secret parameter' }],
    [400, { error: 'invalid_scope' }],
    [401, {}],
    [403, { error_code: '403003', message: 'Api Key is invalid' }],
  ])('that responds %i with %j rejects the credential of the gateway', async (status, body) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, body));
    await using credential = clientCredential(stub.url);
    const error = await credential.headers(new AbortController().signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatewayCredentialError);
    expect(error).toMatchObject({ upstream: { service: 'ims', status } });
  });

  it('that responds with an error of the service does not reject the credential of the gateway', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { error: 'server_error' }));
    await using credential = clientCredential(stub.url);
    await expect(credential.headers(new AbortController().signal)).rejects.toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      upstream: { code: 'server_error' },
    });
  });
});
