import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endWithThisProcess } from '../support/end-with-this-process.ts';

const repository = resolve(import.meta.dirname, '../..');

/** Everything that the tests write, npm's cache too. */
let folder: string;
let tarball: string;
let files: readonly string[];

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: process.env['PATH'],
  HOME: folder,
  npm_config_cache: join(folder, 'cache'),
  npm_config_update_notifier: 'false',
  npm_config_fund: 'false',
  npm_config_audit: 'false',
  ...(process.env['npm_config_registry'] && { npm_config_registry: process.env['npm_config_registry'] }),
  ...more,
});

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a program in a process group of its own, so that a signal reaches what it starts as well. */
function launch(command: string, args: readonly string[], cwd: string, more: Readonly<Record<string, string>> = {}) {
  const child = endWithThisProcess(
    spawn(command, args, {
      cwd,
      env: environment(more),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const end: Promise<Run> = once(child, 'close').then(([code]) => ({ code, ...output }));
  return { child, end };
}

async function run(command: string, args: readonly string[], cwd: string, more = {}): Promise<Run> {
  return await launch(command, args, cwd, more).end;
}

/** @throws with the output when the program fails */
async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}

const packed = z.tuple([z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) })]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-package-'));
  const args = ['pack', '--json', '--silent', '--pack-destination', folder];
  const output = await succeed('npm', args, repository);
  // The script `prepack` may print lines before.
  const [result] = packed.parse(JSON.parse(output.slice(output.indexOf('['))));
  tarball = join(folder, result.filename);
  files = result.files.map(({ path }) => path);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the package', () => {
  it('contains what it needs and nothing else', () => {
    const needed = [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'schema/api.graphql',
      'schema/policies.graphql',
      'schema/schema.graphql',
      'src/emulator/README.md',
      'src/emulator/pql/README.md',
      'dist/cli.js',
      'dist/licenses.txt',
      'dist/console/index.html',
      'dist/console/licenses.txt',
      'dist/console/manifest.json',
      'dist/main.js',
      'dist/emulator/emulator.js',
      'dist/emulator/emulator.d.ts',
    ];
    expect(files).toEqual(expect.arrayContaining(needed));
    const others = files.filter(
      (path) =>
        !needed.includes(path) &&
        !/^docs\/[\w/-]+\.(?:md|svg)$/.test(path) &&
        !/^dist\/[\w/-]+\.(?:js|d\.ts)$/.test(path) &&
        !/^dist\/console\/assets\/[\w-]+\.(?:css|js|svg)(?:\.br|\.gz)?$/.test(path),
    );
    expect(others).toEqual([]);
  });

  it('starts the emulator with one command, which runs a job and ends on a signal', async () => {
    const command = 'exec npx --yes ./aep-export-gateway-*.tgz emulator';
    const temporary = join(folder, 'temporary');
    await mkdir(temporary);
    const { child, end } = launch('sh', ['-c', command], folder, {
      ...{ EMULATOR_PORT: '0', EMULATOR_PROFILES: '50', EMULATOR_PACE: 'fast', LOG_LEVEL: 'error', TMPDIR: temporary },
    });
    try {
      if (child.stdout === null) throw new Error('The output is not read.');
      const ready = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line));
      const line = await Promise.race([ready, end.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
      expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+$/);
      expect(await runJob(line.replace('ready ', ''))).toBe('SUCCEEDED');
      signalGroup(child, 'SIGTERM');
      const { stderr } = await end;
      // Overrides of a package do not hold where it is installed, so that npm warns of newer versions.
      expect(stderr.split('\n').filter((text) => text !== '' && !text.startsWith('npm warn'))).toEqual([]);
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
    }
  });

  describe('that is installed', () => {
    const consumer = () => join(folder, 'consumer');
    const bin = () => join(consumer(), 'node_modules/.bin/aep-export-gateway');

    beforeAll(async () => {
      await mkdir(consumer());
      await writeFile(
        join(consumer(), 'package.json'),
        JSON.stringify({ name: 'consumer', type: 'module', private: true }),
      );
      await succeed('npm', ['install', '--silent', tarball], consumer());
    });

    it('has types and a module that start the emulator from TypeScript', async () => {
      const readme = await readFile(join(repository, 'src/emulator/README.md'), 'utf8');
      const [, example = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
      expect(example).toContain("from 'aep-export-gateway/emulator'");
      const types = `
        import type { EmulatorOptions, FaultScript } from 'aep-export-gateway/emulator';
        export const script: FaultScript = { rules: [{ fault: { kind: 'status', status: 503 } }] };
        export const options: EmulatorOptions = { pace: 'fast', quirks: { cancelReply: 'json' } };
        // @ts-expect-error a port is a number
        export const wrong: EmulatorOptions = { port: '1' };
      `;
      await writeFile(join(consumer(), 'use.ts'), example);
      await writeFile(join(consumer(), 'types.ts'), types);
      const compilerOptions = {
        ...{
          module: 'nodenext',
          target: 'es2022',
          lib: ['es2023', 'esnext.disposable'],
          strict: true,
          types: ['node'],
        },
        typeRoots: [join(repository, 'node_modules/@types')],
      };
      await writeFile(
        join(consumer(), 'tsconfig.json'),
        JSON.stringify({ compilerOptions, include: ['use.ts', 'types.ts'] }),
      );
      await succeed(join(repository, 'node_modules/.bin/tsc'), ['-p', '.'], consumer());
      const output = await succeed(process.execPath, ['use.js'], consumer());
      expect(output).toBe('503 1\n');
    });

    it.each(['api.graphql', 'policies.graphql', 'schema.graphql'])('exports %s', async (name) => {
      const script = `import { readFileSync } from 'node:fs';
        process.stdout.write(readFileSync(new URL(import.meta.resolve('aep-export-gateway/${name}')), 'utf8'));`;
      const output = await succeed(process.execPath, ['--input-type=module', '--eval', script], consumer());
      expect(output).toBe(await readFile(join(repository, 'schema', name), 'utf8'));
    });

    it('explains its commands, and refuses others', async () => {
      const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
      expect(await run(bin(), ['--version'], consumer())).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
      const help = await run(bin(), ['--help'], consumer());
      expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('emulator'), stderr: '' });
      const own = await run(bin(), ['emulator', '--help'], consumer());
      expect(own).toMatchObject({ code: 0, stdout: expect.stringContaining('EMULATOR_PACE'), stderr: '' });
      const gateway = await run(bin(), ['gateway', '--help'], consumer());
      expect(gateway).toMatchObject({ code: 0, stdout: expect.stringContaining('AEP_BASE_URL'), stderr: '' });
      for (const args of [['simulator'], ['emulator', 'now'], ['--port=1']]) {
        expect(await run(bin(), args, consumer()), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
      }
    });

    it('starts the gateway as well, with the emulator behind it', async () => {
      const { child, end } = launch(bin(), [], consumer(), { PORT: '0', EMULATOR_PROFILES: '50', LOG_LEVEL: 'error' });
      try {
        const [line] = await Promise.race([
          once(createInterface({ input: child.stdout }), 'line'),
          end.then(({ stderr }) => Promise.reject(new Error(stderr))),
        ]);
        const body = JSON.stringify({ query: '{ exportJobs(first: 1) { nodes { id } } }' });
        const response = await fetch(String(line).replace('ready ', ''), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        expect(await response.json()).toMatchObject({ data: { exportJobs: { nodes: [{ id: expect.any(String) }] } } });
        signalGroup(child, 'SIGTERM');
        expect(await end).toMatchObject({ code: 0, stderr: '' });
      } finally {
        if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
      }
    });

    it('says what is missing without its optional dependency', async () => {
      await rm(join(consumer(), 'node_modules/@duckdb'), { recursive: true });
      const { code, stdout, stderr } = await run(bin(), ['emulator'], consumer(), {
        EMULATOR_PORT: '0',
        LOG_LEVEL: 'error',
      });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^[^\n]*@duckdb\/node-api[^\n]*--include=optional[^\n]*\n$/);
    });
  });
});

/** Status of an export job at its end. */
async function runJob(url: string): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: 'emulator', client_secret: 'emulator', scope: 'openid' };
  const token = z
    .object({ access_token: z.string() })
    .parse(await (await fetch(`${url}/ims/token/v3`, { method: 'POST', body: new URLSearchParams(form) })).json());
  const headers = {
    authorization: `Bearer ${token.access_token}`,
    'x-api-key': 'emulator',
    'x-gw-ims-org-id': '0123456789ABCDEF01234567@AdobeOrg',
    'x-sandbox-name': 'prod',
    'content-type': 'application/json',
  };
  const jobs = `${url}/data/core/ups/export/jobs`;
  const job = z.object({ id: z.number(), status: z.string() });
  const body = JSON.stringify({
    destination: { datasetId: '5b020a27e7040801dedba61b' },
    schema: { name: '_xdm.context.profile' },
  });
  let { id, status } = job.parse(await (await fetch(jobs, { method: 'POST', headers, body })).json());
  while (status === 'NEW' || status === 'PROCESSING') {
    ({ id, status } = job.parse(await (await fetch(`${jobs}/${id}`, { headers })).json()));
  }
  return status;
}
