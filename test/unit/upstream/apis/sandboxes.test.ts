import { describe, expect, it } from 'vitest';
import { UpstreamUnreadableError } from '../../../../src/errors.ts';
import { connectTo, type Respond, sendJson, startStub } from '../platform-stub.ts';

const named = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: `sandbox-${from + index}` }));

describe('sandboxes', () => {
  it('are read page by page until one is short, with limit and offset but without a sandbox header (#15, #18)', async () => {
    await using stub = await startStub(({ query }, response) => {
      const offset = Number(query.get('offset'));
      sendJson(response, 200, {
        sandboxes: named(offset, offset === 0 ? 50 : 7),
        _page: { limit: 3, count: 1 },
        _links: { next: { href: 'https://platform.adobe.io:443/?limit={limit}&offset={offset}', templated: true } },
      });
    });
    await using client = connectTo(stub.url);
    const sandboxes = await client.api.sandboxes.available();
    expect(sandboxes.map(({ name }) => name)).toEqual(named(0, 57).map(({ name }) => name));
    expect(stub.requests.map(({ path, query }) => [path, query.toString()])).toEqual([
      ['/data/foundation/sandbox-management/', 'limit=50&offset=0'],
      ['/data/foundation/sandbox-management/', 'limit=50&offset=50'],
    ]);
    expect(stub.requests[0]?.headers).not.toHaveProperty('x-sandbox-name');
  });

  it('require only a name; other fields, dates and tags of any form are accepted (#39, #41)', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 200, {
        sandboxes: [
          {
            name: 'prod',
            title: 'Production',
            type: 'production',
            state: 'active',
            isDefault: true,
            eTag: 1,
            createdDate: '2019-09-04 04:57:24',
          },
          { name: 'dev', isDefault: 'no', etag: 2 },
          { title: 'No name' },
        ],
      }),
    );
    await using client = connectTo(stub.url);
    expect(await client.api.sandboxes.available()).toEqual([
      { name: 'prod', title: 'Production', type: 'production', state: 'active', isDefault: true },
      { name: 'dev', title: null, type: null, state: null, isDefault: null },
    ]);
    expect(client.metrics.anomalies).toEqual([{ resource: 'Sandbox', kind: 'missing-id' }]);
  });

  it('end after two consecutive pages without a new sandbox, and contain each sandbox once (#19)', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, { sandboxes: named(0, 50) }));
    await using client = connectTo(stub.url);
    expect(await client.api.sandboxes.available()).toHaveLength(50);
    expect(stub.requests).toHaveLength(3);
  });

  it('are complete although a whole page of others is inserted before them while they are read', async () => {
    let rows = named(0, 120);
    await using stub = await startStub(({ query }, response) => {
      const offset = Number(query.get('offset'));
      sendJson(response, 200, { sandboxes: rows.slice(offset, offset + 50) });
      if (offset === 0) rows = [...named(1_000, 50), ...rows];
    });
    await using client = connectTo(stub.url);
    const names = new Set((await client.api.sandboxes.available()).map(({ name }) => name));
    expect(named(0, 120).filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it.each<{ what: string; calls: number; respond: Respond }>([
    { what: 'when the response is not a list', calls: 1, respond: (_request, response) => sendJson(response, 200, {}) },
    {
      what: 'when the list never ends',
      calls: 100,
      respond: ({ query }, response) => sendJson(response, 200, { sandboxes: named(Number(query.get('offset')), 50) }),
    },
  ])('are unreadable $what', async ({ respond, calls }) => {
    await using stub = await startStub(respond);
    await using client = connectTo(stub.url);
    await expect(client.api.sandboxes.available()).rejects.toBeInstanceOf(UpstreamUnreadableError);
    expect(stub.requests).toHaveLength(calls);
  });
});
