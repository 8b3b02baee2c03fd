import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, type Logger } from '../../../src/runtime/logger.ts';
import { eventually } from '../../support/eventually.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { putSeededPlatform } from '../../support/seeded-platform.ts';
import { callAdmin } from './admin-client.ts';
import { connect, type PlatformClient, prodDataset } from './platform-client.ts';
import { define, schedules, segmentDefinitions, segmentJobs } from './segmentation-client.ts';

const jobs = '/data/core/ups/export/jobs';
const catalog = '/data/foundation/catalog';
const startsAt = new Date('2026-01-01T00:00:00Z');
const state = { profiles: 50, seed: 7 };

describe('a reset', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'aep-reset-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const start = (options = {}): Promise<Emulator> =>
    startEmulator({ ...state, time: { startsAt, rate: 0 }, directory, ...options });

  /** Starts with few profiles, and creates `profiles` on a reset, which takes longer. */
  const startGrowing = async (options: { readonly profiles: number; readonly logger?: Logger }): Promise<Emulator> => {
    await putSeededPlatform(directory, { ...state, now: startsAt });
    return await start(options);
  };

  const reset = (emulator: Emulator) => callAdmin(emulator, 'POST', '/reset');

  const stateOf = async (client: PlatformClient) => {
    const paths = [
      `${jobs}?limit=1000`,
      `${catalog}/dataSets?limit=100`,
      `${catalog}/batches?limit=100`,
      `${segmentJobs}?limit=100`,
      segmentDefinitions,
      schedules,
      '/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=x&entityIdNS=Email',
    ];
    const answers = await Promise.all(paths.map((path) => client.get(path)));
    return answers.map(({ status, body }) => ({ status, body }));
  };

  it('restores data, settings and clock, clears faults and requests, and keeps tokens and foreign files', async () => {
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await using emulator = await start({ pace: 'fast', quirks: { cancelReply: 'json' } });
    const client = await connect(emulator.url);
    const before = await stateOf(client);
    const settings = async () =>
      (await Promise.all(['/pace', '/quirks', '/clock'].map((path) => callAdmin(emulator, 'GET', path)))).map(
        ({ body }) => body,
      );
    const settingsBefore = await settings();

    await define(client, 'Mine', 'loyalty.points > 1');
    await client.send('DELETE', `${catalog}/dataSets/${prodDataset}`);
    await client.export({ destination: { datasetId: '5b7c86968f7b6501e21ba9df' } });
    await callAdmin(emulator, 'POST', '/clock', { advanceMs: 60_000 });
    await callAdmin(emulator, 'PUT', '/clock', { rate: 1 });
    emulator.setPace('slow');
    emulator.setQuirks({ cancelReply: 'empty', unknownDatasetStatus: 400 });
    emulator.faults.set({ rules: [{ fault: { kind: 'status', status: 503 } }] });
    expect(await readdir(join(directory, 'batches'))).toHaveLength(1);

    expect(await reset(emulator)).toMatchObject({ status: 204, body: null });
    expect(emulator.requests).toEqual([]);
    expect(emulator.faults.hits).toEqual([]);
    expect(await settings()).toEqual(settingsBefore);
    expect(await stateOf(client)).toEqual(before);
    expect((await readdir(directory)).toSorted()).toEqual(expect.arrayContaining(['notes.txt', 'platform.duckdb']));
    expect(await readdir(directory)).not.toContain('batches');
  });

  it('creates a new state even if the folder of the emulator had an earlier state at the start', async () => {
    {
      await using first = await start();
      await define(await connect(first.url), 'From before', 'loyalty.points > 1');
    }
    await using emulator = await start();
    const client = await connect(emulator.url);
    const names = async () => JSON.stringify((await client.get(segmentDefinitions)).body);
    expect(await names()).toContain('From before');
    expect((await reset(emulator)).status).toBe(204);
    expect(await names()).not.toContain('From before');
  });

  it('ends running jobs, so that none of their results appears later', async () => {
    await using emulator = await start({ pace: 'fast', time: { startsAt, rate: 1 } });
    const client = await connect(emulator.url);
    for (let round = 0; round < 3; round += 1) {
      const { id } = await client.export();
      await eventually(async () => expect((await client.job(id)).status).not.toBe('NEW'));
      await reset(emulator);
      expect((await client.get(`${jobs}/${id}`)).status).toBe(404);
    }
    const { id } = await client.export();
    await eventually(async () => expect((await client.job(id)).status).toBe('SUCCEEDED'));
  });

  it('lets requests in progress complete, and later ones wait', async () => {
    await using emulator = await startGrowing({ profiles: 2_000 });
    const client = await connect(emulator.url);
    const early = Array.from({ length: 20 }, () => client.get(`${jobs}?limit=1000`));
    const resetting = reset(emulator);
    const during = eventually(async () => {
      const answer = await client.get(`${jobs}?limit=1`);
      expect(answer.status).toBe(200);
      return answer;
    });
    expect((await Promise.all(early)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    await during;
    expect((await resetting).status).toBe(204);
  });

  it('aborts requests that a fault delays, and requests whose body does not arrive', async () => {
    await using emulator = await start();
    const client = await connect(emulator.url);
    emulator.faults.set({ rules: [{ match: { path: jobs }, fault: { kind: 'latency', ms: 600_000 } }] });
    const held = expect(client.get(jobs)).rejects.toThrow();
    await eventually(() => expect(emulator.faults.hits).toEqual([1]));
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"name":')),
    });
    const unfinished = expect(
      client.fetch(`${catalog}/dataSets`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        // Node's fetch requires this member to send a stream, and its types lack it.
        ...{ duplex: 'half' },
      }),
    ).rejects.toThrow();
    await client.get(catalog);
    expect((await reset(emulator)).status).toBe(204);
    await Promise.all([held, unfinished]);
    expect((await client.get(jobs)).status).toBe(200);
  });

  it('that fails leaves no state, and a later reset creates it', async () => {
    const within = join(directory, 'state');
    await mkdir(within);
    await using emulator = await start({ directory: within });
    const client = await connect(emulator.url);
    await rm(within, { recursive: true });
    await writeFile(within, 'no folder');
    expect(await reset(emulator)).toMatchObject({
      status: 500,
      body: { message: expect.stringContaining('EMULATOR_DIR') },
    });
    const refused = await client.get(jobs);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await rm(within);
    await mkdir(within);
    expect((await reset(emulator)).status).toBe(204);
    expect((await (await connect(emulator.url)).get(jobs)).status).toBe(200);
  });

  it('runs before or after a clock move, never during it', async () => {
    await using emulator = await start();
    const client = await connect(emulator.url);
    const { id } = await client.export();
    const moved = callAdmin(emulator, 'POST', '/clock', { advanceMs: 3_600_000 });
    const results = await Promise.all([moved, reset(emulator), reset(emulator)]);
    expect(results.map(({ status }) => status)).toEqual([200, 204, 204]);
    expect((await client.get(`${jobs}/${id}`)).status).toBe(404);
    expect(emulator.clock?.now()).toEqual(startsAt);
  });

  it('does not prevent the emulator from closing while it runs', async () => {
    const emulator = await startGrowing({ profiles: 30_000 });
    const resetting = emulator.reset();
    // The rejection is asserted below, possibly after it happens.
    resetting.catch(() => undefined);
    await emulator.close();
    await expect(resetting).rejects.toThrow();
  });

  it('logs no error when it was requested over HTTP and the emulator closes meanwhile', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } });
    const emulator = await startGrowing({ profiles: 30_000, logger });
    const resetting = reset(emulator).catch((error: unknown) => error);
    // The database is closed once the reset has begun.
    await eventually(() => readdir(directory).then((names) => expect(names).not.toContain('platform.duckdb')));
    await emulator.close();
    expect(await resetting).toBeInstanceOf(Error);
    expect(lines.filter((line) => line.includes('"error"'))).toEqual([]);
  });
});
