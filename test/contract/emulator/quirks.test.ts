import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, exportBody, type JobPage, type PlatformClient, prodDataset } from './platform-client.ts';

const jobs = '/data/core/ups/export/jobs';
const sandboxes = '/data/foundation/sandbox-management/sandboxes';

describe('quirks, all set to other values than their defaults', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({
      profiles: 20,
      clock,
      quirks: {
        destinationBatches: 'object',
        batchSegmentStatus: 'string',
        unknownDatasetStatus: 400,
        unknownSandboxStatus: 404,
        sandboxNextLink: 'absent',
        expiresInUnit: 'milliseconds',
        defaultSegmentStatus: ['realized', 'existing'],
        exportJobsDefaultLimit: 10,
        exportJobsFirstPage: 1,
        exportJobsStart: 'page',
      },
    });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  const ids = async (query: string) => (await client.get<JobPage>(`${jobs}${query}`)).body.records.map(({ id }) => id);

  const created = (segments: readonly Record<string, unknown>[]) =>
    client.export({ filter: { segments }, destination: { datasetId: prodDataset, segmentPerBatch: true } });

  it('return a single batch as a plain object with a plain status', async () => {
    const { destination } = await created([{ segmentId: 'a', status: ['exited'] }]);
    expect(destination.batches).toEqual({
      segmentId: 'a',
      segmentNs: 'ups',
      status: 'exited',
      batchId: expect.any(String),
    });
  });

  it('return several batches as an array, and several statuses too', async () => {
    const { destination } = await created([{ segmentId: 'a' }, { segmentId: 'b', status: ['exited'] }]);
    expect(destination.batches).toMatchObject([{ status: ['realized', 'existing'] }, { status: 'exited' }]);
  });

  it('respond with 400 to an unknown dataset and with 404 to an unknown sandbox', async () => {
    const unknown = exportBody({ destination: { datasetId: 'nothing' } });
    expect(await client.send('POST', jobs, unknown)).toMatchObject({ status: 400, body: { status: 400 } });
    expect((await client.get(jobs, { 'x-sandbox-name': 'nowhere' })).status).toBe(404);
  });

  it('omit the next link in lists of sandboxes', async () => {
    const { body } = await client.get<{ _links: object }>(`${sandboxes}?limit=1&offset=0`);
    expect(Object.keys(body._links)).toEqual(['page']);
  });

  it('return the lifetime of a token in milliseconds', async () => {
    const form = {
      grant_type: 'client_credentials',
      client_id: 'emulator',
      client_secret: 'emulator',
      scope: 'openid',
    };
    const response = await fetch(new URL('/ims/token/v3', emulator.url), {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    expect(await response.json()).toMatchObject({ expires_in: 86_399_000 });
  });

  it('number pages from one, and count pages with start', async () => {
    const all = await ids('?limit=1000');
    expect(await ids('')).toEqual(all.slice(0, 10));
    expect(await ids('?limit=5&page=2')).toEqual(all.slice(5, 10));
    expect(await ids('?limit=5&start=2')).toEqual(all.slice(10, 15));
    expect((await client.get(`${jobs}?page=0`)).status).toBe(400);
  });
});
