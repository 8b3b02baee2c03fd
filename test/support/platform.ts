import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Emulator, startEmulator as start } from '../../src/emulator/emulator.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { everyStage } from './pace.ts';
import { isRecognisable, lookForSecrets, plantedSecret, searchAnswersOf } from './secrets.ts';
import { putSeededPlatform } from './seeded-platform.ts';

export const organization = '0123456789ABCDEF01234567@AdobeOrg';
/** A dataset of the sandbox `prod` into which profiles can be exported. */
export const profileDataset = '5b020a27e7040801dedba61b';
/** A dataset of the sandbox `prod` that is not on the union profile schema. */
export const webEventsDataset = '5e3f0b7a9d1c2b00194f7d21';
/** A seeded segment of the sandbox `prod` with members. */
export const goldTier = '7c9e6679-7425-40de-944b-e07fc1f90a02';

export type { Emulator };

type EmulatorOptions = NonNullable<Parameters<typeof start>[0]>;

/** An additional secret of the emulator's client, which the search for secrets recognizes. */
export const clientSecret = plantedSecret('client');

/** Starts an emulator that seeds its own state. Its output is searched for secrets; its log is discarded. */
export const startSeedingEmulator = (options: EmulatorOptions = {}): Promise<Emulator> =>
  startSearched(options, async () => {});

/** Few enough profiles to seed quickly, but enough for members in every segment. */
const fewProfiles = 200;

/**
 * Like `startSeedingEmulator`, but copies the seeded state into a new folder, or into the given empty folder. The state
 * is the same, and the start takes a tenth of the time.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { directory = await mkdtemp(join(tmpdir(), 'aep-platform-')), profiles = fewProfiles, seed = 1 } = options;
  const release = async () => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  try {
    if ((await readdir(directory)).length === 0) {
      await putSeededPlatform(directory, { profiles, seed, now: options.clock?.now() ?? options.time?.startsAt });
    }
    return await startSearched({ ...options, directory, profiles, seed }, release);
  } catch (error) {
    await release();
    throw error;
  }
}

/** @param release called after the emulator has closed */
async function startSearched(options: EmulatorOptions, release: () => Promise<void>): Promise<Emulator> {
  const destination = { write: (line: string) => lookForSecrets('the log of the emulator', line) };
  const emulator = await start({
    clientSecrets: ['emulator', clientSecret],
    logger: createLogger({ level: 'debug', destination }),
    ...options,
  });
  const search = searchAnswersOf({ name: 'the emulator', url: emulator.url, except: /"access_token":"[^"]*"/ });
  const close = async () => {
    await emulator.close();
    search[Symbol.dispose]();
    await release();
  };
  return {
    url: emulator.url,
    get requests() {
      return emulator.requests;
    },
    clearRequests: () => emulator.clearRequests(),
    faults: emulator.faults,
    clock: emulator.clock,
    setPace: (pace) => emulator.setPace(pace),
    setQuirks: (quirks) => emulator.setQuirks(quirks),
    reset: () => emulator.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Stages without a minimum duration. */
const noWaiting = everyStage([0, 0]);

/** Starts an emulator with little data whose jobs run as fast as possible. */
export function startPlatform(options: EmulatorOptions = {}): Promise<Emulator> {
  return startEmulator({ pace: noWaiting, ...options });
}

/**
 * Starts an emulator whose jobs stay in each stage until its clock is moved: `await clock.tick()` ends the next stage.
 */
export function startSteppedPlatform(
  options: EmulatorOptions & Required<Pick<EmulatorOptions, 'clock'>>,
): Promise<Emulator> {
  return startPlatform({ ...options, pace: everyStage([1_000, 1_000]) });
}

/** Requests an access token of the emulator, as its client does. */
export async function accessToken({ url }: { readonly url: string }): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: 'emulator', client_secret: 'emulator', scope: 'openid' };
  const response = await fetch(`${url}/ims/token/v3`, { method: 'POST', body: new URLSearchParams(form) });
  const answer: unknown = await response.json();
  if (typeof answer !== 'object' || answer === null || !('access_token' in answer))
    throw new Error('The token service returned no token.');
  const token = String(answer.access_token);
  if (!isRecognisable(token)) throw new Error('The search for secrets cannot recognize this token.');
  return token;
}

/** Headers that authorize a caller at the platform. */
export const platformHeaders = (token: string) => ({
  authorization: `Bearer ${token}`,
  'x-api-key': 'emulator',
  'x-gw-ims-org-id': organization,
  'x-sandbox-name': 'prod',
});

/** A platform whose responses a test defines. */
export interface Stub extends AsyncDisposable {
  readonly url: string;
  /** Method and target of each request, in order. */
  readonly requests: readonly string[];
  /** Resolves when a request arrives whose target contains `part`. */
  asked(part: string): Promise<void>;
}

/** Starts a platform with this request handler. A request that the handler ignores is never answered. */
export async function startStub(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Stub> {
  const requests: string[] = [];
  const waiting = new Set<{ readonly part: string; readonly resolve: () => void }>();
  const server = createServer((request, response) => {
    const target = `${request.method} ${request.url}`;
    requests.push(target);
    for (const waiter of waiting) {
      if (!target.includes(waiter.part)) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    asked: (part) =>
      requests.some((target) => target.includes(part))
        ? Promise.resolve()
        : new Promise((resolve) => waiting.add({ part, resolve })),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A platform that forwards to another one, except for the requests that `intercept` handles. */
export function startProxy(
  platform: { readonly url: string },
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean,
): Promise<Stub> {
  return startStub((request, response) => {
    if (!intercept(request, response)) forward(request, response, platform.url);
  });
}

/** Forwards a request, and returns its response. */
export function forward(request: IncomingMessage, response: ServerResponse, url: string): void {
  const { method, headers } = request;
  const passedOn = httpRequest(new URL(request.url ?? '/', url), { method: method ?? 'GET', headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  passedOn.on('error', () => response.destroy());
  response.on('close', () => passedOn.destroy());
  request.pipe(passedOn);
}

/** Returns a port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
