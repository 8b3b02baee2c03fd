import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSchema, createYoga } from 'graphql-yoga';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { GatewayContext } from '../../../../../src/context/context.ts';
import { RequestMemory } from '../../../../../src/context/request-memory.ts';
import {
  ForbiddenError,
  type GatewayError,
  NotFoundError,
  RateLimitedError,
  UnauthenticatedError,
} from '../../../../../src/errors.ts';
import { createLogger } from '../../../../../src/runtime/logger.ts';
import { createConnectionRegistry } from '../../../../../src/server/connections/connection-registry.ts';
import { createErrorMask } from '../../../../../src/server/graphql/error-mask.ts';
import { createPreparedDocuments } from '../../../../../src/server/graphql/prepared-documents.ts';
import { startWebSocketServer } from '../../../../../src/server/transports/websocket/server.ts';
import { defaultPingInterval } from '../../../../support/default-config.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testLog, testRecords } from '../../../../support/records.ts';
import { quietSendBuffers } from '../../../../support/send-buffers.ts';
import { testSession } from '../../../../support/session.ts';

interface OperationContext {
  readonly signal: AbortSignal;
}

let http: Server;
let webSockets: AsyncDisposable;
/** What `authorize` throws. */
let refusal: Error | null;
/** The error of a stream after its first event. */
let failure: GatewayError;
/** Resolves when the signal of a query aborts. */
let givenUp: Promise<void>;
let asked: Promise<void>;
/** Called for each operation. */
let onAdmit: () => void;

beforeEach(async () => {
  refusal = null;
  onAdmit = () => {};
  let onAsked = () => {};
  asked = new Promise((resolve) => {
    onAsked = resolve;
  });
  let onGivenUp = () => {};
  givenUp = new Promise((resolve) => {
    onGivenUp = resolve;
  });
  const logger = createLogger({ level: 'silent' });
  const maskError = createErrorMask();
  const pipeline = createYoga<object, { readonly principal: string }>({
    schema: createSchema<OperationContext & { readonly principal: string }>({
      typeDefs: 'type Query { never: Int, gone: Int } type Subscription { count: Int }',
      resolvers: {
        Query: {
          never: (_, __, { signal }) =>
            new Promise((_resolve, reject) => {
              onAsked();
              signal.addEventListener('abort', () => {
                onGivenUp();
                reject(signal.reason);
              });
            }),
          gone: () => {
            throw failure;
          },
        },
        Subscription: {
          count: {
            subscribe: async function* () {
              yield { count: 1 };
              throw failure;
            },
          },
        },
      },
    }),
    maskedErrors: { maskError: (error) => maskError(error, testLog()) },
    logging: false,
  }).getEnveloped();
  http = createServer();
  const clock = new FakeClock();
  webSockets = startWebSocketServer({
    server: http,
    pipeline,
    documents: createPreparedDocuments({ ...pipeline, labelOf: () => 'label' }),
    // Of the context of the gateway, these resolvers read the principal and the signal.
    createContext: ({ signal }) => ({ principal: 'somebody', signal }) as GatewayContext,
    corsOrigins: [],
    isAllowedHost: () => true,
    maxMessageBytes: 10_000,
    maxOperations: 1_000,
    connections: createConnectionRegistry({ ...defaultPingInterval, clock }),
    buffers: quietSendBuffers(clock),
    holdMemory: (caller) => new RequestMemory({ isAccepted: () => true }).hold(caller),
    findDocument: ({ query }) => query ?? '',
    clock,
    logger,
    tracing: null,
    maskError,
    authenticate: async () => {
      onAdmit();
      return testSession();
    },
    countOperation: () => {},
    records: testRecords(),
    authorize: async () => {
      if (refusal !== null) throw refusal;
      return testSession();
    },
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await webSockets[Symbol.asyncDispose]();
  await new Promise((resolve) => http.close(resolve));
});

/** An authenticated socket, with its messages in the order of their arrival. */
async function connect() {
  // A server that listens on a port has an AddressInfo.
  const { port } = http.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)]);
  const messages: { readonly type: string; readonly payload?: unknown }[] = [];
  const arrivals: (() => void)[] = [];
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)));
    for (const arrive of arrivals.splice(0)) arrive();
  });
  await once(socket, 'open');
  const send = (message: object) => socket.send(JSON.stringify(message));
  const has = async (count: number) => {
    while (messages.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
  };
  send({ type: 'connection_init' });
  // A rejected caller receives no message.
  await Promise.race([has(1), closed]);
  return {
    closed,
    messages,
    send,
    has,
    subscribe: (query: string, id = '1') => send({ id, type: 'subscribe', payload: { query } }),
  };
}

describe('a caller', () => {
  it.each([
    ['without access', new UnauthenticatedError({ message: 'No.' }), 4403],
    ['that connects too often', new RateLimitedError({ message: 'No.' }), 1013],
  ])('%s receives a close code after which clients retry', async (_, error, code) => {
    refusal = error;
    expect(await (await connect()).closed).toEqual([code, 'No.']);
  });

  it('a caller does not receive the details of an internal error', async () => {
    refusal = new Error('secret');
    expect(await (await connect()).closed).toEqual([4500, 'Internal server error']);
  });
});

describe('a stream that fails', () => {
  const next = { id: '1', type: 'next', payload: { data: { count: 1 } } };
  const error = (code: string) => ({
    id: '1',
    type: 'error',
    payload: [expect.objectContaining({ extensions: expect.objectContaining({ code }) })],
  });

  it.each([
    new ForbiddenError({ message: 'Access was lost.' }),
    new UnauthenticatedError({ message: 'Access was lost.' }),
  ])('because its caller has lost the right ends with its socket: $code', async (lost) => {
    failure = lost;
    const { subscribe, closed, messages } = await connect();
    subscribe('subscription { count }');
    expect(await closed).toEqual([4403, 'Access was lost.']);
    expect(messages.slice(1)).toEqual([next, error(lost.code)]);
  });

  it.each([
    new NotFoundError('1', { message: 'Gone.' }),
    new UnauthenticatedError({
      message: 'The platform responded with 401.',
      upstream: { service: 'export', status: 401, requestId: null, code: null, title: null },
    }),
  ])('for another reason ends alone: $message', async (other) => {
    failure = other;
    const { subscribe, has, messages } = await connect();
    subscribe('subscription { count }');
    await has(3);
    subscribe('{ __typename }', '2');
    await has(5);
    expect(messages.slice(1)).toEqual([
      next,
      error(other.code),
      { id: '2', type: 'next', payload: { data: { __typename: 'Query' } } },
      { id: '2', type: 'complete' },
    ]);
  });

  it('a rejected query does not close the socket', async () => {
    failure = new ForbiddenError({ message: 'No.' });
    const { subscribe, has, messages } = await connect();
    subscribe('{ gone }');
    await has(3);
    subscribe('{ __typename }', '2');
    await has(5);
    expect(messages.map(({ type }) => type)).toEqual(['connection_ack', 'next', 'complete', 'next', 'complete']);
  });
});

describe('a query that its client completes', () => {
  it('a query that its client completes is cancelled, and its id is free', async () => {
    const { subscribe, send, has, messages } = await connect();
    subscribe('{ never }');
    await asked;
    send({ id: '1', type: 'complete' });
    await givenUp;
    subscribe('{ __typename }');
    await has(3);
    expect(messages.slice(1)).toEqual([
      { id: '1', type: 'next', payload: { data: { __typename: 'Query' } } },
      { id: '1', type: 'complete' },
    ]);
  });
});

describe('many messages that arrive at once', () => {
  it('are handled in several turns of the event loop', async () => {
    const { subscribe, has } = await connect();
    let turns = 0;
    let running = true;
    const countTurns = () => {
      turns += 1;
      if (running) setImmediate(countTurns);
    };
    const handledIn: number[] = [];
    onAdmit = () => handledIn.push(turns);
    countTurns();
    const count = 500;
    for (let index = 0; index < count; index += 1) subscribe('{ __typename }', String(index));
    await has(1 + 2 * count);
    running = false;
    expect(handledIn).toHaveLength(count);
    const mostInTurn = Math.max(...handledIn.map((turn) => handledIn.filter((each) => each === turn).length));
    expect(mostInTurn).toBeLessThanOrEqual(16);
  });
});
