import { on, once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  allOperationTransports,
  operationTransports,
  sendOver,
  streamingTransports,
} from '../support/operation-transports.ts';
import { startPlatform } from '../support/platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
let callbackRouter: CallbackRouter;

beforeAll(async () => {
  platform = await startPlatform();
  callbackRouter = await startCallbackRouter();
  gateway = await startGateway({
    platform,
    env: {
      SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url,
      CORS_ORIGINS: 'https://app.example',
    },
  });
});
afterAll(async () => {
  await gateway.close();
  await callbackRouter[Symbol.asyncDispose]();
  await platform.close();
});

const graphqlResponse = 'application/graphql-response+json';

/** Sends a body and returns the status, the media type and the first error. */
async function post(body: unknown, accept: string | null, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accept === null ? {} : { accept }), ...headers },
    body: typeof body === 'string' || body instanceof Blob ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const { data, errors = [] } = JSON.parse(text);
  return { status: response.status, headers: response.headers, text, data, errors, code: errors[0]?.extensions.code };
}

const listing = 'query ($n: Int, $f: ExportJobFilter) { exportJobs(first: $n, filter: $f) { nodes { id } } }';

/** Requests that are rejected, with their status under both media types. */
const rejected: readonly (readonly [what: string, body: unknown, status: number, jsonStatus: number, code: string])[] =
  [
    ['is not JSON', '{', 400, 400, 'BAD_REQUEST'],
    ['is no object', '7', 422, 400, 'BAD_REQUEST'],
    ['is a batch', [{ query: '{ __typename }' }], 422, 400, 'BAD_REQUEST'],
    ['has no query', { notquery: '{ __typename }' }, 422, 400, 'BAD_REQUEST'],
    ['has a query that is no text', { query: 1 }, 422, 400, 'BAD_REQUEST'],
    ['has variables that are no map', { query: '{ __typename }', variables: [1] }, 422, 400, 'BAD_REQUEST'],
    ['does not parse', { query: '{' }, 400, 200, 'GRAPHQL_PARSE_FAILED'],
    ['does not validate', { query: '{ nope }' }, 422, 200, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'names an unknown operation',
      { query: '{ __typename }', operationName: 'A' },
      422,
      200,
      'OPERATION_RESOLUTION_FAILURE',
    ],
    [
      'names none of several operations',
      { query: 'query A { __typename } query B { __typename }' },
      422,
      200,
      'OPERATION_RESOLUTION_FAILURE',
    ],
    ['has only a fragment', { query: 'fragment A on Query { __typename }' }, 422, 200, 'OPERATION_RESOLUTION_FAILURE'],
    ['has a variable of another type', { query: listing, variables: { n: 'x' } }, 422, 200, 'BAD_USER_INPUT'],
    [
      'has an unknown enum value',
      { query: listing, variables: { f: { statuses: ['X'] } } },
      422,
      200,
      'BAD_USER_INPUT',
    ],
    [
      'lacks a required variable',
      { query: 'query ($id: ID!) { exportJob(id: $id) { id } }' },
      422,
      200,
      'BAD_USER_INPUT',
    ],
    ['exceeds a limit', { query: `{ ${'a: __typename '.repeat(101)} }` }, 422, 200, 'INVALID_INPUT'],
    ['names an unknown document', { documentId: 'x' }, 422, 200, 'PERSISTED_QUERY_NOT_FOUND'],
  ];

describe('a request over HTTP', () => {
  it.each(rejected)(
    'that %s is rejected with the status of its media type',
    async (_, body, status, jsonStatus, code) => {
      const answers = await Promise.all(
        [graphqlResponse, 'application/json', null, '*/*'].map((type) => post(body, type)),
      );
      expect(answers.map((answer) => answer.status)).toEqual([status, jsonStatus, jsonStatus, jsonStatus]);
      for (const answer of answers) {
        expect(answer.data).toBeUndefined();
        expect(answer.errors[0].extensions).toMatchObject({ code, retryable: false });
        expect(answer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8$/);
      }
    },
  );

  it('with a failed field has status 294 under application/graphql-response+json', async () => {
    const query = '{ viewer { canWrite } exportJob(id: "Dataset:1") { id } }';
    expect(await post({ query }, graphqlResponse)).toMatchObject({ status: 294, code: 'INVALID_INPUT' });
    expect(await post({ query }, 'application/json')).toMatchObject({ status: 200, code: 'INVALID_INPUT' });
    expect((await post({ query: '{ __typename }' }, graphqlResponse)).status).toBe(200);
  });

  it('may have unknown members, and an empty operation name', async () => {
    const body = { query: '{ __typename }', operationName: '', id: 1, doc_id: 'x', strict: true };
    expect((await post(body, graphqlResponse)).data).toEqual({ __typename: 'Query' });
  });

  it('may begin with a byte order mark, and may write its media type in any case', async () => {
    const body = `\ufeff${JSON.stringify({ query: '{ __typename }' })}`;
    for (const type of ['Application/JSON', 'APPLICATION/GRAPHQL+JSON', 'application/json ; charset=UTF-8']) {
      expect((await post(body, null, { 'content-type': type })).data).toEqual({ __typename: 'Query' });
    }
  });

  it('that is compressed is rejected with the supported encodings', async () => {
    const answer = await post(new Blob([gzipSync('{"query":"{ __typename }"}')]), null, { 'content-encoding': 'gzip' });
    expect([answer.status, answer.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(answer.headers.get('accept-encoding')).toBe('identity');
    expect(answer.errors[0].message).toContain('Content-Encoding');
  });

  it.each(['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
    'of the type %s is rejected with a message',
    async (type) => {
      const answer = await post('{"query":"{ __typename }"}', null, { 'content-type': type });
      expect([answer.status, answer.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
      expect(answer.errors[0].message).toContain('application/json');
    },
  );

  it('is never stored by a cache', async () => {
    for (const accept of [graphqlResponse, 'application/json', 'text/event-stream']) {
      const response = await fetch(`${gateway.graphqlUrl}?query=%7B__typename%7D`, { headers: { accept } });
      expect(response.headers.get('cache-control')).toContain('no-store');
      await response.body?.cancel();
    }
  });

  it('by GET must not be a mutation', async () => {
    const query = new URLSearchParams({ query: 'mutation { deleteDataset(id: "1") { __typename } }' });
    const response = await fetch(`${gateway.graphqlUrl}?${query}`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('is rejected before execution if it accepts no possible response', async () => {
    platform.clearRequests();
    const query = 'mutation { createDataset(input: { name: "Never" }) { __typename } }';
    const answer = await post({ query }, 'text/html');
    expect([answer.status, answer.code]).toEqual([406, 'NOT_ACCEPTABLE']);
    expect(platform.requests).toEqual([]);
  });

  it('may be read by a page of an allowed origin, whatever its problem', async () => {
    for (const [body, headers] of [
      ['{', {}],
      ['x'.repeat(1_100_000), {}],
      ['{}', { 'content-type': 'text/plain' }],
    ] as const) {
      const answer = await post(body, null, { origin: 'https://app.example', ...headers });
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    }
  });
});

describe('a subscription over HTTP', () => {
  it.each(['application/json', graphqlResponse, 'multipart/mixed'])(
    'whose client accepts only %s is rejected before it begins',
    async (accept) => {
      platform.clearRequests();
      const answer = await post({ query: 'subscription { exportJobChanged { kind } }' }, accept);
      expect([answer.status, answer.code]).toEqual([406, 'NOT_ACCEPTABLE']);
      expect(answer.errors[0].message).toContain('text/event-stream');
      expect(await gateway.metric('aep_watch_subscribers')).toBe(0);
      expect(platform.requests).toEqual([]);
    },
  );
});

describe('every transport', () => {
  const requests: readonly (readonly [code: string, query: string, variables: Record<string, unknown>])[] = [
    ['GRAPHQL_PARSE_FAILED', '{', {}],
    ['GRAPHQL_VALIDATION_FAILED', '{ nope }', {}],
    ['OPERATION_RESOLUTION_FAILURE', 'query A { __typename } query B { __typename }', {}],
    ['BAD_USER_INPUT', listing, { n: 'x' }],
    ['INVALID_INPUT', `{ ${'a: __typename '.repeat(101)} }`, {}],
    ['INVALID_INPUT', '{ exportJobs(first: 0) { nodes { id } } }', {}],
  ];

  it.each(
    operationTransports.flatMap((transport) =>
      requests
        .filter(([code]) => transport !== 'WebSocket' || code !== 'GRAPHQL_PARSE_FAILED')
        .map((request) => [transport, ...request] as const),
    ),
  )('returns the code of an error: %s, %s', async (transport, code, query, variables) => {
    const answer = await sendOver(transport, gateway, { query, variables });
    expect(answer.code).toBe(code);
    expect(answer.text).toContain('"retryable":false');
  });

  const conditions: readonly (readonly [what: string, query: string])[] = [
    ['its field', 'subscription { exportJobChanged @include(if: false) { kind } }'],
    ['its field, by a variable', 'subscription ($b: Boolean = false) { exportJobChanged @skip(if: $b) { kind } }'],
    ['an inline fragment', 'subscription { ... @include(if: false) { exportJobChanged { kind } } }'],
    ['a fragment', 'subscription { ...f @skip(if: true) } fragment f on Subscription { exportJobChanged { kind } }'],
    [
      'a field in a fragment',
      'subscription { ...f } fragment f on Subscription { segmentJobChanged @skip(if: true) { kind } }',
    ],
  ];

  it.each(
    streamingTransports.flatMap((transport) => conditions.map((condition) => [transport, ...condition] as const)),
  )('rejects a subscription without a root field: %s, %s', async (transport, _, query) => {
    const answer = await sendOver(transport, gateway, { query, callbackRouter });
    expect(answer.code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(answer.text).toContain('root of a subscription');
  });

  it('returns the same error for a document that does not parse, whichever transport sent it before', async () => {
    const query = '{ viewer (';
    const overSocket = async () => {
      await using socket = await openSocket(gateway.webSocketUrl);
      return await socket.subscribe({ query });
    };
    const first = await overSocket();
    expect(first).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED', retryable: false } }],
    });
    for (const transport of operationTransports.filter((each) => each !== 'WebSocket')) {
      expect((await sendOver(transport, gateway, { query })).code).toBe('GRAPHQL_PARSE_FAILED');
    }
    expect(await overSocket()).toEqual(first);
  });

  it('rejects with an `error` message over WebSocket, and returns failed fields in a result', async () => {
    await using socket = await openSocket(gateway.webSocketUrl);
    for (const [code, query, variables] of requests.slice(0, 5)) {
      expect(await socket.subscribe({ query, variables })).toMatchObject({
        type: 'error',
        payload: [{ extensions: { code, retryable: false } }],
      });
    }
    expect(await socket.subscribe({ query: '{ exportJob(id: "Dataset:1") { id } }' })).toMatchObject({
      type: 'next',
      payload: { errors: [{ extensions: { code: 'INVALID_INPUT' } }] },
    });
  });
});

describe('introspection', () => {
  /** Names of all types, once for each alias. */
  const types = (count: number, selection: string) =>
    `{ __schema { ${Array.from({ length: count }, (_, index) => `a${index}: types { ${selection} }`).join(' ')} } }`;
  const deep = 'name description fields { name description args { name description } type { name description } }';
  const bombs: readonly (readonly [what: string, query: string, message: RegExp])[] = [
    ['aliases below __schema', types(101, 'name'), /number of aliases 101/],
    ['large results by aliases', types(90, deep), /size of the introspection result/],
    [
      'fragments that multiply',
      `${types(45, '...f').replace('{', 'query {')} fragment f on __Type { ${deep} }`,
      /size of the introspection result/,
    ],
    [
      'many __type fields',
      `{ ${Array.from({ length: 99 }, (_, i) => `a${i}: __type(name: "Query") { ${deep} }`).join(' ')} }`,
      /size of the/,
    ],
    [
      'many copies of the SDL',
      `{ _service { ${Array.from({ length: 10 }, (_, i) => `a${i}: sdl`).join(' ')} } }`,
      /size of the introspection result/,
    ],
    [
      'fragments that repeat the SDL',
      `{ a: _service { ...f } b: _service { ...f } c: _service { ...f } d: _service { ...f } } fragment f on _Service { a: sdl b: sdl c: sdl }`,
      /size of the introspection result/,
    ],
    [
      'directives below __type',
      `{ __type(name: "Query") { ${'name @skip(if: false) '.repeat(101)} } }`,
      /number of directives 101/,
    ],
    ['depth', `{ __schema { types { ${'ofType { '.repeat(20)} name ${'} '.repeat(20)} } } }`, /query depth 23/],
  ];

  it.each(operationTransports.flatMap((transport) => bombs.map((bomb) => [transport, ...bomb] as const)))(
    'counts toward the limits over %s: %s',
    async (transport, _, query, message) => {
      const answer = await sendOver(transport, gateway, { query });
      expect([answer.data, answer.code]).toEqual([null, 'INVALID_INPUT']);
      expect(answer.text).toMatch(message);
      expect(answer.text.length).toBeLessThan(2_000);
    },
  );

  it('is complete for the standard query of clients', async () => {
    const query = getIntrospectionQuery({ oneOf: true, specifiedByUrl: true, inputValueDeprecation: true });
    const { data } = await gateway.send(query);
    expect(JSON.stringify(data)).toContain('CreateExportJobInput');
  });
});

/** A socket whose messages the test writes itself, because clients parse documents. */
async function openSocket(url: string) {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  const messages = on(socket, 'message');
  const next = async (): Promise<{ readonly type: string; readonly id?: string; readonly payload?: unknown }> =>
    JSON.parse(String((await messages.next()).value[0]));
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await next();
  let id = 0;
  return {
    /** Returns the first message that concerns the operation. */
    subscribe: async (payload: object) => {
      id += 1;
      socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload }));
      for (;;) {
        const { id: concerned, ...message } = await next();
        if (concerned === String(id)) return message;
      }
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

describe('a message about an error', () => {
  it.each(allOperationTransports.filter((transport) => transport !== 'HTTP callbacks'))(
    'is short over %s, however long the value is',
    async (transport) => {
      const values = [
        [5_000, 'BAD_USER_INPUT'],
        // Above the limit of a text, which is checked before its type.
        ...(transport === 'GET' ? [] : [[300_000, 'INVALID_INPUT'] as const]),
      ] as const;
      for (const [length, code] of values) {
        const answer = await sendOver(transport, gateway, { query: listing, variables: { n: 'x'.repeat(length) } });
        expect(answer.code).toBe(code);
        expect(answer.text.length).toBeLessThan(5_000);
      }
    },
  );

  it('is one of at most 20 that a document causes', async () => {
    const query = `{ ${Array.from({ length: 200 }, (_, index) => `nope${index}`).join(' ')} }`;
    expect((await post({ query }, 'application/json')).errors.length).toBeLessThanOrEqual(21);
  });
});
