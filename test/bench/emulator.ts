/**
 * Measures the cost of exports in the emulator, which is a separate process at the fast pace and is used over HTTP. A
 * large export runs in a new process, on a folder that another process has seeded. CPU time and peak memory are those
 * of the process, as counted by Linux. The kinds of large exports take turns, so that other load on the machine slows
 * all of them. The medians are compared with the targets.
 *
 * `EMULATOR_ROUNDS` sets the number of measurements of each large export. `EMULATOR_DIR` keeps the seeded folder for
 * the next run. `EMULATOR_PROFILES=100000` measures another number of profiles than a million, and writes no results.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchFolders } from '../../src/emulator/jobs/batch-folder.ts';
import { credential } from '../../src/emulator/options.ts';

const targetProfiles = '1000000';
const profiles = process.env['EMULATOR_PROFILES'] ?? targetProfiles;
const rounds = Number(process.env['EMULATOR_ROUNDS'] ?? 3);
const keptFolder = process.env['EMULATOR_DIR'];
const smallProfiles = '100';
const smallExports = 30;
const largePollMs = 50;
const smallPollMs = 2;
/** Ticks of `/proc` per second, on every Linux that Node supports. */
const ticksPerSecond = 100;
const bytesPerMiB = 2 ** 20;
/** Relative to the repository root, where npm runs its scripts. */
const results = 'test/bench/results';
// The variables of this script have the same names as variables of the emulator, so they are not passed on.
const { PATH, HOME } = process.env;

interface Kind {
  readonly name: string;
  readonly request: object;
  readonly maxSeconds: number | null;
  readonly maxMiB: number | null;
}

const kinds: readonly Kind[] = [
  { name: 'all fields', request: {}, maxSeconds: 15, maxMiB: 1_536 },
  { name: 'all fields and events', request: { additionalFields: { eventList: {} } }, maxSeconds: null, maxMiB: null },
];

class EmulatorProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(child: ChildProcess, url: string, headers: Readonly<Record<string, string>>) {
    this.#child = child;
    this.#url = url;
    this.#headers = headers;
  }

  static async start(environment: Readonly<Record<string, string>>): Promise<EmulatorProcess> {
    const child = spawn(process.execPath, ['dist/emulator/main.js'], {
      env: { PATH, HOME, EMULATOR_PORT: '0', EMULATOR_PACE: 'fast', LOG_LEVEL: 'warn', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const url = String(line).replace('ready ', '');
    const { clientId, clientSecret } = credential;
    const form = {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: 'openid',
    };
    const response = await fetch(`${url}/ims/token/v3`, { method: 'POST', body: new URLSearchParams(form) });
    const token: { access_token: string } = await response.json();
    return new EmulatorProcess(child, url, {
      authorization: `Bearer ${token.access_token}`,
      'x-api-key': clientId,
      'x-gw-ims-org-id': credential.organization,
      'x-sandbox-name': 'prod',
      'content-type': 'application/json',
    });
  }

  async request<T>(path: string, body?: unknown): Promise<T> {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}${path}`, { headers: this.#headers, ...init });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    // The caller declares the fields that it reads of the platform's records.
    return (await response.json()) as T;
  }

  /** Seconds of CPU time, user and system. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The command name, in parentheses, may contain spaces; `utime` is the twelfth field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  async peakMemoryMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) / 1_024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

interface Job {
  readonly id: number;
  readonly status: string;
  readonly destination: { readonly batchId: string };
}

/** Creates an export job and waits until it has succeeded. */
async function exportProfiles(emulator: EmulatorProcess, additional: object, pollMs: number): Promise<Job> {
  const created = await emulator.request<Job>('/data/core/ups/export/jobs', {
    destination: { datasetId: '5b020a27e7040801dedba61b' },
    schema: { name: '_xdm.context.profile' },
    properties: { checkBatchStatusForSuccess: true },
    ...additional,
  });
  for (;;) {
    const job = await emulator.request<Job>(`/data/core/ups/export/jobs/${created.id}`);
    if (job.status === 'SUCCEEDED') return job;
    if (job.status === 'FAILED') throw new Error(`The export failed: ${JSON.stringify(job)}`);
    await sleep(pollMs);
  }
}

interface Batch {
  readonly metrics?: { readonly outputRecordCount?: number; readonly outputByteSize?: number };
}

interface Reading {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
  readonly rows: number;
  readonly fileMiB: number;
}

async function measureLarge(directory: string, { request }: Kind): Promise<Reading> {
  await using emulator = await EmulatorProcess.start({ EMULATOR_DIR: directory });
  const [startMs, startCpu] = [performance.now(), await emulator.cpuSeconds()];
  const job = await exportProfiles(emulator, request, largePollMs);
  const seconds = (performance.now() - startMs) / 1_000;
  const cpuSeconds = (await emulator.cpuSeconds()) - startCpu;
  const peakMiB = await emulator.peakMemoryMiB();
  const { batchId } = job.destination;
  const batches = await emulator.request<Record<string, Batch>>(`/data/foundation/catalog/batches/${batchId}`);
  const { outputRecordCount: rows, outputByteSize: bytes } = batches[batchId]?.metrics ?? {};
  if (rows === undefined || bytes === undefined) throw new Error(`No counts in ${JSON.stringify(batches)}`);
  await new BatchFolders(directory).remove([batchId]);
  return { seconds, cpuSeconds, peakMiB, rows, fileMiB: bytes / bytesPerMiB };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const verdict = (value: number, max: number | null): string =>
  max === null || profiles !== targetProfiles ? '' : value <= max ? 'PASS' : 'MISS';

function row({ name, maxSeconds, maxMiB }: Kind, readings: readonly Reading[]): string {
  const middle = (name: keyof Reading) => median(readings.map((reading) => reading[name]));
  const [seconds, peakMiB] = [middle('seconds'), middle('peakMiB')];
  const cells = [
    name,
    seconds.toFixed(1),
    maxSeconds ?? '',
    verdict(seconds, maxSeconds),
    middle('cpuSeconds').toFixed(1),
    peakMiB.toFixed(0),
    maxMiB ?? '',
    verdict(peakMiB, maxMiB),
    middle('rows').toLocaleString('en'),
    middle('fileMiB').toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

async function measureSmall(): Promise<string> {
  await using emulator = await EmulatorProcess.start({ EMULATOR_PROFILES: smallProfiles });
  const times: number[] = [];
  const startCpu = await emulator.cpuSeconds();
  for (let count = 0; count < smallExports; count += 1) {
    const startMs = performance.now();
    await exportProfiles(emulator, { properties: {} }, smallPollMs);
    times.push(performance.now() - startMs);
  }
  const cpuMs = (((await emulator.cpuSeconds()) - startCpu) * 1_000) / smallExports;
  return `An export of ${smallProfiles} profiles, from the request to SUCCEEDED, ${smallExports} one after the other: median ${median(times).toFixed(0)} ms, mean CPU ${cpuMs.toFixed(0)} ms.`;
}

async function measureAll(directory: string): Promise<string> {
  await seed(directory);
  const readings = new Map<Kind, Reading[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [kind, list] of readings) list.push(await measureLarge(directory, kind));
    process.stdout.write(`${round + 1} of ${rounds} rounds done\n`);
  }
  const small = await measureSmall();
  const heads = [
    'export of all profiles',
    's',
    'target',
    '',
    'CPU s',
    'peak MiB',
    'target',
    '',
    'rows',
    'MiB of files',
  ];
  return [
    '# Exports of the emulator',
    `${cpus().length} cores (${cpus()[0]?.model ?? '?'}), Node ${process.version}, ${Number(profiles).toLocaleString('en')} profiles, medians of ${rounds} exports. ${loadavg()[0]?.toFixed(1) ?? '?'} processes wanted to run at the end (average of a minute).`,
    [
      `| ${heads.join(' | ')} |`,
      `|${' --- |'.repeat(heads.length)}`,
      ...[...readings].map(([kind, list]) => row(kind, list)),
    ].join('\n'),
    small,
  ].join('\n\n');
}

/** A start fills a new folder. */
async function seed(directory: string): Promise<void> {
  await using _ = await EmulatorProcess.start({ EMULATOR_DIR: directory, EMULATOR_PROFILES: profiles });
}

const directory = keptFolder ?? (await mkdtemp(join(tmpdir(), 'bench-emulator-')));
try {
  const text = await measureAll(directory);
  if (profiles === targetProfiles) {
    await mkdir(results, { recursive: true });
    await writeFile(join(results, 'emulator.md'), `${text}\n`);
  }
  process.stdout.write(`\n${text}\n`);
} finally {
  if (keptFolder === undefined) await rm(directory, { recursive: true });
}
