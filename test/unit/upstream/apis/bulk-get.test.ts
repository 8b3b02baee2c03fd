import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import { ForbiddenError, PlatformError, RateLimitedError, UpstreamUnreadableError } from '../../../../src/errors.ts';
import type { BulkResult } from '../../../../src/upstream/apis/bulk-read.ts';
import type { PlatformApi } from '../../../../src/upstream/platform-api.ts';
import { connectTo, type ReceivedRequest, sendJson, startStub } from '../platform-stub.ts';

interface BulkApi {
  readonly name: string;
  readonly path: string;
  readonly service: string;
  readonly resource: string;
  getMany(api: PlatformApi, ids: readonly string[]): Promise<BulkResult<string, { readonly id: string }>>;
}

const bulkApis: readonly BulkApi[] = [
  {
    name: 'segment jobs',
    path: '/data/core/ups/segment/jobs/bulk-get',
    service: 'segmentation',
    resource: 'SegmentJob',
    getMany: ({ segmentJobs }, ids) => segmentJobs.getMany(ids.map((id) => platformId(id))),
  },
  {
    name: 'segment definitions',
    path: '/data/core/ups/segment/definitions/bulk-get',
    service: 'segmentation',
    resource: 'SegmentDefinition',
    getMany: ({ segmentDefinitions }, ids) => segmentDefinitions.getMany(ids.map((id) => platformId(id))),
  },
  {
    name: 'merge policies',
    path: '/data/core/ups/config/mergePolicies/bulk-get',
    service: 'merge-policies',
    resource: 'MergePolicy',
    getMany: ({ mergePolicies }, ids) => mergePolicies.getMany(ids.map((id) => platformId(id))),
  },
];

/** Good for each of the three; a job needs the status. */
const entity = { status: 'NEW', creationTime: 1 };
const askedOf = ({ body }: ReceivedRequest): string[] => JSON.parse(body).ids.map(({ id }: { id: string }) => id);
const idsOf = ({ found }: BulkResult<string, { readonly id: string }>) => found.map(({ id }) => id).toSorted();
const withStatus = (status: number) => ({
  requestId: 'platform-id',
  errors: { [status]: [{ code: `UPAPI-113430-${status}`, message: 'Not this one' }] },
});

describe.each(bulkApis)('many $name', ({ path, service, resource, getMany }) => {
  it('are read by a POST that names each id once', async () => {
    await using stub = await startStub((request, response) =>
      sendJson(response, 207, { results: Object.fromEntries(askedOf(request).map((id) => [id, entity])) }),
    );
    await using client = connectTo(stub.url);
    const impossible = ['', ' ', '..', 'a b', 'a/b', 'a,b', '*', 'a\nb', '\ud800'];
    const result = await getMany(client.api, ['a', 'b', 'a', '__proto__', ...impossible]);
    expect(idsOf(result)).toEqual(['__proto__', 'a', 'b']);
    expect(result.failed).toEqual([]);
    expect(stub.requests).toMatchObject([{ method: 'POST', path }]);
    expect(stub.requests[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      ids: [{ id: 'a' }, { id: 'b' }, { id: '__proto__' }],
    });
    expect(client.metrics.calls).toMatchObject([{ service, status: 207 }]);
  });

  it('cost no call for an empty list of ids', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 500, {}));
    await using client = connectTo(stub.url);
    expect(await getMany(client.api, [])).toEqual({ found: [], failed: [], calls: 0 });
    expect(stub.requests).toHaveLength(0);
  });

  it('are requested in chunks of 100', async () => {
    await using stub = await startStub((request, response) =>
      sendJson(response, 207, { results: Object.fromEntries(askedOf(request).map((id) => [id, entity])) }),
    );
    await using client = connectTo(stub.url);
    const ids = Array.from({ length: 250 }, (_, index) => `id-${index}`);
    expect(idsOf(await getMany(client.api, ids))).toEqual(ids.toSorted());
    expect(stub.requests.map((request) => askedOf(request).length).toSorted()).toEqual([100, 100, 50]);
  });

  it('are matched only by their key, in any order, and unrequested entities are ignored (#22)', async () => {
    const results = { c: entity, b: { ...entity, id: 'a' }, a: { ...entity, id: 'a', errors: [], statusCode: 200 } };
    await using stub = await startStub((_request, response) => sendJson(response, 207, { results }));
    await using client = connectTo(stub.url);
    const result = await getMany(client.api, ['a', 'b', 'constructor']);
    expect(idsOf(result)).toEqual(['a', 'b']);
    expect(result.failed).toEqual([]);
  });

  it('are found, failed or unknown separately within one success (#22)', async () => {
    const results = {
      good: entity,
      forbidden: withStatus(403),
      busy: { error: { message: 'Too many requests', retryAfterMs: '500', statusCode: '429' } },
      broken: { type: 'https://ns.adobe.com/aep/errors/UPAPI-1-503', title: 'Down', status: 503 },
      odd: { errors: { oops: [] } },
      gone: withStatus(404),
      nothing: null,
    };
    await using stub = await startStub((_request, response) => sendJson(response, 207, { results }));
    await using client = connectTo(stub.url);
    const result = await getMany(client.api, [...Object.keys(results), 'unmentioned']);
    expect(idsOf(result)).toEqual(['good']);
    const failed = new Map(result.failed.map(({ id, error }) => [id, error]));
    expect([...failed.keys()].toSorted()).toEqual(['broken', 'busy', 'forbidden', 'odd']);
    expect(failed.get('forbidden')).toMatchObject({
      constructor: ForbiddenError,
      message: `The platform (${service}) responded with 403 (UPAPI-113430-403): Not this one`,
      upstream: { service, status: 403, requestId: 'platform-id', code: 'UPAPI-113430-403' },
    });
    expect(failed.get('busy')).toMatchObject({ constructor: RateLimitedError, retryAfterMs: 500 });
    expect(failed.get('broken')).toMatchObject({ constructor: PlatformError, status: 503, retryable: true });
    expect(failed.get('odd')).toMatchObject({ constructor: PlatformError, status: 500 });
    expect(client.metrics.anomalies).toEqual([]);
  });

  it('are all unknown when the response is a 404 (#22)', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 404, withStatus(404)));
    await using client = connectTo(stub.url);
    expect(await getMany(client.api, ['a', 'b'])).toEqual({ found: [], failed: [], calls: 1 });
    expect(stub.requests).toHaveLength(1);
  });

  it('fail separately if their entry cannot be used, which is counted as an anomaly', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 207, { results: { a: 'odd', b: entity, c: [] } }),
    );
    await using client = connectTo(stub.url);
    const result = await getMany(client.api, ['a', 'b', 'c']);
    expect(idsOf(result)).toEqual(['b']);
    expect(result.failed).toMatchObject([
      { id: 'a', error: { constructor: UpstreamUnreadableError, upstream: { service, status: 207 } } },
      { id: 'c', error: { constructor: UpstreamUnreadableError } },
    ]);
    expect(client.metrics.anomalies).toEqual([
      { resource, kind: 'not-an-object' },
      { resource, kind: 'not-an-object' },
    ]);
  });

  it.each([{ status: 403 }, { status: 503 }])('fail together when the response is a $status', async ({ status }) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, {}));
    await using client = connectTo(stub.url);
    const { found, failed } = await getMany(client.api, ['a', 'b']);
    expect(found).toEqual([]);
    const error = { upstream: { service, status } };
    expect(failed).toMatchObject([
      { id: 'a', error },
      { id: 'b', error },
    ]);
  });

  it.each([undefined, {}, { results: [] }, { results: null }])(
    'are unreadable when the response is %j',
    async (body) => {
      await using stub = await startStub((_request, response) => sendJson(response, 207, body));
      await using client = connectTo(stub.url);
      const { found, failed } = await getMany(client.api, ['a']);
      expect(found).toEqual([]);
      expect(failed).toMatchObject([{ id: 'a', error: { constructor: UpstreamUnreadableError }, ofCall: true }]);
    },
  );
});

it('a segment job without a status fails alone', async () => {
  await using stub = await startStub((_request, response) =>
    sendJson(response, 207, { results: { a: { creationTime: 1 }, b: entity } }),
  );
  await using client = connectTo(stub.url);
  const result = await client.api.segmentJobs.getMany([platformId('a'), platformId('b')]);
  expect(idsOf(result)).toEqual(['b']);
  expect(result.found[0]?.observedAt).toEqual(client.clock.now());
  expect(result.failed).toMatchObject([{ id: 'a', error: { code: 'UPSTREAM_UNREADABLE' } }]);
  expect(client.metrics.anomalies).toEqual([{ resource: 'SegmentJob', kind: 'missing-status' }]);
});
