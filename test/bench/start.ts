/**
 * Measures the time from a start to the line `ready`, and the resident memory of the idle gateway some seconds later.
 * Both are measured with the emulator in the process, and with a platform elsewhere that is not called. The kinds of
 * start take turns, so that other load on the machine slows all of them. `npm start` finds a current `dist`.
 *
 * `START_RUNS` sets the number of starts of each kind. The medians are compared with the targets.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const runs = Number(process.env['START_RUNS'] ?? 7);
/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';
/** Time after the start at which memory is read, in milliseconds. */
const idleMs = 5_000;
const { PATH, HOME } = process.env;
const env = { PATH, HOME, PORT: '0' };

interface Kind {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly maxSeconds: number;
  readonly maxMiB: number;
}

const kinds: readonly Kind[] = [
  { name: 'embedded', command: [process.execPath, 'dist/main.js'], env, maxSeconds: 1.5, maxMiB: 180 },
  {
    name: 'with AEP_BASE_URL',
    command: [process.execPath, 'dist/main.js'],
    env: { ...env, AEP_BASE_URL: 'http://127.0.0.1:9' },
    maxSeconds: 0.5,
    maxMiB: 100,
  },
  { name: 'npm start, embedded', command: ['npm', 'start'], env, maxSeconds: 2, maxMiB: Number.POSITIVE_INFINITY },
];

interface Reading {
  readonly seconds: number;
  readonly mebibytes: number;
}

async function start({ name, command: [program, ...args], env }: Kind): Promise<Reading> {
  const startedMs = performance.now();
  // A separate process group, because npm starts the gateway as a child of its own.
  const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started.`);
  try {
    let isReady = false;
    for await (const line of createInterface({ input: child.stdout })) {
      isReady = line.startsWith('ready ');
      if (isReady) break;
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    if (!isReady) throw new Error(`The start ${name} failed.`);
    await sleep(idleMs);
    // The value is in KiB.
    const resident = execFileSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' });
    return { seconds, mebibytes: Number(resident) / 1_024 };
  } finally {
    process.kill(-pid, 'SIGTERM');
    await ended;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const verdict = (value: number, max: number): string => (value <= max ? 'PASS' : 'MISS');

const readings = new Map<Kind, Reading[]>(kinds.map((kind) => [kind, []]));
for (let run = 0; run < runs; run += 1) {
  for (const [kind, list] of readings) list.push(await start(kind));
  process.stdout.write(`${run + 1} of ${runs} runs done\n`);
}
const rows = [...readings].map(([{ name, maxSeconds, maxMiB }, list]) => {
  const seconds = median(list.map((each) => each.seconds));
  const mebibytes = median(list.map((each) => each.mebibytes));
  // When npm starts the gateway, this is the memory of npm, so it is omitted.
  const memory = Number.isFinite(maxMiB) ? [mebibytes.toFixed(0), maxMiB, verdict(mebibytes, maxMiB)] : ['', '', ''];
  return `| ${[name, seconds.toFixed(2), maxSeconds, verdict(seconds, maxSeconds), ...memory].join(' | ')} |`;
});
const heads = ['start', 'seconds', 'target', '', 'resident MiB', 'target', ''];
const text = [
  '# Start and idle state',
  `${cpus().length} cores, Node ${process.version}, medians of ${runs} starts. ${loadavg()[0]?.toFixed(1) ?? '?'} processes wanted to run at the end (average of a minute): with more than one for each core, times are longer than those of the gateway.`,
  [`| ${heads.join(' | ')} |`, `|${' --- |'.repeat(heads.length)}`, ...rows].join('\n'),
].join('\n\n');
mkdirSync(results, { recursive: true });
writeFileSync(join(results, 'start.md'), `${text}\n`);
process.stdout.write(`\n${text}\n`);
