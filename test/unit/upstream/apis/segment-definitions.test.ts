import { describe, expect, it } from 'vitest';
import type { SegmentDefinition } from '../../../../src/domain/segment-definition.ts';
import { UpstreamUnreadableError } from '../../../../src/errors.ts';
import type { SegmentDefinitionsApi } from '../../../../src/upstream/apis/segment-definitions.ts';
import { connectTo, type Respond, sendJson, startStub } from '../platform-stub.ts';

const all = Array.from({ length: 5 }, (_, index) => ({ id: `s-${index}`, name: `Segment ${index}` }));

/** A platform whose pages begin with this number. */
const pagesFrom =
  (first: number): Respond =>
  ({ query }, response) => {
    const limit = Number(query.get('limit'));
    const index = query.has('page') ? Number(query.get('page')) - first : 0;
    const totalPages = Math.ceil(all.length / limit);
    sendJson(response, 200, {
      segments: all.slice(index * limit, (index + 1) * limit),
      page: {
        totalCount: all.length,
        totalPages,
        sortField: 'creationTime',
        sort: 'desc',
        pageSize: limit,
        limit: 100,
      },
      link: {},
    });
  };

async function readAll(api: SegmentDefinitionsApi, limit: number): Promise<ReadonlyMap<string, SegmentDefinition>> {
  const byId = new Map<string, SegmentDefinition>();
  for (let page: number | null = 0; page !== null; ) {
    const { definitions, next }: Awaited<ReturnType<SegmentDefinitionsApi['list']>> = await api.list({ limit, page });
    for (const definition of definitions) byId.set(definition.id, definition);
    page = next;
  }
  return byId;
}

describe('a list of segment definitions', () => {
  it('requests its first page without a number, because the number of the first page is unknown', async () => {
    await using stub = await startStub(pagesFrom(0));
    await using client = connectTo(stub.url);
    const { definitions, next } = await client.api.segmentDefinitions.list({ limit: 100 });
    expect(definitions.map(({ name }) => name)).toEqual(all.map(({ name }) => name));
    expect(next).toBeNull();
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: '/data/core/ups/segment/definitions' });
    expect(stub.requests[0]?.query.toString()).toBe('limit=100&sort=creationTime%3Adesc');
    expect(client.metrics.calls).toMatchObject([{ service: 'segmentation' }]);
  });

  it.each([
    { first: 0, limit: 2, pages: [null, '1', '2'] },
    { first: 1, limit: 2, pages: [null, '1', '2', '3'] },
    { first: 0, limit: 1, pages: [null, '1', '2', '3', '4', '5'] },
    { first: 1, limit: 1, pages: [null, '1', '2', '3', '4', '5'] },
    { first: 1, limit: 5, pages: [null] },
  ])('is complete with pages of $limit counted from $first (#19)', async ({ first, limit, pages }) => {
    await using stub = await startStub(pagesFrom(first));
    await using client = connectTo(stub.url);
    const found = await readAll(client.api.segmentDefinitions, limit);
    expect([...found.keys()].toSorted()).toEqual(all.map(({ id }) => id));
    expect(stub.requests.map(({ query }) => query.get('page'))).toEqual(pages);
  });

  it('ends at a page that does not exist, unless it is the first', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    const behind = await client.api.segmentDefinitions.list({ limit: 1, page: 5 });
    expect(behind).toEqual({ definitions: [], next: null, total: null });
    await expect(client.api.segmentDefinitions.list({ limit: 1 })).rejects.toMatchObject({ code: 'PLATFORM_ERROR' });
  });

  it('omits and counts rows without an id', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { segments: [{}, all[0]] }));
    await using client = connectTo(stub.url);
    const { definitions } = await client.api.segmentDefinitions.list({ limit: 2 });
    expect(definitions).toMatchObject([{ id: 's-0' }]);
    expect(client.metrics.anomalies).toEqual([{ resource: 'SegmentDefinition', kind: 'missing-id' }]);
  });

  it('reports the total number, and counts an anomaly if the rows are not in the requested order', async () => {
    const segments = [{ id: 'a', creationTime: 1 }, { id: 'b', creationTime: 0, createEpoch: 9 }, { id: 'c' }];
    await using stub = await startStub(({ query }, response) =>
      sendJson(response, 200, { segments, page: { totalCount: query.get('page') === null ? 7 : 2 } }),
    );
    await using client = connectTo(stub.url);
    expect((await client.api.segmentDefinitions.list({ limit: 3 })).total).toBe(7);
    expect(client.metrics.anomalies).toEqual([{ resource: 'SegmentDefinition', kind: 'out-of-order' }]);
    const byName = { field: 'name', direction: 'asc' } as const;
    // A count below the rows of the page is wrong.
    expect((await client.api.segmentDefinitions.list({ limit: 3, page: 1, orderBy: byName })).total).toBeNull();
    expect(client.metrics.anomalies).toHaveLength(1);
    expect(stub.requests.map(({ query }) => query.get('sort'))).toEqual(['creationTime:desc', 'name:asc']);
  });

  it('is unreadable without segments', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, all[0]));
    await using client = connectTo(stub.url);
    await expect(client.api.segmentDefinitions.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});
