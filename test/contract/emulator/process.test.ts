import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EmulatorProcess, runEmulator, stopEmulatorAt } from './emulator-process.ts';
import { connect } from './platform-client.ts';

describe('the process of the emulator', () => {
  it('prints one ready line, serves, and exits with 0 on SIGTERM', async () => {
    await using emulator = await EmulatorProcess.start({ EMULATOR_PROFILES: '20', LOG_LEVEL: 'info' });
    expect(emulator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const client = await connect(emulator.url);
    expect((await client.get('/data/core/ups/export/jobs?limit=1')).status).toBe(200);

    const { code, stdout, stderr } = await emulator.kill('SIGTERM');
    expect(code).toBe(0);
    expect(stdout).toBe(`ready ${emulator.url}\n`);
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });

  it('serves the documentation of the package', async () => {
    await using emulator = await EmulatorProcess.start({ EMULATOR_PROFILES: '20' });
    const response = await fetch(`${emulator.url}/README.md`);
    expect([response.status, await response.text()]).toEqual([200, await readFile('src/emulator/README.md', 'utf8')]);
  });

  it('exits with 2 and one line that names every invalid variable', async () => {
    const { code, stdout, stderr } = await runEmulator({
      EMULATOR_PORT: '70000',
      EMULATOR_PROFILES: 'many',
      LOG_LEVEL: 'loud',
      EMULATOR_DIRECTORY: 'state',
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(1);
    for (const name of ['EMULATOR_PORT', 'EMULATOR_PROFILES', 'LOG_LEVEL', 'EMULATOR_DIRECTORY'])
      expect(stderr).toContain(name);
  });

  it('exits with 1 and one line when the port is in use', async () => {
    await using taken = await new Promise<AsyncDisposable & { port: number }>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        const port = typeof address === 'object' && address ? address.port : 0;
        resolve({ port, [Symbol.asyncDispose]: () => new Promise((done) => server.close(() => done())) });
      });
    });
    const { code, stdout, stderr } = await runEmulator({
      EMULATOR_PORT: String(taken.port),
      EMULATOR_PROFILES: '20',
      LOG_LEVEL: 'error',
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/EADDRINUSE.*EMULATOR_PORT/);
  });

  it('exits with 2 and names EMULATOR_DIR when it is not a folder', async () => {
    const { code, stdout, stderr } = await runEmulator({ EMULATOR_PORT: '0', EMULATOR_DIR: 'package.json/folder' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^[^\n]*EMULATOR_DIR[^\n]*\n$/);
  });

  it('exits with 0 and leaves no files when a signal arrives during the seeding', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-test-'));
    try {
      const environment = { EMULATOR_PROFILES: '5000000', TMPDIR: directory };
      const { code, stdout } = await stopEmulatorAt('seeds its state', 'SIGTERM', environment);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(await readdir(directory)).toEqual([]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('exits with 2, one line and no state when the data of EMULATOR_SEED is invalid', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-test-'));
    try {
      const seed = join(directory, 'seed');
      await mkdir(seed);
      await writeFile(join(seed, 'manifest.json'), '{"sandboxes": {"prod": {"profiles": ["profiles.jsonl"]}}}');
      await writeFile(join(seed, 'profiles.jsonl'), '{"identityMap": {"Email": "a"}}\n{"shoe": 43}\n');
      const environment = { EMULATOR_PORT: '0', EMULATOR_SEED: seed, TMPDIR: directory, LOG_LEVEL: 'error' };
      const { code, stdout, stderr } = await runEmulator(environment);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^EMULATOR_SEED cannot be used: profiles\.jsonl line 2: [^\n]*\n$/);
      expect(await readdir(directory)).toEqual(['seed']);
      const both = await runEmulator({ ...environment, EMULATOR_PROFILES: '20' });
      expect(both).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('EMULATOR_PROFILES has no effect with EMULATOR_SEED'),
      });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('exits with 0 and leaves no files when a signal arrives while it reads user data', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-test-'));
    try {
      const seed = join(directory, 'seed');
      await mkdir(seed);
      await writeFile(join(seed, 'manifest.json'), '{"sandboxes": {"prod": {"profiles": ["profiles.csv"]}}}');
      const rows = Array.from({ length: 300_000 }, (_, index) => `a${index}@example.org,A${index}`);
      await writeFile(join(seed, 'profiles.csv'), ['identityMap.Email,person.name.firstName', ...rows].join('\n'));
      const environment = { EMULATOR_SEED: seed, TMPDIR: directory };
      const { code, stdout, stderr } = await stopEmulatorAt('seeds its state', 'SIGTERM', environment);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      for (const line of stderr.trim().split('\n')) expect(JSON.parse(line).level).not.toBe('error');
      expect(await readdir(directory)).toEqual(['seed']);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('prints its usage or its version, and rejects other arguments', async () => {
    const help = await runEmulator({ EMULATOR_PORT: 'x' }, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    const readme = await readFile('src/emulator/README.md', 'utf8');
    const names = [...readme.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, name]) => name);
    expect(names).toContain('EMULATOR_PORT');
    for (const name of names) expect(help.stdout).toContain(`  ${name} (default: `);
    expect(await runEmulator({}, ['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\./) });
    expect(await runEmulator({}, ['--port=1'])).toMatchObject({ code: 2, stdout: '' });
  });
});
