import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endWithThisProcess } from '../support/end-with-this-process.ts';

// No container engine is needed: the folder that the Dockerfile copies into the image is built by its own script.
const repository = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

let folder: string;
let image: string;
const environment = {
  PATH: process.env['PATH'],
  ...(process.env['npm_config_registry'] && { npm_config_registry: process.env['npm_config_registry'] }),
};

/** Copies what `.dockerignore` permits, as the builder does. */
async function copyContext(target: string): Promise<void> {
  const lines = (await readFile(join(repository, '.dockerignore'), 'utf8')).split('\n');
  const [first, ...permitted] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  expect(first).toBe('*');
  expect(permitted.every((line) => line.startsWith('!'))).toBe(true);
  for (const line of permitted) {
    const path = line.slice(1);
    await cp(join(repository, path), join(target, path), { recursive: true });
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-image-'));
  image = join(folder, 'image');
  await copyContext(join(folder, 'source'));
  await run('sh', [join(folder, 'source/deploy/build-image.sh'), image], {
    cwd: folder,
    env: { ...environment, HOME: folder },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const filesOf = async (path: string): Promise<readonly string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();

/** Starts the command of the Dockerfile, and waits until it is ready. */
async function start(variables: Readonly<Record<string, string>>) {
  const child: ChildProcess = endWithThisProcess(
    spawn(process.execPath, ['dist/main.js'], {
      cwd: image,
      env: { ...environment, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', ...variables },
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  if (child.stdout === null) throw new Error('The process has no output.');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /https?:\/\/\S+?(?=[\s"]|$)/.exec(line)?.[0];
    if (url !== undefined) return { child, url: new URL(url).origin };
  }
  throw new Error('The process ended before it was ready.');
}

describe('the content of the image', () => {
  it('has the gateway with its production dependencies alone', async () => {
    expect((await readdir(image)).toSorted()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json', 'schema']);
    const packages = await readdir(join(image, 'node_modules'));
    expect(packages).toContain('graphql-yoga');
    for (const omitted of ['typescript', 'vitest', '@duckdb']) expect(packages).not.toContain(omitted);
  });

  it('has the licence of each package that is compiled into it', async () => {
    const notices = await readFile(join(image, 'dist/licenses.txt'), 'utf8');
    for (const name of ['graphql', 'graphql-yoga', 'prom-client', 'undici', 'zod']) {
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+`, 'm'));
    }
    expect(notices).not.toMatch(/undefined/);
    expect(notices.match(/Permission is hereby granted/g)?.length).toBeGreaterThan(20);
  });

  it('runs as the Dockerfile starts it, writes no file, and ends on SIGTERM', async () => {
    const before = await filesOf(image);
    const newest = async () =>
      Math.max(...(await Promise.all(before.map(async (path) => (await stat(join(image, path))).mtimeMs))));
    const writtenAt = await newest();
    const { child, url } = await start({ AUTH_MODE: 'passthrough', AEP_BASE_URL: 'https://platform.adobe.io' });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await filesOf(image)).toEqual(before);
    expect(await newest()).toBe(writtenAt);
  });

  it('is what the Dockerfile copies and starts', async () => {
    const dockerfile = await readFile(join(repository, 'Dockerfile'), 'utf8');
    expect(dockerfile).toMatch(/^RUN .*sh deploy\/build-image\.sh \/image "\$\{WITH_EMULATOR\}"$/m);
    expect(dockerfile).toMatch(/^COPY --from=build \/image \.\/$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node"\]\nCMD \["dist\/main\.js"\]$/m);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
  });
});
