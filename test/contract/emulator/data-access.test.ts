import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, type JobPage, type PlatformClient, runUntil } from './platform-client.ts';

const dataAccess = '/data/foundation/export';

interface Listing {
  readonly data: readonly {
    readonly name?: string;
    readonly length?: string;
    readonly dataSetFileId?: string;
    readonly records?: string;
    readonly size?: string;
    readonly _links: { readonly self: { readonly href: string } };
  }[];
  readonly _page: { readonly limit: number; readonly count: number };
  readonly _links: { readonly next?: { readonly href: string } };
}

describe('the files of an export', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;
  let batchId: string;
  let file: string;
  let bytes: Uint8Array;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 300, clock });
    client = await connect(emulator.url);
    const { destination } = await runUntil(client, clock, (await client.export()).id);
    batchId = String(destination.batchId);
    file = `${dataAccess}/files/${batchId}-1`;
    bytes = new Uint8Array(await (await client.fetch(`${file}?path=part-00000.parquet`)).arrayBuffer());
  });

  afterAll(() => emulator.close());

  it('are found from the batch over absolute links', async () => {
    const files = await client.get<Listing>(`${dataAccess}/batches/${batchId}/files`);
    expect(files.body).toMatchObject({
      data: [{ dataSetFileId: `${batchId}-1`, isValid: false, records: '300', size: String(bytes.length) }],
      _page: { limit: 100, count: 1 },
    });
    const fileLink = files.body.data[0]?._links.self.href ?? '';
    expect(fileLink).toBe(`${emulator.url}${file}`);
    const parts = await client.get<Listing>(fileLink);
    expect(parts.body.data).toMatchObject([{ name: 'part-00000.parquet', length: String(bytes.length) }]);
    const part = await client.fetch(parts.body.data[0]?._links.self.href ?? '');
    expect(part.headers.get('content-type')).toBe('application/parquet');
    expect(Number(parquetMetadata(await part.arrayBuffer()).num_rows)).toBe(300);
  });

  it('have links with the host and port of the platform if configured', async () => {
    await using other = await startEmulator({ profiles: 20, clock, quirks: { linkOrigin: 'platform' } });
    const otherClient = await connect(other.url);
    const { destination } = await runUntil(otherClient, clock, (await otherClient.export()).id);
    const { body } = await otherClient.get<Listing>(`${dataAccess}/batches/${destination.batchId}/files`);
    expect(body.data[0]?._links.self.href).toMatch(
      /^https:\/\/platform\.adobe\.io:443\/data\/foundation\/export\/files\//,
    );
  });

  it.each([
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, -1],
    ['bytes=-8', -8, -1],
    ['bytes=4-99999999', 4, -1],
  ])('respond to Range: %s with 206 and these bytes', async (range, from, to) => {
    const response = await client.fetch(`${file}?path=part-00000.parquet`, { headers: { range } });
    const first = from < 0 ? bytes.length + from : from;
    const last = to < 0 ? bytes.length + to : to;
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${bytes.length}`);
    expect(response.headers.get('content-length')).toBe(String(last - first + 1));
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes.slice(first, last + 1));
  });

  it('respond with 416 to a range outside them, and with the whole file to a malformed range', async () => {
    const outside = await client.fetch(`${file}?path=part-00000.parquet`, {
      headers: { range: `bytes=${bytes.length}-` },
    });
    expect(outside.status).toBe(416);
    expect(outside.headers.get('content-range')).toBe(`bytes */${bytes.length}`);
    const senseless = await client.fetch(`${file}?path=part-00000.parquet`, { headers: { range: 'lines=1-2' } });
    expect(senseless.status).toBe(200);
    expect((await senseless.arrayBuffer()).byteLength).toBe(bytes.length);
  });

  it('respond to HEAD with the headers of a GET', async () => {
    const response = await client.fetch(`${file}?path=part-00000.parquet`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': String(bytes.length),
      'content-type': 'application/parquet',
    });
    expect((await client.fetch(file, { method: 'HEAD' })).status).toBe(400);
    expect((await client.fetch(`${file}?path=nothing`, { method: 'HEAD' })).status).toBe(404);
  });

  it.each([
    'batches/nothing/files',
    'batches/nothing/failed',
    'files/nothing-1',
    'files/{batch}-9',
    'files/{batch}-1?path=nothing.parquet',
    'files/{batch}-1?path=../platform.duckdb',
    'batches/{batch}/failed?path=part-00000.parquet',
    'batches/{batch}/meta?path=row_errors',
  ])('respond with 404 to %s', async (path) => {
    const { status } = await client.get(`${dataAccess}/${path.replace('{batch}', batchId)}`);
    expect(status).toBe(404);
  });

  it.each(['limit=0', 'limit=101', 'start=nothing'])('respond with 400 to %s', async (query) => {
    expect((await client.get(`${dataAccess}/batches/${batchId}/files?${query}`)).status).toBe(400);
  });

  it('have no failed and no meta files', async () => {
    for (const kind of ['failed', 'meta']) {
      const { body } = await client.get<Listing>(`${dataAccess}/batches/${batchId}/${kind}`);
      expect(body).toMatchObject({ data: [], _page: { limit: 100, count: 0 } });
    }
  });

  it('are written for the newest seeded exports on first access, with the reported number of rows', async () => {
    const { body } = await client.get<JobPage>('/data/core/ups/export/jobs?status=SUCCEEDED&limit=100');
    const weekAgo = clock.now().getTime() - 6 * 86_400_000;
    const seeded = body.records.filter(
      (job) => job.creationTime > weekAgo && job.destination.batchId && job.destination.batchId !== batchId,
    );
    expect(seeded.length).toBeGreaterThan(3);
    for (const { destination, metrics } of seeded) {
      const listing = () => client.get<Listing>(`${dataAccess}/batches/${destination.batchId}/files`);
      const [first, again] = await Promise.all([listing(), listing()]);
      expect(first.body.data).toMatchObject([{ records: String(metrics.totalExportedProfileCounter) }]);
      expect(again.body).toEqual(first.body);
      const path = `${dataAccess}/files/${destination.batchId}-1?path=part-00000.parquet`;
      const part = await (await client.fetch(path)).arrayBuffer();
      expect(Number(parquetMetadata(part).num_rows)).toBe(metrics.totalExportedProfileCounter);
    }
  });

  it('do not exist for expired exports', async () => {
    const { body } = await client.get<Record<string, unknown>>(
      '/data/foundation/catalog/batches?status=inactive&limit=1',
    );
    const [expired] = Object.keys(body);
    const files = await client.get<Listing>(`${dataAccess}/batches/${expired}/files`);
    expect(files).toMatchObject({ status: 200, body: { data: [] } });
  });
});

describe('the files of a seeded export', () => {
  it('are written by the second request when the first one failed, and only once for concurrent requests', async () => {
    const clock = new FakeClock('2026-11-02T08:00:00Z');
    const directory = await mkdtemp(join(tmpdir(), 'aep-past-files-'));
    {
      await using emulator = await startEmulator({ profiles: 50, clock, directory });
      const client = await connect(emulator.url);
      const batches = await client.get<object>('/data/foundation/catalog/batches?status=success&limit=1');
      const files = `${dataAccess}/batches/${Object.keys(batches.body)[0]}/files`;
      // A file blocks the path of the folder.
      await rm(join(directory, 'batches'), { recursive: true, force: true });
      await writeFile(join(directory, 'batches'), '');
      expect((await client.get(files)).status).toBe(500);
      await rm(join(directory, 'batches'));
      const answers = await Promise.all([client.get<Listing>(files), client.get<Listing>(files)]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers[0].body.data).toHaveLength(1);
      expect(answers[0].body).toEqual(answers[1].body);
    }
    await rm(directory, { recursive: true });
  });
});
