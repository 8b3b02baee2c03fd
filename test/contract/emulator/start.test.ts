import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { closedPort, startEmulator, startSeedingEmulator } from '../../support/platform.ts';
import { connect } from './platform-client.ts';

describe('the start of the emulator', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aep-start-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('detects a port in use before it creates anything', async () => {
    const port = await closedPort();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    const directory = join(folder, 'state');
    await expect(startSeedingEmulator({ port, directory, profiles: 20 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await readdir(folder)).toEqual([]);
    await new Promise((resolve) => taken.close(resolve));
  });

  it('responds with 503 until the start is complete', async () => {
    const port = await closedPort();
    const url = `http://127.0.0.1:${port}/data/core/ups/segment/jobs`;
    const starting = startSeedingEmulator({ port, profiles: 2_000 });
    const early = await eventually(() => fetch(url));
    expect(early.status).toBe(503);
    expect(early.headers.get('retry-after')).toBe('1');
    expect(await early.json()).toMatchObject({ status: 503 });
    await using emulator = await starting;
    expect(emulator.requests).toEqual([]);
    expect((await fetch(url)).status).toBe(403);
  });

  it('releases the port when its folder cannot be used', async () => {
    const port = await closedPort();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(startSeedingEmulator({ port, directory: join(file, 'state') })).rejects.toThrow(/ENOTDIR|EEXIST/);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('seeds the same data as the copies that other tests start with', async () => {
    const options = { profiles: 20, seed: 7, clock: new FakeClock('2026-11-02T08:00:00Z') };
    await using seeding = await startSeedingEmulator(options);
    await using copied = await startEmulator(options);
    for (const sandbox of ['prod', 'dev']) {
      const [seeded, copy] = await Promise.all([connect(seeding.url, sandbox), connect(copied.url, sandbox)]);
      for (const path of [
        '/data/core/ups/export/jobs?limit=1000',
        '/data/core/ups/segment/jobs?limit=100',
        '/data/core/ups/segment/definitions',
        '/data/core/ups/config/schedules',
        '/data/foundation/catalog/dataSets?limit=100',
        '/data/foundation/catalog/batches?limit=100',
      ]) {
        const { status, body } = await seeded.get(path);
        expect(status, path).toBe(200);
        expect((await copy.get(path)).body, path).toEqual(body);
      }
    }
  });
});
