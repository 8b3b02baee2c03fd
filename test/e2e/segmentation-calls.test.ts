import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import {
  BoardDocument,
  ReadSegmentDefinitionsDocument,
  ViewerDocument,
  WatchSchedulesDocument,
  WatchSegmentJobsDocument,
} from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;

beforeAll(async () => {
  platform = await startPlatform({ profiles: 40, clock: new FakeClock('2026-11-02T08:00:00Z') });
});
afterAll(() => platform.close());

/** Method and path of the platform calls, without ids and parameters. */
const asked = () => platform.requests.map(({ method, path }) => `${method} ${servicePath(path)}`).toSorted();
const servicePath = (path: string) => /\/(?:ups|foundation)\/(\w+\/\w+(?:\/bulk-get)?)/.exec(path)?.[1] ?? path;

describe('calls to the platform', () => {
  let gateway: Gateway;

  beforeEach(async () => {
    gateway = await startGateway({ platform, clock: new FakeClock('2026-11-02T08:00:00Z') });
    // The token of the gateway's credential is fetched once, before calls are counted.
    await gateway.query(ViewerDocument, {});
    platform.clearRequests();
    return () => gateway.close();
  });

  it('are five for a page of 50 export jobs with their datasets, batches, merge policies and segments', async () => {
    const { nodes } = (await gateway.query(BoardDocument, { first: 50 })).exportJobs;
    expect(asked()).toEqual([
      'GET catalog/batches',
      'GET catalog/dataSets',
      'GET export/jobs',
      'POST config/mergePolicies/bulk-get',
      'POST segment/definitions/bulk-get',
    ]);
    expect(nodes).toHaveLength(50);
    expect(nodes.every(({ destination }) => destination.dataset !== null)).toBe(true);
    expect(nodes.every(({ mergePolicy }) => mergePolicy?.policy !== null)).toBe(true);
    const segments = nodes.flatMap(({ filter }) => filter?.segments ?? []);
    expect(segments.length).toBeGreaterThan(10);
    for (const { segmentNs, definition } of segments) expect(definition === null).toBe(segmentNs !== 'ups');
  });

  it('name each id once, and a hundred of them per call', async () => {
    const unknown = (type: string, count: number) => Array.from({ length: count }, (_, each) => `${type}:none-${each}`);
    const known = [`SegmentDefinition:${goldTier}`, `Dataset:${profileDataset}`];
    const ids = [...known, ...unknown('SegmentDefinition', 240), ...known, ...unknown('Dataset', 100)];
    const variables = { a: ids.slice(0, 100), b: ids.slice(100, 200), c: ids.slice(200, 300), d: ids.slice(300) };
    const { data, errors } = await gateway.send(
      `query ($a: [ID!]!, $b: [ID!]!, $c: [ID!]!, $d: [ID!]!) {
        a: nodes(ids: $a) { id } b: nodes(ids: $b) { id } c: nodes(ids: $c) { id } d: nodes(ids: $d) { id }
      }`,
      variables,
    );
    expect(errors).toEqual([]);
    expect(Object.values(data ?? {}).flat()).toEqual(ids.map((id) => (known.includes(id) ? { id } : null)));
    expect(asked()).toEqual([
      ...Array.from({ length: 2 }, () => 'GET catalog/dataSets'),
      ...Array.from({ length: 3 }, () => 'POST segment/definitions/bulk-get'),
    ]);
  });

  it('are one for several people, and one for their segments', async () => {
    const people = Array.from({ length: 8 }, (_, index) => `CRM-00000000${index + 1}`).map(
      (value, index) =>
        `p${index}: profile(identity: {namespace: "CRMID", value: "${value}"}) { segmentMemberships { definition { name } } }`,
    );
    const { data, errors } = await gateway.send(`{ ${people.join(' ')} }`);
    expect(errors).toEqual([]);
    expect(JSON.stringify(data)).toContain('Email opt-in');
    expect(asked()).toEqual(['POST access/entities', 'POST segment/definitions/bulk-get']);
  });

  it('return the memberships of a profile without adding them to the selected attributes', async () => {
    const { data } = await gateway.send(`{ profile(
      identity: {namespace: "CRMID", value: "CRM-000000001"}, fields: ["person.name"]
    ) { attributes segmentMemberships { segmentId } } }`);
    expect(data).toEqual({
      profile: {
        attributes: { person: expect.anything() },
        segmentMemberships: expect.arrayContaining([expect.anything()]),
      },
    });
    expect(asked()).toEqual(['POST access/entities']);
  });

  it.each([
    ['{ datasets(first: 5) { nodes { name } } }', 'dataSets', ['created', 'name']],
    [`{ dataset(id: "${profileDataset}") { name } }`, 'dataSets/', ['name']],
    [
      `{ dataset(id: "${profileDataset}") { isUnionProfileDataset tags { name } } }`,
      'dataSets/',
      ['schemaRef', 'tags'],
    ],
    [`{ dataset(id: "${profileDataset}") { lastBatch { recordCount } } }`, 'dataSets/', ['lastBatchId']],
    [
      `{ dataset(id: "${profileDataset}") { lastBatchId lastSuccessfulBatchId } }`,
      'dataSets/',
      ['lastBatchId', 'lastSuccessfulBatch'],
    ],
    [`{ dataset(id: "${profileDataset}") { recordCount sizeBytes measuredAt } }`, 'dataSets/', ['extensions']],
    [
      `{ dataset(id: "${profileDataset}") { lastBatch { rawStatus datasetId } } }`,
      'batches/',
      ['relatedObjects', 'status'],
    ],
    [
      `{ dataset(id: "${profileDataset}") { lastBatch { isTerminal } } }`,
      'batches/',
      ['completed', 'metrics', 'status'],
    ],
    [
      `{ dataset(id: "${profileDataset}") { lastBatch { recordCount } } }`,
      'batches/',
      ['metrics', 'recordCount', 'status'],
    ],
    [
      `{ dataset(id: "${profileDataset}") { lastBatch { errors { message } startedAt successorId predecessorIds } } }`,
      'batches/',
      ['errors', 'metrics', 'replay', 'started', 'status', 'tags'],
    ],
    [
      `{ dataset(id: "${profileDataset}") { batches(first: 2) { nodes { sizeBytes dataset { id } } } } }`,
      'batches?',
      ['created', 'metrics', 'relatedObjects', 'size', 'status'],
    ],
  ])('for %s request only the selected data from Catalog (%s)', async (query, part, properties) => {
    expect((await gateway.send(query)).errors).toEqual([]);
    const mentions = query.match(/batches|lastBatch\b/g)?.length ?? 0;
    expect(platform.requests.filter(({ path }) => path.includes('/catalog/')).length).toBeLessThanOrEqual(1 + mentions);
    const request = platform.requests.find(({ path }) => path.startsWith(`/data/foundation/catalog/${part}`));
    expect(new URL(request?.path ?? '', platform.url).searchParams.get('properties')?.split(',').toSorted()).toEqual(
      properties,
    );
  });

  it('to watch segment jobs are as many for fifty subscribers as for one, and none when they have left', async () => {
    const forOne = await callsWhileWatching(WatchSegmentJobsDocument, 1);
    // One call for the first page, and one for each of five rounds.
    expect(forOne).toEqual(Array.from({ length: 6 }, () => 'GET segment/jobs'));
    expect(await callsWhileWatching(WatchSegmentJobsDocument, 50)).toEqual(forOne);
  });

  it('to watch schedules are as many for fifty subscribers as for one, and none when they have left', async () => {
    const forOne = await callsWhileWatching(WatchSchedulesDocument, 1);
    expect(forOne).toEqual(Array.from({ length: 6 }, () => 'GET config/schedules'));
    expect(await callsWhileWatching(WatchSchedulesDocument, 50)).toEqual(forOne);
  });
});

/** Starts the given number of subscribers, and makes five more rounds. */
async function callsWhileWatching<Data>(
  document: TypedDocumentNode<Data, { ids?: string[] | null }>,
  subscribers: number,
): Promise<readonly string[]> {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  await using gateway = await startGateway({ platform, clock });
  await gateway.query(ViewerDocument, {});
  platform.clearRequests();
  const streams: EventStream<Data>[] = [];
  try {
    for (let index = 0; index < subscribers; index += 1) {
      const events = gateway.subscribe(document, {}, { transport: index % 2 === 0 ? 'websocket' : 'sse' });
      streams.push(events);
      await events.take();
    }
    expect(await gateway.metric('aep_watch_subscribers')).toBe(subscribers);
    for (let round = 0; round < 5; round += 1) {
      await clock.tick();
      await clock.sleeping();
    }
  } finally {
    await Promise.all(streams.map((events) => events[Symbol.asyncDispose]()));
  }
  await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
  const calls = asked();
  await clock.advanceBy(600_000);
  expect(await gateway.metric('aep_watch_feeds')).toBe(0);
  expect(platform.requests).toHaveLength(calls.length);
  return calls;
}

describe('when the platform cannot return one of many entities', () => {
  const failure = { requestId: 'r', errors: { 500: [{ code: 'UPAPI-1', message: 'It is broken.' }] } };

  /** Responds to a bulk read like the platform, except for one id. */
  const startBroken = (path: string, id: string) =>
    startProxy(platform, (request, response) => {
      if (request.url !== `/data/core/ups/${path}/bulk-get`) return false;
      void answerBroken(request, response, id);
      return true;
    });

  async function answerBroken(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await fetch(`${platform.url}${request.url}`, {
      method: 'POST',
      headers: { ...headersOf(request), 'content-type': 'application/json' },
      body: Buffer.concat(chunks),
    });
    // The format of a bulk read response.
    const { results } = (await answer.json()) as { readonly results: object };
    response.writeHead(207, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ results: { ...results, [id]: failure } }));
  }

  const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
    Object.fromEntries(
      ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'].map((name) => [name, String(headers[name])]),
    );

  it('only the fields of that entity have errors', async () => {
    await using broken = await startBroken('segment/definitions', goldTier);
    await using gateway = await startGateway({ platform: broken });
    const { page } = await gateway.query(ReadSegmentDefinitionsDocument, { first: 3 });
    const ids = [...page.nodes.map(({ platformId }) => platformId), goldTier];
    const fields = ids.map((id, index) => `d${index}: segmentDefinition(id: "${id}") { id }`);
    const { data, errors } = await gateway.send(`{ ${fields.join(' ')} }`);
    expect(data).toEqual({
      d0: { id: `SegmentDefinition:${ids[0]}` },
      d1: { id: `SegmentDefinition:${ids[1]}` },
      d2: { id: `SegmentDefinition:${ids[2]}` },
      d3: null,
    });
    expect(errors).toMatchObject([{ path: ['d3'], extensions: { code: 'PLATFORM_ERROR', retryable: true } }]);
  });

  it('a page of jobs has all its rows, and an error in place of that entity', async () => {
    await using broken = await startBroken('segment/definitions', goldTier);
    await using gateway = await startGateway({ platform: broken });
    const { data, errors } = await gateway.execute(BoardDocument, { first: 50 });
    const nodes = data?.exportJobs.nodes ?? [];
    expect(nodes).toHaveLength(50);
    const named = nodes.flatMap((node, row) =>
      (node.filter?.segments ?? []).map((segment, place) => ({
        segment,
        path: ['exportJobs', 'nodes', row, 'filter', 'segments', place, 'definition'],
      })),
    );
    const wanted = named.filter(({ segment }) => segment.segmentId === goldTier);
    expect(wanted.length).toBeGreaterThan(0);
    expect(errors.map(({ path }) => path)).toEqual(wanted.map(({ path }) => path));
    for (const { segment } of named) {
      const isThere = segment.segmentNs === 'ups' && segment.segmentId !== goldTier;
      expect(segment.definition !== null).toBe(isThere);
    }
  });
});
