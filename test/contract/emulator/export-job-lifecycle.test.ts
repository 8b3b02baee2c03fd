import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type JobRecord, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';

const jobs = '/data/core/ups/export/jobs';
const catalog = '/data/foundation/catalog';
const travelIntenders = '10329485';
const webEvents = '5e3f0b7a9d1c2b00194f7d21';

interface BatchObject {
  readonly status: string;
  readonly metrics?: { readonly outputRecordCount?: number };
  readonly size?: number;
  readonly errors?: readonly { readonly description: string }[];
  readonly relatedObjects: readonly { readonly type: string; readonly id: string }[];
}

describe('the life of an export job', () => {
  let clock: FakeClock;
  let directory: string;
  let emulator: Emulator;
  let client: PlatformClient;

  beforeEach(async () => {
    clock = new FakeClock('2026-11-02T08:00:00Z');
    directory = await mkdtemp(join(tmpdir(), 'aep-lifecycle-'));
    emulator = await startEmulator({ profiles: 200, clock, directory });
    client = await connect(emulator.url);
  });

  afterEach(async () => {
    await emulator.close();
    await rm(directory, { recursive: true, force: true });
  });

  const batchOf = async (id: string | undefined): Promise<BatchObject | undefined> =>
    (await client.get<Record<string, BatchObject>>(`${catalog}/batches/${id}`)).body[String(id)];

  const partsOf = async (batchId: string): Promise<ArrayBuffer[]> => {
    const files = await client.get<{ data: readonly { dataSetFileId: string }[] }>(
      `/data/foundation/export/batches/${batchId}/files`,
    );
    const parts: ArrayBuffer[] = [];
    for (const { dataSetFileId } of files.body.data) {
      const path = `/data/foundation/export/files/${dataSetFileId}`;
      const listed = await client.get<{ data: readonly { name: string }[] }>(path);
      for (const { name } of listed.body.data) {
        parts.push(await (await client.fetch(`${path}?path=${encodeURIComponent(name)}`)).arrayBuffer());
      }
    }
    return parts;
  };

  const rowsOf = (parts: readonly ArrayBuffer[]) =>
    parts.reduce((sum, part) => sum + Number(parquetMetadata(part).num_rows), 0);

  it('goes from NEW through PROCESSING to SUCCEEDED as time passes, and not before', async () => {
    const created = await client.export();
    expect(created).toMatchObject({ status: 'NEW', metrics: { totalTime: { startTimeInMs: created.creationTime } } });
    expect(await batchOf(created.destination.batchId)).toMatchObject({ status: 'loading' });

    await clock.advanceBy(400);
    expect(await client.job(created.id)).toMatchObject({ status: 'NEW' });

    const processing = await runUntil(client, clock, created.id, ['PROCESSING']);
    expect(processing).toMatchObject({ computeGatewayJobId: { exportJob: expect.any(String) } });
    expect(await batchOf(created.destination.batchId)).toMatchObject({ status: 'processing' });

    const succeeded = await runUntil(client, clock, created.id, ['SUCCEEDED']);
    expect(succeeded).toMatchObject({ status: 'SUCCEEDED', destination: created.destination });
    expect(succeeded.errors).toBeUndefined();
    expect(clock.now().getTime() - created.creationTime).toBeGreaterThanOrEqual(2_000);
    expect(clock.now().getTime() - created.creationTime).toBeLessThanOrEqual(10_000);
  });

  it('succeeds before its batch is promoted, and does not change on promotion', async () => {
    const { id, destination } = await client.export();
    const succeeded = await runUntil(client, clock, id, ['SUCCEEDED']);
    expect(await batchOf(destination.batchId)).toMatchObject({ status: 'loaded' });
    expect(await partsOf(String(destination.batchId))).toEqual([]);

    expect(await runUntil(client, clock, id)).toEqual(succeeded);
    expect(await batchOf(destination.batchId)).toMatchObject({ status: 'success' });
    expect(await partsOf(String(destination.batchId))).not.toEqual([]);
  });

  it('ends only after its batch when it checks the status of the batch, and returns this property', async () => {
    const properties = { checkBatchStatusForSuccess: true };
    const created = await client.export({ properties });
    expect(created).toMatchObject({ properties });
    const seen: string[] = [];
    await clock.runUntil(
      (async () => {
        for (;;) {
          const { status } = await client.job(created.id);
          const batch = await batchOf(created.destination.batchId);
          const now = `${status} ${batch?.status}`;
          if (seen.at(-1) !== now) seen.push(now);
          if (status === 'SUCCEEDED') return;
        }
      })(),
    );
    // On a busy machine, the time of a stage can pass between two requests.
    expect(['PROCESSING loaded', 'PROCESSING staging'].some((state) => seen.includes(state))).toBe(true);
    expect(seen).not.toContain('SUCCEEDED loaded');
    expect(seen).not.toContain('SUCCEEDED staging');
    expect(seen.at(-1)).toBe('SUCCEEDED success');
    expect(await client.job(created.id)).toMatchObject({ properties });
  });

  it('can be cancelled while it waits for its batch', async () => {
    const { id, destination } = await client.export({ properties: { checkBatchStatusForSuccess: true } });
    while ((await batchOf(destination.batchId))?.status !== 'loaded') if (clock.pending() > 0) await clock.tick();
    await client.send('DELETE', `${jobs}/${id}`);
    expect(await runUntil(client, clock, id)).toMatchObject({ status: 'CANCELLED' });
    expect(await batchOf(destination.batchId)).toMatchObject({ status: 'aborted' });
    expect(await readdir(join(directory, 'batches'))).toEqual([]);
  });

  it('reports in metrics and Catalog the counts of the Parquet files', async () => {
    const { id } = await client.export({ fields: 'identityMap', filter: { segments: [{ segmentId: goldTier }] } });
    const { metrics, destination } = await runUntil(client, clock, id);
    const batchId = String(destination.batchId);
    const parts = await partsOf(batchId);
    const rows = rowsOf(parts);

    expect(rows).toBeGreaterThan(0);
    expect(metrics.totalExportedProfileCounter).toBe(rows);
    for (const count of Object.values(metrics.exportedProfileByNamespaceCounter ?? {})) {
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(rows);
    }
    const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const batch = await batchOf(batchId);
    expect(batch).toMatchObject({ status: 'success', metrics: { outputRecordCount: rows, outputByteSize: size } });
    expect(batch?.relatedObjects).toEqual([
      { type: 'dataSet', id: prodDataset },
      { type: 'dataSetFile', id: `${batchId}-1` },
    ]);
    const dataset = await client.get(
      `${catalog}/dataSets/${prodDataset}?properties=lastBatchId,lastBatchStatus,lastSuccessfulBatch`,
    );
    expect(dataset.body).toEqual({
      [prodDataset]: { lastBatchId: batchId, lastBatchStatus: 'success', lastSuccessfulBatch: batchId },
    });
  });

  it('replaces the files that a killed export left in the folder of its batch', async () => {
    const { id, destination } = await client.export({ fields: 'identityMap' });
    const folder = join(directory, 'batches', String(destination.batchId));
    for (const left of [folder, `${folder}.partial`]) {
      await mkdir(left, { recursive: true });
      await writeFile(join(left, 'left-behind.parquet'), 'half');
    }
    expect(await runUntil(client, clock, id)).toMatchObject({ status: 'SUCCEEDED' });
    const names = await readdir(folder);
    expect(names.length).toBeGreaterThan(0);
    expect(names).not.toContain('left-behind.parquet');
    expect(await readdir(join(directory, 'batches'))).not.toContain(`${destination.batchId}.partial`);
  });

  it('writes one batch per segment if requested', async () => {
    const created = await client.export({
      filter: {
        segments: [
          { segmentId: goldTier, segmentNs: 'UPS', status: ['realized'] },
          { segmentId: travelIntenders, segmentNs: 'AAM', status: ['realized', 'existing'] },
        ],
      },
      destination: { dataSetId: prodDataset, segmentPerBatch: true },
    });
    expect(created.destination.batchId).toBeUndefined();
    expect(created.destination.batches).toMatchObject([
      { segmentId: goldTier, segmentNs: 'UPS', status: ['realized'] },
      { segmentId: travelIntenders, segmentNs: 'AAM', status: ['realized', 'existing'] },
    ]);

    const { destination, metrics } = await runUntil(client, clock, created.id);
    const rows = await Promise.all(
      (destination.batches ?? []).map(async ({ batchId }) => rowsOf(await partsOf(batchId))),
    );
    const counts = await Promise.all(
      (destination.batches ?? []).map(async ({ batchId }) => (await batchOf(batchId))?.metrics?.outputRecordCount),
    );
    expect(rows).toHaveLength(2);
    expect(counts).toEqual(rows);
    expect(metrics.totalExportedProfileCounter).toBe(rows.reduce((sum, each) => sum + each, 0));
  });

  it('fails on a dataset that is not on the union schema', async () => {
    const created = await client.export({ destination: { datasetId: webEvents } });
    const failed = await runUntil(client, clock, created.id);
    expect(failed).toMatchObject({ status: 'FAILED', destination: { batchId: '' } });
    expect(failed.errors?.[0]?.msg).toContain('union schema');
    const batch = await batchOf(created.destination.batchId);
    expect(batch).toMatchObject({ status: 'failed', errors: [{ description: failed.errors?.[0]?.msg }] });
    const dataset = await client.get(`${catalog}/dataSets/${webEvents}?properties=lastFailedBatch`);
    expect(dataset.body).toEqual({ [webEvents]: { lastFailedBatch: created.destination.batchId } });
  });

  it.each([
    ['UNKNOWN_MERGE_POLICY', { mergePolicy: { id: 'nobody-knows-it', version: 1 } }],
    ['UNKNOWN_FIELDS', { fields: 'shoeSize' }],
  ])('fails with %s', async (code, body) => {
    const { id } = await client.export(body);
    const failed = await runUntil(client, clock, id);
    expect({ status: failed.status, code: failed.errors?.[0]?.code }).toEqual({ status: 'FAILED', code });
  });

  it.each(['NEW', 'PROCESSING'])('leaves no files when it is cancelled in the state %s', async (status) => {
    const created = await client.export();
    await runUntil(client, clock, created.id, [status]);
    const answer = await client.send('DELETE', `${jobs}/${created.id}`);
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect(await client.job(created.id)).toMatchObject({ status: 'CANCELLING' });

    expect(await runUntil(client, clock, created.id)).toMatchObject({ status: 'CANCELLED' });
    expect(await batchOf(created.destination.batchId)).toMatchObject({ status: 'aborted' });
    expect(await readdir(join(directory, 'batches')).catch(() => [])).toEqual([]);
    expect(await partsOf(String(created.destination.batchId))).toEqual([]);
  });

  it('does not change when it is cancelled after its end', async () => {
    const { id } = await client.export();
    const ended = await runUntil(client, clock, id);
    expect(await client.send('DELETE', `${jobs}/${id}`)).toMatchObject({ status: 204 });
    expect(await client.job(id)).toEqual(ended);
  });

  it('does not change a hanging job until it is cancelled', async () => {
    const { body } = await client.get<{ records: readonly JobRecord[] }>(`${jobs}?limit=100`);
    const hanging = body.records.filter(({ status }) => status === 'PROCESSING' || status === 'NEW');
    expect(hanging.map(({ status }) => status).sort()).toEqual(['NEW', 'PROCESSING']);
    await clock.advanceBy(3_600_000);
    for (const { id, status } of hanging) {
      expect(await client.job(id)).toMatchObject({ status });
      await client.send('DELETE', `${jobs}/${id}`);
      expect(await runUntil(client, clock, id)).toMatchObject({ status: 'CANCELLED' });
    }
  });

  it('runs two jobs at a time; the others wait in NEW', async () => {
    const created = await Promise.all([client.export(), client.export(), client.export()]);
    const states = async () =>
      (await Promise.all(created.map(({ id }) => client.job(id)))).map(({ status }) => status).sort();
    // All three jobs are past the longest duration of NEW.
    await clock.advanceBy(1_500);
    for (;;) {
      const now = await states();
      if (now.filter((status) => status === 'PROCESSING').length === 2) break;
    }
    expect(await states()).toEqual(['NEW', 'PROCESSING', 'PROCESSING']);
    for (const { id } of created) {
      expect(await runUntil(client, clock, id)).toMatchObject({ status: 'SUCCEEDED' });
    }
  });

  it('exports the members of a segment with the default status of the documentation', async () => {
    const segment = { segmentId: goldTier, segmentNs: 'ups' };
    const counts: (number | undefined)[] = [];
    for (const status of [undefined, ['realized'], ['realized', 'existing', 'exited']]) {
      const { id } = await client.export({ filter: { segments: [{ ...segment, ...(status && { status }) }] } });
      counts.push((await runUntil(client, clock, id)).metrics.totalExportedProfileCounter);
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts[2]).toBeGreaterThan(counts[0] ?? 0);
  });
});
