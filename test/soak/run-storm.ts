import { isDeepStrictEqual } from 'node:util';
import { CreateExportJobDocument } from '../e2e/operations.generated.ts';
import type { Gateway, Headers } from '../support/gateway.ts';
import { checkWatches } from '../support/history/check-watches.ts';
import { describeViolation } from '../support/history/violation.ts';
import type { SeenEvent } from '../support/history/watch-history.ts';
import { accessToken, type Emulator, platformHeaders, profileDataset } from '../support/platform.ts';
import { locationOf, StormSubscriber } from './storm-subscriber.ts';

type Client = Pick<Gateway, 'webSocketUrl' | 'query'>;

export interface StormOptions {
  readonly platform: Pick<Emulator, 'url' | 'requests' | 'clearRequests'>;
  readonly subscribers: number;
  /** Number of credentials that the subscribers share; 0 when the gateway requires none. */
  readonly credentials: number;
  /** The gateway of the first connections. */
  readonly from: Client;
  /** The gateway to which the subscribers reconnect. */
  readonly to: Client;
  /** Makes the first gateway disconnect its clients. @default each client closes its connection */
  readonly sendAway?: () => Promise<void>;
  /** Called when all subscribers are disconnected. */
  readonly whileAway?: () => Promise<void>;
}

export interface StormReport {
  /** Time from the first reconnection until all subscribers have received the events that they missed. */
  readonly servedMs: number;
  /** Methods and paths of the requests to the platform meanwhile. */
  readonly calls: readonly string[];
  readonly violations: readonly string[];
}

/** Environment of the gateways, in which rounds happen only after creates. */
export const stormEnv = { POLL_MIN_MS: '60000', POLL_MAX_MS: '60000' };

/** Time for which one verification of a credential is valid for all its callers, in milliseconds. */
export const sharedProofMs = 5_000;

/** Number of jobs that are created while the subscribers disconnect, so that each subscriber misses some. */
const missedJobs = 5;
/** Maximum number of sockets that are being opened at the same time, below the usual connection backlog. */
const maxOpening = 100;

/**
 * Subscribes many clients, disconnects them, and reconnects all at once with their cursors. The gateways must poll so
 * rarely that only creates cause rounds.
 */
export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { platform, from, to, sendAway } = options;
  const headers = await credentialsOf(options);
  const subscribers = Array.from(
    { length: options.subscribers },
    (_, index) => new StormSubscriber(`subscriber ${index}`, headers[index % headers.length] ?? {}),
  );
  // One subscriber stays connected throughout. In the end, all others must have received the same events.
  const witness = new StormSubscriber('witness', headers[0] ?? {});
  await witness.connect(to.webSocketUrl);
  const create = async (): Promise<string> => {
    const id = await createJob(to, headers[0]);
    return await witness.receivedOf(id);
  };
  await openAll(subscribers, from);
  const first = await create();
  await Promise.all(subscribers.map((subscriber) => subscriber.reached(first)));

  if (sendAway !== undefined) {
    const dismissed = subscribers.map((subscriber) => subscriber.dismissed());
    await sendAway();
    await Promise.all(dismissed);
  }
  let last = first;
  for (let missed = 0; missed < missedJobs; missed += 1) {
    if (sendAway === undefined) {
      const leaving = subscribers.filter((_, index) => index % missedJobs === missed);
      await Promise.all(leaving.map((subscriber) => subscriber.reached(last)));
      await Promise.all(leaving.map((subscriber) => subscriber.drop()));
    }
    last = await create();
  }

  await options.whileAway?.();
  platform.clearRequests();
  const startedAt = performance.now();
  const served = Promise.all(subscribers.map((subscriber) => subscriber.reached(last)));
  await openAll(subscribers, to);
  await served;
  const servedMs = performance.now() - startedAt;
  const calls = platform.requests.map(({ method, path }) => `${method} ${path}`);
  const all = [witness, ...subscribers];
  await Promise.all(all.map((subscriber) => subscriber.drop()));
  return { servedMs, calls, violations: [...checkStorm(witness, subscribers), ...checkReceived(all)] };
}

/**
 * Checks that each subscriber received exactly the events that it missed. While Redis responds slowly, a gateway sends
 * STALE events that are not in the log, with cursors that cannot be resumed. Clients that resume with such a cursor
 * receive a new snapshot instead.
 */
function checkStorm(witness: StormSubscriber, subscribers: readonly StormSubscriber[]): readonly string[] {
  const sequences = (events: readonly SeenEvent[]) =>
    events.flatMap(({ cursor, entity }) => (entity === null ? [] : [locationOf(cursor).sequence]));
  const everything = sequences(witness.received);
  return subscribers.flatMap(({ history: { name, sessions } }) => {
    const [, resumed] = sessions;
    if (resumed === undefined || resumed.after === null) return [`${name} did not resume`];
    const after = locationOf(resumed.after);
    if (after.partial) return [];
    const missed = everything.filter((sequence) => sequence > after.sequence);
    const received = sequences(resumed.events);
    if (missed.length > 0 && isDeepStrictEqual(received, missed)) return [];
    return [
      `${name} missed ${missed.join()}, and received ${resumed.events.map(({ kind, cursor }) => `${kind} ${cursor}`).join()}`,
    ];
  });
}

const checkReceived = (all: readonly StormSubscriber[]): readonly string[] =>
  checkWatches(all.map(({ history }) => history)).map(describeViolation);

/** Headers of each credential, or no headers when the gateway requires none. */
async function credentialsOf({ platform, credentials }: StormOptions): Promise<readonly Headers[]> {
  if (credentials === 0) return [{}];
  const tokens = await Promise.all(Array.from({ length: credentials }, () => accessToken(platform)));
  return tokens.map(platformHeaders);
}

async function createJob({ query }: Client, headers: Headers = {}): Promise<string> {
  const { createExportJob } = await query(
    CreateExportJobDocument,
    { input: { destination: { target: { datasetId: profileDataset } } } },
    headers,
  );
  if (createExportJob.__typename !== 'CreateExportJobPayload') throw new Error('The job was not created.');
  return createExportJob.exportJob.id;
}

async function openAll(subscribers: readonly StormSubscriber[], { webSocketUrl }: Client): Promise<void> {
  const left = subscribers.values();
  const opener = async () => {
    // All openers share one iterator.
    for (const subscriber of left) await subscriber.connect(webSocketUrl);
  };
  await Promise.all(Array.from({ length: maxOpening }, opener));
}
