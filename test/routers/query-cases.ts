import { afterAll, beforeAll, expect } from 'vitest';
import { campaignQuota } from '../../examples/federation/marketing.ts';
import { nextJob, owner, pastJob } from '../federation/graph.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { connectGateway, type Headers } from '../support/gateway.ts';
import { goldTier, organization, profileDataset, startSteppedPlatform } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { type RouterGraph, startRouterGraph } from './graph.ts';
import type { RouterKind } from './router.ts';
import { caseOf } from './table-case.ts';

type SteppedPlatform = Awaited<ReturnType<typeof startSteppedPlatform>>;

export const createExport = `mutation ($input: CreateExportJobInput!) {
  createExportJob(input: $input) {
    __typename
    ... on CreateExportJobPayload { exportJob { id status campaign { name } destination { dataset { name } } } }
    ... on Error { code }
  }
}`;

/** One wrong value of each header that routers pass on, and the response to a query with it. */
export const wrongHeaders: Readonly<Record<string, string>> = {
  authorization: `Bearer ${plantedSecret('wrong-token')}`,
  'x-api-key': 'another',
  'x-gw-ims-org-id': 'FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg',
  'x-sandbox-name': 'nowhere',
};

/** Queries and mutations behind a router. */
export function testQueries(kind: RouterKind): void {
  let platform: SteppedPlatform;
  let graph: RouterGraph;
  beforeAll(async () => {
    platform = await startSteppedPlatform({ clock: new FakeClock('2026-11-02T08:00:00Z') });
    graph = await startRouterGraph(kind, { platform, transport: kind.transports[0] ?? 'WebSocket' });
  });
  afterAll(async () => {
    await graph?.[Symbol.asyncDispose]();
    await platform?.[Symbol.asyncDispose]();
  });
  const send = (query: string, variables: Readonly<Record<string, unknown>> = {}, headers: Headers = graph.headers) =>
    connectGateway(graph.router.url).send(query, variables, headers);
  const test = caseOf(kind, null);

  test('joined query', async () => {
    const { data, errors } = await send(
      `query ($job: ID!) {
        exportJob(id: $job) { status campaign { name segment { platformId name } } }
        viewer { organizationId canWrite campaignQuota }
      }`,
      { job: pastJob },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      exportJob: {
        status: 'FAILED',
        campaign: { name: 'Spring sale', segment: { platformId: goldTier, name: expect.any(String) } },
      },
      viewer: { organizationId: organization, canWrite: true, campaignQuota },
    });
  });

  test('mutation, with its errors as data', async () => {
    const target = { datasetId: profileDataset };
    const { data, errors } = await send(createExport, { input: { destination: { target } } });
    expect(errors).toEqual([]);
    expect(data).toEqual({
      createExportJob: {
        __typename: 'CreateExportJobPayload',
        exportJob: {
          id: nextJob,
          status: 'NEW',
          campaign: { name: 'Autumn sale' },
          destination: { dataset: { name: expect.any(String) } },
        },
      },
    });
    const wrong = await send(createExport, { input: { fields: [], destination: { target } } });
    expect(wrong.data).toEqual({ createExportJob: { __typename: 'InvalidInputError', code: 'INVALID_INPUT' } });
  });

  test('entities of this gateway from the other subgraph', async () => {
    const { data, errors } = await send(
      '{ campaigns { nodes { name exportJob { id platformId } segment { id platformId name } } } }',
    );
    expect(errors).toEqual([]);
    const segment = { id: `SegmentDefinition:${goldTier}`, platformId: goldTier, name: expect.any(String) };
    const job = (id: string) => ({ id, platformId: id.slice(id.indexOf(':') + 1) });
    expect(data).toEqual({
      campaigns: {
        nodes: [
          { name: 'Spring sale', exportJob: job(pastJob), segment },
          { name: 'Autumn sale', exportJob: job(nextJob), segment },
        ],
      },
    });
  });

  test('entities of the other subgraph from this gateway', async () => {
    const query = '{ exportJobs(first: 30) { nodes { id campaign { id name } } } }';
    const { data, errors } = await send(query);
    expect(errors).toEqual([]);
    expect(data).toMatchObject({
      exportJobs: {
        nodes: expect.arrayContaining([{ id: nextJob, campaign: { id: 'autumn', name: 'Autumn sale' } }]),
      },
    });
  });

  test('headers of four kinds', async () => {
    const query = 'query ($id: ID!) { dataset(id: $id) { platformId } }';
    const right = await send(query, { id: profileDataset });
    expect([right.data, right.errors]).toEqual([{ dataset: { platformId: profileDataset } }, []]);
    for (const [name, value] of Object.entries(wrongHeaders)) {
      const { data, errors } = await send(query, { id: profileDataset }, { ...graph.headers, [name]: value });
      expect([name, data?.['dataset'] ?? null], JSON.stringify(errors)).toEqual([name, null]);
    }
    const elsewhere = await send(query, { id: profileDataset }, { ...graph.headers, 'x-sandbox-name': 'dev' });
    expect([elsewhere.data, elsewhere.errors]).toEqual([{ dataset: null }, []]);
  });

  test('missing credential', async () => {
    platform.clearRequests();
    const { errors } = await send('query ($id: ID!) { dataset(id: $id) { id } }', { id: profileDataset }, {});
    // Some routers add an error of their own.
    expect(errors.map(({ extensions }) => extensions?.['code'])).toContain('UNAUTHENTICATED');
    expect(platform.requests).toEqual([]);
  });

  test('reload of the supergraph', async () => {
    const query = 'query ($id: ID!) { dataset(id: $id) { owner } }';
    const before = await send(query, { id: profileDataset });
    expect(before.errors).not.toEqual([]);
    await graph.reload();
    await untilData(() => send(query, { id: profileDataset }), { dataset: { owner } });
  });
}

/** Waits until a query has this result. */
async function untilData(send: () => Promise<{ readonly data: unknown }>, data: unknown): Promise<void> {
  await eventually(async () => expect((await send()).data).toEqual(data), { patienceMs: reloadMs });
}

/** Maximum time in which a router reads a new supergraph, in milliseconds. */
const reloadMs = 30_000;
