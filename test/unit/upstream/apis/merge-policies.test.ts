import { describe, expect, it } from 'vitest';
import { UpstreamUnreadableError } from '../../../../src/errors.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

describe('a list of merge policies', () => {
  it('is ordered by name, and continues at the same path with the start of its link (#16)', async () => {
    await using stub = await startStub(({ query }, response) =>
      sendJson(response, 200, {
        _page: { totalCount: 2, pageSize: 2 },
        children: [{ id: query.has('start') ? 'b' : 'a', default: true }],
        _links: { next: { href: query.has('start') ? '' : '@/mergePolicies?start=K1JJ+RDpF%3D&orderBy=&limit=2' } },
      }),
    );
    await using client = connectTo(stub.url);
    const first = await client.api.mergePolicies.list({ limit: 1 });
    expect(first).toMatchObject({ policies: [{ id: 'a', isDefault: true }], next: 'K1JJ+RDpF=', total: 2 });
    const second = await client.api.mergePolicies.list({ limit: 1, start: first.next ?? '' });
    expect(second).toMatchObject({ policies: [{ id: 'b' }], next: null });
    expect(stub.requests.map(({ path }) => path)).toEqual(
      Array.from({ length: 2 }, () => '/data/core/ups/config/mergePolicies'),
    );
    expect(stub.requests.map(({ query }) => Object.fromEntries(query))).toEqual([
      { limit: '1', orderBy: 'name' },
      { limit: '1', orderBy: 'name', start: 'K1JJ+RDpF=' },
    ]);
    expect(client.metrics.calls).toMatchObject([{ service: 'merge-policies' }, { service: 'merge-policies' }]);
  });

  it('omits and counts rows without an id', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, { _page: { count: 100.0 }, children: [{ name: 'x' }, { id: 'a' }], _links: {} }),
    );
    await using client = connectTo(stub.url);
    expect(await client.api.mergePolicies.list({ limit: 2 })).toMatchObject({ policies: [{ id: 'a' }], next: null });
    expect(client.metrics.anomalies).toEqual([{ resource: 'MergePolicy', kind: 'missing-id' }]);
  });

  it('is unreadable without children', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, []));
    await using client = connectTo(stub.url);
    await expect(client.api.mergePolicies.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});
