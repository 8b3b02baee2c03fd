import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FederationGateway, type SubgraphTransport, startHiveGateway } from '../../examples/federation/gateway.ts';
import { campaignQuota } from '../../examples/federation/marketing.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { connectGateway } from '../support/gateway.ts';
import { goldTier, organization, profileDataset } from '../support/platform.ts';
import { startApolloGateway } from './gateways.ts';
import { type Graph, nextJob, owner, pastJob, startGraph } from './graph.ts';

const gateways: Readonly<Record<string, (supergraph: string) => Promise<FederationGateway>>> = {
  '@apollo/gateway': startApolloGateway,
  'Hive Gateway, subscribed over SSE': (supergraph) => startHiveGateway(supergraph, 'sse'),
  'Hive Gateway, subscribed over WebSocket': (supergraph) => startHiveGateway(supergraph, 'ws'),
};

const createExport = `mutation ($input: CreateExportJobInput!) {
  createExportJob(input: $input) {
    __typename
    ... on CreateExportJobPayload { exportJob { id status campaign { name } destination { dataset { owner } } } }
    ... on Error { code }
  }
}`;

describe.each(Object.entries(gateways))('behind %s', (_, start) => {
  let graph: Graph;
  let gateway: FederationGateway;

  beforeAll(async () => {
    graph = await startGraph({ clock: new FakeClock('2026-11-02T08:00:00Z') });
    gateway = await start(graph.supergraph);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
  });

  const send = (query: string, variables = {}, headers = graph.headers) =>
    connectGateway(gateway.url).send(query, variables, headers);
  /** Requests to the platform since the last `clearRequests`. */
  const asked = () =>
    graph.platform.requests.map(({ path }) => /(?:ups|foundation)\/(\w+\/\w+)/.exec(path)?.[1] ?? path).toSorted();

  it('joins from the other subgraph to this one, with one request per type', async () => {
    graph.platform.clearRequests();
    const { data, errors } = await send(
      '{ campaigns { nodes { name exportJob { id rawStatus } segment { id platformId name } } pageInfo { hasNextPage } } }',
    );
    const segment = { id: `SegmentDefinition:${goldTier}`, platformId: goldTier, name: expect.any(String) };
    expect(data).toEqual({
      campaigns: {
        nodes: [
          { name: 'Spring sale', exportJob: { id: pastJob, rawStatus: 'FAILED' }, segment },
          // The export job does not exist yet.
          { name: 'Autumn sale', exportJob: null, segment },
        ],
        pageInfo: { hasNextPage: false },
      },
    });
    // Hive Gateway also reports that `rawStatus` is never null; @apollo/gateway does not.
    expect(errors.filter(({ path }) => path?.join('.') !== 'campaigns.nodes.1.exportJob.rawStatus')).toEqual([]);
    // The newest page, and the job that is not on it.
    expect(asked()).toEqual(['export/jobs', 'export/jobs', 'segment/definitions']);
  });

  it('joins from this subgraph to the other one', async () => {
    const { data, errors } = await send(
      `query ($dataset: ID!, $job: ID!) {
        dataset(id: $dataset) { name owner }
        exportJob(id: $job) { status campaign { name segment { platformId } } }
        viewer { organizationId canWrite campaignQuota }
      }`,
      { dataset: profileDataset, job: pastJob },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      dataset: { name: expect.any(String), owner },
      exportJob: { status: 'FAILED', campaign: { name: 'Spring sale', segment: { platformId: goldTier } } },
      viewer: { organizationId: organization, canWrite: true, campaignQuota },
    });
  });

  it('passes on the caller, so that another sandbox is another tenant and a missing token is rejected', async () => {
    const query = 'query ($id: ID!) { dataset(id: $id) { id } }';
    const elsewhere = await send(query, { id: profileDataset }, { ...graph.headers, 'x-sandbox-name': 'dev' });
    expect([elsewhere.data, elsewhere.errors]).toEqual([{ dataset: null }, []]);
    graph.platform.clearRequests();
    const { errors } = await send(query, { id: profileDataset }, {});
    expect(errors.map(({ extensions }) => extensions?.['code'])).toEqual(['UNAUTHENTICATED']);
    expect(graph.platform.requests).toEqual([]);
  });

  it('carries out mutations in both, and returns their errors as data', async () => {
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
          destination: { dataset: { owner } },
        },
      },
    });
    const wrong = await send(createExport, { input: { fields: [], destination: { target } } });
    expect(wrong.data).toEqual({ createExportJob: { __typename: 'InvalidInputError', code: 'INVALID_INPUT' } });
    const renamed = await send(
      'mutation { renameCampaign(id: "spring", name: "Summer sale") { ... on Campaign { name exportJob { status } } } }',
    );
    expect(renamed.data).toEqual({ renameCampaign: { name: 'Summer sale', exportJob: { status: 'FAILED' } } });
  });

  it('waits for the end of a job, and joins the job with the other subgraph', async () => {
    const wait = `query ($id: ID!) {
      awaitExportJob(id: $id, timeoutMs: 100) { ended job { id status campaign { name } } }
    }`;
    // The clock of the platform stands still, so that the job stays as it is.
    const running = await send(wait, { id: nextJob });
    expect(running).toMatchObject({
      errors: [],
      data: { awaitExportJob: { ended: false, job: { id: nextJob, campaign: { name: 'Autumn sale' } } } },
    });
    const ended = await send(wait, { id: pastJob });
    expect(ended.data).toMatchObject({ awaitExportJob: { ended: true, job: { id: pastJob, status: 'FAILED' } } });
  });
});

interface Live {
  readonly exportJobChanged: {
    readonly kind: string;
    readonly job: { readonly status: string; readonly campaign: { readonly name: string } | null } | null;
  };
}

const liveJob = `subscription ($ids: [ID!]) {
  exportJobChanged(ids: $ids) { kind job { status campaign { name } destination { dataset { owner } } } }
}`;
// The parser does not know the type of the operation's result.
const live = parse(liveJob) as TypedDocumentNode<Live, { ids: string[] }>;

describe.each<SubgraphTransport>(['sse', 'ws'])('behind Hive Gateway, subscribed over %s', (transport) => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let graph: Graph;
  let gateway: FederationGateway;

  beforeAll(async () => {
    graph = await startGraph({ clock });
    gateway = await startHiveGateway(graph.supergraph, transport);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
  });

  it('a live view emits every change until it ends, each extended by the other subgraph', async () => {
    const input = { destination: { target: { datasetId: profileDataset } } };
    expect((await connectGateway(gateway.url).send(createExport, { input }, graph.headers)).errors).toEqual([]);
    await using events = connectGateway(gateway.url).subscribe(
      live,
      { ids: [nextJob] },
      { transport: 'sse', headers: graph.headers },
    );
    const statuses: (string | undefined)[] = [];
    for (let event = await events.take(); event !== null; event = await events.take()) {
      const { kind, job } = event.exportJobChanged;
      expect(job).toMatchObject({ campaign: { name: 'Autumn sale' }, destination: { dataset: { owner } } });
      statuses.push(`${kind} ${job?.status}`);
      if (job?.status !== 'SUCCEEDED') await clock.tick();
    }
    expect(statuses[0]).toBe('SNAPSHOT NEW');
    expect(statuses.at(-1)).toBe('CHANGED SUCCEEDED');
    expect(statuses).toContain('CHANGED PROCESSING');
  });

  it('a live view that the client leaves is released at once, even if no event ever arrives', async () => {
    const open = async (count: number) =>
      eventually(async () => expect(await graph.exports.metric('aep_watch_subscribers')).toBe(count));
    const whole = parse('subscription { exportJobChanged { kind } }') as TypedDocumentNode<Live, Record<string, never>>;
    {
      await using events = connectGateway(gateway.url).subscribe(
        whole,
        {},
        { transport: 'sse', headers: graph.headers },
      );
      // No job runs, so no event arrives.
      events.take().catch(() => {});
      await open(1);
    }
    await open(0);
  });
});

// Over a WebSocket, Hive Gateway retries for half a minute before it reports the error.
it('a live view without a token, behind Hive Gateway over sse, is rejected before any request to the platform', async () => {
  await using graph = await startGraph({ clock: new FakeClock('2026-11-02T08:00:00Z') });
  await using gateway = await startHiveGateway(graph.supergraph, 'sse');
  graph.platform.clearRequests();
  await using events = connectGateway(gateway.url).subscribe(live, { ids: [nextJob] }, { transport: 'sse' });
  expect(await events.failure()).toHaveLength(1);
  expect(graph.platform.requests).toEqual([]);
});
