import { rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Lifecycle } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/logger.ts';
import { type ClockControl, clockEndpoint } from './admin/clock.ts';
import { AdminDoor } from './admin/door.ts';
import { faultsEndpoint } from './admin/faults.ts';
import { requestsEndpoint } from './admin/requests.ts';
import { resetEndpoint } from './admin/reset.ts';
import { paceEndpoint, quirksEndpoint } from './admin/settings.ts';
import { type FaultControl, Faults } from './faults/faults.ts';
import { createTokenCheck } from './http/admin-access.ts';
import { createGuard, sendRejection } from './http/guard.ts';
import { RequestLog } from './http/request-log.ts';
import { Activity } from './jobs/activity.ts';
import { LivePlatform } from './live-platform.ts';
import { openPlatform } from './open-platform.ts';
import {
  credential,
  defaultPaceName,
  defaultSeeding,
  type EmulatorOptions,
  type EmulatorQuirks,
  type RecordedRequest,
} from './options.ts';
import { createRequestListener } from './server.ts';
import { EmulatorClock } from './settings/emulator-clock.ts';
import { parseQuirks } from './settings/quirk-values.ts';
import { Settings } from './settings/settings.ts';
import { emptyStateFolder, makeStateFolder } from './state-folder.ts';

export type { FaultScript } from './faults/fault-script.ts';
export { SeedError } from './import/seed-error.ts';
export type { EmulatorOptions, EmulatorPace, EmulatorQuirks, RecordedRequest } from './options.ts';
export { StateFolderError } from './state-folder.ts';

/**
 * A running emulator of the platform. Closing it ends connections, interrupts running exports and closes the database.
 */
export interface Emulator extends AsyncDisposable {
  /** `http://HOST:PORT`. The platform APIs and the token service share it. */
  readonly url: string;
  /**
   * Requests answered since the start or the last `clearRequests`, newest last. At most 10,000 are kept; the oldest are
   * dropped.
   */
  readonly requests: readonly RecordedRequest[];
  clearRequests(): void;
  /** Scripts faults. No fault is active at the start. */
  readonly faults: FaultControl;
  /** The emulator's clock; null when it was started with a `clock`. */
  readonly clock: ClockControl | null;
  /** Changes the duration of job stages. It takes effect at the next stage of each job. */
  setPace(pace: NonNullable<EmulatorOptions['pace']>): void;
  /**
   * Changes the named quirks, from the next request on.
   * @throws {QuirkError} when a quirk is unknown or cannot have the value
   */
  setQuirks(quirks: Partial<EmulatorQuirks>): void;
  /**
   * Restores the state of a start with a new folder, and the settings, clock and faults of the start.
   * Access tokens stay valid. Requests in progress complete first; later requests wait for the new state.
   * @throws when the new state cannot be created; requests then get 503 until a reset succeeds
   */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the emulator: listens, opens or seeds its state, and resumes jobs and schedules. Requests get 503 until all of
 * this is done.
 * @throws {EmulatorNotInstalledError} when the package of its database is missing
 * @throws {StateFolderError} when its folder cannot be used
 * @throws {SeedError} when the data of `seedFolder` cannot be used
 * @throws {QuirkError} when a quirk is unknown or cannot have its value
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

async function start(
  {
    host = '127.0.0.1',
    port = 0,
    directory: keptDirectory,
    profiles = defaultSeeding.profiles,
    seed = defaultSeeding.seed,
    seedFolder,
    clientSecrets = [credential.clientSecret],
    clock: foreignClock,
    time = {},
    adminToken,
    logger = createLogger({ level: 'warn' }),
    pace = defaultPaceName,
    quirks = {},
    concurrentExports = 2,
    memoryLimitMiB = 1_024,
    signal,
  }: EmulatorOptions,
  lifecycle: Lifecycle,
): Promise<Emulator> {
  const settings = new Settings({ pace, quirks: parseQuirks(quirks) });
  const ownClock = new EmulatorClock(time);
  const clock = foreignClock ?? ownClock;
  const holdsAdminToken = createTokenCheck(adminToken);
  // Listens before it touches the state, so that a port in use is reported at once and not after a long seeding.
  let answer: RequestListener = answerStarting;
  const guard = createGuard(host, holdsAdminToken);
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
  const log = new RequestLog();
  const faults = new Faults();
  const activity = new Activity();
  const kept = {
    ...{ directory, profiles, seed, seedFolder, clientSecrets, concurrentExports, memoryLimitMiB },
    ...{ clock, logger, settings, activity },
  };
  const live = await LivePlatform.open(
    {
      open: (tokens, signal) => openPlatform(kept, { tokens, signal }),
      clear: async () => {
        await emptyStateFolder(directory);
        settings.resetPace();
        settings.resetQuirks();
        faults.clear();
        log.clear();
        ownClock.reset();
      },
    },
    signal,
  );
  lifecycle.add('platform', () => live.close());

  const control = foreignClock === undefined ? controlOf(ownClock, live, activity) : null;
  const admin = new AdminDoor(
    [
      faultsEndpoint(faults),
      requestsEndpoint(log),
      paceEndpoint(settings),
      quirksEndpoint(settings),
      clockEndpoint(control),
      resetEndpoint(() => live.reset()),
    ],
    holdsAdminToken,
  );
  // Registered a second time, so that requests end before the services that they use are closed. The entry above serves
  // a start that fails.
  lifecycle.add('HTTP server', () => stopListening(server));
  answer = createRequestListener({ live, admin, log, faults, clock, logger });
  logger.info({ url, directory }, 'the platform emulator is listening');

  const close = () => lifecycle.close();
  return {
    url,
    get requests() {
      return log.requests;
    },
    clearRequests: () => log.clear(),
    faults,
    clock: control,
    setPace: (pace) => settings.setPace(pace),
    setQuirks: (quirks) => settings.setQuirks(parseQuirks(quirks)),
    reset: () => live.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Serializes clock moves and resets, because a reset ends the jobs that a clock move waits for. */
function controlOf(clock: EmulatorClock, live: LivePlatform, activity: Activity): ClockControl {
  return {
    now: () => clock.now(),
    get rate() {
      return clock.rate;
    },
    setRate: (rate) => clock.setRate(rate),
    advanceBy: (ms) => live.moveClock((closing) => clock.advanceBy(ms, () => activity.quiet(), closing)),
  };
}

/** `Retry-After` of requests that arrive before the start is complete, in seconds. */
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
