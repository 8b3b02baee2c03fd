import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { closedPort, startEmulator } from '../../support/platform.ts';

describe('the start of the emulator', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aep-start-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('notices a port in use before it makes anything', async () => {
    const port = await closedPort();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    const directory = join(folder, 'state');
    await expect(startEmulator({ port, directory, profiles: 20 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await readdir(folder)).toEqual([]);
    await new Promise((resolve) => taken.close(resolve));
  });

  it('answers 503 until everything is there', async () => {
    const port = await closedPort();
    const url = `http://127.0.0.1:${port}/data/core/ups/segment/jobs`;
    const starting = startEmulator({ port, profiles: 2_000 });
    const early = await eventually(() => fetch(url));
    expect(early.status).toBe(503);
    expect(early.headers.get('retry-after')).toBe('1');
    expect(await early.json()).toMatchObject({ status: 503 });
    await using emulator = await starting;
    expect(emulator.requests).toEqual([]);
    expect((await fetch(url)).status).toBe(403);
  });

  it('gives the port back when its folder cannot be used', async () => {
    const port = await closedPort();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(startEmulator({ port, directory: join(file, 'state') })).rejects.toThrow(/ENOTDIR|EEXIST/);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
