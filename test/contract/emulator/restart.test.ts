import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator, startSeedingEmulator } from '../../support/platform.ts';
import { EmulatorProcess } from './emulator-process.ts';
import { connect, exportBody, type JobRecord, PlatformClient, runUntil } from './platform-client.ts';
import {
  define,
  evaluate,
  mergePolicies,
  schedules,
  segmentDefinitions,
  segmentJobs,
  segmentJobUntil,
} from './segmentation-client.ts';

const jobs = '/data/core/ups/export/jobs';
const catalog = '/data/foundation/catalog';

describe('an emulator with a folder', () => {
  let clock: FakeClock;
  let directory: string;

  beforeEach(async () => {
    clock = new FakeClock('2026-11-02T08:00:00Z');
    directory = await mkdtemp(join(tmpdir(), 'aep-restart-'));
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (): Promise<Emulator> => startEmulator({ profiles: 100, clock, directory });

  const stateOf = async (client: PlatformClient) => ({
    jobs: (await client.get(`${jobs}?limit=1000`)).body,
    datasets: (await client.get(`${catalog}/dataSets?limit=100`)).body,
    batches: (await client.get(`${catalog}/batches?limit=100`)).body,
    sandboxes: (await client.get('/data/foundation/sandbox-management/')).body,
    segmentJobs: (await client.get(`${segmentJobs}?limit=100`)).body,
    segmentDefinitions: (await client.get(segmentDefinitions)).body,
    schedules: (await client.get(schedules)).body,
    mergePolicies: (await client.get(mergePolicies)).body,
  });

  it('keeps everything over a restart: jobs, datasets, batches, files, segments, schedules and tokens', async () => {
    const first = await start();
    const client = await connect(first.url);
    await client.send('POST', `${catalog}/dataSets`, { name: 'Made before the restart' });
    await define(client, 'Made before the restart', 'loyalty.points > 1');
    const { id, destination } = await runUntil(client, clock, (await client.export()).id);
    const before = await stateOf(client);
    const path = `/data/foundation/export/files/${destination.batchId}-1?path=part-00000.parquet`;
    const bytes = await (await client.fetch(path)).arrayBuffer();
    await first.close();

    await using second = await start();
    const again = new PlatformClient(second.url, client.headers);
    expect(await again.job(id)).toMatchObject({ status: 'SUCCEEDED' });
    const withoutLinks = (state: unknown) => JSON.stringify(state).replaceAll(/127\.0\.0\.1:\d+/g, 'HOST');
    expect(withoutLinks(await stateOf(again))).toBe(withoutLinks(before));
    expect(await (await again.fetch(path)).arrayBuffer()).toEqual(bytes);
  });

  it.each(['NEW', 'PROCESSING', 'CANCELLING'])('resumes a job that was %s', async (status) => {
    const first = await start();
    const client = await connect(first.url);
    const { id } = await client.export();
    if (status === 'CANCELLING') await client.send('DELETE', `${jobs}/${id}`);
    await runUntil(client, clock, id, [status]);
    await first.close();

    await using second = await start();
    const again = new PlatformClient(second.url, client.headers);
    expect(await again.job(id)).toMatchObject({ status });
    const expected = status === 'CANCELLING' ? 'CANCELLED' : 'SUCCEEDED';
    expect(await runUntil(again, clock, id)).toMatchObject({ status: expected });
  });

  it.each([false, true])(
    'promotes the batch of a job that checks its status: %s',
    async (checkBatchStatusForSuccess) => {
      const first = await start();
      const client = await connect(first.url);
      const { id, destination } = await client.export({ properties: { checkBatchStatusForSuccess } });
      const batch = async (of: PlatformClient) => {
        const { body } = await of.get<Record<string, { status: string }>>(
          `/data/foundation/catalog/batches/${destination.batchId}?properties=status`,
        );
        return body[String(destination.batchId)]?.status;
      };
      while ((await batch(client)) !== 'loaded') if (clock.pending() > 0) await clock.tick();
      await first.close();

      await using second = await start();
      const again = new PlatformClient(second.url, client.headers);
      expect(await again.job(id)).toMatchObject({ status: checkBatchStatusForSuccess ? 'PROCESSING' : 'SUCCEEDED' });
      expect(await runUntil(again, clock, id)).toMatchObject({ status: 'SUCCEEDED' });
      expect(await batch(again)).toBe('success');
    },
  );

  it.each(['NEW', 'QUEUED', 'PROCESSING', 'CANCELLING'])('resumes a segment job that was %s', async (status) => {
    const first = await start();
    const client = await connect(first.url);
    const { id } = await evaluate(client, '*');
    if (status === 'CANCELLING') await client.send('DELETE', `${segmentJobs}/${id}`);
    await segmentJobUntil(client, clock, id, [status]);
    await first.close();

    await using second = await start();
    const again = new PlatformClient(second.url, client.headers);
    expect((await again.get(`${segmentJobs}/${id}`)).body).toMatchObject({ status });
    const expected = status === 'CANCELLING' ? 'CANCELLED' : 'SUCCEEDED';
    expect(await segmentJobUntil(again, clock, id)).toMatchObject({ status: expected });
  });

  it('resumes a job after the process was killed, and finishes it with all its files', async () => {
    const environment = { EMULATOR_DIR: directory, EMULATOR_PROFILES: '2000' };
    await using first = await EmulatorProcess.start(environment);
    const client = await connect(first.url);
    const answer = await client.send<JobRecord>('POST', jobs, {
      ...exportBody(),
      properties: { checkBatchStatusForSuccess: true },
    });
    const { id, destination } = answer.body;
    while ((await client.job(id)).status === 'NEW');
    await first.kill('SIGKILL');

    await using second = await EmulatorProcess.start(environment);
    const again = new PlatformClient(second.url, client.headers);
    let job = await again.job(id);
    expect(job.status).toBe('PROCESSING');
    while (job.status === 'PROCESSING') job = await again.job(id);
    expect(job).toMatchObject({ status: 'SUCCEEDED', metrics: { totalExportedProfileCounter: 2_000 } });
    const files = await again.get(`/data/foundation/export/batches/${destination.batchId}/files`);
    expect(files.body).toMatchObject({ data: [{ records: '2000' }] });
    expect(await readdir(join(directory, 'batches'))).toEqual([destination.batchId]);
  });

  it('removes its temporary folder when no folder was given', async () => {
    vi.stubEnv('TMPDIR', directory);
    const emulator = await startSeedingEmulator({ profiles: 20, clock });
    expect(await readdir(directory)).toEqual([expect.stringMatching(/^aep-emulator-/)]);
    await emulator.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('closes while exports run, and closing twice is the same as closing once', async () => {
    const emulator = await start();
    const client = await connect(emulator.url);
    const { id } = await client.export();
    await runUntil(client, clock, id, ['PROCESSING']);
    await Promise.all([emulator.close(), emulator.close()]);
    await expect(client.job(id)).rejects.toThrow();
    expect(clock.pending()).toBe(0);
  });
});
