import { once } from 'node:events';
import { request as sendRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import type { GatewayContext } from '../../../../../src/context/context.ts';
import type { DocumentRequest } from '../../../../../src/server/graphql/documents.ts';
import { createErrorMask } from '../../../../../src/server/graphql/error-mask.ts';
import { createPreparedDocuments } from '../../../../../src/server/graphql/prepared-documents.ts';
import { createCors } from '../../../../../src/server/http/cors.ts';
import { createCallbackOperation } from '../../../../../src/server/transports/callbacks/operation.ts';
import type { Callbacks } from '../../../../../src/server/transports/callbacks/registry.ts';
import { createGraphqlHandler } from '../../../../../src/server/transports/http/route.ts';
import { eventually } from '../../../../support/eventually.ts';
import { testLog, testRecords } from '../../../../support/records.ts';
import { testSession } from '../../../../support/session.ts';
import { httpHost } from '../../downloads/http-host.ts';

const callback = { callbackUrl: 'http://router.example/1', subscriptionId: '1', verifier: 'v', heartbeatIntervalMs: 0 };
const body = JSON.stringify({ query: 'subscription { changed }', extensions: { subscription: callback } });

interface Options {
  /** Begins a subscription. */
  readonly subscribe: () => unknown;
  /** Resolves when the router responds to the check: true, it confirms the subscription. */
  readonly check?: () => Promise<boolean>;
}

/** Subscriptions by callbacks. The router confirms all of them by default. */
async function setUp({ subscribe, check = async () => true }: Options) {
  const routers = { confirmed: 0, started: 0, givenUp: 0 };
  const signals: AbortSignal[] = [];
  const callbacks: Callbacks = {
    allows: () => true,
    size: 0,
    confirm: async (_, signal) => {
      signals.push(signal);
      if (!(await check())) return null;
      routers.confirmed += 1;
      return {
        start: () => {
          routers.started += 1;
        },
        [Symbol.dispose]: () => {
          routers.givenUp += 1;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  // The fields of a context that this path uses.
  const maskError = createErrorMask();
  const context = { canRead: true, assertReader: async () => {} } as unknown as GatewayContext;
  const field = { type: GraphQLString };
  const yoga = createYoga<object, GatewayContext>({
    schema: new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { changed: field } }),
      subscription: new GraphQLObjectType({ name: 'Subscription', fields: { changed: { ...field, subscribe } } }),
    }),
    logging: false,
  });
  const pipeline = yoga.getEnveloped();
  const operations = {
    pipeline,
    documents: createPreparedDocuments({ ...pipeline, labelOf: () => 'label' }),
    createContext: () => context,
    findDocument: ({ query }: DocumentRequest) => query ?? '',
    maskError,
  };
  const authenticate = async () => testSession();
  const unused = () => {
    throw new Error('A subscription by callbacks needs no stream.');
  };
  const handler = createGraphqlHandler({
    ...operations,
    authenticate,
    countOperation: () => {},
    records: testRecords(),
    maxBodyBytes: 10_000,
    cors: createCors([]),
    renderPage: null,
    eventStreams: unused,
    callbacks: createCallbackOperation({ ...operations, callbacks }),
    sendStream: unused,
  });
  const host = await httpHost((request, response) => handler(request, response, testLog(), null));
  const post = () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json;callbackSpec=1.0' };
    return sendRequest(`${host.url}/graphql`, { method: 'POST', headers }).end(body);
  };
  return {
    routers,
    operations: signals,
    post,
    read: async () => {
      const [response] = await once(post(), 'response');
      return await text(response);
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

const noEvents = async function* () {};

/** A moment that the test waits for, or lets come. */
function moment() {
  let come = () => {};
  const comes = new Promise<void>((resolve) => {
    come = resolve;
  });
  return { come, comes };
}

describe('a callback that its router has confirmed', () => {
  it('a confirmed callback starts after the response', async () => {
    await using gateway = await setUp({ subscribe: noEvents });
    expect(JSON.parse(await gateway.read())).toEqual({ data: null });
    await eventually(() => expect(gateway.routers).toEqual({ confirmed: 1, started: 1, givenUp: 0 }));
    expect(gateway.operations.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it('a confirmed callback is cancelled when the subscription fails before it starts', async () => {
    await using gateway = await setUp({
      subscribe: () => {
        throw new Error('No events.');
      },
    });
    expect(JSON.parse(await gateway.read())).toMatchObject({ errors: [{ path: ['changed'] }] });
    expect(gateway.routers).toEqual({ confirmed: 1, started: 0, givenUp: 1 });
  });

  it('a confirmed callback and its events are cancelled when the client leaves before the response', async () => {
    const [began, left] = [moment(), moment()];
    let ended = 0;
    const events = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          ended += 1;
          return { done: true, value: undefined };
        },
      }),
    };
    await using gateway = await setUp({
      subscribe: async () => {
        began.come();
        await left.comes;
        return events;
      },
    });
    const client = gateway.post().on('error', () => {});
    await began.comes;
    client.destroy();
    await eventually(() => expect(gateway.operations.map(({ aborted }) => aborted)).toEqual([true]));
    left.come();
    await eventually(() => expect(gateway.routers).toEqual({ confirmed: 1, started: 0, givenUp: 1 }));
    expect(ended).toBe(1);
  });

  it('a confirmed callback is cancelled when the client has left during the confirmation', async () => {
    const [checked, left] = [moment(), moment()];
    let subscribed = 0;
    await using gateway = await setUp({
      subscribe: () => {
        subscribed += 1;
        return noEvents();
      },
      check: async () => {
        checked.come();
        await left.comes;
        return true;
      },
    });
    const client = gateway.post().on('error', () => {});
    await checked.comes;
    client.destroy();
    await eventually(() => expect(gateway.operations.map(({ aborted }) => aborted)).toEqual([true]));
    left.come();
    await eventually(() => expect(gateway.routers).toEqual({ confirmed: 1, started: 0, givenUp: 1 }));
    expect(subscribed).toBe(0);
  });
});

it('a callback that its router does not confirm ends its operation', async () => {
  await using gateway = await setUp({ subscribe: noEvents, check: async () => false });
  expect(JSON.parse(await gateway.read())).toMatchObject({
    errors: [{ message: expect.stringContaining('does not confirm the subscription') }],
  });
  expect(gateway.operations.map(({ aborted }) => aborted)).toEqual([true]);
  expect(gateway.routers).toEqual({ confirmed: 0, started: 0, givenUp: 0 });
});
