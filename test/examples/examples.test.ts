import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startMovableAddress } from '../support/movable-address.ts';
import { startPlatform, startSteppedPlatform } from '../support/platform.ts';
import { install, run } from './example.ts';

/** Profiles in the emulator. */
const profiles = 40;

describe('the example node-script', () => {
  beforeAll(() => install('node-script'));

  it('resumes after a lost connection, and downloads the files of the export', async () => {
    const stages = new FakeClock();
    await using platform = await startSteppedPlatform({ clock: stages, profiles });
    await using gateway = await startGateway({ platform });
    await using address = await startMovableAddress(gateway.url);
    const url = address.url.replace('redis:', 'http:');
    const folder = await mkdtemp(join(tmpdir(), 'aep-example-'));
    try {
      await using script = run('node-script', 'start', {
        env: { GATEWAY_URL: `${url}/graphql` },
        args: ['--folder', folder],
      });
      await script.line('SNAPSHOT NEW');
      await stages.tick();
      await script.line('CHANGED PROCESSING');
      address.cut();
      await stages.runUntil(script.succeeded());
      expect(script.lines.slice(0, -1)).toEqual([
        'ExportJob:24073 was created',
        'SNAPSHOT NEW',
        'CHANGED PROCESSING',
        'CHANGED SUCCEEDED',
        `${profiles} profiles were exported`,
      ]);
      const [path = '', ...others] = (await readdir(folder, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      expect(others).toEqual([]);
      const rows = await parquetReadObjects({ file: new Uint8Array(await readFile(path)).buffer });
      expect(rows).toHaveLength(profiles);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('reports why an export is not created', async () => {
    await using platform = await startPlatform({ profiles });
    await using gateway = await startGateway({ platform });
    await using script = run('node-script', 'start', {
      env: { GATEWAY_URL: gateway.graphqlUrl },
      args: ['--field', ''],
    });
    await expect(script.succeeded()).rejects.toThrow(/INVALID_INPUT.*\n\s+input\.fields/);
  });
});
