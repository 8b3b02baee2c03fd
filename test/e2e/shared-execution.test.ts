import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { accessToken, platformHeaders, profileDataset, startSteppedPlatform } from '../support/platform.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import { type Transport, transports } from '../support/transports.ts';

interface Told {
  readonly exportJobChanged: {
    readonly kind: string;
    readonly cursor: string;
    readonly job: { readonly destination: { readonly dataset: { readonly name: string } | null } };
  };
}

const jobsPath = '/data/core/ups/export/jobs';

type Variables = Record<string, unknown>;

/** A board that shows where each job goes, which only Catalog knows. */
const board: TypedDocumentNode<Told, Variables> = parse(`subscription ($ids: [ID!], $filter: ExportJobFilter) {
  exportJobChanged(ids: $ids, filter: $filter) { kind cursor job { status destination { dataset { name } } } }
}`);
/** The same without it. */
const statuses: TypedDocumentNode<Told, Variables> = parse(`subscription ($ids: [ID!], $filter: ExportJobFilter) {
  exportJobChanged(ids: $ids, filter: $filter) { kind cursor job { status } }
}`);

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
/** Of the platform. */
let stages: FakeClock;
/** Of the gateway. */
let clock: FakeClock;
let gateway: Gateway;
let streams: EventStream<Told>[];
let rest: RestClient;
let jobId: string;

/** Passthrough, so that callers can have credentials of their own. */
beforeEach(async () => {
  stages = new FakeClock();
  clock = new FakeClock();
  platform = await startSteppedPlatform({ clock: stages });
  const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
  gateway = await startGateway({ platform, clock, env });
  streams = [];
  rest = await connectRest(platform);
  const { body } = await rest.send<{ readonly id: number }>('POST', jobsPath, {
    destination: { datasetId: profileDataset },
    schema: { name: '_xdm.context.profile' },
  });
  jobId = String(body.id);
});
afterEach(async () => {
  await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  await gateway.close();
  await platform.close();
});

async function newCaller(): Promise<Headers> {
  return platformHeaders(await accessToken(platform));
}

/** Subscribes, and takes the snapshot. */
async function watch(
  document: typeof board,
  headers: Headers,
  { variables = { ids: [jobId] }, transport = 'websocket' }: { variables?: Variables; transport?: Transport } = {},
): Promise<EventStream<Told>> {
  const stream = gateway.subscribe(document, variables, { headers, transport });
  streams.push(stream);
  await stream.until(({ exportJobChanged }) => exportJobChanged.kind === 'SNAPSHOT');
  return stream;
}

/** The job begins, and the gateway looks. */
async function change(): Promise<void> {
  await stages.tick();
  await eventually(async () => {
    const { status } = await rest.get<{ readonly status: string }>(`${jobsPath}/${jobId}`);
    expect(status).toBe('PROCESSING');
  });
  platform.clearRequests();
  await clock.tick();
}

const catalogCalls = () => platform.requests.filter(({ path }) => path.startsWith('/data/foundation/catalog/')).length;

describe('what an event makes the gateway ask of the platform', () => {
  it('is asked once for fifty subscribers of one credential, over every transport', async () => {
    const caller = await newCaller();
    for (let index = 0; index < 50; index += 1) {
      await watch(board, caller, { transport: index % 2 === 0 ? 'websocket' : 'sse' });
    }
    const sharedBefore = await gateway.metric('aep_upstream_shared_calls_total');
    await change();
    const told = await Promise.all(streams.map((stream) => stream.take()));
    expect(told[0]?.exportJobChanged).toMatchObject({
      kind: 'CHANGED',
      job: { destination: { dataset: { name: /./ } } },
    });
    for (const each of told) expect(each).toEqual(told[0]);
    expect(catalogCalls()).toBe(1);
    // Nor has anybody else waited for that call: the event was executed once.
    expect(await gateway.metric('aep_upstream_shared_calls_total')).toBe(sharedBefore);
  });

  it('is asked with each credential', async () => {
    const [one, other] = [await newCaller(), await newCaller()];
    expect(one).not.toEqual(other);
    for (const caller of [one, one, other, other]) await watch(board, caller);
    await change();
    await Promise.all(streams.map((stream) => stream.take()));
    expect(catalogCalls()).toBe(2);
  });

  it('is nothing where the event itself holds what is selected', async () => {
    const caller = await newCaller();
    await watch(statuses, caller);
    await change();
    expect((await streams[0]?.take())?.exportJobChanged.kind).toBe('CHANGED');
    expect(catalogCalls()).toBe(0);
  });

  it('is asked once also for those who watch more or less', async () => {
    const caller = await newCaller();
    await watch(board, caller, { variables: { ids: [jobId] } });
    await watch(board, caller, { variables: { filter: { statuses: ['NEW'], datasetId: profileDataset } } });
    await watch(board, caller, { variables: { ids: [jobId, '24060'] } });
    await change();
    const ofJob = await Promise.all(
      streams.map((stream) => stream.until(({ exportJobChanged }) => exportJobChanged.kind === 'CHANGED')),
    );
    const cursors = new Set(ofJob.map((events) => events.at(-1)?.exportJobChanged.cursor));
    expect(cursors.size).toBe(1);
    expect(catalogCalls()).toBe(1);
  });

  it('is asked anew for the next event', async () => {
    const caller = await newCaller();
    await watch(board, caller);
    await watch(board, caller);
    await change();
    await Promise.all(streams.map((stream) => stream.take()));
    await rest.send('DELETE', `${jobsPath}/${jobId}`);
    await clock.tick();
    await Promise.all(streams.map((stream) => stream.take()));
    expect(catalogCalls()).toBe(2);
  });
});

describe('a subscriber that leaves while an event is executed', () => {
  beforeEach(async () => {
    const caller = await newCaller();
    await watch(board, caller);
    await watch(board, caller);
    platform.faults.set({ rules: [{ match: { service: 'catalog' }, fault: { kind: 'latency', ms: 500 } }] });
    await change();
    await eventually(() => expect(platform.faults.hits).toEqual([1]));
  });

  it('harms nobody else', async () => {
    const [leaving, staying] = streams;
    await leaving?.[Symbol.asyncDispose]();
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
    await stages.advanceBy(500);
    expect((await staying?.take())?.exportJobChanged.job.destination.dataset?.name).toEqual(expect.any(String));
    expect(catalogCalls()).toBe(1);
  });
});

it.each(transports)('the last subscriber to leave ends its reads and frees its place, over %s', async (transport) => {
  const caller = await newCaller();
  const options = { transport };
  await watch(board, caller, options);
  await watch(board, caller, options);
  platform.faults.set({ rules: [{ match: { service: 'catalog' }, fault: { kind: 'latency', ms: 500 } }] });
  await change();
  await eventually(() => expect(platform.faults.hits).toEqual([1]));
  await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  await eventually(() => expect(platform.requests.map(({ status }) => status)).toContain(0));
  await eventually(async () => expect(await gateway.metric('aep_subscriptions')).toBe(0));
  expect(gateway.logs.filter((line) => line.includes('unexpected error'))).toEqual([]);
});

it('a tenant is told nothing of another’s', async () => {
  const caller = await newCaller();
  await watch(statuses, caller, { variables: {} });
  const other = gateway.subscribe(statuses, {}, { headers: { ...caller, 'x-sandbox-name': 'dev' } });
  streams.push(other);
  await eventually(async () => expect(await gateway.metric('aep_watch_feeds')).toBe(2));
  await change();
  const told = await streams[0]?.until(({ exportJobChanged }) => exportJobChanged.kind === 'CHANGED');
  const cursor = told?.at(-1)?.exportJobChanged.cursor ?? '';
  await other.complete();
  const ofOther = (await other.rest()).map(({ exportJobChanged }) => exportJobChanged.cursor);
  expect(ofOther.map(epochOf)).not.toContain(epochOf(cursor));
});

const epochOf = (cursor: string): string => cursor.split('.')[0] ?? '';
