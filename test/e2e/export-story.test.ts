import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  accessToken,
  platformHeaders,
  profileDataset,
  startPlatform,
  startSteppedPlatform,
  webEventsDataset,
} from '../support/platform.ts';
import {
  CancelExportJobDocument,
  CreateDatasetDocument,
  CreateExportJobDocument,
  type CreateExportJobInput,
  DatasetDocument,
  DeleteDatasetDocument,
  ExportJobDocument,
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
} from './operations.generated.ts';

type Client = Pick<Gateway, 'query' | 'subscribe'>;
type Event = WatchExportJobsSubscription['exportJobChanged'];

async function startExport(gateway: Client, input: CreateExportJobInput) {
  const { createExportJob } = await gateway.query(CreateExportJobDocument, { input });
  if (createExportJob.__typename !== 'CreateExportJobPayload')
    throw new Error(`No job was made: ${JSON.stringify(createExportJob)}`);
  return createExportJob.exportJob;
}

/** Waits for the end of a job by watching it, and returns the job. */
async function endOf(gateway: Client, id: string) {
  await using events = gateway.subscribe(WatchExportJobsDocument, { ids: [id] });
  await events.rest();
  const { exportJob } = await gateway.query(ExportJobDocument, { id });
  if (exportJob === null) throw new Error(`There is no job ${id}.`);
  return exportJob;
}

const isIn = (status: string) => (data: WatchExportJobsSubscription) => data.exportJobChanged.job?.status === status;
const statuses = (events: readonly WatchExportJobsSubscription[]) =>
  events.map(({ exportJobChanged }) => exportJobChanged.job?.status);
const event = ({ exportJobChanged }: WatchExportJobsSubscription): Event => exportJobChanged;

async function bytesOf(url: string, headers: Record<string, string> = {}): Promise<Buffer> {
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** Reads the rows of a Parquet file with a reader that is independent of the emulator. */
async function rowsOf(bytes: Buffer) {
  // The buffer is copied, because Node's may be a part of a larger one.
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer });
}

describe('an export from beginning to end', () => {
  it('is created into a new dataset, watched over both transports until SUCCEEDED, and downloaded as Parquet', async () => {
    const stages = new FakeClock();
    await using platform = await startSteppedPlatform({ clock: stages });
    await using gateway = await startGateway({ platform });

    const { createDataset } = await gateway.query(CreateDatasetDocument, {
      input: { name: 'Warehouse', description: 'Nightly', tags: [{ name: 'team', values: ['a', 'b'] }] },
    });
    expect(createDataset).toMatchObject({
      __typename: 'CreateDatasetPayload',
      dataset: {
        name: 'Warehouse',
        description: 'Nightly',
        isUnionProfileDataset: true,
        fileFormat: 'parquet',
        schemaRef: { id: 'https://ns.adobe.com/xdm/context/profile__union' },
        tags: expect.arrayContaining([{ name: 'team', values: ['a', 'b'] }]),
      },
    });
    const dataset = createDataset.__typename === 'CreateDatasetPayload' ? createDataset.dataset : null;
    const job = await startExport(gateway, {
      fields: ['identityMap', 'person.name'],
      destination: { target: { datasetId: dataset?.id ?? '' } },
    });
    expect(job).toMatchObject({ status: 'NEW', fields: ['identityMap', 'person.name'] });
    expect(job.destination.dataset).toMatchObject({ id: dataset?.id, name: 'Warehouse' });

    await using socket = gateway.subscribe(WatchExportJobsDocument, { ids: [job.id] }, { transport: 'websocket' });
    await using sse = gateway.subscribe(WatchExportJobsDocument, { ids: [job.platformId] }, { transport: 'sse' });
    const streams: readonly EventStream<WatchExportJobsSubscription>[] = [socket, sse];

    for (const first of await Promise.all(streams.map((stream) => stream.take())))
      expect(first?.exportJobChanged).toMatchObject({
        kind: 'SNAPSHOT',
        previousStatus: null,
        job: { id: job.id, status: 'NEW' },
      });

    await stages.tick();
    for (const seen of await Promise.all(streams.map((stream) => stream.until(isIn('PROCESSING')))))
      expect(seen.map(event)).toEqual([
        expect.objectContaining({
          kind: 'CHANGED',
          previousStatus: 'NEW',
          job: expect.objectContaining({ isTerminal: false }),
        }),
      ]);

    await stages.tick();
    await stages.tick();
    for (const seen of await Promise.all(streams.map((stream) => stream.rest()))) {
      expect(seen.map(event).at(-1)).toMatchObject({
        kind: 'CHANGED',
        previousStatus: 'PROCESSING',
        job: { status: 'SUCCEEDED', isTerminal: true, errors: [] },
      });
      expect(
        statuses(seen)
          .slice(0, -1)
          .every((status) => status === 'PROCESSING'),
      ).toBe(true);
    }

    const { exportJob: ended } = await gateway.query(ExportJobDocument, { id: job.platformId });
    const { totalExportedProfiles, exportedProfilesByNamespace, totalTime } = ended?.metrics ?? {};
    expect(totalExportedProfiles).toBeGreaterThan(0);
    expect(exportedProfilesByNamespace?.length).toBeGreaterThan(0);
    expect(totalTime?.durationMs).toBe(3_000);
    expect(ended?.destination.batches).toHaveLength(1);
    const batch = ended?.destination.batches[0]?.batch;
    expect(batch).toMatchObject({
      status: 'SUCCESS',
      recordCount: totalExportedProfiles,
      dataset: { id: dataset?.id },
    });

    const headers = platformHeaders(await accessToken(platform));
    const rows: Record<string, unknown>[] = [];
    for (const { downloadUrl, platformId, name, sizeBytes } of batch?.files.nodes ?? []) {
      const bytes = await bytesOf(downloadUrl);
      const path = `/data/foundation/export/files/${platformId}?path=${encodeURIComponent(name)}`;
      expect(bytes.equals(await bytesOf(`${platform.url}${path}`, headers))).toBe(true);
      expect(bytes.length).toBe(sizeBytes);
      rows.push(...(await rowsOf(bytes)));
    }
    expect(rows).toHaveLength(totalExportedProfiles ?? 0);
    expect(new Set(rows.flatMap((row) => Object.keys(row)))).toEqual(new Set(['identityMap', 'person']));

    const { dataset: written } = await gateway.query(DatasetDocument, { id: dataset?.id ?? '', first: 10 });
    expect(written).toMatchObject({
      lastBatch: { id: batch?.id },
      lastSuccessfulBatch: { id: batch?.id },
      batches: { nodes: [{ id: batch?.id }] },
      exportJobs: { nodes: [{ id: job.id, status: 'SUCCEEDED' }] },
    });
  });

  it('is cancelled while it runs, and its watcher receives CANCELLED', async () => {
    const stages = new FakeClock();
    await using platform = await startSteppedPlatform({ clock: stages });
    await using gateway = await startGateway({ platform });
    const job = await startExport(gateway, { destination: { target: { datasetId: profileDataset } } });
    await using events = gateway.subscribe(WatchExportJobsDocument, { ids: [job.id] });
    await events.until(isIn('NEW'));
    await stages.tick();
    await events.until(isIn('PROCESSING'));

    const { cancelExportJob } = await gateway.query(CancelExportJobDocument, { id: job.id });
    expect(cancelExportJob).toMatchObject({
      __typename: 'CancelExportJobPayload',
      exportJob: { id: job.id, status: 'CANCELLING' },
    });
    await events.until(isIn('CANCELLING'));
    await stages.tick();
    const last = (await events.rest()).map(event).at(-1);
    expect(last).toMatchObject({ previousStatus: 'CANCELLING', job: { status: 'CANCELLED', isTerminal: true } });

    const again = await gateway.query(CancelExportJobDocument, { id: job.id });
    expect(again.cancelExportJob).toMatchObject({ __typename: 'ConflictError', code: 'CONFLICT' });
  });
});

describe('an export into a deleted dataset', () => {
  it('ends FAILED, and a second deletion finds no dataset', async () => {
    const stages = new FakeClock();
    await using platform = await startSteppedPlatform({ clock: stages });
    await using gateway = await startGateway({ platform });
    const job = await startExport(gateway, { destination: { target: { newDataset: { name: 'Short-lived' } } } });
    const id = job.destination.dataset?.id ?? '';
    const { deleteDataset } = await gateway.query(DeleteDatasetDocument, { id });
    expect(deleteDataset).toMatchObject({ __typename: 'DeleteDatasetPayload', deletedId: id });
    const ended = await stages.runUntil(endOf(gateway, job.id));
    expect(ended).toMatchObject({ status: 'FAILED', destination: { dataset: null } });
    expect(ended.errors).toHaveLength(1);
    const again = await gateway.query(DeleteDatasetDocument, { id });
    expect(again.deleteDataset).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
  });
});

describe('exports that end at once', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let gateway: Gateway;

  beforeAll(async () => {
    platform = await startPlatform();
    gateway = await startGateway({ platform });
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  it('end FAILED with an error entry when the dataset is not on the union schema', async () => {
    const destination = { target: { datasetId: webEventsDataset } };
    const job = await startExport(gateway, { destination, skipChecks: true });
    const ended = await endOf(gateway, job.id);
    expect(ended).toMatchObject({ status: 'FAILED', isTerminal: true });
    expect(ended.errors).toEqual([
      { code: expect.stringMatching(/./), message: expect.stringContaining('union schema') },
    ]);
    expect(ended.destination.batches).toEqual([]);
  });

  it('write into a new dataset when the target is a new one', async () => {
    const job = await startExport(gateway, { destination: { target: { newDataset: { name: 'Made on the way' } } } });
    expect(job.destination.dataset).toMatchObject({ name: 'Made on the way', isUnionProfileDataset: true });
    const ended = await endOf(gateway, job.id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', destination: { dataset: { name: 'Made on the way' } } });
    expect(ended.metrics.totalExportedProfiles).toBeGreaterThan(0);
  });

  it('write one batch for each segment when requested', async () => {
    const segments = await seededSegments(gateway);
    const job = await startExport(gateway, {
      fields: ['identityMap'],
      filter: { segments: segments.map(({ segmentId, segmentNs }) => ({ segmentId, segmentNs })) },
      destination: { target: { datasetId: profileDataset }, segmentPerBatch: true },
    });
    const ended = await endOf(gateway, job.id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', destination: { segmentPerBatch: true } });
    const { batches } = ended.destination;
    expect(batches.map(({ segment }) => segment)).toEqual(segments);
    expect(new Set(batches.map(({ batchId }) => batchId)).size).toBe(segments.length);
    for (const { batch } of batches) {
      const rows = await Promise.all(
        (batch?.files.nodes ?? []).map(async ({ downloadUrl }) => (await rowsOf(await bytesOf(downloadUrl))).length),
      );
      expect(batch?.recordCount).toBeGreaterThan(0);
      expect(rows.reduce((sum, count) => sum + count, 0)).toBe(batch?.recordCount);
    }
    const total = batches.reduce((sum, { batch }) => sum + (batch?.recordCount ?? 0), 0);
    expect(ended.metrics.totalExportedProfiles).toBe(total);
  });
});

/** The segments of the last past job that exported several of them into separate batches. */
async function seededSegments(gateway: Client) {
  const { exportJob } = await gateway.query(ExportJobDocument, { id: '24057' });
  const segments = exportJob?.filter?.segments.map(({ segmentId, segmentNs }) => ({ segmentId, segmentNs })) ?? [];
  expect(segments.length).toBeGreaterThan(1);
  return segments;
}
