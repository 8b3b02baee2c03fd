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
/** A dataset of the sandbox `prod` that profiles can be exported into. */
export const profileDataset = '5b020a27e7040801dedba61b';
/** A dataset of the sandbox `prod` that is not on the union profile schema. */
export const webEventsDataset = '5e3f0b7a9d1c2b00194f7d21';
/** A segment of the sandbox `prod` that is there from the beginning, and has members. */
export const goldTier = '7c9e6679-7425-40de-944b-e07fc1f90a02';

export type { Emulator };

type EmulatorOptions = NonNullable<Parameters<typeof start>[0]>;

/** A secret of the emulator's client, besides the well-known one. */
export const clientSecret = plantedSecret('client');

/** An emulator that seeds its state itself. Everything that it writes is searched for secrets; its log goes nowhere else. */
export const startSeedingEmulator = (options: EmulatorOptions = {}): Promise<Emulator> =>
  startSearched(options, async () => {});

/** Few enough to be made up quickly, many enough to have members in every segment. */
const fewProfiles = 200;

/**
 * Like `startSeedingEmulator`, with a copy of what it would seed, in a folder of its own or in an empty one that it is
 * given: the state is the same, and the start takes a tenth of the time.
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

/** @param release what follows the end of the emulator */
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

/** Every stage takes as long as its work and no longer. */
const noWaiting = everyStage([0, 0]);

/** An emulator with little data whose jobs run as fast as they can. */
export function startPlatform(options: EmulatorOptions = {}): Promise<Emulator> {
  return startEmulator({ pace: noWaiting, ...options });
}

/** An emulator whose jobs stay in each stage until its clock is moved: `await clock.tick()` ends the next stage. */
export function startSteppedPlatform(
  options: EmulatorOptions & Required<Pick<EmulatorOptions, 'clock'>>,
): Promise<Emulator> {
  return startPlatform({ ...options, pace: everyStage([1_000, 1_000]) });
}

/** An access token of the emulator, as its client would get one. */
export async function accessToken({ url }: { readonly url: string }): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: 'emulator', client_secret: 'emulator', scope: 'openid' };
  const response = await fetch(`${url}/ims/token/v3`, { method: 'POST', body: new URLSearchParams(form) });
  const answer: unknown = await response.json();
  if (typeof answer !== 'object' || answer === null || !('access_token' in answer))
    throw new Error('There is no token.');
  const token = String(answer.access_token);
  if (!isRecognisable(token)) throw new Error('No search would find this token.');
  return token;
}

/** The headers with which the platform lets a caller in. */
export const platformHeaders = (token: string) => ({
  authorization: `Bearer ${token}`,
  'x-api-key': 'emulator',
  'x-gw-ims-org-id': organization,
  'x-sandbox-name': 'prod',
});

/** A platform that does what a test says. */
export interface Stub extends AsyncDisposable {
  readonly url: string;
  /** Method and target of each request, the first one first. */
  readonly requests: readonly string[];
  /** Resolves when a request has come whose target holds `part`. */
  asked(part: string): Promise<void>;
}

/** Starts a platform that answers by `answer`; a request that it leaves alone is never answered. */
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
  // A server that listens on a port has an AddressInfo.
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

/** A platform that answers as another one does, but for the requests that `intercept` takes. */
export function startProxy(
  platform: { readonly url: string },
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean,
): Promise<Stub> {
  return startStub((request, response) => {
    if (!intercept(request, response)) forward(request, response, platform.url);
  });
}

/** Passes a request on, and its answer back. */
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

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
