import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, parse, print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import type { EventStream } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { operationTransports, sendOver, streamingTransports } from '../support/operation-transports.ts';
import { startPlatform } from '../support/platform.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';
import { ViewerDocument, WatchExportJobsDocument, type WatchExportJobsSubscription } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let callbackRouter: CallbackRouter;
beforeAll(async () => {
  platform = await startPlatform();
  callbackRouter = await startCallbackRouter();
});
afterAll(async () => {
  await callbackRouter[Symbol.asyncDispose]();
  await platform.close();
});

const noPolling = { POLL_MIN_MS: '600000', POLL_MAX_MS: '3600000' };
const start = (env: Readonly<Record<string, string>> = {}, clock?: FakeClock) =>
  startGateway({
    platform,
    env: { ...noPolling, SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url, ...env },
    ...(clock === undefined ? {} : { clock }),
  });
/** Formats the document like a client, so that the text is the same over every transport. */
const small = print(parse('{ viewer { canWrite } }'));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('an operation that exceeds a limit', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await start({
      MAX_OPERATION_TOKENS: '200',
      MAX_OPERATION_DEPTH: '4',
      MAX_OPERATION_ALIASES: '3',
      MAX_OPERATION_DIRECTIVES: '3',
      MAX_OPERATION_CALLS: '30',
    });
    await gateway.query(ViewerDocument, {});
  });
  afterAll(() => gateway.close());

  const files = 'batches { nodes { files { nodes { name } } } }';
  const rows: readonly (readonly [what: string, query: string, variables: Record<string, unknown>, message: RegExp])[] =
    [
      ['tokens', `{ viewer { ${'canWrite '.repeat(200)} } }`, {}, /more tha[nt] 200 tokens/],
      [
        'depth',
        '{ exportJobs { nodes { destination { dataset { name } } } } }',
        {},
        /query depth 5 exceeds the limit of 4/,
      ],
      [
        'aliases',
        '{ viewer { a: canWrite b: canWrite c: canWrite d: canWrite } }',
        {},
        /number of aliases 4 exceeds the limit of 3/,
      ],
      [
        'directives',
        `{ viewer { canWrite ${'@skip(if: true) @include(if: true) '.repeat(1)} authMode @skip(if: true) @include(if: true) } }`,
        {},
        /number of directives 4 exceeds/,
      ],
      [
        'calls',
        '{ datasets(first: 30) { nodes { batches { nodes { id } } } } }',
        {},
        /number of platform calls 31 exceeds the limit of 30/,
      ],
      [
        'calls by a variable',
        'query ($first: Int) { datasets(first: $first) { nodes { batches { nodes { id } } } } }',
        { first: 30 },
        /number of platform calls 31 exceeds the limit of 30/,
      ],
      [
        'calls behind a fragment',
        '{ datasets(first: 30) { ...page } } fragment page on DatasetConnection { nodes { batches { nodes { id } } } }',
        {},
        /number of platform calls 31 exceeds the limit of 30/,
      ],
      ['several things at once', `{ datasets { nodes { ${files} } } }`, {}, /query depth.*number of platform calls/],
    ];

  it.each(operationTransports.flatMap((transport) => rows.map((row) => [transport, ...row] as const)))(
    'is rejected over %s before a call to the platform: %s',
    async (transport, _, query, variables, message) => {
      platform.clearRequests();
      const { data, text } = await sendOver(transport, gateway, { query, variables });
      expect(data).toBeNull();
      expect(text).toMatch(message);
      expect(platform.requests).toEqual([]);
    },
  );

  it.each(operationTransports)('is rejected over %s with a code and the path of the problem', async (transport) => {
    const { code } = await sendOver(transport, gateway, { query: rows[1]?.[1] ?? '' });
    expect(code).toBe('INVALID_INPUT');
  });

  it.each(operationTransports)('does not affect other operations over %s', async (transport) => {
    expect((await sendOver(transport, gateway, { query: small })).data).toEqual({ viewer: { canWrite: true } });
  });

  it('is rejected as a subscription too', async () => {
    const query = 'subscription { exportJobChanged { job { destination { dataset { name } } } } }';
    for (const transport of streamingTransports) {
      const { data, code } = await sendOver(transport, gateway, { query, callbackRouter });
      expect([data, code]).toEqual([null, 'INVALID_INPUT']);
    }
    expect(await gateway.metric('aep_watch_subscribers')).toBe(0);
  });
});

describe('the default limits', () => {
  it('permit everything that typical applications request', async () => {
    await using gateway = await start();
    const { data } = await gateway.send(getIntrospectionQuery({ oneOf: true, specifiedByUrl: true }));
    // Returns the result of an introspection. Building the schema checks that it is complete.
    const schema = buildClientSchema(data as unknown as IntrospectionQuery);
    expect(schema.getMutationType()).toBeDefined();
    const everything = `{ exportJobs(first: 100) { nodes { id destination { dataset { name lastBatch { id } } batches { batch { status files { nodes { name downloadUrl } } } segment { definition { name mergePolicy { policy { name } } } } } } mergePolicy { policy { name datasetPrecedence { name } } } } } }`;
    const { errors } = await gateway.send(everything);
    expect(errors).toEqual([]);
  });

  it('permit one caller 24 queries at a time, again and again', async () => {
    await using gateway = await start();
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(Array.from({ length: 24 }, () => gateway.send(small)));
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    }
  });

  it('permit one caller 2,500 sockets with a subscription each, opened 100 at a time', async () => {
    await using gateway = await start();
    await gateway.query(ViewerDocument, {});
    const sockets: WebSocket[] = [];
    const subscribed = async (): Promise<unknown> => {
      const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
      sockets.push(socket);
      return await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
        socket.on('open', () => socket.send('{"type":"connection_init"}'));
        socket.on('message', (data) => {
          const message: { readonly type?: string } = JSON.parse(String(data));
          if (message.type !== 'connection_ack') resolve(message.type);
          else
            socket.send(
              '{"id":"1","type":"subscribe","payload":{"query":"subscription { exportJobChanged { kind } }"}}',
            );
        });
      });
    };
    try {
      for (let batch = 0; batch < 25; batch += 1) {
        const first = await Promise.all(Array.from({ length: 100 }, subscribed));
        expect(new Set(first)).toEqual(new Set(['next']));
      }
      expect(await gateway.metric('aep_watch_subscribers')).toBe(2_500);
    } finally {
      for (const socket of sockets) {
        socket.removeAllListeners('close');
        socket.terminate();
      }
    }
  });
});

describe('the rate of operations of a caller', () => {
  it.each(operationTransports)('is limited over %s, and the error contains the time to wait', async (transport) => {
    const clock = new FakeClock();
    await using gateway = await start({ RATE_LIMIT_PER_SECOND: '2', RATE_LIMIT_BURST: '3' }, clock);
    const ask = () => sendOver(transport, gateway, { query: small });
    for (let index = 0; index < 3; index += 1) expect((await ask()).code).toBeNull();
    const refused = await ask();
    expect(refused.code).toBe('RATE_LIMITED');
    expect(refused.text).toContain('"retryAfterMs":500');
    await clock.advanceBy(500);
    expect((await ask()).code).toBeNull();
    expect((await ask()).code).toBe('RATE_LIMITED');
  });

  it('is limited with status 429 over HTTP', async () => {
    await using gateway = await start({ RATE_LIMIT_PER_SECOND: '2', RATE_LIMIT_BURST: '1' }, new FakeClock());
    await gateway.send(small);
    const { status, headers, errors } = await gateway.send(small);
    expect([status, headers.get('retry-after')]).toEqual([429, '1']);
    expect(errors[0]?.extensions).toEqual({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 500 });
  });

  it('is counted separately for each caller', async () => {
    const clock = new FakeClock();
    await using issuer = await startTokenIssuer({ clock });
    await using gateway = await start(
      { ...issuer.env(platform), RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '1' },
      clock,
    );
    const ask = async (sub: string) =>
      (await sendOver('POST', gateway, { query: small, headers: bearer(await issuer.sign({ sub })) })).code;
    expect([await ask('a'), await ask('b'), await ask('a')]).toEqual([null, null, 'RATE_LIMITED']);
    // Rejected operations do not count toward the limits of other callers.
    expect((await sendOver('POST', gateway, { query: small })).code).toBe('UNAUTHENTICATED');
  });
});

describe('the number of open subscriptions', () => {
  const open = async (gateway: Gateway, transport: 'websocket' | 'sse', headers: Headers = {}) => {
    const events = gateway.subscribe(WatchExportJobsDocument, {}, { transport, headers });
    await events.take();
    return events;
  };

  it('is limited for a caller over sockets and event streams together, and each ended subscription makes room', async () => {
    await using gateway = await start({ MAX_SUBSCRIPTIONS_PER_CALLER: '2' });
    const streams: EventStream<WatchExportJobsSubscription>[] = [];
    try {
      streams.push(await open(gateway, 'websocket'), await open(gateway, 'sse'));
      for (const transport of streamingTransports) {
        const query = 'subscription { exportJobChanged { kind } }';
        const { code } = await sendOver(transport, gateway, { query, callbackRouter });
        expect(code).toBe('RATE_LIMITED');
      }
      for (const [index, transport] of (['websocket', 'sse'] as const).entries()) {
        await streams[index]?.[Symbol.asyncDispose]();
        streams.push(await eventually(() => open(gateway, transport)));
      }
      // A subscription that could not begin releases its slot.
      await streams[2]?.[Symbol.asyncDispose]();
      await eventually(async () => {
        await using missing = gateway.subscribe(WatchExportJobsDocument, { ids: ['99999999'] });
        expect((await missing.failure())[0]?.extensions).toMatchObject({ code: 'NOT_FOUND' });
      });
      streams.push(await eventually(() => open(gateway, 'sse')));
    } finally {
      await Promise.all(streams.map((events) => events[Symbol.asyncDispose]()));
    }
  });

  it.each([
    ['MAX_SUBSCRIPTIONS_PER_TENANT', 'A sandbox', true],
    ['MAX_SUBSCRIPTIONS', 'The gateway', false],
  ])('is limited by %s for all callers together', async (name, subject, hasRoomElsewhere) => {
    await using issuer = await startTokenIssuer();
    await using gateway = await start({ ...issuer.env(platform), [name]: '2' });
    const [one, other] = [bearer(await issuer.sign()), bearer(await issuer.sign({ sub: 'another' }))];
    const first = await open(gateway, 'websocket', one);
    await using _second = await open(gateway, 'sse', other);
    const query = 'subscription { exportJobChanged { kind } }';
    for (const transport of streamingTransports) {
      const { code, text } = await sendOver(transport, gateway, { query, headers: one, callbackRouter });
      expect(code).toBe('RATE_LIMITED');
      expect(text).toContain(`${subject} may have 2 subscriptions open at a time (${name}).`);
    }
    expect(await gateway.metric('aep_subscriptions_refused_total')).toBe(streamingTransports.length);
    const elsewhere = { ...one, 'x-sandbox-name': 'dev' };
    const { code } = await sendOver('SSE', gateway, { query, headers: elsewhere, callbackRouter });
    expect(code === 'RATE_LIMITED').toBe(!hasRoomElsewhere);
    await first[Symbol.asyncDispose]();
    await using _next = await eventually(() => open(gateway, 'websocket', one));
  });

  it('is limited on one socket, which continues with its other subscriptions', async () => {
    await using gateway = await start({ MAX_SUBSCRIPTIONS_PER_SOCKET: '2' });
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
    const messages: { readonly id?: string; readonly type: string }[] = [];
    socket.on('message', (data) => messages.push(JSON.parse(String(data))));
    socket.once('open', () => socket.send('{"type":"connection_init"}'));
    const has = (wanted: object) => eventually(() => expect(messages).toContainEqual(expect.objectContaining(wanted)));
    const subscribe = (id: string) =>
      socket.send(
        JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { exportJobChanged { kind } }' } }),
      );
    try {
      await has({ type: 'connection_ack' });
      subscribe('a');
      subscribe('b');
      await has({ id: 'a', type: 'next' });
      await has({ id: 'b', type: 'next' });
      subscribe('c');
      const extensions = { code: 'RATE_LIMITED', retryable: true };
      await has({
        id: 'c',
        type: 'error',
        payload: [expect.objectContaining({ extensions: expect.objectContaining(extensions) })],
      });
      socket.send('{"id":"a","type":"complete"}');
      await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
      subscribe('d');
      await has({ id: 'd', type: 'next' });
    } finally {
      socket.terminate();
    }
  });
});

describe('documents', () => {
  const hashed = (hash: string) => ({ persistedQuery: { version: 1, sha256Hash: hash } });
  const post = async (gateway: Gateway, body: object) => {
    const response = await fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const overWebSocket = async (gateway: Gateway, payload: object): Promise<unknown> => {
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
    try {
      return await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
        socket.on('open', () => socket.send('{"type":"connection_init"}'));
        socket.on('message', (data) => {
          const message: { readonly type?: string; readonly payload?: unknown } = JSON.parse(String(data));
          if (message.type === 'connection_ack') socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
          else resolve(message.payload);
        });
      });
    } finally {
      socket.removeAllListeners('close');
      socket.terminate();
    }
  };
  const answer = { data: { viewer: { canWrite: true } } };

  it('may be named by their hash after they were sent once, over every transport', async () => {
    await using gateway = await start();
    const extensions = hashed(sha256(small));
    const missing = {
      message: 'PersistedQueryNotFound',
      extensions: expect.objectContaining({ code: 'PERSISTED_QUERY_NOT_FOUND' }),
    };
    expect(await post(gateway, { extensions })).toEqual({ status: 200, body: { errors: [missing] } });
    expect(await overWebSocket(gateway, { query: '', extensions })).toEqual([missing]);
    expect((await post(gateway, { query: small, extensions })).body).toEqual(answer);
    expect((await post(gateway, { extensions })).body).toEqual(answer);
    expect(await overWebSocket(gateway, { query: '', extensions })).toEqual(answer);
    const target = `${gateway.graphqlUrl}?${new URLSearchParams({ extensions: JSON.stringify(extensions) })}`;
    expect(await (await fetch(target, { headers: { accept: 'application/json' } })).json()).toEqual(answer);
    const wrong = await post(gateway, { query: '{ viewer { authMode } }', extensions });
    expect(wrong.body).toMatchObject({ errors: [{ extensions: { code: 'PERSISTED_QUERY_HASH_MISMATCH' } }] });
  });

  it('are executed only if they are trusted, when a list of trusted documents is configured', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'documents-'));
    try {
      const path = join(folder, 'documents.json');
      await writeFile(path, JSON.stringify({ small, watch: 'subscription { exportJobChanged { kind } }' }));
      await using gateway = await start({ TRUSTED_DOCUMENTS: path });
      expect((await post(gateway, { extensions: hashed('small') })).body).toEqual(answer);
      expect(await overWebSocket(gateway, { query: '', extensions: hashed('small') })).toEqual(answer);
      expect(await overWebSocket(gateway, { query: '', extensions: hashed('watch') })).toEqual({
        data: { exportJobChanged: { kind: 'SNAPSHOT' } },
      });
      platform.clearRequests();
      for (const transport of operationTransports) {
        expect((await sendOver(transport, gateway, { query: small })).data).toEqual(answer.data);
        const { data, code } = await sendOver(transport, gateway, { query: '{ exportJobs { nodes { id } } }' });
        expect([data, code]).toEqual([null, 'PERSISTED_QUERY_ONLY']);
        const introspection = await sendOver(transport, gateway, { query: '{ __schema { queryType { name } } }' });
        expect(introspection.code).toBe('PERSISTED_QUERY_ONLY');
      }
      expect(platform.requests).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('are logged by their ids after the start if they do not fit the schema, and the others are executed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'documents-'));
    try {
      const path = join(folder, 'documents.json');
      const broken = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`broken-${index}`, '{ nope }']));
      await writeFile(path, JSON.stringify({ small, open: '{', ...broken }));
      // The check waits for the first turn of this clock.
      const clock = new FakeClock();
      await using gateway = await startGateway({
        platform,
        connectionClock: clock,
        env: { ...noPolling, TRUSTED_DOCUMENTS: path },
      });
      const logged = () => gateway.logs.filter((each) => each.includes('trusted documents do not fit'));
      expect(logged()).toEqual([]);
      await clock.tick();
      const [line = '{}', ...more] = logged();
      expect(more).toEqual([]);
      const { documents, count } = JSON.parse(line);
      expect([documents.slice(0, 2), documents.length, count]).toEqual([['open', 'broken-0'], 10, 12]);
      expect((await post(gateway, { extensions: hashed('small') })).body).toEqual(answer);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keep the gateway from starting if their file cannot be read', async () => {
    await expect(start({ TRUSTED_DOCUMENTS: '/nowhere/documents.json' })).rejects.toThrow(/TRUSTED_DOCUMENTS.*ENOENT/);
  });
});

describe('the schema', () => {
  it('is hidden in service mode from introspection and from error messages, unless introspection is on', async () => {
    await using issuer = await startTokenIssuer();
    const headers = bearer(await issuer.sign());
    const questions = [
      ['{ __schema { queryType { name } } }', {}],
      ['{ __type(name: "Query") { name } }', {}],
      ['{ exportJob { id } }', {}],
      ['{ exportJobz { id } }', {}],
      ['{ exportJobs(fist: 1) { nodes { id } } }', {}],
      ['{ exportJobs(filter: { statuses: [SUCCEDED] }) { nodes { id } } }', {}],
      ['query ($f: ExportJobFilter) { exportJobs(filter: $f) { nodes { id } } }', { f: { statuses: ['SUCCEDED'] } }],
      ['query ($f: ExportJobFilter) { exportJobs(filter: $f) { nodes { id } } }', { f: { status: [] } }],
      ['query ($f: ExportJobFiltr) { exportJobs(filter: $f) { nodes { id } } }', {}],
    ] as const;
    const ask = async (gateway: Gateway) => {
      const texts: string[] = [];
      for (const [query, variables] of questions) {
        for (const transport of operationTransports)
          texts.push((await sendOver(transport, gateway, { query, variables, headers })).text);
      }
      return texts.join('\n');
    };
    await using closed = await start(issuer.env(platform));
    const quiet = await ask(closed);
    expect(quiet).not.toMatch(/Did you mean|"__schema":|"__type":/);
    await using open = await start({ ...issuer.env(platform), INTROSPECTION: 'true' });
    expect(await ask(open)).toMatch(/"__schema".*Did you mean/s);
  });
});
