import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { startProxy } from '../support/platform.ts';
import { openRaw } from '../support/raw-stream.ts';

/**
 * Subscriptions to a running job that no client can receive. Each must leave nothing in memory: no subscriber, no slot
 * of the caller's quota, and no polls.
 */

let clock: FakeClock;
let board: JobBoard;
let platform: Awaited<ReturnType<typeof startProxy>>;
let router: CallbackRouter;
let gateway: Gateway;
/** Responses wait while the platform is held. */
let held: (() => void)[] | null = null;

beforeAll(async () => {
  board = await startJobBoard({ id: '1', progress: 0 });
  platform = await startProxy(board, ({ url }, response) => {
    if (held === null || url?.includes('/export/jobs') !== true) return false;
    held.push(() => response.destroy());
    return true;
  });
  router = await startCallbackRouter();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  await board[Symbol.asyncDispose]();
});
beforeEach(async () => {
  router.reply = () => 'by the protocol';
  clock = new FakeClock();
  gateway = await startGateway({
    platform,
    clock,
    env: { MAX_SUBSCRIPTIONS_PER_CALLER: '1', SUBSCRIPTION_CALLBACK_URLS: router.url },
  });
});
afterEach(() => gateway.close());

const query = 'subscription { exportJobChanged { kind job { id } } }';
/** A subscription without events, which would never notice that it writes to a closed response. */
const silent = 'subscription { exportJobChanged(filter: { statuses: [CANCELLED] }) { kind } }';
const wrongVariables = { query: `subscription ($ids: [ID!]!) { exportJobChanged(ids: $ids) { kind } }` };
const wrongArguments = { query: 'subscription { exportJobChanged(ids: []) { kind } }' };
const json = { 'content-type': 'application/json' };
const eventStream = { accept: 'text/event-stream' };
const multipart = { accept: 'multipart/mixed;subscriptionSpec="1.0"' };

const subscribers = () => gateway.metric('aep_watch_subscribers');
const slots = () => gateway.metric('aep_subscriptions');
const calls = () => platform.requests.filter((target) => target.includes('/export/jobs')).length;

/** Holds the platform, waits until the gateway has called it for a subscription, and leaves by `leave`. */
async function whilePending(begin: () => Promise<() => void | Promise<void>>): Promise<void> {
  const before = calls();
  const holding: (() => void)[] = [];
  held = holding;
  try {
    const leave = await begin();
    await eventually(() => expect(calls()).toBeGreaterThan(before));
    expect(await subscribers()).toBe(1);
    await leave();
    // The wait also ends if the platform has not responded.
    await eventually(async () => expect(await subscribers()).toBe(0));
  } finally {
    held = null;
    for (const release of holding) release();
  }
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A request whose connection is closed by `destroy`. */
function send({ method = 'POST', path = '', headers, body }: Sent): ClientRequest {
  const request = httpRequest(`${gateway.graphqlUrl}${path}`, {
    method,
    headers: { ...json, ...headers },
    agent: false,
  });
  // The test closes the connection.
  request.on('error', () => {});
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return request;
}

const responseOf = async (request: ClientRequest): Promise<IncomingMessage> => {
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response === undefined) throw new Error('There is no response.');
  return response.on('error', () => {});
};
const textOf = async (response: IncomingMessage) => (await response.setEncoding('utf8').toArray()).join('');

const get = (headers: Sent['headers'], text = query): Sent => ({
  method: 'GET',
  path: `?${new URLSearchParams({ query: text })}`,
  headers,
});
const post = (headers: Sent['headers'], body: object = { query }): Sent => ({ headers, body });

const refused = (sent: Sent, status: number) => async () => {
  const response = await responseOf(send(sent));
  expect(response.statusCode).toBe(status);
  await textOf(response);
};
const leavesWhilePending = (sent: Sent) => () =>
  whilePending(async () => {
    const request = send(sent);
    return () => void request.destroy();
  });
const leavesAtOnce = (sent: Sent) => async () => {
  const request = send(sent);
  await once(request, 'finish');
  request.destroy();
};
const leavesAfterHeaders = (sent: Sent) => async () => {
  (await responseOf(send(sent))).destroy();
};

/** An event stream of single-connection mode. */
async function reserve() {
  const url = `${gateway.graphqlUrl}/stream`;
  const headers = { 'x-graphql-event-stream-token': await (await fetch(url, { method: 'PUT' })).text() };
  const request = send({ method: 'GET', path: '/stream', headers: { ...headers, ...eventStream } });
  (await responseOf(request)).resume();
  return {
    headers,
    close: () => void request.destroy(),
    start: async (body: object = { query }) => {
      const started = { ...body, extensions: { operationId: 'a' } };
      expect(
        (await fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(started) })).status,
      ).toBe(202);
    },
    complete: async () => {
      expect((await fetch(`${url}?operationId=a`, { method: 'DELETE', headers })).status).toBe(200);
    },
  };
}

/** A socket that is acknowledged. */
async function openSocket() {
  const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
  await once(socket, 'open');
  const write = (message: object) => socket.send(JSON.stringify(message));
  write({ type: 'connection_init' });
  await once(socket, 'message');
  return {
    socket,
    start: (payload: object = { query }) => write({ id: 'a', type: 'subscribe', payload }),
    complete: () => write({ id: 'a', type: 'complete' }),
    write,
  };
}

const callBack = (more: object = {}) => router.subscribe({ graphqlUrl: gateway.graphqlUrl, query, ...more });

const overHttp = [
  ['POST of an event stream', post(eventStream)],
  ['GET of an event stream', get(eventStream)],
  ['a multipart response', post(multipart)],
  ['GET of a multipart response', get(multipart)],
] as const;

const ways: readonly (readonly [way: string, attempt: () => Promise<void>])[] = [
  ...[
    'application/json',
    'application/graphql-response+json',
    'multipart/mixed',
    'multipart/mixed; subscriptionSpec="2.0", application/json',
    'text/event-stream; q=0, application/json',
  ].flatMap((accept) => [
    [`POST with Accept: ${accept}`, refused(post({ accept }), 406)] as const,
    [`GET with Accept: ${accept}`, refused(get({ accept }), 406)] as const,
  ]),
  ...overHttp.flatMap(([name, sent]) => [
    [`${name}, whose client disconnects at once`, leavesAtOnce(sent)] as const,
    [`${name}, whose client disconnects while it is pending`, leavesWhilePending(sent)] as const,
    [`${name}, whose client disconnects after the headers`, leavesAfterHeaders(sent)] as const,
  ]),
  ...[eventStream, multipart].flatMap((headers) => [
    [`wrong variables for ${headers.accept}`, refused(post(headers, wrongVariables), 200)] as const,
    [`wrong arguments for ${headers.accept}`, refused(post(headers, wrongArguments), 200)] as const,
  ]),
  [
    'an operation of an event stream that is closed while the operation is pending',
    () =>
      whilePending(async () => {
        const stream = await reserve();
        await stream.start();
        return stream.close;
      }),
  ],
  [
    'an operation that is completed while it is pending',
    async () => {
      const stream = await reserve();
      await whilePending(async () => {
        await stream.start();
        return stream.complete;
      });
      stream.close();
    },
  ],
  [
    'an operation whose event stream is closed while its request is read',
    async () => {
      const stream = await reserve();
      const request = httpRequest(`${gateway.graphqlUrl}/stream`, {
        method: 'POST',
        headers: { ...json, ...stream.headers },
        agent: false,
      });
      const body = JSON.stringify({ query: silent, extensions: { operationId: 'b' } });
      request.write(body.slice(0, 10));
      // A later request on another connection shows that the first one is being handled.
      await stream.start({ query: '{ viewer { canWrite } }' });
      stream.close();
      await eventually(async () => {
        const again = await fetch(`${gateway.graphqlUrl}/stream?operationId=b`, {
          method: 'DELETE',
          headers: stream.headers,
        });
        expect(again.status).toBe(404);
      });
      const responded = responseOf(request);
      request.end(body.slice(10));
      expect((await responded).statusCode).toBe(404);
      (await responded).resume();
    },
  ],
  [
    'an operation with wrong arguments',
    async () => {
      const stream = await reserve();
      await stream.start(wrongArguments);
      stream.close();
    },
  ],
  [
    'a socket that breaks while the operation is pending',
    () =>
      whilePending(async () => {
        const { socket, start } = await openSocket();
        start();
        return () => socket.terminate();
      }),
  ],
  [
    'an operation of a socket that is completed while it is pending',
    async () => {
      const { socket, start, complete } = await openSocket();
      await whilePending(async () => {
        start();
        return complete;
      });
      socket.close();
    },
  ],
  [
    'a socket that the gateway closes while the operation is pending',
    () =>
      whilePending(async () => {
        const { start, write } = await openSocket();
        start();
        return () => write({ type: 'nonsense' });
      }),
  ],
  [
    'a socket that breaks at once',
    async () => {
      const { socket, start } = await openSocket();
      start();
      socket.terminate();
    },
  ],
  [
    'an operation of a socket with wrong arguments',
    async () => {
      const { socket, start } = await openSocket();
      start(wrongArguments);
      expect(String((await once(socket, 'message'))[0])).toContain('INVALID_INPUT');
      socket.close();
    },
  ],
  [
    'a router that does not confirm the subscription',
    async () => {
      router.reply = () => 404;
      expect((await callBack().response).status).toBe(400);
    },
  ],
  [
    'a router that aborts its request while the subscription is pending',
    () =>
      whilePending(async () => {
        const controller = new AbortController();
        const { response } = callBack({ signal: controller.signal });
        response.catch(() => {});
        return () => controller.abort();
      }),
  ],
  [
    'a router that has gone at the first event',
    async () => {
      router.reply = ({ action }) => (action === 'next' ? 404 : 'by the protocol');
      const { response, forget } = callBack();
      expect((await response).status).toBe(200);
      await eventually(async () => expect(await subscribers()).toBe(0));
      forget();
    },
  ],
  [
    'a callback subscription with wrong arguments',
    async () => {
      expect((await callBack(wrongArguments).response).text).toContain('INVALID_INPUT');
    },
  ],
];

it.each(ways)('%s leaves nothing in memory', async (_, attempt) => {
  for (let count = 0; count < 3; count += 1) await attempt();
  await eventually(async () => expect([await subscribers(), await slots()]).toEqual([0, 0]));
  // The caller may have one subscription at a time.
  const watching = await openRaw('sse', gateway, query);
  expect(await subscribers()).toBe(1);
  await watching[Symbol.asyncDispose]();
  await eventually(async () => expect(await subscribers()).toBe(0));
  // A feed without subscribers polls for as long as it lingers.
  for (let second = 0; second < 10; second += 1) await clock.advanceBy(1_000);
  const before = calls();
  for (let minute = 0; minute < 5; minute += 1) await clock.advanceBy(60_000);
  expect(calls()).toBe(before);
});
