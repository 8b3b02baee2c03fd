import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EmulatorProcess, runEmulator } from './emulator-process.ts';
import { connect } from './platform-client.ts';

describe('the process of the emulator', () => {
  it('prints one ready line, serves, and ends with 0 on SIGTERM', async () => {
    await using emulator = await EmulatorProcess.start({ EMULATOR_PROFILES: '20', LOG_LEVEL: 'info' });
    expect(emulator.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const client = await connect(emulator.url);
    expect((await client.get('/data/core/ups/export/jobs?limit=1')).status).toBe(200);

    const { code, stdout, stderr } = await emulator.kill('SIGTERM');
    expect(code).toBe(0);
    expect(stdout).toBe(`ready ${emulator.url}\n`);
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });

  it('ends with 2 and one line that names every bad variable', async () => {
    const { code, stdout, stderr } = await runEmulator({
      EMULATOR_PORT: '70000',
      EMULATOR_PROFILES: 'many',
      LOG_LEVEL: 'loud',
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(1);
    for (const name of ['EMULATOR_PORT', 'EMULATOR_PROFILES', 'LOG_LEVEL']) expect(stderr).toContain(name);
  });

  it('ends with 1 and one line when the port is in use', async () => {
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
    expect(stderr).toContain(`EADDRINUSE`);
  });
});
