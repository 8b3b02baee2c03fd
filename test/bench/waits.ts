/**
 * Measures calls that wait for the end of an export job (`awaitExportJob`): the memory that one of them holds in the
 * gateway, and the calls to the platform that all of them cause.
 *
 * The gateway runs in a separate process with its production configuration (without limits per caller), in front of the
 * emulator in this process. All calls wait for one job that does not end. Over HTTP each call has a connection of its
 * own; over WebSocket a hundred calls share one. Memory is the growth of the heap and of the resident set per call,
 * after a full collection and after other calls have come and gone. `WAITS=100,1000` measures other numbers.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { eventually } from '../support/eventually.ts';
import { everyStage } from '../support/pace.ts';
import { profileDataset } from '../support/platform.ts';
import { connectRest } from '../support/rest-client.ts';
import { startChild } from './live/channel.ts';
import type { GatewayHost } from './live/gateway-host.ts';

const counts = (process.env['WAITS'] ?? '1,1000').split(',').map(Number);
/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';
/** Calls that come and go before the measurement, so that one-time allocations exist. */
const warmCalls = 200;
const callsPerSocket = 100;
const settleMs = 1_000;
/** Duration in which calls to the platform are counted, in milliseconds. */
const windowMs = 20_000;
const patience = { patienceMs: 30_000 };
const query = 'query Wait($id: ID!) { awaitExportJob(id: $id, timeoutMs: 55000) { ended cursor job { id status } } }';

type Open = (url: string, id: string, count: number) => Promise<() => void>;

const overHttp: Open = async (url, id, count) => {
  const agent = new Agent({ keepAlive: true, maxSockets: count });
  const body = JSON.stringify({ query, variables: { id } });
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  for (let index = 0; index < count; index += 1) {
    request(`${url}/graphql`, { method: 'POST', agent, headers }, (response) => response.resume())
      // The connection is destroyed at the end of the measurement.
      .on('error', () => undefined)
      .end(body);
  }
  return () => agent.destroy();
};

const overWebSocket: Open = async (url, id, count) => {
  const sockets = await Promise.all(
    Array.from({ length: Math.ceil(count / callsPerSocket) }, async () => {
      const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(JSON.stringify({ type: 'connection_init' }));
      await new Promise((resolve) => socket.once('message', resolve));
      return socket;
    }),
  );
  for (let index = 0; index < count; index += 1) {
    const payload = { query, variables: { id } };
    sockets[index % sockets.length]?.send(JSON.stringify({ id: String(index), type: 'subscribe', payload }));
  }
  return () => {
    for (const socket of sockets) socket.terminate();
  };
};

interface Row {
  readonly transport: string;
  readonly calls: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly platformCallsPerMinute: number;
}

async function measure(platform: Emulator, transport: string, open: Open, calls: number): Promise<Row> {
  await using server = startChild<GatewayHost>('./gateway-host.js');
  const url = await server.ask('start', { platformUrl: platform.url });
  const rest = await connectRest(platform);
  const { body } = await rest.send('POST', '/data/core/ups/export/jobs', {
    destination: { datasetId: profileDataset },
    schema: { name: '_xdm.context.profile' },
  });
  // The response to a create contains the id of the job.
  const id = String((body as { readonly id: number }).id);
  const waiting = (count: number) =>
    eventually(async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const [, subscribers] = /^aep_watch_subscribers\{kind="export-jobs"\} (\d+)/m.exec(metrics) ?? [];
      if (Number(subscribers) !== count) throw new Error(`${subscribers} of ${count} calls wait.`);
    }, patience);
  const usage = async () => {
    await sleep(settleMs);
    return server.ask('usage', { collect: true });
  };
  const leaveWarm = await open(url, id, warmCalls);
  await waiting(warmCalls);
  leaveWarm();
  await waiting(0);
  const before = await usage();
  const leave = await open(url, id, calls);
  await waiting(calls);
  const after = await usage();
  platform.clearRequests();
  await sleep(windowMs);
  const count = platform.requests.length;
  leave();
  await waiting(0);
  return {
    transport,
    calls,
    heapBytes: (after.heapBytes - before.heapBytes) / calls,
    residentBytes: (after.residentBytes - before.residentBytes) / calls,
    platformCallsPerMinute: (count * 60_000) / windowMs,
  };
}

const hour = 3_600_000;
await using platform = await startEmulator({ profiles: 200, pace: everyStage([hour, hour]) });
const rows: Row[] = [];
for (const calls of counts) {
  rows.push(await measure(platform, 'HTTP', overHttp, calls));
  rows.push(await measure(platform, 'WebSocket', overWebSocket, calls));
}
const kib = (bytes: number, calls: number) => (calls < 100 ? '–' : (bytes / 1024).toFixed(1));
const table = [
  '| Transport | Waiting calls | Heap per call, KiB | Resident per call, KiB | Platform calls per minute |',
  '|---|---|---|---|---|',
  ...rows.map(({ transport, calls, heapBytes, residentBytes, platformCallsPerMinute }) =>
    ['', transport, calls, kib(heapBytes, calls), kib(residentBytes, calls), platformCallsPerMinute.toFixed(0), '']
      .join(' | ')
      .trim(),
  ),
].join('\n');
mkdirSync(results, { recursive: true });
const machine = `${cpus().length} cores, Node ${process.version}`;
writeFileSync(join(results, 'waits.md'), `# Waiting calls\n\n${machine}\n\n${table}\n`);
process.stdout.write(`${table}\n`);
