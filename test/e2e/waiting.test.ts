import { print } from 'graphql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts';
import {
  accessToken,
  type Emulator,
  goldTier,
  platformHeaders,
  profileDataset,
  startSteppedPlatform,
} from '../support/platform.ts';
import { transports } from '../support/transports.ts';
import {
  AwaitExportJobDocument,
  type AwaitExportJobQuery,
  AwaitSegmentJobDocument,
  CreateSegmentJobDocument,
  StartExportDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

let stages: FakeClock;
let platform: Emulator;
beforeEach(async () => {
  stages = new FakeClock('2026-11-02T08:00:00Z');
  platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
});
afterEach(() => platform.close());

const start = (options: Partial<GatewayOptions> = {}): Promise<Gateway> => startGateway({ platform, ...options });

async function startExport(client: Pick<Gateway, 'query'>): Promise<string> {
  const input = { destination: { target: { datasetId: profileDataset } } };
  const { createExportJob } = await client.query(StartExportDocument, { input });
  if (createExportJob?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
  return createExportJob.exportJob.id;
}

/** Sends the query of a wait by GET. */
async function byGet(gateway: Gateway, variables: object, signal?: AbortSignal): Promise<AwaitExportJobQuery> {
  const url = new URL(gateway.graphqlUrl);
  url.searchParams.set('query', print(AwaitExportJobDocument));
  url.searchParams.set('variables', JSON.stringify(variables));
  const response = await fetch(url, signal === undefined ? {} : { signal });
  // Responses of a GraphQL server have this form; the tests check the content.
  return ((await response.json()) as { data: AwaitExportJobQuery }).data;
}

const waiting = (gateway: Gateway, count: number) =>
  eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(count));

describe('a call that waits for an export job', () => {
  it.each(['GET', 'POST', ...transports] as const)('returns when the job has ended, over %s', async (transport) => {
    await using gateway = await start();
    const id = await startExport(gateway);
    const read = async (): Promise<AwaitExportJobQuery | null> => {
      if (transport === 'GET') return byGet(gateway, { id });
      if (transport === 'POST') return gateway.query(AwaitExportJobDocument, { id });
      await using events = gateway.subscribe(AwaitExportJobDocument, { id }, { transport });
      return await events.take();
    };
    const result = read();
    await waiting(gateway, 1);
    const data = await stages.runUntil(result);
    expect(data?.awaitExportJob).toMatchObject({ ended: true, job: { id, status: 'SUCCEEDED', isTerminal: true } });
    // The batch is read for the result.
    expect(data?.awaitExportJob?.job.destination.batches).toMatchObject([{ batch: { status: 'SUCCESS' } }]);
    const after = data?.awaitExportJob?.cursor;
    await using resumed = gateway.subscribe(WatchExportJobsDocument, { ids: [id], after });
    expect(await resumed.rest()).toEqual([]);
    await waiting(gateway, 0);
  });

  it('returns the current state after the timeout, and takes only valid arguments', async () => {
    await using gateway = await start();
    const id = await startExport(gateway);
    const { awaitExportJob } = await gateway.query(AwaitExportJobDocument, { id, timeoutMs: 50 });
    expect(awaitExportJob).toMatchObject({ ended: false, job: { id, status: 'NEW' } });
    expect(awaitExportJob?.waitedMs).toBeGreaterThanOrEqual(50);
    for (const variables of [{ id, timeoutMs: 55_001 }, { id, timeoutMs: -1 }, { id: 'Dataset:1' }]) {
      const { errors } = await gateway.execute(AwaitExportJobDocument, variables);
      expect(errors).toMatchObject([{ path: ['awaitExportJob'], extensions: { code: 'INVALID_INPUT' } }]);
    }
  });

  it('is null for an unknown job, and fails like `exportJob` without a right to read', async () => {
    const env = { AEP_BASE_URL: platform.url, AUTH_MODE: 'passthrough' };
    await using gateway = await start({ env });
    const headers = platformHeaders(await accessToken(platform));
    expect(await gateway.query(AwaitExportJobDocument, { id: '999999999' }, headers)).toEqual({ awaitExportJob: null });
    const rejected = { ...headers, authorization: 'Bearer unknown' };
    const [wait, read] = await Promise.all([
      gateway.execute(AwaitExportJobDocument, { id: '999999999' }, rejected),
      gateway.send('{ exportJob(id: "999999999") { id } }', {}, rejected),
    ]);
    expect(wait.errors).toHaveLength(1);
    expect(wait.errors.map(({ message, extensions }) => [message, extensions?.['code']])).toEqual(
      read.errors.map(({ message, extensions }) => [message, extensions?.['code']]),
    );
  });

  it('ends at once when its client leaves', async () => {
    await using gateway = await start();
    const id = await startExport(gateway);
    const leaving = new AbortController();
    const left = byGet(gateway, { id }, leaving.signal).catch(() => 'left');
    await waiting(gateway, 1);
    leaving.abort();
    expect(await left).toBe('left');
    await waiting(gateway, 0);
  });

  it('counts as a subscription of its caller', async () => {
    await using gateway = await start({ env: { MAX_SUBSCRIPTIONS_PER_CALLER: '1' } });
    const id = await startExport(gateway);
    const first = gateway.query(AwaitExportJobDocument, { id });
    await waiting(gateway, 1);
    const second = await gateway.execute(AwaitExportJobDocument, { id });
    expect(second.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    await using events = gateway.subscribe(WatchExportJobsDocument, {});
    expect(await events.failure()).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    await stages.runUntil(first);
    expect(await gateway.query(AwaitExportJobDocument, { id })).toMatchObject({ awaitExportJob: { ended: true } });
  });

  it.each(['POST', 'websocket', 'sse'] as const)('returns its state when the gateway stops, over %s', async (by) => {
    const gateway = await start();
    const id = await startExport(gateway);
    const read = async () => {
      if (by === 'POST') return gateway.query(AwaitExportJobDocument, { id });
      await using events = gateway.subscribe(AwaitExportJobDocument, { id }, { transport: by });
      return await events.take();
    };
    // The state of the job is known before the gateway stops.
    await using holding = gateway.subscribe(WatchExportJobsDocument, { ids: [id] });
    await holding.take();
    const result = read();
    await waiting(gateway, 2);
    await gateway.close();
    expect(await result).toMatchObject({ awaitExportJob: { ended: false, job: { id, status: 'NEW' } } });
  });
});

describe('a call that waits for a segment job', () => {
  it('returns when the job has ended, and is null for an unknown one', async () => {
    await using gateway = await start();
    const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input: { segmentIds: [goldTier] } });
    if (createSegmentJob?.__typename !== 'CreateSegmentJobPayload') throw new Error(JSON.stringify(createSegmentJob));
    const { id } = createSegmentJob.segmentJob;
    const early = await gateway.query(AwaitSegmentJobDocument, { id, timeoutMs: 0 });
    expect(early.awaitSegmentJob).toMatchObject({ ended: false, job: { id, isTerminal: false } });
    const result = await stages.runUntil(gateway.query(AwaitSegmentJobDocument, { id }));
    expect(result.awaitSegmentJob).toMatchObject({ ended: true, job: { id, status: 'SUCCEEDED' } });
    expect(await gateway.query(AwaitSegmentJobDocument, { id: 'nothing' })).toEqual({ awaitSegmentJob: null });
  });
});
