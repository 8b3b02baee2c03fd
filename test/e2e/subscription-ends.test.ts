import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { subscriptionNumbers, sumOf } from '../support/metrics-text.ts';
import { startProxy } from '../support/platform.ts';
import { type AnyTransport, allTransports } from '../support/transports.ts';
import { WatchExportJobsDocument } from './operations.generated.ts';

/** Each subscription ends with exactly one reason, over each transport. */

let board: JobBoard;
let platform: Awaited<ReturnType<typeof startProxy>>;
let router: CallbackRouter;
let gateway: Gateway;
let admin: string;
/** Calls for datasets that wait; null: the platform answers them. */
let held: (() => void)[] | null;

beforeEach(async () => {
  board = await startJobBoard({ id: '1', progress: 0 });
  held = null;
  platform = await startProxy(board, ({ url }, response) => {
    if (held === null || url?.includes('/catalog/') !== true) return false;
    held.push(() => response.destroy());
    return true;
  });
  router = await startCallbackRouter();
  // The metrics can be read during the drain.
  gateway = await startGateway({ platform, env: { SUBSCRIPTION_CALLBACK_URLS: router.url, ADMIN_PORT: '0' } });
  const line = gateway.logs.find((each) => each.includes('the admin port is listening'));
  admin = String(JSON.parse(line ?? '{}').url);
});
afterEach(async () => {
  await gateway.close();
  await router[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  await board[Symbol.asyncDispose]();
});

const metrics = async () => await (await fetch(`${admin}/metrics`)).text();

/** Waits until this many subscriptions have ended with the reason. No other has ended, and the rest is open. */
async function expectEnds(reason: string, count: number): Promise<void> {
  await eventually(async () =>
    expect(sumOf(await metrics(), `aep_subscriptions_ended_total\\{reason="${reason}"\\}`)).toBe(count),
  );
  expect(subscriptionNumbers(await metrics())).toEqual({ started: count, ended: count, open: 0 });
}

/** A subscription that has received its first event. */
async function open(transport: AnyTransport, more: { ids?: readonly string[]; signal?: AbortSignal } = {}) {
  const { ids, ...options } = more;
  const variables = ids === undefined ? {} : { ids: [...ids] };
  const stream = gateway.subscribe(WatchExportJobsDocument, variables, {
    transport,
    callbackRouter: router,
    ...options,
  });
  expect(await stream.take()).not.toBeNull();
  return stream;
}

/** Changes the job, so that a gateway which sends callbacks learns that the router has gone. */
const change = () => board.set({ id: '1', progress: 1 });

it.each<[AnyTransport, string]>([
  ['websocket', 'disconnected'],
  ['sse', 'disconnected'],
  ['sse-single', 'disconnected'],
  ['multipart', 'disconnected'],
  ['callback', 'client_completed'],
])('a subscription over %s whose client disappears ends with the reason %s', async (transport, reason) => {
  const vanishing = new AbortController();
  const stream = await open(transport, { signal: vanishing.signal });
  vanishing.abort();
  change();
  await expectEnds(reason, 1);
  await stream[Symbol.asyncDispose]();
});

it.each(allTransports)(
  'a subscription over %s whose jobs have ended ends with the reason completed',
  async (transport) => {
    const stream = await open(transport, { ids: ['ExportJob:1'] });
    board.set({ id: '1', status: 'SUCCEEDED', progress: 1 });
    await stream.rest();
    await expectEnds('completed', 1);
  },
);

it('the subscriptions of all transports end with the reason shutting_down when the gateway drains', async () => {
  const streams = [];
  for (const transport of allTransports) streams.push(await open(transport));
  expect(subscriptionNumbers(await metrics())).toEqual({ started: 5, ended: 0, open: 5 });
  const holding: (() => void)[] = [];
  held = holding;
  const waiting = gateway.send('{ dataset(id: "Dataset:1") { name } }');
  await eventually(() => expect(holding).not.toEqual([]));
  const closing = gateway.close();
  await expectEnds('shutting_down', allTransports.length);
  held = null;
  for (const release of holding) release();
  await waiting;
  for (const stream of streams) await stream[Symbol.asyncDispose]();
  await closing;
});

it.each<[AnyTransport, string]>([
  ['websocket', 'not_started'],
  ['sse', 'not_started'],
  ['sse-single', 'not_started'],
  ['multipart', 'not_started'],
  ['callback', 'not_started'],
])('a subscription over %s to an unknown job ends with the reason %s', async (transport, reason) => {
  const stream = gateway.subscribe(
    WatchExportJobsDocument,
    { ids: ['ExportJob:2'] },
    { transport, callbackRouter: router },
  );
  await stream.failure();
  await expectEnds(reason, 1);
});

const query = 'subscription { exportJobChanged { kind } }';

/** A socket with one subscription, which has received its first event. */
async function openSocket() {
  const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init' }));
  await once(socket, 'message');
  socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query } }));
  await once(socket, 'message');
  return socket;
}

it.each<[string, string, (socket: WebSocket) => void]>([
  ['client_completed', 'completes it', (socket) => socket.send(JSON.stringify({ id: 'a', type: 'complete' }))],
  ['client_closed', 'closes the socket', (socket) => socket.close(1000)],
  ['protocol_error', 'sends a message without a type', (socket) => socket.send('{}')],
])('a subscription over a WebSocket ends with the reason %s when its client %s', async (reason, _, leave) => {
  const socket = await openSocket();
  leave(socket);
  await expectEnds(reason, 1);
  socket.terminate();
});

it('a subscription over a single connection ends with the reason client_completed when its client completes it', async () => {
  const url = `${gateway.graphqlUrl}/stream`;
  const headers = { 'x-graphql-event-stream-token': await (await fetch(url, { method: 'PUT' })).text() };
  const leaving = new AbortController();
  const response = await fetch(url, { headers: { ...headers, accept: 'text/event-stream' }, signal: leaving.signal });
  await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ query, extensions: { operationId: 'a' } }),
  });
  await eventually(async () => expect(sumOf(await metrics(), 'aep_subscription_results_total')).toBe(1));
  await fetch(`${url}?operationId=a`, { method: 'DELETE', headers });
  await expectEnds('client_completed', 1);
  leaving.abort();
  await response.body?.cancel().catch(() => {});
});

it('a subscription by callbacks ends with the reason failed when the router rejects a callback', async () => {
  const stream = await open('callback');
  router.reply = ({ action }) => (action === 'next' ? 400 : 'by the protocol');
  change();
  await stream.failure();
  await expectEnds('failed', 1);
});

it('a subscription by callbacks ends with the reason replaced when its request arrives again', async () => {
  const request = { graphqlUrl: gateway.graphqlUrl, query };
  const first = router.subscribe(request);
  const results = first.results[Symbol.asyncIterator]();
  await results.next();
  const again = await fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json;callbackSpec=1.0' },
    body: JSON.stringify({ query, extensions: { subscription: first.extension } }),
  });
  expect(again.status).toBe(200);
  await eventually(async () =>
    expect(sumOf(await metrics(), 'aep_subscriptions_ended_total\\{reason="replaced"\\}')).toBe(1),
  );
  expect(subscriptionNumbers(await metrics())).toEqual({ started: 2, ended: 1, open: 1 });
  first.forget();
});
