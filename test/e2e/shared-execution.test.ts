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

interface Received {
  readonly exportJobChanged: {
    readonly kind: string;
    readonly cursor: string;
    readonly job: { readonly destination: { readonly dataset: { readonly name: string } | null } };
  };
}

const jobsPath = '/data/core/ups/export/jobs';

type Variables = Record<string, unknown>;

/** A board that shows the destination of each job, which only Catalog knows. */
const board: TypedDocumentNode<Received, Variables> = parse(`subscription ($ids: [ID!], $filter: ExportJobFilter) {
  exportJobChanged(ids: $ids, filter: $filter) { kind cursor job { status destination { dataset { name } } } }
}`);
/** The same board without the destination. */
const statuses: TypedDocumentNode<Received, Variables> = parse(`subscription ($ids: [ID!], $filter: ExportJobFilter) {
  exportJobChanged(ids: $ids, filter: $filter) { kind cursor job { status } }
}`);

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
/** Clock of the platform. */
let stages: FakeClock;
/** Clock of the gateway. */
let clock: FakeClock;
let gateway: Gateway;
let streams: EventStream<Received>[];
let rest: RestClient;
let jobId: string;

/** Passthrough mode, so that callers can have their own credentials. */
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
): Promise<EventStream<Received>> {
  const stream = gateway.subscribe(document, variables, { headers, transport });
  streams.push(stream);
  await stream.until(({ exportJobChanged }) => exportJobChanged.kind === 'SNAPSHOT');
  return stream;
}

/** Starts the job, and lets the gateway poll. */
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

describe('the platform calls for an event', () => {
  it('are made once for fifty subscribers with one credential, over every transport', async () => {
    const caller = await newCaller();
    for (let index = 0; index < 50; index += 1) {
      await watch(board, caller, { transport: index % 2 === 0 ? 'websocket' : 'sse' });
    }
    const sharedBefore = await gateway.metric('aep_upstream_shared_calls_total');
    await change();
    const received = await Promise.all(streams.map((stream) => stream.take()));
    expect(received[0]?.exportJobChanged).toMatchObject({
      kind: 'CHANGED',
      job: { destination: { dataset: { name: /./ } } },
    });
    for (const each of received) expect(each).toEqual(received[0]);
    expect(catalogCalls()).toBe(1);
    // No other operation has waited for that call, because the event was executed once.
    expect(await gateway.metric('aep_upstream_shared_calls_total')).toBe(sharedBefore);
  });

  it('are made with each credential', async () => {
    const [one, other] = [await newCaller(), await newCaller()];
    expect(one).not.toEqual(other);
    for (const caller of [one, one, other, other]) await watch(board, caller);
    await change();
    await Promise.all(streams.map((stream) => stream.take()));
    expect(catalogCalls()).toBe(2);
  });

  it('are not needed if the event itself contains the selected data', async () => {
    const caller = await newCaller();
    await watch(statuses, caller);
    await change();
    expect((await streams[0]?.take())?.exportJobChanged.kind).toBe('CHANGED');
    expect(catalogCalls()).toBe(0);
  });

  it('are made once even for subscribers that watch more or fewer entities', async () => {
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

  it('are made again for the next event', async () => {
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

  it('does not affect other subscribers', async () => {
    const [leaving, staying] = streams;
    await leaving?.[Symbol.asyncDispose]();
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
    await stages.advanceBy(500);
    expect((await staying?.take())?.exportJobChanged.job.destination.dataset?.name).toEqual(expect.any(String));
    expect(catalogCalls()).toBe(1);
  });
});

it.each(transports)(
  'the last subscriber that leaves ends its reads and releases its slot, over %s',
  async (transport) => {
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
  },
);

it('a tenant receives no data of another tenant', async () => {
  const caller = await newCaller();
  await watch(statuses, caller, { variables: {} });
  const other = gateway.subscribe(statuses, {}, { headers: { ...caller, 'x-sandbox-name': 'dev' } });
  streams.push(other);
  await eventually(async () => expect(await gateway.metric('aep_watch_feeds')).toBe(2));
  await change();
  const received = await streams[0]?.until(({ exportJobChanged }) => exportJobChanged.kind === 'CHANGED');
  const cursor = received?.at(-1)?.exportJobChanged.cursor ?? '';
  await other.complete();
  const ofOther = (await other.rest()).map(({ exportJobChanged }) => exportJobChanged.cursor);
  expect(ofOther.map(epochOf)).not.toContain(epochOf(cursor));
});

const epochOf = (cursor: string): string => cursor.split('.')[0] ?? '';
