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

/** An emulator, a gateway in front of it, and an address of the gateway whose connections the test can cut. */
async function startGraph(stages: FakeClock) {
  const platform = await startSteppedPlatform({ clock: stages, profiles });
  const gateway = await startGateway({ platform });
  const address = await startMovableAddress(gateway.url);
  return {
    env: { GATEWAY_URL: `${address.url.replace('redis:', 'http:')}/graphql` },
    cut: () => address.cut(),
    [Symbol.asyncDispose]: async () => {
      await address[Symbol.asyncDispose]();
      await gateway.close();
      await platform.close();
    },
  };
}

/** Profiles in the emulator. */
const profiles = 40;

describe('the example node-script', () => {
  beforeAll(() => install('node-script'));

  it('resumes after a lost connection, and downloads the files of the export', async () => {
    const stages = new FakeClock();
    await using graph = await startGraph(stages);
    const folder = await mkdtemp(join(tmpdir(), 'aep-example-'));
    try {
      await using script = run('node-script', 'start', { env: graph.env, args: ['--folder', folder] });
      await script.line('SNAPSHOT NEW');
      await stages.tick();
      await script.line('CHANGED PROCESSING');
      graph.cut();
      await stages.runUntil(script.succeeded());
      // After the reconnect, only missed events arrive, and no second snapshot.
      expect(script.lines.filter((line) => line.startsWith('SNAPSHOT'))).toEqual(['SNAPSHOT NEW']);
      expect(script.lines.slice(-3, -1)).toEqual(['CHANGED SUCCEEDED', `${profiles} profiles were exported`]);
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

describe('the example codegen', () => {
  beforeAll(async () => {
    await install('codegen');
    await using build = run('codegen', 'build');
    await build.succeeded();
  });

  it.each(['apollo', 'urql', 'relay'])(
    'shows a new job in the list of %s, also after a lost connection',
    async (client) => {
      const stages = new FakeClock();
      await using graph = await startGraph(stages);
      await using program = run('codegen', `start:${client}`, { env: graph.env });
      // A subscription that begins after the create has the job in its first state.
      const first = await program.line(' ExportJob:24073 NEW');
      expect(['CREATED ExportJob:24073 NEW', 'SNAPSHOT ExportJob:24073 NEW']).toContain(first);
      await stages.tick();
      await program.line('CHANGED ExportJob:24073 PROCESSING');
      graph.cut();
      await stages.runUntil(program.succeeded());
      expect(program.lines[0]).toBe('rows: 4');
      expect(program.lines.at(-1)).toBe(`first row: ExportJob:24073 SUCCEEDED, ${profiles} profiles`);
      // After the reconnect, only missed events arrive.
      const events = program.lines.filter((line) => line.includes('ExportJob:24073')).slice(1, -1);
      expect(events.filter((line) => line.startsWith('SNAPSHOT'))).toEqual([]);
      expect(events.at(-1)).toBe('CHANGED ExportJob:24073 SUCCEEDED');
    },
  );
});

describe('the example federation', () => {
  beforeAll(() => install('federation'));

  it('joins two subgraphs, and with --keep stays for further queries until a signal', async () => {
    const env = { EMULATOR_PROFILES: String(profiles), EMULATOR_PACE: 'fast' };
    await using demo = run('federation', 'start', { env, args: ['--keep'] });
    const [url = ''] = /http:\S+/.exec(await demo.line('Everything stays')) ?? [];
    expect(demo.lines).toContain('        "owner": "Web team"');
    const last = demo.lines.filter((line) => line.startsWith('{"data"')).at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({
      data: { exportJobChanged: { job: { status: 'SUCCEEDED', campaign: { name: 'Autumn sale' } } } },
    });
    const ask = () =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: '{ campaigns { nodes { name exportJob { status } } } }' }),
      });
    expect(await (await ask()).json()).toEqual({
      data: {
        campaigns: {
          nodes: [
            { name: 'Spring sale', exportJob: { status: 'FAILED' } },
            { name: 'Autumn sale', exportJob: { status: 'SUCCEEDED' } },
          ],
        },
      },
    });
    demo.signal('SIGTERM');
    await demo.ended();
    await expect(ask()).rejects.toThrow();
  });
});
