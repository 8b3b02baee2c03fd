import { setTimeout as sleep } from 'node:timers/promises';
import type { Emulator } from '../../../src/emulator/emulator.ts';
import { type Child, startChild, type Usage } from './channel.ts';
import type { Clients } from './clients.ts';
import { startExports } from './exports.ts';
import type { GatewayHost } from './gateway-host.ts';
import type { PlainHost } from './plain-host.ts';

/** What one server did for one number of subscribers. */
export interface Row {
  readonly server: 'gateway' | 'plain';
  readonly subscribers: number;
  readonly messages: number;
  /** Of the server's process, all of its threads. */
  readonly cpuMicrosPerMessage: number;
  readonly residentBytesPerSubscriber: number;
  readonly heapBytesPerSubscriber: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Null for the plain server, which asks nobody. */
  readonly callsPerMinute: number | null;
}

/** How often the gateway looks at the platform by default, while something changes. */
const roundMs = 2_000;
/** Rounds that are measured, after some that are not: code is compiled and snapshots are told in those. */
const [warmRounds, measuredRounds] = [2, 4];
/** Messages that a server is to send in each round, where that needs no more than `maxEvents` events. */
const messagesPerRound = 12_000;
const maxEventsPerRound = 12;
/** A job changes about four times, and stays about eight seconds. */
const roundsOfJob = 4;
/** Subscribers that come and go before the memory of an idle one is measured, so that what is only made once is there. */
const warmSubscribers = 200;
const settleMs = 1_000;

const eventsPerRound = (subscribers: number): number =>
  Math.max(1, Math.min(maxEventsPerRound, Math.round(messagesPerRound / subscribers)));

type Server = Child<{ readonly usage: GatewayHost['usage'] }>;

export async function measureGateway(platform: Emulator, subscribers: number): Promise<readonly [Row, Told]> {
  await using server = startChild<GatewayHost>('./gateway-host.js');
  await using clients = startChild<Clients>('./clients.js');
  const url = await server.ask('start', { platformUrl: platform.url });
  const idle = await idleUsage(server, clients, url, subscribers);
  await using _exports = await startExports(platform, (roundMs * roundsOfJob) / eventsPerRound(subscribers));
  await sleep(warmRounds * roundMs);
  platform.clearRequests();
  const row = await measureWindow(server, clients, () => sleep(measuredRounds * roundMs));
  const calls = platform.requests.filter(({ method }) => method === 'GET').length;
  const callsPerMinute = (calls * 60_000) / (measuredRounds * roundMs);
  return [{ server: 'gateway', subscribers, ...idle, ...row.figures, callsPerMinute }, row.told];
}

/** @param told what the gateway told one subscriber: the plain server tells as much, in as many bursts */
export async function measurePlain(subscribers: number, told: Told): Promise<Row> {
  await using server = startChild<PlainHost>('./plain-host.js');
  await using clients = startChild<Clients>('./clients.js');
  const url = await server.ask('start');
  const idle = await idleUsage(server, clients, url, subscribers);
  const perRound = Math.ceil(told.length / measuredRounds);
  const burst = async (events: Told): Promise<void> => {
    await server.ask('publish', events);
    await sleep(roundMs);
  };
  for (let round = 0; round < warmRounds; round += 1) await burst(told.slice(0, perRound));
  const { figures } = await measureWindow(server, clients, async () => {
    for (let round = 0; round < measuredRounds; round += 1) {
      await burst(told.slice(round * perRound, (round + 1) * perRound));
    }
  });
  return { server: 'plain', subscribers, ...idle, ...figures, callsPerMinute: null };
}

type Told = readonly Readonly<Record<string, unknown>>[];

async function idleUsage(server: Server, clients: Child<Clients>, url: string, count: number) {
  const settled = async (): Promise<Usage> => {
    await sleep(settleMs);
    return await server.ask('usage', { collect: true });
  };
  await clients.ask('open', { url, count: warmSubscribers });
  await sleep(settleMs);
  await clients.ask('close');
  const before = await settled();
  await clients.ask('open', { url, count });
  const after = await settled();
  return {
    residentBytesPerSubscriber: (after.residentBytes - before.residentBytes) / count,
    heapBytesPerSubscriber: (after.heapBytes - before.heapBytes) / count,
  };
}

async function measureWindow(server: Server, clients: Child<Clients>, window: () => Promise<void>) {
  await clients.ask('measure');
  const before = await server.ask('usage', { collect: false });
  await window();
  const after = await server.ask('usage', { collect: false });
  const { messages, p50Ms, p99Ms, told } = await clients.ask('measured');
  if (messages === 0) throw new Error('Nothing was told while it was measured.');
  const cpuMicrosPerMessage = (after.cpuMicros - before.cpuMicros) / messages;
  return { figures: { messages, cpuMicrosPerMessage, p50Ms, p99Ms }, told: told as Told };
}
