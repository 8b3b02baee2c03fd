import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../runtime/clock.ts';
import { Lifecycle } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/logger.ts';
import { type FaultControl, Faults } from './faults/faults.ts';
import { createGuard, sendRejection } from './http/guard.ts';
import { RequestLog } from './http/request-log.ts';
import { RequestRate } from './http/request-rate.ts';
import { BatchFolders } from './jobs/batch-folder.ts';
import { ExportJobRunner } from './jobs/export-job-runner.ts';
import { PastBatchFiles } from './jobs/past-batch-files.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { SegmentJobRunner } from './jobs/segment-job-runner.ts';
import { credential, defaultPace, defaultQuirks, type EmulatorOptions, type RecordedRequest } from './options.ts';
import { seedPlatform } from './seed/platform-state.ts';
import { createRequestListener } from './server.ts';
import { type Database, EmulatorNotInstalledError, openDatabase } from './store/database.ts';
import { createPlatformStore } from './store/platform-store.ts';
import { AccessTokens } from './store/platform-store-tokens.ts';

/** A running stand-in for the platform. Closing it ends connections, interrupts running exports and closes the database. */
export interface Emulator extends AsyncDisposable {
  /** `http://HOST:PORT`, for the platform and for the token host. */
  readonly url: string;
  /** Requests answered since the start or the last `clearRequests`, newest last; the oldest of more than 10,000 are dropped. */
  readonly requests: readonly RecordedRequest[];
  clearRequests(): void;
  /** Makes the platform misbehave by a script; there is none at the start. */
  readonly faults: FaultControl;
  close(): Promise<void>;
}

/**
 * Starts the emulator: listens, opens or seeds its state, and takes up jobs and schedules where they were. Until all of
 * that is done, requests are answered with 503.
 * @throws {EmulatorNotInstalledError} when the package of its database is missing
 * @throws {StateFolderError} when its folder cannot be used
 * @throws {Error} when it cannot listen; `code` holds the reason, such as `EADDRINUSE`
 * @throws the reason of `signal` when it aborts during the start, after everything that was started is closed
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const lifecycle = new Lifecycle();
  try {
    const emulator = await start(options, lifecycle);
    options.signal?.throwIfAborted();
    return emulator;
  } catch (error) {
    await lifecycle.close();
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Thrown when the folder for the state cannot be made, or its database cannot be opened. */
export class StateFolderError extends Error {
  override readonly name = 'StateFolderError';

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`EMULATOR_DIR must be a folder that the emulator can use: ${reason}`, { cause });
  }
}

async function start(
  {
    host = '127.0.0.1',
    port = 0,
    directory: keptDirectory,
    profiles = 10_000,
    seed = 1,
    clientSecrets = [credential.clientSecret],
    clock = systemClock,
    logger = createLogger({ level: 'warn' }),
    pace = {},
    quirks = {},
    concurrentExports = 2,
    memoryLimitMiB = 1_024,
    signal,
  }: EmulatorOptions,
  lifecycle: Lifecycle,
): Promise<Emulator> {
  // Before the state is touched: a port that is in use is noticed at once, not after a long seeding.
  let answer: RequestListener = answerStarting;
  const guard = createGuard(host);
  const server = createServer((request, response) => {
    const rejection = guard(request);
    if (rejection === null) answer(request, response);
    else sendRejection(response, rejection);
  });
  const url = await listen(server, host, port);
  lifecycle.add('HTTP server', () => stopListening(server));

  signal?.throwIfAborted();
  const directory = await makeStateFolder(keptDirectory);
  if (keptDirectory === undefined) {
    lifecycle.add('temporary folder', () => rm(directory, { recursive: true, force: true }));
  }
  signal?.throwIfAborted();
  const database = await openStateFolder(directory, memoryLimitMiB);
  lifecycle.add('database', async () => database[Symbol.asyncDispose]());
  // Closing the database interrupts its statements, which are what takes long. The lifecycle reports when it fails.
  using _ = onAbort(signal, () => void database[Symbol.asyncDispose]().then(undefined, () => undefined));
  const store = createPlatformStore(database);
  logger.debug({ directory, profiles }, 'the platform emulator opens or seeds its state');
  await seedPlatform(database, store, { profiles, seed, now: clock.now() });

  const folders = new BatchFolders(directory);
  const shared = {
    database,
    store,
    folders,
    clock,
    logger,
    pace: { ...defaultPace, ...pace },
    quirks: { ...defaultQuirks, ...quirks },
  };
  const runner = new ExportJobRunner({ ...shared, concurrentExports });
  lifecycle.add('export jobs', () => runner[Symbol.asyncDispose]());
  const segmentJobs = new SegmentJobRunner(shared);
  lifecycle.add('segment jobs', () => segmentJobs[Symbol.asyncDispose]());
  const scheduler = new Scheduler({ ...shared, exportJobs: runner, segmentJobs });
  lifecycle.add('schedules', () => scheduler[Symbol.asyncDispose]());

  const log = new RequestLog();
  const faults = new Faults();
  const platform = {
    ...shared,
    tokens: await AccessTokens.open(database, clock),
    clientSecrets,
    runner,
    segmentJobs,
    scheduler,
    entityRequests: new RequestRate(clock, shared.quirks.entitiesPerSecond),
    faults,
    pastBatchFiles: new PastBatchFiles(database, store, folders, clock),
  };
  await runner.resume();
  await segmentJobs.resume();
  scheduler.start();
  // Once more, so that requests end before what they need: the entry above is for a start that fails.
  lifecycle.add('HTTP server', () => stopListening(server));
  answer = createRequestListener(platform, (request) => log.add(request));
  logger.info({ url, directory }, 'the platform emulator is listening');

  const close = () => lifecycle.close();
  return {
    url,
    get requests() {
      return log.requests;
    },
    clearRequests: () => log.clear(),
    faults,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function makeStateFolder(kept: string | undefined): Promise<string> {
  try {
    if (kept === undefined) return await mkdtemp(join(tmpdir(), 'aep-emulator-'));
    await mkdir(kept, { recursive: true });
    return kept;
  } catch (error) {
    throw new StateFolderError(error);
  }
}

async function openStateFolder(directory: string, memoryLimitMiB: number): Promise<Database> {
  try {
    return await openDatabase({ directory, memoryLimitMiB });
  } catch (error) {
    throw error instanceof EmulatorNotInstalledError ? error : new StateFolderError(error);
  }
}

/** Calls `act` when the signal aborts, also when it has aborted already, until it is disposed of. */
function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted) act();
  signal?.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', act) };
}

/** Seconds after which a request that came too early may be repeated. */
const startingRetrySeconds = 1;

const answerStarting: RequestListener = (_request, response) => {
  const body = JSON.stringify({ status: 503, title: 'The platform emulator is starting.' });
  response
    .writeHead(503, {
      'content-type': 'application/json',
      'retry-after': String(startingRetrySeconds),
      connection: 'close',
    })
    .end(body);
};

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(urlOf(server));
    });
  });
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port.');
  const { address: host, family, port }: AddressInfo = address;
  return `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`;
}

function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
