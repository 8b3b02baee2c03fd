import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { allOperationTransports, type OperationTransport, sendOver } from '../support/operation-transports.ts';
import { accessToken, type Emulator, platformHeaders, startPlatform, startProxy } from '../support/platform.ts';

let platform: Emulator;
let callbackRouter: CallbackRouter;
let gateway: Gateway;
beforeAll(async () => {
  platform = await startPlatform();
  callbackRouter = await startCallbackRouter();
  gateway = await startGateway({
    platform,
    env: { SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url, MAX_OPERATION_DEPTH: '4' },
  });
});
afterAll(async () => {
  await gateway.close();
  await callbackRouter[Symbol.asyncDispose]();
  await platform.close();
});
beforeEach(() => platform.faults.set({ rules: [] }));

/** Names of the transports in records. */
const recorded: Readonly<Record<OperationTransport, string>> = {
  POST: 'http',
  GET: 'http',
  SSE: 'sse',
  'single SSE connection': 'sse_single',
  multipart: 'multipart',
  WebSocket: 'websocket',
  'HTTP callbacks': 'callback',
};

interface AccessLine {
  readonly requestId: string;
  readonly outcome: string;
  readonly [member: string]: unknown;
}

const linesOf = ({ logs }: Pick<Gateway, 'logs'>): readonly AccessLine[] =>
  logs.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'operation');

/** The lines that are added while `work` is done, and in the moments after it. */
async function linesDuring(work: () => Promise<unknown>, from = gateway): Promise<readonly AccessLine[]> {
  const before = linesOf(from).length;
  await work();
  await eventually(() => expect(linesOf(from).length).toBeGreaterThan(before));
  await sleep(20);
  return linesOf(from).slice(before);
}

const subscription = 'subscription Watch { exportJobChanged { kind } }';
const deep = '{ exportJobs { nodes { destination { dataset { name } } } } }';
const slow = { rules: [{ match: { service: 'ups' as const }, fault: { kind: 'latency' as const, ms: 10_000 } }] };

interface Case {
  readonly query: string;
  readonly line: Readonly<Record<string, unknown>>;
}

const rejections: readonly (readonly [what: string, expected: Case])[] = [
  [
    'does not parse',
    {
      query: 'query {',
      line: { outcome: 'rejected', codes: ['GRAPHQL_PARSE_FAILED'], type: null, operation: null, calls: 0 },
    },
  ],
  [
    'does not validate',
    {
      query: 'subscription Mallory { jane_doe_example_com }',
      line: {
        outcome: 'rejected',
        codes: ['GRAPHQL_VALIDATION_FAILED'],
        name: 'Mallory',
        type: 'subscription',
        operation: 'unknown',
      },
    },
  ],
];

describe.each(allOperationTransports)('over %s, one line is written for an operation that', (transport) => {
  const send = (query: string) => sendOver(transport, gateway, { query, callbackRouter });
  const caller = { caller: 'embedded', org: expect.any(String), sandbox: 'prod' };
  /** A client of multipart subscriptions receives every other result as JSON. */
  const common = { ...caller, transport: transport === 'multipart' ? 'http' : recorded[transport] };

  it.each(rejections)('%s', async (_, { query, line }) => {
    // A client of WebSockets parses the document itself.
    if (transport === 'WebSocket' && line['type'] === null) return;
    expect(await linesDuring(() => send(query))).toMatchObject([{ ...common, ...line }]);
  });

  it.skipIf(transport === 'HTTP callbacks')('is above a limit', async () => {
    expect(await linesDuring(() => send(deep))).toMatchObject([
      { ...common, outcome: 'rejected', codes: ['INVALID_INPUT'], type: 'query', operation: 'exportJobs', calls: 0 },
    ]);
  });

  it.skipIf(transport === 'HTTP callbacks')('succeeds', async () => {
    const [line, ...others] = await linesDuring(() => send('query Jobs { exportJobs(first: 1) { nodes { id } } }'));
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      ...common,
      ...{ level: 'info', outcome: 'ok', type: 'query', name: 'Jobs', operation: 'exportJobs', calls: 1 },
      durationMs: expect.any(Number),
    });
    expect(line).not.toHaveProperty('codes');
  });

  it.skipIf(transport === 'HTTP callbacks')('fails, because the platform fails', async () => {
    platform.faults.set({ rules: [{ match: { service: 'ups' }, fault: { kind: 'status', status: 500 } }] });
    expect(await linesDuring(() => send('{ exportJobs(first: 1) { nodes { id } } }'))).toMatchObject([
      { ...common, outcome: 'failed', codes: ['PLATFORM_ERROR'], name: null, operation: 'exportJobs', calls: 1 },
    ]);
  });

  it.skipIf(transport === 'POST' || transport === 'GET')('starts a subscription', async () => {
    expect(await linesDuring(() => send(subscription))).toMatchObject([
      {
        ...{ ...caller, transport: recorded[transport], outcome: 'ok' },
        ...{ type: 'subscription', name: 'Watch', operation: 'exportJobChanged' },
      },
    ]);
  });
});

describe('a mutation that returns its error as data', () => {
  const create = (alias: string, name: string) => `${alias}: createDataset(input: { name: "${name}" }) { __typename }`;
  const outcomeOf = async (query: string) => {
    const [line] = await linesDuring(async () => expect((await gateway.send(query)).errors).toEqual([]));
    return { outcome: line?.outcome, codes: line?.['codes'] };
  };
  const counted = async (code: string) =>
    Number(new RegExp(`aep_operation_errors_total{code="${code}"} (\\d+)`).exec(await metrics())?.[1] ?? 0);
  const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text();

  it('is rejected if its request is at fault', async () => {
    const before = await counted('INVALID_INPUT');
    expect(await outcomeOf(`mutation { ${create('a', '')} }`)).toEqual({
      outcome: 'rejected',
      codes: ['INVALID_INPUT'],
    });
    expect(await counted('INVALID_INPUT')).toBe(before + 1);
  });

  it('has failed if the platform fails', async () => {
    const before = await counted('OUTCOME_UNKNOWN');
    platform.faults.set({ rules: [{ match: { service: 'catalog' }, fault: { kind: 'status', status: 503 } }] });
    expect(await outcomeOf(`mutation { ${create('a', 'lost')} }`)).toEqual({
      outcome: 'failed',
      codes: ['OUTCOME_UNKNOWN'],
    });
    expect(await counted('OUTCOME_UNKNOWN')).toBe(before + 1);
  });

  it('is partial if another field succeeds', async () => {
    expect(await outcomeOf(`mutation { ${create('a', 'made')} ${create('b', '')} }`)).toEqual({
      outcome: 'partial',
      codes: ['INVALID_INPUT'],
    });
  });

  it('is ok if all fields succeed', async () => {
    expect(await outcomeOf(`mutation { ${create('a', 'one')} ${create('b', 'two')} }`)).toEqual({ outcome: 'ok' });
  });
});

describe('a client that leaves before its result is ready', () => {
  it.each(['POST', 'SSE'])('has the outcome `left` over %s', async (transport) => {
    platform.faults.set(slow);
    const leaving = new AbortController();
    const accept = transport === 'SSE' ? 'text/event-stream' : 'application/json';
    const request = fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query: '{ exportJobs(first: 2) { nodes { id } } }' }),
      signal: leaving.signal,
    });
    const lines = await linesDuring(async () => {
      await eventually(async () => expect(await gateway.metric('aep_upstream_requests_total')).toBeGreaterThan(0));
      await sleep(50);
      leaving.abort();
      await request.catch(() => {});
    });
    expect(lines).toMatchObject([{ outcome: 'left', operation: 'exportJobs', calls: 1 }]);
  });

  it.each(['complete', 'close'])('has the outcome `left` over a WebSocket: %s', async (how) => {
    platform.faults.set(slow);
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws', {
      headers: { 'x-request-id': 'socket' },
    });
    const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
    expect(response.headers['x-request-id']).toBe('socket');
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await once(socket, 'message');
    const query = '{ exportJobs(first: 3) { nodes { id } } }';
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
    const lines = await linesDuring(async () => {
      await sleep(100);
      if (how === 'complete') socket.send(JSON.stringify({ type: 'complete', id: '1' }));
      else socket.terminate();
    });
    expect(lines).toMatchObject([{ requestId: 'socket:1', outcome: 'left', operation: 'exportJobs', calls: 1 }]);
    socket.terminate();
  });
});

describe('a caller that is not authenticated', () => {
  it.each(['POST', 'GET', 'SSE', 'multipart', 'HTTP callbacks'] as const)('is rejected over %s', async (transport) => {
    const env = {
      AUTH_MODE: 'passthrough',
      AEP_BASE_URL: platform.url,
      SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url,
    };
    await using strict = await startGateway({ platform, env });
    const send = () => sendOver(transport, strict, { query: subscription, callbackRouter }).catch(() => null);
    expect(await linesDuring(send, strict)).toMatchObject([
      { outcome: 'rejected', codes: ['UNAUTHENTICATED'], caller: null, org: null, operation: null, type: null },
    ]);
  });
});

it('the lines of a caller with its own token name its user once the platform has accepted this token', async () => {
  const platformToken = await accessToken(platform);
  const tokenOf = (userId: string) =>
    `e30.${Buffer.from(JSON.stringify({ user_id: userId })).toString('base64url')}.c2ln`;
  const user = '0123456789ABCDEF01234567@techacct.adobe.com';
  // The platform accepts one of two tokens.
  await using proxy = await startProxy(platform, ({ headers }) => {
    if (headers.authorization === `Bearer ${tokenOf(user)}`) headers.authorization = `Bearer ${platformToken}`;
    return false;
  });
  const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: proxy.url };
  await using own = await startGateway({ platform: proxy, env });
  const send = async (query: string, userId: string) => {
    const headers = { ...platformHeaders(tokenOf(userId)), 'x-request-id': userId };
    const lines = await linesDuring(() => own.send(query, {}, headers), own);
    return lines.map(({ outcome, caller, platformUser }) => ({ outcome, caller, platformUser }));
  };
  const caller = expect.stringMatching(/^credential:/);
  const list = '{ datasets(first: 1) { nodes { id } } }';
  expect(await send(list, 'forged@AdobeID')).toEqual([{ outcome: 'rejected', caller, platformUser: undefined }]);
  expect(await send('{ __typename }', user)).toEqual([{ outcome: 'ok', caller, platformUser: undefined }]);
  expect(await send(list, user)).toEqual([{ outcome: 'ok', caller, platformUser: user }]);
  await send('mutation { createDataset(input: { name: "named" }) { __typename } }', user);
  expect(own.audit).toMatchObject([{ principal: caller, platformUser: user, action: 'create', outcome: 'done' }]);
  expect(own.logs.filter((line) => line.includes('"platformUser":"forged'))).toEqual([]);
});

describe('the id of a request', () => {
  it('is in its lines, in its response, and in its calls to the platform', async () => {
    const id = 'web-7f3a:1';
    const [line] = await linesDuring(async () => {
      const { headers } = await gateway.send('{ datasets(first: 1) { nodes { id } } }', {}, { 'x-request-id': id });
      expect(headers.get('x-request-id')).toBe(id);
    });
    expect(line?.requestId).toBe(id);
    platform.faults.set({ rules: [{ match: { service: 'catalog' }, fault: { kind: 'status', status: 500 } }] });
    const { errors } = await gateway.send('{ datasets(first: 2) { nodes { id } } }', {}, { 'x-request-id': id });
    expect(errors[0]?.extensions).toMatchObject({ upstream: { requestId: id } });
  });

  it('is a new one if the client’s own could break a line or a header', async () => {
    const [line] = await linesDuring(() => gateway.send('{ __typename }', {}, { 'x-request-id': 'a b"}' }));
    expect(line?.requestId).toMatch(/^[0-9a-f]{32}$/);
  });
});

it('each failed attempt of a call has one line with the ids of both sides, and no text of the platform', async () => {
  const name = 'jane-doe';
  platform.faults.set({ rules: [{ match: { service: 'catalog' }, fault: { kind: 'status', status: 503 } }] });
  await gateway.send('{ datasets(first: 3) { nodes { id } } }', {}, { 'x-request-id': 'failing' });
  const create = `mutation { createDataset(input: { name: "${name}" }) { __typename } }`;
  await gateway.send(create, {}, { 'x-request-id': 'creating' });
  const lines = gateway.logs
    .map((line) => JSON.parse(line))
    .filter(({ requestId }) => /^failing|^creating/.test(requestId));
  const calls = lines.filter(({ attempt }) => attempt !== undefined);
  const read = calls.filter(({ requestId }) => requestId === 'failing');
  expect(read.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  for (const line of read) {
    const ids = { sentRequestId: 'failing', platformRequestId: expect.any(String) };
    const call = { level: 'warn', service: 'catalog', method: 'GET', status: 503, code: 'PLATFORM_ERROR' };
    expect(line).toMatchObject({ ...ids, ...call, sandbox: 'prod', org: expect.any(String) });
  }
  const [write] = calls.filter(({ method }) => method === 'POST');
  expect(write).toMatchObject({ level: 'error', requestId: 'creating', code: 'OUTCOME_UNKNOWN', attempt: 1 });
  expect(write?.sentRequestId).toMatch(/^creating\.[0-9a-f]{8}$/);
  expect(JSON.stringify(calls)).not.toContain(name);
});

it('no name that a client chooses becomes a label, and an introspection is labelled by its field', async () => {
  const before = await operationLabels();
  for (let index = 0; index < 50; index += 1) {
    const name = `jane_doe_${index}`;
    await gateway.send(`query ${name} { ${name}: exportJobs(first: 1) { nodes { id } } }`);
    await gateway.send(`query ${name} { ${name} }`);
    await gateway.send(`query ${name} { ...${name} } fragment ${name} on Query { ...${name} }`);
  }
  await gateway.send('query jane_doe { __schema { __typename } }');
  await gateway.send('query jane_doe { exportJobs(first: 1) { nodes { id } } datasets(first: 1) { nodes { id } } }');
  const added = [...(await operationLabels())].filter((label) => !before.has(label));
  expect(added.filter((label) => label.includes('jane'))).toEqual([]);
  expect(await operationLabels()).toEqual(new Set([...before, 'unknown', 'exportJobs', '__schema', 'several']));
});

async function operationLabels(): Promise<Set<string>> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  return new Set([...metrics.matchAll(/^aep_operations_total\{operation="([^"]*)"/gm)].map(([, label = '']) => label));
}

it('the metrics count operations by outcome, codes and time', async () => {
  const values = () =>
    Promise.all(
      [
        'aep_operations_total{operation="none",type="none",transport="http",outcome="rejected"}',
        'aep_operation_errors_total{code="GRAPHQL_PARSE_FAILED"}',
        'aep_operation_duration_seconds_count{operation="exportJobs",type="query"}',
        'aep_operations_total{operation="exportJobs",type="query",transport="http",outcome="ok"}',
      ].map((name) => gateway.metric(name)),
    );
  const before = await values();
  await gateway.send('{');
  await gateway.send('{ exportJobs(first: 1) { nodes { id } } }');
  expect((await values()).map((value, index) => value - (before[index] ?? 0))).toEqual([1, 1, 1, 1]);
});
