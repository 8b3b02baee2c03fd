import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { connectGateway } from '../support/gateway.ts';
import { type GatewayProcess, startProcess } from '../support/gateway-process.ts';
import { closedPort, profileDataset, startStub } from '../support/platform.ts';
import { describeWithRedis } from '../support/redis.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { plantedSecret } from '../support/secrets.ts';
import { upgradeRequest } from '../support/upgrade-request.ts';
import {
  CreateExportJobDocument,
  ExportJobDocument,
  ListExportJobsDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

const emptyList = JSON.stringify({ records: [], page: { pageSize: 0 }, link: { next: '' } });

/**
 * A platform that issues tokens and returns empty lists. It holds back the response to a list of `heldLimit` until it
 * is released.
 */
async function startHoldingPlatform() {
  const heldLimit = 7;
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stub = await startStub((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    if (request.url?.startsWith('/ims/') === true) {
      response.end(
        JSON.stringify({ access_token: plantedSecret('platform'), token_type: 'bearer', expires_in: 86_399 }),
      );
    } else if (request.url?.includes(`limit=${heldLimit}`) === true) {
      void released.then(() => response.end(emptyList));
    } else {
      response.end(emptyList);
    }
  });
  return { ...stub, heldLimit, release };
}

const remote = (url: string) => ({ PORT: '0', AUTH_MODE: 'embedded', AEP_BASE_URL: url });

describe.concurrent('the process', () => {
  it.each(['info', 'silent'])(
    'prints one ready line on standard output at log level %s, and its log as JSON on standard error',
    async (level) => {
      await using gateway = startProcess({ PORT: '0', LOG_LEVEL: level });
      const url = await gateway.ready();
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
      const { exportJobs } = await connectGateway(url).query(ListExportJobsDocument, { first: 3 });
      expect(exportJobs.edges).toHaveLength(3);
      gateway.signal('SIGTERM');
      expect(await gateway.ended()).toBe(0);
      expect(gateway.stdout).toEqual([`ready ${url}/graphql`]);
      for (const line of gateway.stderr) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) });
      expect(gateway.stderr.length > 0).toBe(level === 'info');
    },
  );

  it('ends with 1 and one line when its port is in use', async () => {
    await using taken = await startStub(() => {});
    const { port } = new URL(taken.url);
    await using gateway = startProcess({ ...remote(taken.url), PORT: port });
    expect(await gateway.ended()).toBe(1);
    expect(gateway.stdout).toEqual([]);
    expect(gateway.stderr).toHaveLength(1);
    expect(gateway.stderr[0]).toContain(`127.0.0.1:${port}`);
    expect(gateway.stderr[0]).toMatch(/port.*PORT/);
  });

  it.each([
    ['ADMIN_PORT', (port: string) => ({ ADMIN_PORT: port })],
    // An address for documentation, which no machine has.
    ['ADMIN_HOST', () => ({ ADMIN_PORT: '0', ADMIN_HOST: '192.0.2.1' })],
  ])('ends with 1 and names %s when the address for operators cannot be used', async (name, env) => {
    await using taken = await startStub(() => {});
    await using gateway = startProcess({ ...remote(taken.url), ...env(new URL(taken.url).port) });
    expect(await gateway.ended()).toBe(1);
    expect(gateway.stdout).toEqual([]);
    expect(gateway.stderr).toEqual([expect.stringContaining(`set ${name} to`)]);
  });

  it('starts with a misspelt variable of an unknown program, and logs the similar name', async () => {
    await using taken = await startStub(() => {});
    await using gateway = startProcess({ ...remote(taken.url), LOG_LEVEL: 'warn', PROT: plantedSecret('port') });
    await gateway.ready();
    const lines = gateway.stderr.filter((line) => line.includes('PROT'));
    expect(lines).toEqual([expect.stringContaining('did you mean PORT?')]);
    expect(lines[0]).not.toContain(plantedSecret('port'));
  });

  it('ends with 2 and one line that names every wrong variable and no secret value', async () => {
    await using gateway = startProcess({
      PORT: '70000',
      POLL_MIN_MS: 'soon',
      AEP_BASE_URL: 'ftp://platform',
      LOG_LEVEL: 'loud',
      DOWNLOAD_LINK_SECRET: 'too-short-secret',
      GRAPHIQL: 'maybe',
    });
    expect(await gateway.ended()).toBe(2);
    expect(gateway.stdout).toEqual([]);
    expect(gateway.stderr).toHaveLength(1);
    const [line = ''] = gateway.stderr;
    for (const name of ['PORT', 'POLL_MIN_MS', 'AEP_BASE_URL', 'LOG_LEVEL', 'DOWNLOAD_LINK_SECRET', 'GRAPHIQL']) {
      expect(line).toContain(name);
    }
    expect(line).not.toContain('too-short-secret');
  });

  it('ends with 2 and one line that names each unknown variable and each contradiction', async () => {
    const secret = plantedSecret('issuer');
    await using gateway = startProcess({ JWT_ISSUER: secret, POLL_MIN_MS: '60000', AEP_BASEURL: secret });
    expect(await gateway.ended()).toBe(2);
    expect(gateway.stderr).toHaveLength(1);
    for (const text of ['JWT_ISSUER', 'AUTH_MODE=service', 'POLL_MIN_MS', 'POLL_MAX_MS', 'AEP_BASE_URL?']) {
      expect(gateway.stderr[0]).toContain(text);
    }
    expect(gateway.stderr[0]).not.toContain(secret);
  });

  it.each([
    ['EMULATOR_DIR', 2, {}],
    ['EMULATOR_SEED', 2, {}],
    ['TRUSTED_DOCUMENTS', 2, { AUTH_MODE: 'passthrough', AEP_BASE_URL: 'http://127.0.0.1:1' }],
    // An address for documentation, which no machine has.
    ['HOST', 1, { AUTH_MODE: 'passthrough', AEP_BASE_URL: 'http://127.0.0.1:1' }],
  ])('names %s when the system rejects its value, and ends with %i', async (name, code, env) => {
    const value = name === 'HOST' ? '192.0.2.1' : 'package.json/folder';
    await using gateway = startProcess({ PORT: '0', LOG_LEVEL: 'warn', ...env, [name]: value });
    expect(await gateway.ended()).toBe(code);
    expect(gateway.stdout).toEqual([]);
    expect(gateway.stderr).toEqual([expect.stringContaining(name)]);
  });

  it.each(['--help', '-h'])('prints its usage with %s, with every variable, and ends with 0', async (flag) => {
    // The environment has no variables of the gateway.
    await using gateway = startProcess({ PORT: 'x' }, ['dist/main.js', flag]);
    expect(await gateway.ended()).toBe(0);
    expect(gateway.stderr).toEqual([]);
    const text = gateway.stdout.join('\n');
    const [, chapter = ''] = (await readFile('docs/configuration.md', 'utf8')).split('<!-- configuration:');
    const table = [...chapter.matchAll(/^\| `([A-Z_]+)` \| [^|]+ \| ([^|]+) \|$/gm)];
    expect(table.length).toBeGreaterThan(30);
    for (const [, name, description = ''] of table) {
      expect(text).toContain(`  ${name} (default: `);
      expect(text).toContain(description.replaceAll('`', ''));
    }
  });

  it.each(['--version', '-v'])('prints its version with %s', async (flag) => {
    await using gateway = startProcess({}, ['dist/main.js', flag]);
    expect(await gateway.ended()).toBe(0);
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(await readFile('package.json', 'utf8')));
    expect(gateway.stdout).toEqual([version]);
  });

  it.each([['--port=1'], ['--version=1'], ['start'], ['--help', 'start'], ['-x']])(
    'ends with 2 for the arguments %j',
    async (...args) => {
      await using gateway = startProcess({ PORT: '0' }, ['dist/main.js', ...args]);
      expect(await gateway.ended()).toBe(2);
      expect(gateway.stdout).toEqual([]);
      expect(gateway.stderr).toEqual([expect.stringContaining('--help')]);
    },
  );

  it('does not start with a port that is open to all hosts without credentials', async () => {
    await using gateway = startProcess({ PORT: '0', HOST: '0.0.0.0' });
    expect(await gateway.ended()).toBe(2);
    expect(gateway.stderr.join('\n')).toContain('HOST');
  });
});

describe.concurrent('on SIGTERM', () => {
  it('the process completes a request in progress, closes WebSockets with 1001, and ends with 0', async () => {
    await using platform = await startHoldingPlatform();
    await using gateway = startProcess(remote(platform.url));
    const url = await gateway.ready();
    const client = connectGateway(url);

    // A browser opens connections in advance, which may never carry a request.
    const advance = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    advance.on('error', () => {});
    await once(advance, 'connect');
    const idle = new WebSocket(client.webSocketUrl, 'graphql-transport-ws');
    await once(idle, 'open');
    idle.send('{"type":"connection_init"}');
    await once(idle, 'message');
    const closed = once(idle, 'close');
    await using sse = client.subscribe(WatchExportJobsDocument, {}, { transport: 'sse' });
    const streamEnds = sse.take().then(
      () => 'completed',
      () => 'broken',
    );
    const slow = client.execute(ListExportJobsDocument, { first: platform.heldLimit });
    await Promise.all([platform.asked(`limit=${platform.heldLimit}`), platform.asked('limit=100')]);

    gateway.signal('SIGTERM');
    expect((await closed)[0]).toBe(1001);
    // An event stream must not look as if its job had ended.
    expect(await streamEnds).toBe('broken');
    // The drain is in progress: new requests are rejected, and earlier ones are answered.
    platform.release();
    const { status, data, errors } = await slow;
    expect({ status, data, errors }).toMatchObject({ status: 200, data: { exportJobs: { edges: [] } }, errors: [] });
    expect(await gateway.ended()).toBe(0);
    advance.destroy();
  });

  it('the process ends although a WebSocket client does not respond', async () => {
    await using platform = await startHoldingPlatform();
    await using gateway = startProcess({ ...remote(platform.url), DRAIN_MS: '1000' });
    const { port } = new URL(await gateway.ready());
    const deaf = connect({ port: Number(port), host: '127.0.0.1' });
    deaf.on('error', () => {});
    deaf.write(upgradeRequest);
    await once(deaf, 'data');
    gateway.signal('SIGTERM');
    expect(await gateway.ended()).toBe(0);
    deaf.destroy();
  });

  it('the process aborts a request that is not completed within the drain time', async () => {
    await using platform = await startHoldingPlatform();
    await using gateway = startProcess({ ...remote(platform.url), DRAIN_MS: '100' });
    const client = connectGateway(await gateway.ready());
    const slow = client.execute(ListExportJobsDocument, { first: platform.heldLimit });
    const cut = expect(slow).rejects.toThrow();
    await platform.asked(`limit=${platform.heldLimit}`);
    gateway.signal('SIGTERM');
    await cut;
    expect(await gateway.ended()).toBe(0);
  });
});

describe.concurrent('a second signal', () => {
  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ] as const)('ends the process at once, whatever the drain waits for: %s, %s', async (first, second) => {
    await using platform = await startHoldingPlatform();
    await using gateway = startProcess({ ...remote(platform.url), DRAIN_MS: '600000' });
    const client = connectGateway(await gateway.ready());
    const cut = expect(client.execute(ListExportJobsDocument, { first: platform.heldLimit })).rejects.toThrow();
    await platform.asked(`limit=${platform.heldLimit}`);
    gateway.signal(first);
    await gateway.logged('shutting down');
    gateway.signal(second);
    // The signal ended the process.
    expect(await gateway.ended()).toBeNull();
    await cut;
  });

  it('is ignored if it is a repeated SIGINT, as from npm', async () => {
    await using platform = await startHoldingPlatform();
    await using gateway = startProcess(remote(platform.url));
    const client = connectGateway(await gateway.ready());
    const slow = client.execute(ListExportJobsDocument, { first: platform.heldLimit });
    await platform.asked(`limit=${platform.heldLimit}`);
    gateway.signal('SIGINT');
    gateway.signal('SIGINT');
    await gateway.logged('shutting down');
    platform.release();
    expect((await slow).status).toBe(200);
    expect(await gateway.ended()).toBe(0);
  });
});

describe.concurrent('a signal during the start', () => {
  // More than a machine seeds within the time limit of a test.
  const seeding = { PORT: '0', EMULATOR_PROFILES: '5000000' };
  const seeds = (gateway: GatewayProcess) => gateway.logged('seeds its state');

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends the process with 0 while the emulator is seeded: %s',
    async (signal) => {
      const directory = await mkdtemp(join(tmpdir(), 'aep-e2e-'));
      try {
        {
          await using gateway = startProcess({ ...seeding, EMULATOR_DIR: directory });
          await seeds(gateway);
          gateway.signal(signal);
          expect(await gateway.ended()).toBe(0);
          expect(gateway.stdout).toEqual([]);
        }
        // No state was written, so the next start creates it.
        await using next = startProcess({ PORT: '0', EMULATOR_DIR: directory });
        const { exportJobs } = await connectGateway(await next.ready()).query(ListExportJobsDocument, { first: 3 });
        expect(exportJobs.edges).toHaveLength(3);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  );

  it('removes the temporary folder of the emulator', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-e2e-'));
    try {
      await using gateway = startProcess({ ...seeding, TMPDIR: directory });
      await seeds(gateway);
      expect(await readdir(directory)).toHaveLength(1);
      gateway.signal('SIGTERM');
      expect(await gateway.ended()).toBe(0);
      expect(await readdir(directory)).toEqual([]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('ends the process at once if it is the second one', async () => {
    await using gateway = startProcess(seeding);
    await seeds(gateway);
    gateway.signal('SIGINT');
    gateway.signal('SIGTERM');
    // The process is killed by the second signal, or ends because of the first one, whichever is faster.
    expect([0, null]).toContain(await gateway.ended());
  });

  it('or afterwards ends a process without a Redis connection', async () => {
    await using gateway = startProcess({ PORT: '0', REDIS_URL: `redis://127.0.0.1:${await closedPort()}` });
    await gateway.logged('check REDIS_URL');
    gateway.signal('SIGTERM');
    expect(await gateway.ended()).toBe(0);
  });
});

describeWithRedis('a process with a Redis', () => {
  it('ends with 0 after a subscription, and leaves no connection and no registration behind', async () => {
    await using redis = await startRedisServer();
    await using gateway = startProcess({ PORT: '0', REDIS_URL: redis.url, DRAIN_MS: '100' });
    const client = connectGateway(await gateway.ready());
    const watching = client.subscribe(WatchExportJobsDocument, {});
    await watching.take();
    expect(await redis.command('ZCARD aep:v1:replicas')).toBe(':1');
    gateway.signal('SIGTERM');
    expect(await gateway.ended()).toBe(0);
    expect(await redis.command('ZCARD aep:v1:replicas')).toBe(':0');
    expect(await redis.command('PUBSUB CHANNELS')).toBe('*0');
    await watching[Symbol.asyncDispose]();
  });
});

describe.concurrent('a second start in the same EMULATOR_DIR', () => {
  it('has the jobs of the first start, and continues the job that had not ended', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-e2e-'));
    const env = { PORT: '0', EMULATOR_DIR: directory, POLL_MIN_MS: '100', POLL_MAX_MS: '100' };
    try {
      let id = '';
      {
        await using first = startProcess(env);
        const { createExportJob } = await connectGateway(await first.ready()).query(CreateExportJobDocument, {
          input: { destination: { target: { datasetId: profileDataset } } },
        });
        id = createExportJob.__typename === 'CreateExportJobPayload' ? createExportJob.exportJob.id : '';
        first.signal('SIGTERM');
        expect(await first.ended()).toBe(0);
      }
      await using second = startProcess(env);
      const client = connectGateway(await second.ready());
      await using events = client.subscribe(WatchExportJobsDocument, { ids: [id] });
      const seen = await events.rest();
      expect(seen[0]?.exportJobChanged.job).toMatchObject({ id, isTerminal: false });
      const { exportJob } = await client.query(ExportJobDocument, { id });
      expect(exportJob).toMatchObject({ status: 'SUCCEEDED', errors: [] });
      const { exportJobs } = await client.query(ListExportJobsDocument, { first: 100 });
      expect(exportJobs.edges).toHaveLength(61);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
