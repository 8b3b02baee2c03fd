/**
 * What exports cost the emulator: a process of its own, asked over HTTP at the fast pace. A large export runs in a process
 * that did nothing before, over a folder that another process has seeded. CPU time and peak memory are those of
 * the process, as Linux counts them. `EMULATOR_PROFILES=100000` measures another number of profiles than a million;
 * `EMULATOR_DIR` keeps the seeded folder for the next run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { credential } from '../../src/emulator/options.ts';

const profiles = process.env['EMULATOR_PROFILES'] ?? '1000000';
const keptFolder = process.env['EMULATOR_DIR'];
const smallProfiles = '100';
const smallExports = 30;
const largePollMs = 50;
const smallPollMs = 2;
/** Ticks of `/proc` in a second, on every Linux that Node runs on. */
const ticksPerSecond = 100;
const bytesPerMiB = 2 ** 20;

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
      env: { ...process.env, EMULATOR_PORT: '0', EMULATOR_PACE: 'fast', LOG_LEVEL: 'warn', ...environment },
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
    // The bench names the fields that it reads of the platform's records.
    return (await response.json()) as T;
  }

  /** Seconds of CPU time, user and system. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The name of the command, in parentheses, may hold spaces; `utime` is the twelfth field after it.
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

/** Creates an export and waits until it has succeeded. */
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

interface BatchMetrics {
  readonly recordCount: number;
  readonly size: number;
}

async function measureLarge(name: string, directory: string, additional: object): Promise<string> {
  await using emulator = await EmulatorProcess.start({ EMULATOR_DIR: directory });
  const [startMs, startCpu] = [performance.now(), await emulator.cpuSeconds()];
  const job = await exportProfiles(emulator, additional, largePollMs);
  const wallS = (performance.now() - startMs) / 1_000;
  const cpuS = (await emulator.cpuSeconds()) - startCpu;
  const { batchId } = job.destination;
  const batches = await emulator.request<Record<string, BatchMetrics>>(`/data/foundation/catalog/batches/${batchId}`);
  const { recordCount = 0, size = 0 } = batches[batchId] ?? {};
  const cells = [wallS.toFixed(1), cpuS.toFixed(1), (await emulator.peakMemoryMiB()).toFixed(0), recordCount];
  return `| ${[name, ...cells, (size / bytesPerMiB).toFixed(0)].join(' | ')} |`;
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
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `Of ${smallProfiles} profiles, from the request to SUCCEEDED: median ${median.toFixed(0)} ms, CPU ${cpuMs.toFixed(0)} ms.`;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

const directory = keptFolder ?? (await mkdtemp(join(tmpdir(), 'bench-emulator-')));
try {
  // Seeds the folder when it is new.
  await using _ = await EmulatorProcess.start({ EMULATOR_DIR: directory, EMULATOR_PROFILES: profiles });
} catch (error) {
  throw new Error('The emulator did not start.', { cause: error });
}
try {
  print('| export of all profiles | s | CPU s | peak MiB | rows | MiB |\n| --- | --- | --- | --- | --- | --- |');
  print(await measureLarge('all fields', directory, {}));
  print(await measureLarge('all fields and events', directory, { additionalFields: { eventList: {} } }));
  print(`\n${await measureSmall()}`);
} finally {
  if (keptFolder === undefined) await rm(directory, { recursive: true });
}
