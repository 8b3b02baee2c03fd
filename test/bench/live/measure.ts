import { setTimeout as sleep } from 'node:timers/promises';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { type Child, startChild, type Usage } from './channel.ts';
import type { Clients } from './clients.ts';
import { startExports } from './exports.ts';
import type { GatewayHost } from './gateway-host.ts';
import type { PlainHost } from './plain-host.ts';
import { silentSubscription, subscription } from './subscription.ts';

/** Figures of one server with one number of subscribers. */
export interface Row {
  readonly server: 'gateway' | 'plain';
  readonly subscribers: number;
  readonly messages: number;
  /** CPU of the server's process, over all its threads. */
  readonly cpuMicrosPerMessage: number;
  /** Part of it that the polling rounds use; null for the plain server, which does not poll. */
  readonly pollMicrosPerMessage: number | null;
  readonly residentBytesPerSubscriber: number;
  readonly heapBytesPerSubscriber: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Calls to the platform per minute; null for the plain server, which has no platform. */
  readonly callsPerMinute: number | null;
}

/** Default interval of the gateway's polling while something changes, in milliseconds. */
const roundMs = 2_000;
/** Number of warm-up rounds, in which code is compiled and snapshots are sent, and of measured rounds. */
const [warmRounds, measuredRounds] = [2, 4];
/**
 * Below this number of subscribers more rounds are needed, to compile the code and to exceed the noise of an idle
 * process.
 */
const fewSubscribers = 100;
const [warmRoundsOfFew, measuredRoundsOfFew] = [6, 12];
const roundsFor = (subscribers: number): readonly [warm: number, measured: number] =>
  subscribers > fewSubscribers ? [warmRounds, measuredRounds] : [warmRoundsOfFew, measuredRoundsOfFew];
/** Number of messages that a server sends in each round, unless that needs more than `maxEvents` events. */
const messagesPerRound = 12_000;
const maxEventsPerRound = 12;
/** A job changes about four times and lasts about eight seconds. */
const roundsOfJob = 4;
/**
 * Subscribers that connect and leave before the memory of an idle subscriber is measured, so that one-time allocations
 * exist.
 */
const warmSubscribers = 200;
const settleMs = 1_000;

const eventsPerRound = (subscribers: number): number =>
  Math.max(1, Math.min(maxEventsPerRound, Math.round(messagesPerRound / subscribers)));

type Server = Child<{ readonly usage: GatewayHost['usage'] }>;

export async function measureGateway(platform: Emulator, subscribers: number): Promise<readonly [Row, Events]> {
  await using server = startChild<GatewayHost>('./gateway-host.js');
  await using clients = startChild<Clients>('./clients.js');
  const [warm, measured] = roundsFor(subscribers);
  const url = await server.ask('start', { platformUrl: platform.url });
  const idle = await idleUsage(server, clients, url, subscribers);
  await clients.ask('close');

  // A gateway with one subscriber without events polls like a gateway with thousands of subscribers.
  await clients.ask('open', { url, count: 1, query: silentSubscription });
  await using _exports = await startExports(platform, (roundMs * roundsOfJob) / eventsPerRound(subscribers));
  await sleep(warm * roundMs);
  const pollMicros = await cpuOf(server, () => sleep(measured * roundMs));

  await clients.ask('open', { url, count: subscribers, query: subscription });
  await sleep(warm * roundMs);
  platform.clearRequests();
  const { received, cpuMicros, ...figures } = await measureWindow(server, clients, () => sleep(measured * roundMs));
  const calls = platform.requests.filter(({ method }) => method === 'GET').length;
  const row: Row = {
    server: 'gateway',
    subscribers,
    ...idle,
    ...figures,
    cpuMicrosPerMessage: cpuMicros / figures.messages,
    pollMicrosPerMessage: pollMicros / figures.messages,
    callsPerMinute: (calls * 60_000) / (measured * roundMs),
  };
  return [row, received];
}

/**
 * @param received events that the gateway sent to one subscriber. The plain server sends the same number, in the same
 *   number of bursts
 */
export async function measurePlain(subscribers: number, received: Events): Promise<Row> {
  await using server = startChild<PlainHost>('./plain-host.js');
  await using clients = startChild<Clients>('./clients.js');
  const [warm, measured] = roundsFor(subscribers);
  const url = await server.ask('start');
  const idle = await idleUsage(server, clients, url, subscribers);
  const perRound = Math.ceil(received.length / measured);
  const burst = async (round: number): Promise<void> => {
    await server.ask('publish', received.slice(round * perRound, (round + 1) * perRound));
    await sleep(roundMs);
  };
  for (let round = 0; round < warm; round += 1) await burst(round % measured);
  const {
    cpuMicros,
    received: _,
    ...figures
  } = await measureWindow(server, clients, async () => {
    for (let round = 0; round < measured; round += 1) await burst(round);
  });
  const cpuMicrosPerMessage = cpuMicros / figures.messages;
  return {
    server: 'plain',
    subscribers,
    ...idle,
    ...figures,
    cpuMicrosPerMessage,
    pollMicrosPerMessage: null,
    callsPerMinute: null,
  };
}

type Events = readonly Readonly<Record<string, unknown>>[];

async function idleUsage(server: Server, clients: Child<Clients>, url: string, count: number) {
  const settled = async (): Promise<Usage> => {
    await sleep(settleMs);
    return await server.ask('usage', { collect: true });
  };
  await clients.ask('open', { url, count: warmSubscribers, query: subscription });
  await sleep(settleMs);
  await clients.ask('close');
  const before = await settled();
  await clients.ask('open', { url, count, query: subscription });
  const after = await settled();
  return {
    residentBytesPerSubscriber: (after.residentBytes - before.residentBytes) / count,
    heapBytesPerSubscriber: (after.heapBytes - before.heapBytes) / count,
  };
}

async function measureWindow(server: Server, clients: Child<Clients>, window: () => Promise<void>) {
  await clients.ask('measure');
  const cpuMicros = await cpuOf(server, window);
  const { messages, p50Ms, p99Ms, received } = await clients.ask('measured');
  if (messages === 0) throw new Error('No message arrived while it was measured.');
  return { messages, p50Ms, p99Ms, received: received as Events, cpuMicros };
}

/** CPU of a server while `window` runs, in microseconds. */
async function cpuOf(server: Server, window: () => Promise<void>): Promise<number> {
  const before = await server.ask('usage', { collect: false });
  await window();
  const after = await server.ask('usage', { collect: false });
  return after.cpuMicros - before.cpuMicros;
}
