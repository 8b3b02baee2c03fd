import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startProcess } from '../support/gateway-process.ts';
import { closedPort } from '../support/platform.ts';

const coverage = z.object({ result: z.array(z.object({ url: z.string() })) });

/**
 * Packages and folders whose modules a ready gateway has loaded: `@redis/client`, `src/emulator`. Node writes the loaded
 * files as the subjects of its coverage when the process ends. Comments in a bundle name its modules.
 */
async function loadedBy(env: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
  const directory = await mkdtemp(join(tmpdir(), 'aep-loaded-'));
  try {
    await using gateway = startProcess({ PORT: '0', NODE_V8_COVERAGE: directory, ...env });
    await gateway.ready();
    gateway.signal('SIGTERM');
    expect(await gateway.ended()).toBe(0);
    const reports = await Promise.all(
      (await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')),
    );
    const urls = reports.flatMap((report) => coverage.parse(JSON.parse(report)).result.map(({ url }) => url));
    const bundles = await Promise.all(
      urls.filter((url) => url.includes('/dist/')).map((url) => readFile(new URL(url), 'utf8')),
    );
    const modules = bundles.flatMap((text) => [...text.matchAll(/^ *\/\/ ((?:src|node_modules)\/.*)/gm)]);
    return new Set(
      [...urls, ...modules.map(([, path = '']) => path)].flatMap(
        (path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/|^(src\/[^/]+)\//.exec(path)?.slice(1) ?? [],
      ),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const remote = async () => ({ AUTH_MODE: 'embedded', AEP_BASE_URL: `http://127.0.0.1:${await closedPort()}` });

describe('a gateway that is ready', () => {
  it('has loaded only the optional parts that its configuration needs', async () => {
    const loaded = await loadedBy(await remote());
    expect([...loaded]).toEqual(expect.arrayContaining(['src/server', 'graphql-yoga', 'undici']));
    const optional = ['@duckdb/node-api', '@graphql-yoga/render-graphiql', '@redis/client', 'jose'];
    expect(optional.filter((name) => loaded.has(name))).toEqual([]);
  });

  it('returns unused memory to the system', async () => {
    await using gateway = startProcess({ PORT: '0', ...(await remote()) });
    await gateway.ready();
    await gateway.logged('the memory of the start is released');
    gateway.signal('SIGTERM');
    expect(await gateway.ended()).toBe(0);
  });
});
