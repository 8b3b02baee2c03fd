/**
 * Measures the load of replicas on their Redis: one process, many registries with separate connections, a Redis server,
 * and a platform in memory. Each replica watches every feed. Leases are those of `POLL_MIN_MS` 2000.
 *
 * Calls are commands that replicas send. Commands include those that scripts execute. The server counts both in time
 * windows, first while nothing changes, then while one feed after the other changes. Changes are read immediately,
 * because a replica that does not poll sends a nudge. `REDIS_SIZES=4x100,4x300` measures other sizes (replicas x
 * feeds).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type Redis, startRedis } from '../../src/runtime/redis.ts';
import { eventually } from '../support/eventually.ts';
import { startReplicaGroup } from '../support/replica-group.ts';

const sizes = (process.env['REDIS_SIZES'] ?? '1x100,4x100,4x300,4x1000')
  .split(',')
  .map((size) => size.split('x').map(Number));
/** Duration of each measurement, in milliseconds. TokenExpiryTimers are extended every 20 seconds. */
const idleMs = 20_000;
const changingMs = 10_000;
/** Number of feeds that change per second. */
const changesPerSecond = 20;
/** Pings per second of the two connections that this script uses. */
const ownCalls = 1;
/** Maximum wait for the last events, in milliseconds. */
const maxDelayMs = 20_000;
/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';
const pollMinMs = 2_000;
const pollMaxMs = 30_000;

interface Reading {
  readonly atMs: number;
  readonly calls: number;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly redisCpuS: number;
  readonly ownCpuS: number;
  readonly events: number;
}

/** Commands that replicas send themselves. All other commands, and `publish`, are executed by scripts. */
const sentCommands = /^cmdstat_(evalsha|eval|ping|xread|xrange|subscribe|unsubscribe|client\|unblock):calls=(\d+)/gm;

async function read(redis: Redis, events: number): Promise<Reading> {
  const info = await redis.send((client) => client.info('everything'));
  const field = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  const own = process.cpuUsage();
  return {
    atMs: performance.now(),
    calls: [...info.matchAll(sentCommands)].reduce((sum, [, , calls]) => sum + Number(calls), 0),
    commands: field('total_commands_processed'),
    bytesIn: field('total_net_input_bytes'),
    bytesOut: field('total_net_output_bytes'),
    redisCpuS: field('used_cpu_user') + field('used_cpu_sys'),
    ownCpuS: (own.user + own.system) / 1e6,
    events,
  };
}

interface Rates {
  readonly calls: number;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly redisCpu: number;
  readonly ownCpu: number;
  readonly events: number;
}

function ratesOf(from: Reading, to: Reading): Rates {
  const seconds = (to.atMs - from.atMs) / 1_000;
  const rate = (name: keyof Reading): number => (to[name] - from[name]) / seconds;
  return {
    calls: rate('calls') - ownCalls,
    commands: rate('commands') - ownCalls,
    bytesIn: rate('bytesIn'),
    bytesOut: rate('bytesOut'),
    redisCpu: rate('redisCpuS') * 100,
    ownCpu: rate('ownCpuS') * 100,
    events: rate('events'),
  };
}

interface Row {
  readonly replicas: number;
  readonly feeds: number;
  readonly state: 'idle' | 'changes';
  readonly rates: Rates;
}

async function measure(url: string, redis: Redis, replicas: number, feeds: number): Promise<readonly Row[]> {
  await redis.send((client) => client.flushAll());
  await using group = await startReplicaGroup({ url, replicas, feeds, pollMinMs, pollMaxMs });
  await sleep(3_000);
  const start = await read(redis, group.events);
  await sleep(idleMs);
  const idle = await read(redis, group.events);
  const nudging = group.registries.at(-1);
  const { events } = group;
  const changes = (changesPerSecond * changingMs) / 1_000;
  for (let change = 0; change < changes; change += 1) {
    const tenant = group.tenants[change % feeds];
    if (tenant === undefined) break;
    group.platform.change(tenant);
    nudging?.connect(tenant, group.platform.readerOf(tenant)).nudge();
    await sleep(Math.max(0, idle.atMs + ((change + 1) * 1_000) / changesPerSecond - performance.now()));
  }
  const giveUpAtMs = performance.now() + maxDelayMs;
  while (group.events < events + changes * replicas && performance.now() < giveUpAtMs) await sleep(20);
  const changed = await read(redis, group.events);
  return [
    { replicas, feeds, state: 'idle', rates: ratesOf(start, idle) },
    { replicas, feeds, state: 'changes', rates: ratesOf(idle, changed) },
  ];
}

const columns = ['calls', 'commands', 'bytesIn', 'bytesOut', 'redisCpu', 'ownCpu', 'events'] as const;
const heads =
  'replicas | feeds | state | calls/s | commands/s | KB/s in | KB/s out | Redis CPU % | process CPU % | events/s';

function cell(column: (typeof columns)[number], value: number): string {
  const shown = column.startsWith('bytes') ? value / 1_000 : value;
  return shown.toLocaleString('en', { maximumFractionDigits: shown < 10 ? 2 : 0 });
}

const line = ({ replicas, feeds, state, rates }: Row | (Omit<Row, 'state'> & { readonly state: string })): string =>
  `| ${[replicas, feeds.toLocaleString('en'), state, ...columns.map((column) => cell(column, rates[column]))].join(' | ')} |`;

/** Fits the rate of one replica as `a + b × feeds`, by least squares over the sizes with the most replicas. */
function regress(rows: readonly Row[], column: keyof Rates): { readonly a: number; readonly b: number } {
  const most = Math.max(...rows.map(({ replicas }) => replicas));
  const points = rows
    .filter(({ replicas, state }) => replicas === most && state === 'idle')
    .map(({ feeds, rates }) => ({ x: feeds, y: rates[column] / most }));
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const b = spread === 0 ? 0 : points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  return { a: meanY - b * meanX, b };
}

function extrapolate(rows: readonly Row[], replicas: number, feeds: number): string {
  const rate = (column: keyof Rates): number => {
    const { a, b } = regress(rows, column);
    return replicas * Math.max(0, a + b * feeds);
  };
  const rates: Rates = {
    calls: rate('calls'),
    commands: rate('commands'),
    bytesIn: rate('bytesIn'),
    bytesOut: rate('bytesOut'),
    redisCpu: rate('redisCpu'),
    ownCpu: rate('ownCpu'),
    events: 0,
  };
  return line({ replicas, feeds, state: 'idle, computed', rates });
}

async function startServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  // The assertion holds because a server that listens on a port has an address of this form.
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), 'close');
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  return {
    url: `redis://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.kill();
      await once(server, 'exit');
    },
  };
}

await using server = await startServer();
await using redis = startRedis({ url: server.url, clock: systemClock, logger: createLogger({ level: 'silent' }) });
await eventually(() => redis.send((client) => client.ping()));
const rows: Row[] = [];
mkdirSync(results, { recursive: true });
for (const [replicas = 1, feeds = 100] of sizes) {
  rows.push(...(await measure(server.url, redis, replicas, feeds)));
  const { a, b } = regress(rows, 'calls');
  const text = [
    '# Load of replicas on their Redis',
    `${cpus().length} cores, Node ${process.version}, all replicas in one process`,
    [`| ${heads} |`, `| ${'--- | '.repeat(columns.length + 3)}`.trimEnd(), ...rows.map(line)].join('\n'),
    `Computed for more: each rate is replicas × (a + b × feeds), with a and b of one replica by the least squares over the idle rows with the most replicas. For calls/s, a is ${a.toFixed(2)} and b is ${b.toFixed(4)}.`,
    [
      `| ${heads} |`,
      `| ${'--- | '.repeat(columns.length + 3)}`.trimEnd(),
      extrapolate(rows, 20, 1_000),
      extrapolate(rows, 20, 3_000),
    ].join('\n'),
  ].join('\n\n');
  writeFileSync(join(results, 'redis-replicas.md'), `${text}\n`);
  process.stdout.write(`${replicas} replicas, ${feeds} feeds: done\n`);
}
