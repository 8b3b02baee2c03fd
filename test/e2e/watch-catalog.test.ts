import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { everyStage } from '../support/pace.ts';
import {
  accessToken,
  type Emulator,
  platformHeaders,
  profileDataset,
  startPlatform,
  startProxy,
} from '../support/platform.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { transports } from '../support/transports.ts';
import {
  CreateDatasetDocument,
  DeleteDatasetDocument,
  StartExportDocument,
  WatchBatchesDocument,
  type WatchBatchesSubscription,
  WatchDatasetsDocument,
  type WatchDatasetsSubscription,
} from './operations.generated.ts';

type Client = Pick<Gateway, 'query'>;
type DatasetEvent = WatchDatasetsSubscription['datasetChanged'];
type BatchEvent = WatchBatchesSubscription['batchChanged'];

const datasetEvents = (data: readonly WatchDatasetsSubscription[]): readonly DatasetEvent[] =>
  data.map(({ datasetChanged }) => datasetChanged);
const batchEvents = (data: readonly WatchBatchesSubscription[]): readonly BatchEvent[] =>
  data.map(({ batchChanged }) => batchChanged);
const steps = (events: readonly BatchEvent[], id: string) =>
  events.filter(({ batch }) => batch?.platformId === id).map(({ kind, batch }) => `${kind} ${batch?.status}`);

let stages: FakeClock;
let platform: Emulator;

beforeEach(async () => {
  stages = new FakeClock('2026-11-02T08:00:00Z');
  const pace = { ...everyStage([1_000, 1_000]), promotingMs: [1_000, 1_000] as const };
  platform = await startPlatform({ clock: stages, profiles: 40, pace });
});
afterEach(() => platform.close());

async function createDataset(client: Client, name: string): Promise<string> {
  const { createDataset } = await client.query(CreateDatasetDocument, { input: { name } });
  if (createDataset?.__typename !== 'CreateDatasetPayload') throw new Error(JSON.stringify(createDataset));
  return createDataset.dataset.id;
}

/** Renames a dataset at the platform, without the gateway. */
async function rename(id: string, name: string): Promise<void> {
  const response = await fetch(`${platform.url}/data/foundation/catalog/dataSets/${id.replace('Dataset:', '')}`, {
    method: 'PATCH',
    headers: { ...platformHeaders(await accessToken(platform)), 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) throw new Error(`The platform responded ${response.status}.`);
}

/** Starts an export, and returns the id of its job. Its batch exists from the start. */
async function startExport(client: Client): Promise<void> {
  const input = { destination: { target: { datasetId: profileDataset } } };
  const { createExportJob } = await client.query(StartExportDocument, { input });
  if (createExportJob?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
}

const isOf =
  (id: string, kind: DatasetEvent['kind']) =>
  ({ datasetChanged }: WatchDatasetsSubscription): boolean =>
    datasetChanged.kind === kind && datasetChanged.dataset?.id === id;

const isRunning = ({ batchChanged: { batch } }: WatchBatchesSubscription): boolean =>
  batch?.datasetId === profileDataset && !batch.isTerminal;

describe.each(transports)('over %s', (transport) => {
  let gateway: Gateway;
  beforeEach(async () => {
    gateway = await startGateway({ platform });
  });
  afterEach(() => gateway.close());

  it('datasets are followed from their creation to their deletion, also by a client that resumes', async () => {
    await using all = gateway.subscribe(WatchDatasetsDocument, {}, { transport });
    const [first] = datasetEvents(await all.until(() => true));
    expect(first).toMatchObject({ kind: 'SNAPSHOT' });
    const id = await createDataset(gateway, 'Followed');
    const [created] = datasetEvents(await all.until(isOf(id, 'CREATED'))).slice(-1);
    expect(created?.dataset).toMatchObject({ id, name: 'Followed', lastBatchId: null, lastBatch: null });
    await using named = gateway.subscribe(WatchDatasetsDocument, { ids: [id] }, { transport });
    expect(datasetEvents(await named.until(() => true))).toMatchObject([{ kind: 'SNAPSHOT', dataset: { id } }]);
    await rename(id, 'Renamed');
    const [changed] = datasetEvents(await all.until(isOf(id, 'CHANGED'))).slice(-1);
    expect(changed?.dataset?.name).toBe('Renamed');
    await gateway.query(DeleteDatasetDocument, { id });
    const [removed] = datasetEvents(await all.until(isOf(id, 'REMOVED'))).slice(-1);
    expect(removed?.dataset?.name).toBe('Renamed');
    expect(datasetEvents(await named.rest())).toEqual([changed, removed]);
    await using resumed = gateway.subscribe(
      WatchDatasetsDocument,
      { ids: [id], after: created?.cursor },
      { transport },
    );
    expect(datasetEvents(await resumed.rest())).toEqual([changed, removed]);
  });

  it('batches are followed from their creation to their end, where a subscription that names them completes', async () => {
    await using all = gateway.subscribe(WatchBatchesDocument, {}, { transport });
    await startExport(gateway);
    const seen = [...batchEvents(await all.until(isRunning))];
    const id = seen.at(-1)?.batch?.platformId ?? '';
    const cursor = seen.at(-1)?.cursor;
    await using named = gateway.subscribe(WatchBatchesDocument, { ids: [id] }, { transport });
    const own = [...batchEvents(await named.until(() => true))];
    own.push(...batchEvents(await stages.runUntil(named.rest())));
    const isOver = ({ batchChanged: { batch } }: WatchBatchesSubscription) =>
      batch?.platformId === id && batch.isTerminal;
    seen.push(...batchEvents(await all.until(isOver)));
    expect(steps(own, id).at(0)).toMatch(/^SNAPSHOT /);
    expect(steps(own, id).at(-1)).toBe('CHANGED SUCCESS');
    expect(steps(seen, id).slice(1)).toEqual(steps(own, id).slice(1));
    await using resumed = gateway.subscribe(WatchBatchesDocument, { ids: [id], after: cursor }, { transport });
    expect(batchEvents(await resumed.rest())).toEqual(own.slice(1));
    await using late = gateway.subscribe(WatchBatchesDocument, {}, { transport });
    // A batch that ended a moment ago belongs to the first state.
    expect(batchEvents(await late.until(isOver)).at(-1)).toMatchObject({
      kind: 'SNAPSHOT',
      batch: { status: 'SUCCESS' },
    });
  });

  it('a lost cursor leads to RESYNC, and an id that does not exist to NOT_FOUND', async () => {
    await using lost = gateway.subscribe(
      WatchDatasetsDocument,
      { ids: [profileDataset], after: 'no-epoch.3' },
      { transport },
    );
    expect(datasetEvents(await lost.until(({ datasetChanged }) => datasetChanged.kind === 'SNAPSHOT'))).toMatchObject([
      { kind: 'RESYNC', dataset: null },
      { kind: 'SNAPSHOT', dataset: { platformId: profileDataset } },
    ]);
    for (const document of [WatchDatasetsDocument, WatchBatchesDocument]) {
      const failures = await gateway
        .subscribe<object, { ids: string[] }>(document, { ids: ['nothing'] }, { transport })
        .failure();
      expect(failures).toMatchObject([{ extensions: { code: 'NOT_FOUND', retryable: false } }]);
    }
  });
});

describe('the calls for Catalog', () => {
  it('are one per round for named datasets, for any number of subscribers', async () => {
    await using gateway = await startGateway({ platform });
    const ids = [profileDataset];
    await using first = gateway.subscribe(WatchDatasetsDocument, { ids });
    await using second = gateway.subscribe(WatchDatasetsDocument, { ids });
    await Promise.all([first.take(), second.take()]);
    const before = platform.requests.length;
    await rename(profileDataset, 'Named');
    await Promise.all([first.take(), second.take()]);
    const calls = platform.requests.slice(before).filter(({ path }) => path.includes('/dataSets'));
    expect(calls.filter(({ path }) => path.startsWith('/data/foundation/catalog/dataSets?'))).toEqual([]);
    expect(calls.length).toBeGreaterThan(0);
  });

  it('follow at once after a dataset was created or deleted through this gateway', async () => {
    const env = { POLL_MIN_MS: '600000', POLL_MAX_MS: '600000' };
    await using gateway = await startGateway({ platform, env });
    await using events = gateway.subscribe(WatchDatasetsDocument, {});
    await events.take();
    const id = await createDataset(gateway, 'Noticed');
    await events.until(isOf(id, 'CREATED'));
    const isRound = ({ path }: { readonly path: string }) => path.startsWith('/data/foundation/catalog/dataSets?');
    const before = platform.requests.filter(isRound).length;
    await gateway.query(DeleteDatasetDocument, { id });
    await eventually(async () => expect(platform.requests.filter(isRound).length).toBeGreaterThan(before));
  });

  it('prove the right of each caller that reads with its own credential', async () => {
    const env = { AEP_BASE_URL: platform.url, AUTH_MODE: 'passthrough' };
    await using gateway = await startGateway({ platform, env });
    const headers = platformHeaders(await accessToken(platform));
    await using events = gateway.subscribe(WatchBatchesDocument, {}, { headers });
    await startExport({ query: (document, variables) => gateway.query(document, variables, headers) });
    await events.until(isRunning);
    const failures = await gateway
      .subscribe(WatchBatchesDocument, {}, { headers: { ...headers, authorization: 'Bearer unknown' } })
      .failure();
    expect(failures).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  });
});

describeWithRedis('two replicas with one Redis', () => {
  it('share the rounds of datasets and batches, and one takes over from the other', async () => {
    await using redis = await startRedisServer();
    await using oneDoor = await startProxy(platform, () => false);
    await using otherDoor = await startProxy(platform, () => false);
    const env = { REDIS_URL: redis.url };
    await using one = await startGateway({ platform: oneDoor, env });
    await using other = await startGateway({ platform: otherDoor, env });
    const rounds = ({ requests }: { readonly requests: readonly string[] }, kind: string) =>
      requests.filter((target) => target.startsWith(`GET /data/foundation/catalog/${kind}?limit=100`)).length;
    await using oneDatasets = one.subscribe(WatchDatasetsDocument, {});
    await oneDatasets.take();
    await using otherDatasets = other.subscribe(WatchDatasetsDocument, {});
    await otherDatasets.take();
    await using oneBatches = one.subscribe(WatchBatchesDocument, {});
    await using otherBatches = other.subscribe(WatchBatchesDocument, {});
    await startExport(one);
    const id = await createDataset(other, 'Shared');
    const [seenByOne] = datasetEvents(await oneDatasets.until(isOf(id, 'CREATED'))).slice(-1);
    expect(datasetEvents(await otherDatasets.until(isOf(id, 'CREATED'))).at(-1)).toEqual(seenByOne);
    const running = batchEvents(await otherBatches.until(isRunning)).at(-1);
    expect(batchEvents(await oneBatches.until(isRunning)).at(-1)?.batch).toEqual(running?.batch);
    expect([rounds(oneDoor, 'dataSets') > 0, rounds(otherDoor, 'dataSets')]).toEqual([true, 0]);
    await one.close();
    await rename(id, 'Shared by one');
    const [changed] = datasetEvents(await otherDatasets.until(isOf(id, 'CHANGED'))).slice(-1);
    expect(changed?.dataset?.name).toBe('Shared by one');
    const isOver = ({ batchChanged: { batch } }: WatchBatchesSubscription) =>
      batch?.platformId === running?.batch?.platformId && batch?.isTerminal === true;
    const rest = batchEvents(await stages.runUntil(otherBatches.until(isOver)));
    expect(rest.at(-1)).toMatchObject({ kind: 'CHANGED', batch: { status: 'SUCCESS' } });
    expect(rounds(otherDoor, 'dataSets')).toBeGreaterThan(0);
  });
});
