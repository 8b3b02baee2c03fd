import { once } from 'node:events';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type Attributes, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { parse, print } from 'graphql';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { connectGateway, type Gateway, startGateway } from '../support/gateway.ts';
import { startProcess } from '../support/gateway-process.ts';
import {
  accessToken,
  closedPort,
  organization,
  platformHeaders,
  profileDataset,
  type Stub,
  startPlatform,
  startProxy,
  startStub,
} from '../support/platform.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';
import { bytesOf, jobWithFiles, linkFrom } from './download-reading.ts';
import { ListExportJobsDocument } from './operations.generated.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

let platform: Awaited<ReturnType<typeof startPlatform>>;
/** The platform as the gateway sees it. It fails the next `failures` calls. */
let proxy: Stub;
let failures = 0;
/** Headers of the calls to the platform. */
const calls: { readonly traceparent: unknown; readonly baggage: unknown; readonly requestId: unknown }[] = [];
let gateway: Gateway;
let token: string;
let headers: Record<string, string>;

beforeAll(async () => {
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  platform = await startPlatform();
  proxy = await startProxy(platform, (request, response) => {
    const { traceparent, baggage, 'x-request-id': requestId } = request.headers;
    calls.push({ traceparent, baggage, requestId });
    if (failures === 0) return false;
    failures -= 1;
    response.writeHead(503, { 'x-request-id': `platform-${calls.length}` }).end();
    return true;
  });
  const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: proxy.url, AEP_IMS_URL: proxy.url };
  gateway = await startGateway({ platform: proxy, env });
  token = await accessToken(platform);
  headers = platformHeaders(token);
});
afterAll(async () => {
  await gateway.close();
  await proxy[Symbol.asyncDispose]();
  await platform.close();
  trace.disable();
  propagation.disable();
});
beforeEach(() => {
  exporter.reset();
  calls.length = 0;
});

interface Tree {
  readonly name: string;
  readonly kind: string;
  readonly attributes: Attributes;
  readonly children: readonly Tree[];
}

/** The span and the spans below it. Children are in the order of their start. */
function treeOf(root: ReadableSpan): Tree {
  const children = exporter
    .getFinishedSpans()
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === root.spanContext().spanId)
    .toSorted((one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1]);
  const { name, kind, attributes } = root;
  return { name, kind: SpanKind[kind], attributes, children: children.map(treeOf) };
}

const spanNamed = (name: string): ReadableSpan => {
  const found = exporter.getFinishedSpans().find((span) => span.name === name);
  if (found === undefined) throw new Error(`There is no span ${name}.`);
  return found;
};

/** The ended span with this name. A span of a response ends after its client has received it. */
const ended = (name: string) => eventually(() => spanNamed(name));

const request = (method: string, route: string, status = 200) => ({
  name: `${method} ${route}`,
  kind: 'SERVER',
  attributes: {
    'http.request.method': method,
    'http.route': route,
    'http.response.status_code': status,
    'url.scheme': 'http',
  },
});

const call = (method: string, service: string, { status = 200, attempt = 1 } = {}) => ({
  name: `${method} ${service}`,
  kind: 'CLIENT',
  attributes: {
    'aep.service': service,
    'http.request.method': method,
    'http.request.resend_count': attempt - 1,
    'http.response.status_code': status,
    ...(status < 400 ? {} : { 'error.type': String(status) }),
  },
  children: [],
});

const operation = (type: string, name: string) => ({
  'graphql.operation.type': type,
  'graphql.operation.name': name,
  'graphql.document.hash': expect.stringMatching(/^[0-9a-f]{64}$/),
});

const jobQuery = 'query Job($id: ID!) { exportJob(id: $id) { id destination { dataset { name } } } }';
const create = `mutation Create($input: CreateExportJobInput!) { createExportJob(input: $input) {
  ... on CreateExportJobPayload { exportJob { id } } } }`;
/** A stream that does not end with a job. */
const watchAll: TypedDocumentNode<{ readonly exportJobChanged: { readonly job: { readonly id: string } } }> = parse(
  'subscription Watch { exportJobChanged(endedWithinSeconds: 0) { job { id } } }',
);
const watch = parse('subscription Watch($ids: [ID!]) { exportJobChanged(ids: $ids) { kind job { id } } }');
const watchWithDataset = parse(`subscription Watch($ids: [ID!]) {
  exportJobChanged(ids: $ids) { kind job { id destination { dataset { name } } } } }`);

describe('the trace of a request', () => {
  it('has the query below its request, and its calls to the platform below the query', async () => {
    const sent = { ...headers, traceparent, baggage: 'user=ada' };
    const { errors } = await gateway.send(jobQuery, { id: jobWithFiles }, sent);
    expect(errors).toEqual([]);
    const root = await ended('POST /graphql');
    expect(treeOf(root)).toEqual({
      ...request('POST', '/graphql'),
      children: [
        {
          name: 'query',
          kind: 'INTERNAL',
          attributes: operation('query', 'Job'),
          children: [call('GET', 'export'), call('GET', 'catalog')],
        },
      ],
    });
    expect(root.spanContext().traceId).toBe(traceId);
    expect(root.parentSpanContext).toMatchObject({ spanId, isRemote: true });
    const attempts = ['GET export', 'GET catalog'].map((name) => spanNamed(name).spanContext().spanId);
    expect(calls).toMatchObject(attempts.map((id) => ({ traceparent: `00-${traceId}-${id}-01`, baggage: undefined })));
  });

  it('has the create below its request', async () => {
    const input = { destination: { target: { datasetId: profileDataset } } };
    const { errors } = await gateway.send(create, { input }, headers);
    expect(errors).toEqual([]);
    expect(treeOf(await ended('POST /graphql'))).toEqual({
      ...request('POST', '/graphql'),
      children: [
        {
          name: 'mutation',
          kind: 'INTERNAL',
          attributes: operation('mutation', 'Create'),
          children: [call('GET', 'catalog'), call('POST', 'export')],
        },
      ],
    });
  });

  it('has one span for each attempt of a call', async () => {
    failures = 1;
    await gateway.send('query List { exportJobs(first: 1) { nodes { id } } }', {}, headers);
    const [query] = treeOf(await ended('POST /graphql')).children;
    expect(query?.children).toEqual([call('GET', 'export', { status: 503 }), call('GET', 'export', { attempt: 2 })]);
    expect(spanNamed('GET export').status).toEqual({ code: SpanStatusCode.ERROR });
  });

  it('has the code of the first error of its operation', async () => {
    failures = 1;
    const { errors } = await gateway.send(create, { input: {} }, headers);
    failures = 0;
    expect(errors).not.toEqual([]);
    await ended('POST /graphql');
    expect(spanNamed('mutation').attributes['error.type']).toBe(errors[0]?.extensions?.['code']);
  });

  it('has the calls of a download below its request, without the link', async () => {
    const link = await linkFrom(gateway, jobWithFiles, headers);
    await ended('POST /graphql');
    exporter.reset();
    expect((await bytesOf(await fetch(link))).length).toBeGreaterThan(0);
    expect(treeOf(await ended('GET /files/{token}/{name}'))).toEqual({
      ...request('GET', '/files/{token}/{name}'),
      children: [call('HEAD', 'data-access'), call('GET', 'data-access', { status: 206 })],
    });
  });
});

describe('the trace of an event', () => {
  it('links to the spans of the subscriptions that receive it', async () => {
    await using one = gateway.subscribe(watchAll, {}, { headers });
    await one.take();
    {
      await using gone = gateway.subscribe(watchAll, {}, { headers });
      await gone.take();
    }
    await using other = gateway.subscribe(watchAll, {}, { headers });
    await other.take();
    await eventually(async () => expect(await gateway.metric('aep_subscriptions')).toBe(2));
    const before = exporter.getFinishedSpans().length;
    const input = { destination: { target: { datasetId: profileDataset } } };
    const { data } = await gateway.send(create, { input }, headers);
    const isNew = (event: { readonly exportJobChanged: { readonly job: { readonly id: string } } }) =>
      JSON.stringify(data).includes(JSON.stringify(event.exportJobChanged.job.id));
    await Promise.all([one.until(isNew), other.until(isNew)]);
    const subscriptions = exporter.getFinishedSpans().filter(({ name }) => name === 'subscription');
    expect(subscriptions.map(({ kind, attributes }) => ({ kind, attributes }))).toEqual(
      [1, 2, 3].map(() => ({ kind: SpanKind.SERVER, attributes: operation('subscription', 'Watch') })),
    );
    const links = exporter
      .getFinishedSpans()
      .slice(before)
      .filter(({ name }) => name === 'subscription event')
      .map((event) => event.links.map(({ context }) => context.spanId));
    const [first, , last] = subscriptions.map((span) => span.spanContext().spanId);
    expect(new Set(links.map(String))).toEqual(new Set([`${first},${last}`]));
  });

  it('has the calls to the platform that the event causes', async () => {
    await using stream = gateway.subscribe(watchWithDataset, { ids: [jobWithFiles] }, { headers });
    await stream.take();
    expect(treeOf(spanNamed('subscription event'))).toEqual({
      name: 'subscription event',
      kind: 'INTERNAL',
      attributes: { ...operation('subscription', 'Watch'), 'aep.subscribers': 1 },
      children: [call('GET', 'catalog')],
    });
  });

  it('continues the trace of the upgrade request in the subscription', async () => {
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws', { headers: { traceparent } });
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: headers }));
    await once(socket, 'message');
    const payload = { query: print(watch), variables: { ids: [jobWithFiles] } };
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
    await once(socket, 'message');
    socket.terminate();
    expect(spanNamed('subscription').parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true });
  });
});

describe('the trace of the poller', () => {
  it('is one per round, with its calls to the platform, which have the id of the round', async () => {
    await using stream = gateway.subscribe(watchAll, {}, { headers });
    await stream.take();
    const round = await ended('poll round');
    expect(treeOf(round)).toMatchObject({
      name: 'poll round',
      kind: 'INTERNAL',
      attributes: { 'aep.kind': 'export-jobs', 'aep.subscribers': 1 },
    });
    const { children } = treeOf(round);
    expect(children).not.toEqual([]);
    expect(children).toEqual(children.map(() => call('GET', 'export')));
    expect(round.parentSpanContext).toBeUndefined();
    const { traceId: trace } = round.spanContext();
    const sent = calls.filter(({ traceparent: value }) => String(value).includes(trace));
    const [id] = sent.map(({ requestId }) => requestId);
    expect(sent.map(({ requestId }) => requestId)).toEqual(children.map(() => id));
    expect(gateway.logs.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ msg: 'poll round', kind: 'export-jobs', requestId: id }),
    );
  });

  it('has the code of a failed round, whose log lines contain its id and the id of the platform', async () => {
    await using stream = gateway.subscribe(watchAll, {}, { headers });
    await stream.take();
    const isFailed = (span: ReadableSpan) => span.name === 'poll round' && span.attributes['error.type'] !== undefined;
    failures = Number.POSITIVE_INFINITY;
    const round = await eventually(() => {
      const found = exporter.getFinishedSpans().find(isFailed);
      if (found === undefined) throw new Error('No round has failed.');
      return found;
    }).finally(() => {
      failures = 0;
    });
    expect(round.attributes).toMatchObject({ 'error.type': 'PLATFORM_ERROR' });
    const lines = gateway.logs.map((line) => JSON.parse(line));
    const { requestId, platformRequestId } = lines.find(({ msg }) => msg === 'poll round failed');
    expect(platformRequestId).toMatch(/^platform-/);
    expect(lines).toContainEqual(
      expect.objectContaining({
        msg: 'a call to the platform failed',
        requestId,
        sentRequestId: requestId,
        platformRequestId,
      }),
    );
  });
});

it('the trace of a token request contains this call alone', async () => {
  await using issuer = await startTokenIssuer();
  await using own = await startGateway({ platform: proxy, env: issuer.env(proxy) });
  await own.query(ListExportJobsDocument, { first: 1 }, bearer(await issuer.sign()));
  const token = await ended('POST ims');
  expect(treeOf(token)).toEqual(call('POST', 'ims'));
  expect(token.parentSpanContext).toBeUndefined();
});

it('a span contains no variables, tokens, ids, links or query strings', async () => {
  const secrets = [token, organization, headers['x-api-key'] ?? '', 'prod', jobWithFiles, 'ada@example.com', '?'];
  await gateway.send(`${jobQuery} # ada@example.com`, { id: jobWithFiles, email: 'ada@example.com' }, headers);
  const query = new URLSearchParams({ query: '{ viewer { __typename } }', variables: '{"a":"ada@example.com"}' });
  await fetch(`${gateway.graphqlUrl}?${query}`, { headers });
  const link = await linkFrom(gateway, jobWithFiles, headers);
  await bytesOf(await fetch(`${link}?email=ada@example.com`));
  await using stream = gateway.subscribe(watch, { ids: [jobWithFiles] }, { headers });
  await stream.take();
  await ended('GET /graphql');
  await ended('GET /files/{token}/{name}');
  const spans = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, events, status, links }) => {
      return { name, attributes, events, status, links: links.map(({ attributes: added }) => added) };
    }),
  );
  expect(spans.length).toBeGreaterThan(1_000);
  expect([...secrets, ...link.split('/').slice(-2)].filter((secret) => spans.includes(secret))).toEqual([]);
});

it('the compiled gateway sends its spans through the SDK of deploy/tracing.js, the last ones at its end', async () => {
  const bodies: string[] = [];
  const keys: unknown[] = [];
  await using collector = await startStub((received, response) => {
    keys.push(received.headers['x-collector-key']);
    received.setEncoding('utf8').on('data', (chunk: string) => bodies.push(chunk));
    received.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  const env = {
    PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=key',
    OTEL_TRACES_SAMPLER: 'always_on',
  };
  await using process = startProcess(env, ['--import', './deploy/tracing.js', 'dist/main.js']);
  await connectGateway(await process.ready()).query(ListExportJobsDocument, { first: 1 });
  process.signal('SIGTERM');
  expect(await process.ended()).toBe(0);
  expect(collector.requests).toEqual(['POST /v1/traces']);
  expect(keys).toEqual(['key']);
  expect(bodies.join('')).toContain('"aep-export-gateway"');
  for (const name of ['POST /graphql', 'query', 'GET export']) expect(bodies.join('')).toContain(`"name":"${name}"`);
});

it('deploy/tracing.js samples a hundredth of the traces by default, and each trace that a client samples', async () => {
  const bodies: string[] = [];
  await using collector = await startStub((received, response) => {
    received.setEncoding('utf8').on('data', (chunk: string) => bodies.push(chunk));
    received.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  const env = { PORT: '0', RATE_LIMIT_PER_SECOND: '0', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  await using process = startProcess(env, ['--import', './deploy/tracing.js', 'dist/main.js']);
  const { send } = connectGateway(await process.ready());
  const [requests, together] = [1_500, 50];
  for (let sent = 0; sent < requests; sent += together)
    await Promise.all(Array.from({ length: together }, () => send('{ __typename }')));
  await send('{ __typename }', {}, { traceparent });
  process.signal('SIGTERM');
  expect(await process.ended()).toBe(0);
  const text = bodies.join('');
  expect(text).toContain(`"traceId":"${traceId}"`);
  const sampled = text.split('"name":"POST /graphql"').length - 1;
  // 15 and that of the client are expected. Chance leaves these bounds in less than one of a million runs.
  expect(sampled).toBeGreaterThan(1);
  expect(sampled).toBeLessThan(60);
});

it('the compiled gateway ends with 0 and one line if the collector cannot be reached', async () => {
  const env = {
    PORT: '0',
    OTEL_TRACES_SAMPLER: 'always_on',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await closedPort()}`,
  };
  await using process = startProcess(env, ['--import', './deploy/tracing.js', 'dist/main.js']);
  await connectGateway(await process.ready()).query(ListExportJobsDocument, { first: 1 });
  process.signal('SIGTERM');
  expect(await process.ended()).toBe(0);
  expect(process.stderr.at(-1)).toContain('The last spans were not sent');
});
