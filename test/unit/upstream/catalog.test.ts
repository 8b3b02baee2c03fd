import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/domain/batch.ts';
import type { Dataset } from '../../../src/domain/dataset.ts';
import { type BatchId, type DatasetId, platformId } from '../../../src/domain/ids.ts';
import { OutcomeUnknownError, UpstreamUnreadableError } from '../../../src/errors.ts';
import type { BulkResult } from '../../../src/upstream/apis/bulk-read.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { connectTo, type PlatformStub, type Respond, sendJson, startStub } from './platform-stub.ts';

const datasetId = (value: string) => platformId<DatasetId>(value);
const batchId = (value: string) => platformId<BatchId>(value);
const newDataset = {
  name: 'Profiles',
  description: null,
  schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union', contentType: 'application/xdm;version=1' },
  fileFormat: 'parquet',
  tags: [{ name: 'team', values: ['a', 'b'] }],
};

/** The ids that a request names in its path. */
const idsIn = (path: string) => (path.split('/').at(-1) ?? '').split(',').map(decodeURIComponent);

const isList = (path: string) => /\/(?:dataSets|batches)$/.test(path);

/** A platform with these ids, the newest one first. It omits an unknown id from the response, or responds 404. */
const catalogOf =
  (known: readonly string[], unknown: 'left out' | '404'): Respond =>
  ({ path, query }, response) => {
    if (isList(path)) {
      const newest = known.slice(0, Number(query.get('limit')));
      sendJson(response, 200, Object.fromEntries(newest.map((id) => [id, { status: 'active' }])));
      return;
    }
    const ids = idsIn(path);
    const found = ids.filter((id) => known.includes(id));
    if (found.length === 0 || (unknown === '404' && found.length < ids.length)) response.writeHead(404).end();
    else sendJson(response, 200, Object.fromEntries(found.reverse().map((id) => [id, { status: 'active' }])));
  };

describe('the list of datasets', () => {
  it('always sends limit, order and properties, and every bound as a separate parameter', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, {}));
    await using client = connectTo(stub.url);
    await client.api.datasets.list({ limit: 20 });
    await client.api.datasets.list({
      limit: 5,
      start: 10,
      orderBy: { field: 'updated', direction: 'asc' },
      name: 'A B',
      created: { after: new Date(1), before: new Date(5), from: new Date(2), to: new Date(3) },
      updated: { after: new Date(4) },
    });
    const properties =
      'name,description,schemaRef,fileDescription,version,state,tags,extensions,lastBatchId,lastSuccessfulBatch,createdUser,created,updated';
    expect([...(stub.requests[0]?.query ?? [])]).toEqual([
      ['limit', '20'],
      ['orderBy', 'desc:created'],
      ['properties', properties],
    ]);
    expect([...(stub.requests[1]?.query ?? [])]).toEqual([
      ['limit', '5'],
      ['orderBy', 'asc:updated'],
      ['properties', properties],
      ['start', '10'],
      ['property', 'created>1'],
      ['property', 'created<5'],
      ['property', 'created>=2'],
      ['property', 'created<=3'],
      ['property', 'updated>4'],
      ['name', 'A B'],
    ]);
  });

  it.each(['a,b', '!a', 'a*', 'a=b', '~a', 'a&b', '"a"', 'a\nb', ' a', ''])(
    'does not send the name %j, which is an expression to the platform',
    async (name) => {
      await using stub = await startStub((_request, response) => sendJson(response, 200, {}));
      await using client = connectTo(stub.url);
      await client.api.datasets.list({ limit: 1, name });
      expect([...(stub.requests[0]?.query.keys() ?? [])]).toEqual(['limit', 'orderBy', 'properties']);
    },
  );

  it('keeps the order of the response, and restores it if keys are like array indexes', async () => {
    const indexed = '{"7":{"created":1},"3":{"created":3},"x":{"created":2},"y":{}}';
    const bodies = ['{"b":{"created":1},"a":{"created":2}}', indexed, indexed];
    await using stub = await startStub((_request, response) => response.writeHead(200).end(bodies.shift()));
    await using client = connectTo(stub.url);
    const ids = async (direction: 'asc' | 'desc') => {
      const { objects } = await client.api.datasets.list({ limit: 4, orderBy: { field: 'created', direction } });
      return objects.map(({ id }) => id);
    };
    expect(await ids('desc')).toEqual(['b', 'a']);
    expect(await ids('desc')).toEqual(['3', 'x', '7', 'y']);
    expect(await ids('asc')).toEqual(['7', 'x', '3', 'y']);
  });

  it('counts an anomaly if it is not in the order of a time', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { a: { created: 1, name: 'b' }, b: { created: 2, name: 'a' } }),
    );
    await using client = connectTo(stub.url);
    for (const field of ['created', 'name'] as const)
      await client.api.datasets.list({ limit: 4, orderBy: { field, direction: 'desc' } });
    expect(client.metrics.anomalies).toEqual([{ resource: 'Dataset', kind: 'out-of-order' }]);
  });

  it('accepts an empty list as an empty map, and rejects any other list', async () => {
    const bodies: unknown[] = [[], [{ name: 'A' }]];
    await using stub = await startStub((_request, response) => sendJson(response, 200, bodies.shift()));
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.list({ limit: 1 })).toEqual({ objects: [], rows: [] });
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });

  it.each([
    ['Web_1 is no name', 'Web_1', 'INVALID_INPUT'],
    ['the parameter name is unknown', 'Web', 'INVALID_INPUT'],
    ['BadRequestError', 'Web_1', 'PLATFORM_ERROR'],
    ['Web_1 is no name', undefined, 'PLATFORM_ERROR'],
  ])('reports an invalid filter for %j only if the message names %j', async (title, name, code) => {
    await using stub = await startStub((_request, response) => sendJson(response, 400, { title }));
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.list({ limit: 1, name })).rejects.toMatchObject({
      code,
      ...(code === 'INVALID_INPUT' ? { issues: [{ path: 'filter', message: title }] } : {}),
    });
  });
});

describe('the list of batches', () => {
  it('requests the batches of one dataset, newest first', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { 'b-1': { status: 'success', created: 1 }, 'b-2': { status: 'odd' } }),
    );
    await using client = connectTo(stub.url);
    const { objects } = await client.api.batches.list({
      datasetId: datasetId('d-1'),
      limit: 10,
      created: { to: new Date(9) },
    });
    expect(objects.map(({ id, status }) => [id, status])).toEqual([
      ['b-1', 'SUCCESS'],
      ['b-2', 'UNKNOWN'],
    ]);
    expect([...(stub.requests[0]?.query ?? [])]).toEqual([
      ['limit', '10'],
      ['orderBy', 'desc:created'],
      [
        'properties',
        'status,relatedObjects,recordCount,metrics,failedRecordCount,size,errors,replay,tags,started,completed,created,updated',
      ],
      ['property', 'created<=9'],
      ['dataSet', 'd-1'],
    ]);
    expect(client.metrics.anomalies).toEqual([{ resource: 'Batch', kind: 'unknown-status' }]);
  });
});

describe('Catalog objects by id', () => {
  const ids = Array.from({ length: 250 }, (_, index) => `id-${index}`);

  it('cost one call for each 100 ids, which states the number of ids, and are matched by id', async () => {
    await using stub = await startStub(catalogOf(ids, 'left out'));
    await using client = connectTo(stub.url);
    const { found, failed } = await client.api.batches.getMany([...ids, ...ids].map(batchId));
    expect(failed).toEqual([]);
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set(ids));
    expect(found).toHaveLength(250);
    expect(stub.requests.map(({ path, query }) => [idsIn(path).length, query.get('limit')])).toEqual([
      [100, '100'],
      [100, '100'],
      [50, '50'],
    ]);
  });

  it('do not include ids that the platform does not have', async () => {
    await using stub = await startStub(catalogOf(['a', 'b'], 'left out'));
    await using client = connectTo(stub.url);
    const { found, failed } = await client.api.datasets.getMany(['a', 'x', 'b'].map(datasetId));
    expect(failed).toEqual([]);
    expect(found.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(stub.requests).toHaveLength(1);
  });

  it('are read separately if an unknown id causes a 404 for the whole response', async () => {
    await using stub = await startStub(catalogOf(['a', 'b'], '404'));
    await using client = connectTo(stub.url);
    const { found, failed } = await client.api.datasets.getMany(['a', 'x', 'b'].map(datasetId));
    expect(failed).toEqual([]);
    expect(found.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(stub.requests.map(({ path }) => idsIn(path).length)).toEqual([3, 1, 1, 1]);
  });

  it('cost one call for a single id', async () => {
    await using stub = await startStub(catalogOf([], '404'));
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.getMany([datasetId('x')])).toEqual({ found: [], failed: [], calls: 1 });
    expect(stub.requests).toHaveLength(1);
  });

  it('are read by at most four concurrent calls', async () => {
    const respond = catalogOf([], '404');
    let waiting: (() => void)[] = [];
    let most = 0;
    await using stub = await startStub(async (request, response) => {
      const isAlone = idsIn(request.path).length === 1 && !isList(request.path);
      if (isAlone) {
        const released = new Promise<void>((resolve) => waiting.push(resolve));
        most = Math.max(most, waiting.length);
        if (waiting.length === 4) {
          // Time for a fifth call to arrive, if there were one.
          for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
          for (const release of waiting) release();
          waiting = [];
        }
        await released;
      }
      await respond(request, response);
    });
    await using client = connectTo(stub.url);
    await client.api.datasets.getMany(ids.slice(0, 40).map(datasetId));
    expect(stub.requests).toHaveLength(42);
    expect(most).toBe(4);
  });

  it('do not include unrequested objects, and invalid ids are not requested', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { a: {}, other: {} }));
    await using client = connectTo(stub.url);
    const none = await client.api.datasets.getMany([datasetId('a,b'), datasetId('')]);
    expect(none).toEqual({ found: [], failed: [], calls: 0 });
    expect(stub.requests).toHaveLength(0);
    const { found } = await client.api.datasets.getMany(['a', 'toString', '__proto__'].map(datasetId));
    expect(found.map(({ id }) => id)).toEqual(['a']);
  });

  it('have a short path when ids are long', async () => {
    const long = Array.from({ length: 40 }, (_, index) => `${index}`.padStart(200, 'x'));
    await using stub = await startStub(catalogOf(long, 'left out'));
    await using client = connectTo(stub.url);
    expect((await client.api.datasets.getMany(long.map(datasetId))).found).toHaveLength(40);
    for (const { path } of stub.requests) expect(path.length).toBeLessThan(4_100);
  });
});

describe.each(['datasets', 'batches'] as const)('%s by id', (kind) => {
  const getMany = (api: PlatformApi, ids: readonly string[]): Promise<BulkResult<string, Dataset | Batch>> =>
    kind === 'datasets' ? api.datasets.getMany(ids.map(datasetId)) : api.batches.getMany(ids.map(batchId));
  const resource = kind === 'datasets' ? 'Dataset' : 'Batch';
  const good = { status: 'active' };

  it('fail, are unknown, or are undecodable separately within one response', async () => {
    const entries = {
      a: good,
      forbidden: { type: '/placeholder/type/uri', status: 403, title: 'Forbidden', detail: 'Not this one' },
      down: { errors: { 503: [{ code: 'X-503', message: 'Down' }] } },
      gone: { status: 404, title: 'NotFoundError' },
      text: 'corrupt',
      list: [good],
      nothing: null,
      b: good,
    };
    await using stub = await startStub((_request, response) => sendJson(response, 200, entries));
    await using client = connectTo(stub.url);
    const { found, failed, calls } = await getMany(client.api, Object.keys(entries));
    expect(found.map(({ id }) => id)).toEqual(['a', 'b']);
    const upstream = { service: 'catalog', status: 200 };
    expect(failed).toMatchObject([
      { id: 'forbidden', ofCall: false, error: { code: 'FORBIDDEN', upstream: { status: 403 } } },
      { id: 'down', ofCall: false, error: { code: 'PLATFORM_ERROR', status: 503, retryable: true } },
      { id: 'text', ofCall: false, error: { code: 'UPSTREAM_UNREADABLE', upstream } },
      { id: 'list', ofCall: false, error: { code: 'UPSTREAM_UNREADABLE', upstream } },
    ]);
    expect(failed[2]?.error.message).toContain('It is not an object: corrupt.');
    expect([calls, stub.requests.length]).toEqual([1, 1]);
    expect(client.metrics.anomalies).toEqual([
      { resource, kind: 'not-an-object' },
      { resource, kind: 'not-an-object' },
    ]);
  });

  it('fail separately if each is read by its own call after a 404 for all of them', async () => {
    await using stub = await startStub((request, response) => {
      if (idsIn(request.path).includes('busy') && idsIn(request.path).length === 1) response.writeHead(503).end();
      else catalogOf(['a', 'b', 'busy'], '404')(request, response);
    });
    await using client = connectTo(stub.url, { maxAttempts: 1 });
    const { found, failed, calls } = await getMany(client.api, ['a', 'unknown', 'busy', 'b']);
    expect(found.map(({ id }) => id).toSorted()).toEqual(['a', 'b']);
    expect(failed).toMatchObject([{ id: 'busy', ofCall: true, error: { code: 'PLATFORM_ERROR', status: 503 } }]);
    expect(calls).toBe(5);
  });

  it('are read separately if an unknown id is in the same part as a rejected one', async () => {
    await using stub = await startStub((request, response) => {
      if (idsIn(request.path).includes('rejected')) response.writeHead(400).end();
      else catalogOf(['a', 'b', 'c', 'd', 'e'], '404')(request, response);
    });
    await using client = connectTo(stub.url);
    const { found, failed } = await getMany(client.api, ['a', 'unknown', 'b', 'c', 'rejected', 'd', 'e']);
    expect(found.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(failed.map(({ id }) => id)).toEqual(['rejected']);
  });

  it('do not include the error of an object that was not requested', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { a: good, other: { status: 403, title: 'Forbidden' } }),
    );
    await using client = connectTo(stub.url);
    expect(await getMany(client.api, ['a'])).toMatchObject({ found: [{ id: 'a' }], failed: [] });
  });

  it('are read alone with the error of the object or the call', async () => {
    const responses: Respond[] = [
      (_request, response) => sendJson(response, 200, { a: good }),
      (_request, response) => sendJson(response, 404, {}),
      (_request, response) => sendJson(response, 200, { a: { status: 403, title: 'Forbidden' } }),
      (_request, response) => sendJson(response, 400, {}),
    ];
    await using stub = await startStub((request, response) => responses.shift()?.(request, response));
    await using client = connectTo(stub.url);
    const get = (): Promise<unknown> =>
      kind === 'datasets' ? client.api.datasets.get(datasetId('a')) : client.api.batches.get(batchId('a'));
    expect(await get()).toMatchObject({ id: 'a' });
    expect(await get()).toBeNull();
    await expect(get()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(get()).rejects.toMatchObject({ code: 'PLATFORM_ERROR', status: 400 });
    expect(stub.requests).toHaveLength(4);
  });
});

describe.each(['datasets', 'batches'] as const)('a 404 for many %s by id', (kind) => {
  const wanted = Array.from({ length: 100 }, (_, index) => `id-${index}`);
  const getMany = async (
    platform: PlatformStub,
    { maxSplits, ids }: { readonly maxSplits?: number | undefined; readonly ids: readonly string[] },
  ): Promise<BulkResult<string, Dataset | Batch>> => {
    await using client = connectTo(platform.url);
    return kind === 'datasets'
      ? await client.api.datasets.getMany(ids.map(datasetId), { maxSplits })
      : await client.api.batches.getMany(ids.map(batchId), { maxSplits });
  };
  const read = async (
    platform: PlatformStub,
    { maxSplits, ids = wanted }: { readonly maxSplits?: number | undefined; readonly ids?: readonly string[] } = {},
  ) => {
    const result = await getMany(platform, { maxSplits, ids });
    expect(result.failed).toEqual([]);
    expect(result.calls).toBe(platform.requests.length);
    return new Set(result.found.map(({ id }) => id));
  };
  const sizes = ({ requests }: PlatformStub) =>
    requests.map(({ path }) => (isList(path) ? 'list' : idsIn(path).length));

  it.each([undefined, 0])(
    'shows by four calls that all are unknown if Catalog omits unknown ids',
    async (maxSplits) => {
      await using stub = await startStub(catalogOf(['newest'], 'left out'));
      expect(await read(stub, { maxSplits })).toEqual(new Set());
      expect(sizes(stub)).toEqual([100, 'list', 51, 51]);
      const named = stub.requests.slice(2).map(({ path, query }) => [idsIn(path).at(-1), query.get('limit')]);
      expect(named).toEqual([
        ['newest', '51'],
        ['newest', '51'],
      ]);
    },
  );

  it('finds one unknown id by 16 calls if it causes a 404', async () => {
    await using stub = await startStub(catalogOf(['newest', ...wanted.slice(1)], '404'));
    expect(await read(stub)).toEqual(new Set(wanted.slice(1)));
    expect(stub.requests).toHaveLength(16);
  });

  it('is followed by as few calls if the newest object cannot be read', async () => {
    const bad = { status: 500, title: 'InternalServerError' };
    await using stub = await startStub((request, response) => {
      if (!isList(request.path)) return catalogOf(['newest'], 'left out')(request, response);
      const rows = Object.entries({ bad, newest: { status: 'active' } });
      return sendJson(response, 200, Object.fromEntries(rows.slice(0, Number(request.query.get('limit')))));
    });
    expect(await read(stub)).toEqual(new Set());
    expect(sizes(stub)).toEqual([100, 'list', 51, 51]);
  });

  it('names no id twice if the existing object is one of the requested ones', async () => {
    await using stub = await startStub(catalogOf(wanted.slice(1), '404'));
    expect(await read(stub)).toEqual(new Set(wanted.slice(1)));
    for (const { path } of stub.requests) expect(new Set(idsIn(path)).size).toBe(idsIn(path).length);
  });

  it.each([
    [undefined, 1],
    [undefined, 3],
    [undefined, 30],
    [undefined, 100],
    [0, 3],
    [2, 30],
  ])(
    'has the same result with the limit %s if %i unknown ids cause it, by a limited number of calls',
    async (maxSplits, count) => {
      const unknown = new Set(wanted.filter((_, index) => (index * 37) % 100 < count));
      const known = wanted.filter((id) => !unknown.has(id));
      await using stub = await startStub(catalogOf(['newest', ...known], '404'));
      expect(await read(stub, { maxSplits })).toEqual(new Set(known));
      expect(stub.requests.length).toBeLessThanOrEqual(104 + 2 * (maxSplits ?? 10));
    },
  );

  it.each([
    ['is empty', (response: ServerResponse) => sendJson(response, 200, {})],
    ['contains an error', (response: ServerResponse) => sendJson(response, 200, { x: { status: 403, title: 'No' } })],
    ['cannot be read', (response: ServerResponse) => sendJson(response, 403, { title: 'Forbidden' })],
  ])('is followed by a read of each id if the list %s', async (_, list) => {
    const known = wanted.slice(1, 10);
    await using stub = await startStub((request, response) =>
      isList(request.path) ? list(response) : catalogOf(known, '404')(request, response),
    );
    expect(await read(stub, { ids: wanted.slice(0, 10) })).toEqual(new Set(known));
    expect(sizes(stub)).toEqual([10, 'list', ...known.map(() => 1), 1]);
  });

  it.each([
    [429, {}, 'RATE_LIMITED'],
    [503, { 'retry-after': '60' }, 'PLATFORM_ERROR'],
    [401, {}, 'UNAUTHENTICATED'],
  ])('is followed by no further call if the platform responds %i to the list', async (status, headers, code) => {
    await using stub = await startStub((request, response) =>
      isList(request.path) ? sendJson(response, status, {}, headers) : response.writeHead(404).end(),
    );
    const { failed } = await getMany(stub, { ids: wanted });
    expect(failed).toHaveLength(wanted.length);
    expect(failed.every(({ error, ofCall }) => error.code === code && ofCall)).toBe(true);
    expect(sizes(stub)).toEqual([100, 'list']);
  });

  it('costs one lookup for several chunks', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `id-${index}`);
    await using stub = await startStub(catalogOf(['newest'], 'left out'));
    expect(await read(stub, { ids })).toEqual(new Set());
    expect(sizes(stub)).toEqual([100, 100, 'list', 51, 51, 51, 51]);
  });
});

describe('the create of a dataset', () => {
  it('sends a persisted dataset and decodes the id in the reference, in any form (#25)', async () => {
    const bodies = [['@/dataSets/5c8c'], ['@/datasets/5c8d']];
    await using stub = await startStub((_request, response) => sendJson(response, 201, bodies.shift()));
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.create(newDataset)).toBe('5c8c');
    expect(await client.api.datasets.create({ ...newDataset, description: 'D', tags: [] })).toBe('5c8d');
    expect(stub.requests[0]).toMatchObject({ method: 'POST', path: '/data/foundation/catalog/dataSets' });
    const common = {
      name: 'Profiles',
      schemaRef: newDataset.schemaRef,
      fileDescription: { persisted: true, containerFormat: 'parquet', format: 'parquet' },
    };
    expect(stub.requests.map(({ body }) => JSON.parse(body))).toEqual([
      { ...common, tags: { team: ['a', 'b'] } },
      { ...common, description: 'D' },
    ]);
  });

  it('has an unknown outcome when the response contains no dataset', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 201, []));
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.create(newDataset)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it('is INVALID_INPUT when the platform rejects it', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 400, { title: 'BadRequestError', detail: 'name must be given' }),
    );
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.create(newDataset)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path: 'input.name', message: 'BadRequestError: name must be given' }],
    });
  });
});

describe('the deletion of a dataset', () => {
  it.each([
    { status: 200, body: ['@/dataSets/5c8c'], expected: true },
    { status: 200, body: [], expected: false },
    { status: 404, body: { title: 'NotFoundError' }, expected: false },
  ])('returns $expected after $status with $body (#24)', async ({ status, body, expected }) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, body));
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.delete(datasetId('5c8c'))).toBe(expected);
    expect(stub.requests[0]).toMatchObject({ method: 'DELETE', path: '/data/foundation/catalog/dataSets/5c8c' });
  });

  it.each(['', 'not JSON'])('returns true after a success with the body %j', async (body) => {
    await using stub = await startStub((_request, response) => response.writeHead(200).end(body));
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.delete(datasetId('5c8c'))).toBe(true);
  });
});
