import { setImmediate as turn } from 'node:timers/promises';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer } from 'graphql-ws';
import { createSchema, createYoga, type YogaInitialContext } from 'graphql-yoga';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GatewayContext } from '../../../../../src/context/context.ts';
import { createLogger } from '../../../../../src/runtime/logger.ts';
import { newRequestId } from '../../../../../src/runtime/request-id.ts';
import { createErrorMask } from '../../../../../src/server/graphql/error-mask.ts';
import { createPreparedDocuments } from '../../../../../src/server/graphql/prepared-documents.ts';
import { SocketConnection } from '../../../../../src/server/transports/websocket/connection.ts';
import type { SocketSender } from '../../../../../src/server/transports/websocket/keep-alive.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { testRecords } from '../../../../support/records.ts';
import { testSession } from '../../../../support/session.ts';

const schema = createSchema<YogaInitialContext & { readonly principal: string }>({
  typeDefs: /* GraphQL */ `
    type Query { hello: String, broken: Int, slow: Int }
    type Mutation { set(to: Int!): Int }
    type Subscription { count(to: Int = 2): Int, silent: Int, failing: Int, refused: Int }
  `,
  resolvers: {
    Query: {
      hello: () => 'you',
      broken: (_, __, ___, { path }) => {
        throw new Error(`no ${path.key}`);
      },
      slow: () => new Promise(() => {}),
    },
    Mutation: { set: (_: unknown, { to }: { to: number }) => to },
    Subscription: {
      count: {
        subscribe: async function* (_: unknown, { to }: { to: number }) {
          for (let count = 1; count <= to; count += 1) yield { count };
        },
      },
      silent: {
        subscribe: async function* () {
          await new Promise(() => {});
        },
      },
      failing: {
        subscribe: async function* () {
          yield { failing: 1 };
          throw new Error('lost');
        },
      },
      refused: {
        subscribe: () => {
          throw new Error('no');
        },
      },
    },
  },
});

/** The messages that a client receives, without the texts of errors. */
interface Heard {
  readonly messages: unknown[];
  closed: number | null;
}

interface Side {
  readonly heard: Heard;
  say(text: string): void;
}

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

const formOf = (text: string): unknown => {
  const message = JSON.parse(text);
  if (message.type === 'error') return { ...message, payload: message.payload.length };
  if (message.type !== 'next') return message;
  const { data, errors } = message.payload;
  return { ...message, payload: { data, errors: errors?.map(({ path }: { path: unknown }) => path) } };
};

/** Bytes of a reason that ws takes; of one more, it throws. */
const maxReasonBytes = 123;
/** Code of a close frame without a code. */
const noCode = 1005;

function listen(room: () => Promise<void> | undefined): Heard & SocketSender & { send(text: string): undefined } {
  const heard = {
    get open() {
      return heard.closed === null;
    },
    messages: [] as unknown[],
    closed: null as number | null,
    room,
    belongsTo: () => {},
    end: 'disconnected' as const,
    send: (text: string): undefined => {
      if (heard.closed === null) heard.messages.push(formOf(text));
    },
    close: (code: number, reason: string) => {
      if (Buffer.byteLength(reason) > maxReasonBytes) throw new RangeError('The reason is too long.');
      heard.closed ??= code;
    },
  };
  return heard;
}

interface OurOptions {
  readonly maxOperations?: number;
  /** Resolves when the client has read; undefined: it has. */
  readonly room?: () => Promise<void> | undefined;
}

function ours({ maxOperations = 10, room = () => undefined }: OurOptions = {}): Side & { leave(): void } {
  const maskError = createErrorMask();
  const heard = listen(room);
  // Of the context of the gateway, only the principal is looked at here.
  const pipeline = createYoga({ schema, logging: false }).getEnveloped();
  const socket = new SocketConnection(
    {
      pipeline,
      documents: createPreparedDocuments({ ...pipeline, labelOf: () => 'label' }),
      // Of the context of the gateway, these resolvers read the principal alone.
      createContext: () => ({ principal: 'x' }) as GatewayContext,
      findDocument: ({ query }) => query ?? '',
      maskError,
      maxOperations,
      clock,
      authorize: async () => testSession(),
      authenticate: async () => testSession(),
      countOperation: () => {},
      records: testRecords(),
      logger: createLogger({ level: 'silent' }),
    },
    heard,
    { headers: () => null, requestId: newRequestId(), trace: null },
  );
  return {
    heard,
    say: (text) => {
      if (heard.closed === null) void socket.receive(text);
    },
    leave: () => socket.closed(),
  };
}

/** The server of graphql-ws itself. */
function reference(): Side {
  const heard = listen(() => undefined);
  let take = async (_: string): Promise<void> => {};
  makeServer({ schema }).opened(
    {
      protocol: GRAPHQL_TRANSPORT_WS_PROTOCOL,
      send: heard.send,
      close: (code = noCode, reason = '') => heard.close(code, reason, 'failed'),
      onMessage: (handle) => {
        take = handle;
      },
    },
    {},
  );
  return {
    heard,
    say: (text) => {
      if (heard.closed === null) void take(text);
    },
  };
}

/** Turns of the event loop after which all messages are sent. */
const enoughTurns = 5;
const settle = async () => {
  for (let count = 0; count < enoughTurns; count += 1) await turn();
};

async function play({ heard, say }: Side, script: readonly (string | object)[]): Promise<Heard> {
  for (const message of script) {
    say(typeof message === 'string' ? message : JSON.stringify(message));
    await settle();
  }
  return { messages: heard.messages, closed: heard.closed };
}

const init = { type: 'connection_init' };
const subscribe = (query: unknown, id: unknown = '1', more: object = {}) => ({
  id,
  type: 'subscribe',
  payload: { query, ...more },
});
const complete = (id = '1') => ({ id, type: 'complete' });

it('a socket reads long messages only after its caller is authenticated', async () => {
  const initOf = (length: number) => {
    const text = JSON.stringify({ ...init, payload: { padding: '' } });
    return text.replace('""', JSON.stringify('x'.repeat(length - text.length)));
  };
  expect((await play(ours(), [initOf(64 * 1024)])).closed).toBeNull();
  expect(await play(ours(), [initOf(64 * 1024 + 1)])).toEqual({ messages: [], closed: 4400 });
  const long = subscribe('{ hello }', '1', { extensions: { padding: 'x'.repeat(64 * 1024) } });
  expect((await play(ours(), [long])).closed).toBe(4400);
  expect((await play(ours(), [init, long])).closed).toBeNull();
});

describe('a socket speaks as the server of graphql-ws does', () => {
  it.each<[string, readonly (string | object)[]]>([
    ['being greeted', [init]],
    ['being greeted with parameters', [{ ...init, payload: { 'x-sandbox-name': 'dev' } }]],
    ['being greeted twice', [init, init]],
    ['being pinged before it is greeted', [{ type: 'ping' }, init]],
    ['being pinged with a payload', [init, { type: 'ping', payload: { at: 1 } }]],
    ['hearing a pong', [init, { type: 'pong' }, { type: 'pong', payload: { at: 1 } }]],
    ['being asked before it is greeted', [subscribe('{ hello }')]],
    ['a query', [init, subscribe('{ hello }')]],
    ['a query with a field that fails', [init, subscribe('{ hello broken }')]],
    [
      'a mutation with variables',
      [init, subscribe('mutation ($to: Int!) { set(to: $to) }', '1', { variables: { to: 3 } })],
    ],
    ['variables that do not fit', [init, subscribe('query ($to: Int!) { hello }', '1', { variables: {} })]],
    ['a subscription that ends', [init, subscribe('subscription { count(to: 3) }')]],
    ['a subscription that ends at once', [init, subscribe('subscription { count(to: 0) }')]],
    ['a subscription that fails', [init, subscribe('subscription { failing }')]],
    ['a subscription that cannot begin', [init, subscribe('subscription { refused }')]],
    ['a document that is not valid', [init, subscribe('{ missing }')]],
    [
      'an operation by its name',
      [init, subscribe('query A { hello } query B { broken }', '1', { operationName: 'A' })],
    ],
    ['an operation that is not there', [init, subscribe('query A { hello }', '1', { operationName: 'C' })]],
    ['one of several without a name', [init, subscribe('query A { hello } query B { broken }')]],
    ['an id that is taken', [init, subscribe('subscription { silent }'), subscribe('{ hello }')]],
    ['an id that is free again', [init, subscribe('{ hello }'), subscribe('{ hello }')]],
    ['an id that was refused', [init, subscribe('{ missing }'), subscribe('{ hello }')]],
    ['several operations', [init, subscribe('subscription { silent }', 'a'), subscribe('{ hello }', 'b')]],
    ['the end of an operation that is not there', [init, complete()]],
    ['an id with quotes', [init, subscribe('{ hello }', '"\\"')]],
    ['what is not JSON', [init, 'nonsense']],
    ['what is no message', [init, '[]']],
    ['a message of no type', [init, {}]],
    ['a message of an unknown type', [init, { type: 'shout' }]],
    ['a subscription without an id', [init, { type: 'subscribe', payload: { query: '{ hello }' } }]],
    ['a subscription with an empty id', [init, subscribe('{ hello }', '')]],
    ['a subscription with an id that is no text', [init, subscribe('{ hello }', 1)]],
    ['a subscription without a document', [init, { id: '1', type: 'subscribe', payload: {} }]],
    ['variables that are no object', [init, subscribe('{ hello }', '1', { variables: 'x' })]],
    ['a payload of connection_init that is no object', [{ ...init, payload: 'x' }]],
  ])('%s', async (_, script) => {
    const theirs = await play(reference(), script);
    expect(await play(ours(), script)).toEqual(theirs);
    expect(theirs.messages.length + Number(theirs.closed !== null)).toBeGreaterThan(0);
  });
});

describe('a socket', () => {
  it('a socket without connection_init within three seconds is closed', async () => {
    const { heard } = ours();
    await clock.advanceBy(2_999);
    expect(heard.closed).toBeNull();
    await clock.advanceBy(1);
    expect(heard.closed).toBe(4408);
  });

  it.each<[string, readonly object[]]>([
    ['before it says who it is', []],
    ['after it has said who it is', [init]],
  ])('that its client closes %s leaves no deadline', async (_, script) => {
    const side = ours();
    await play(side, script);
    side.leave();
    expect(clock.pending('deadline')).toBe(0);
  });

  it('a socket that has sent connection_init stays open', async () => {
    const side = ours();
    await play(side, [init]);
    await clock.advanceBy(60_000);
    expect(side.heard.closed).toBeNull();
  });

  it.each(['subscription { silent }', '{ slow }'])(
    'receives no further messages of a completed operation: %s',
    async (query) => {
      const { messages, closed } = await play(ours(), [init, subscribe(query), complete(), subscribe('{ hello }')]);
      expect(messages).toEqual([
        { type: 'connection_ack' },
        { id: '1', type: 'next', payload: { data: { hello: 'you' } } },
        complete(),
      ]);
      expect(closed).toBeNull();
    },
  );

  it.each([
    { type: 'ping', payload: 'text' },
    { type: 'ping', payload: 1 },
    { type: 'ping', payload: [true] },
  ])('echoes any payload of a ping, as old routers send them: $payload', async (ping) => {
    const pong = { type: 'pong', payload: 'text' };
    const { messages, closed } = await play(ours(), [init, ping, pong, subscribe('{ hello }')]);
    expect(messages[1]).toEqual({ ...ping, type: 'pong' });
    expect(messages).toHaveLength(4);
    expect(closed).toBeNull();
  });

  it.each(['connection_ack', 'next', 'error'])('that sends a message of servers is closed: %s', async (type) => {
    const payload = type === 'error' ? [{ message: 'x' }] : { data: {} };
    expect((await play(ours(), [init, { id: '1', type, payload }])).closed).toBe(4400);
  });

  it.each(['x', 'é', '€', '😀', 'x😀'])('is closed for an id in use, regardless of its length: %s', async (sign) => {
    const silent = subscribe('subscription { silent }', sign.repeat(Math.floor(200 / sign.length)));
    expect((await play(ours(), [init, silent, silent])).closed).toBe(4409);
  });

  it('a socket reports an invalid document and stays open', async () => {
    const { messages, closed } = await play(ours(), [init, subscribe('{'), subscribe('{ hello }')]);
    expect(messages.slice(1)).toEqual([
      { id: '1', type: 'error', payload: 1 },
      { id: '1', type: 'next', payload: { data: { hello: 'you' } } },
      complete(),
    ]);
    expect(closed).toBeNull();
  });

  it('a socket with the maximum number of operations rejects a further one and keeps the others', async () => {
    const silent = (id: string) => subscribe('subscription { silent }', id);
    const side = ours({ maxOperations: 2 });
    const { messages } = await play(side, [init, silent('a'), silent('b'), silent('c'), complete('a'), silent('d')]);
    expect(messages).toEqual([{ type: 'connection_ack' }, { id: 'c', type: 'error', payload: 1 }]);
    expect(side.heard.closed).toBeNull();
  });
});

describe('a socket whose client does not read', () => {
  /** A client that reads nothing until the test releases it. */
  const unread = () => {
    let read = () => {};
    let waiting: Promise<void> | undefined = new Promise((resolve) => {
      read = resolve;
    });
    const side = ours({ maxOperations: 3, room: () => waiting });
    return {
      side,
      read: () => {
        waiting = undefined;
        read();
        return settle();
      },
    };
  };
  const results = ({ heard }: Side) => heard.messages.filter((message) => JSON.stringify(message).includes('"next"'));

  it('executes its next operations when the client has read, in order', async () => {
    const { side, read } = unread();
    await play(side, [init, subscribe('{ hello }', 'a'), subscribe('mutation { set(to: 1) }', 'b')]);
    expect(side.heard.messages).toEqual([{ type: 'connection_ack' }]);
    await read();
    expect(results(side)).toMatchObject([{ id: 'a' }, { id: 'b' }]);
  });

  it('a waiting operation that its client completes is not executed', async () => {
    const { side, read } = unread();
    await play(side, [init, subscribe('{ hello }', 'a'), subscribe('{ hello }', 'b'), complete('a')]);
    await read();
    expect(results(side)).toMatchObject([{ id: 'b' }]);
  });

  it('holds no more operations than it may execute', async () => {
    const { side } = unread();
    await play(side, [init, ...['a', 'b', 'c', 'd'].map((id) => subscribe('{ hello }', id))]);
    expect(side.heard.messages.slice(1)).toEqual([{ id: 'd', type: 'error', payload: 1 }]);
  });

  it('is closed when the operations that wait are too large', async () => {
    const { side } = unread();
    const half = (id: string, length: number) => subscribe(`{ hello } #${'x'.repeat(length)}`, id);
    await play(side, [init, half('a', 499_000), half('b', 499_000)]);
    expect(side.heard.closed).toBeNull();
    await play(side, [half('c', 2_000)]);
    expect(side.heard.closed).toBe(1013);
  });
});
