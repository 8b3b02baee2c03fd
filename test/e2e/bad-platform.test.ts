import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { closedPort, profileDataset, type Stub, startPlatform, startProxy, startStub } from '../support/platform.ts';
import {
  CreateDatasetDocument,
  CreateExportJobDocument,
  ExportJobDocument,
  ListDatasetsDocument,
  ListExportJobsDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

/** A token in the format of the platform. It must not appear in any output. */
const secretToken = 'eyJhbGciOiJSUzI1NiJ9.c2VjcmV0LXRva2Vu.bm9ib2R5LXNlZXM';

/** A platform that issues a token, and responds to everything else with a failure. */
const startBadPlatform = (answer: (response: ServerResponse) => void): Promise<Stub> =>
  startStub((request, response) => {
    if (request.url?.startsWith('/ims/') === true) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: secretToken, token_type: 'bearer', expires_in: 86_399 }));
      return;
    }
    answer(response);
  });

const sending =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body);
  };

const stackTrace = 'java.lang.NullPointerException\n\tat com.adobe.Export.run(Export.java:42)';

interface BadDay {
  readonly what: string;
  readonly answer: (response: ServerResponse) => void;
  readonly extensions: Readonly<Record<string, unknown>>;
}

const badDays: readonly BadDay[] = [
  {
    what: 'answers 500 with a page of text',
    answer: sending(500, `<html>${stackTrace}</html>`, { 'content-type': 'text/html' }),
    extensions: { code: 'PLATFORM_ERROR', retryable: true, upstream: expect.objectContaining({ status: 500 }) },
  },
  {
    what: 'answers 503 with nothing',
    answer: sending(503, ''),
    extensions: { code: 'PLATFORM_ERROR', retryable: true, upstream: expect.objectContaining({ status: 503 }) },
  },
  {
    what: 'answers 429 and asks for seven seconds',
    answer: sending(429, '{"error_code":"429050","message":"Too many requests"}', { 'retry-after': '7' }),
    extensions: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 7_000 },
  },
  {
    what: 'answers with text that is no JSON',
    answer: sending(200, `{"records": [${stackTrace}`),
    extensions: { code: 'UPSTREAM_UNREADABLE', retryable: true },
  },
  {
    what: 'answers with JSON of another kind',
    answer: sending(200, '"hello"'),
    extensions: { code: 'UPSTREAM_UNREADABLE', retryable: true },
  },
  {
    what: 'redirects to somewhere else',
    answer: sending(302, '', { location: 'http://127.0.0.1:9/' }),
    extensions: { code: 'PLATFORM_ERROR', upstream: expect.objectContaining({ status: 302 }) },
  },
  {
    what: 'refuses the token and repeats it',
    answer: sending(401, JSON.stringify({ error_code: '401013', message: `Oauth token ${secretToken} is not valid` })),
    extensions: {
      code: 'GATEWAY_CREDENTIAL',
      retryable: true,
      upstream: expect.objectContaining({ status: 401, code: '401013' }),
    },
  },
  {
    what: 'forbids it with nothing',
    answer: sending(403, ''),
    extensions: { code: 'FORBIDDEN', retryable: false, upstream: expect.objectContaining({ status: 403 }) },
  },
  {
    what: 'breaks the connection before the answer',
    answer: (response) => response.destroy(),
    extensions: { code: 'UPSTREAM_UNREACHABLE', retryable: true },
  },
  {
    what: 'breaks the connection in the middle of the answer',
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"records":[', () => response.destroy());
    },
    extensions: { code: 'UPSTREAM_UNREACHABLE', retryable: true },
  },
];

/** Time for the retries of a read, but not for the Retry-After of the platform here. */
const shortDeadline = { UPSTREAM_TIMEOUT_MS: '5000' };

/** Checks the parts of every failed response, and the absence of secrets. */
function expectPlainFailure(gateway: Gateway, text: string): void {
  for (const seen of [text, ...gateway.logs]) {
    expect(seen).not.toContain(secretToken);
    expect(seen).not.toMatch(/bearer \S{8}/i);
    expect(seen).not.toContain('client_secret');
  }
  expect(text).not.toMatch(/Unexpected error|Internal error/);
  expect(text).not.toMatch(/\\n\s*(\\t)?at |node_modules|\.ts:\d|\.js:\d/);
}

const named = expect.objectContaining({ requestId: expect.stringMatching(/^[\w-]{16,}$/) });

describe('when the platform', () => {
  it.each(badDays)(
    '$what, a query fails with a code, whether it can be retried, and the request id',
    async ({ answer, extensions }) => {
      await using platform = await startBadPlatform(answer);
      const clock = new FakeClock();
      await using gateway = await startGateway({ platform, clock, env: shortDeadline });
      for (const { errors, text } of [
        await clock.runUntil(gateway.execute(ListExportJobsDocument, {})),
        await clock.runUntil(gateway.execute(ListDatasetsDocument, {})),
        await clock.runUntil(gateway.execute(ExportJobDocument, { id: '24001' })),
      ]) {
        expect(errors, text).toHaveLength(1);
        expect(errors[0]?.extensions).toMatchObject(extensions);
        expect(errors[0]?.extensions).toMatchObject({ upstream: named });
        expectPlainFailure(gateway, text);
      }
    },
  );

  it.each(badDays)('$what, a subscription ends with the same error', async ({ answer, extensions }) => {
    await using platform = await startBadPlatform(answer);
    for (const transport of ['websocket', 'sse'] as const) {
      // A separate gateway is used, because another subscriber would receive the remaining pause that the platform
      // asked for.
      const clock = new FakeClock();
      await using gateway = await startGateway({ platform, clock, env: shortDeadline });
      await using events = gateway.subscribe(WatchExportJobsDocument, {}, { transport });
      const errors = await clock.runUntil(events.failure());
      expect(errors[0]?.extensions).toMatchObject(extensions);
      expectPlainFailure(gateway, JSON.stringify(errors));
    }
  });

  it('cannot be reached, every operation fails at once', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const clock = new FakeClock();
    const startedAt = clock.now().getTime();
    await using gateway = await startGateway({ platform: { url }, clock });
    const { errors, text } = await clock.runUntil(gateway.execute(ListExportJobsDocument, {}));
    expect(errors[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true, upstream: named });
    expectPlainFailure(gateway, text);
    await using events = gateway.subscribe(WatchExportJobsDocument, {});
    expect((await clock.runUntil(events.failure()))[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    const created = await clock.runUntil(
      gateway.execute(CreateExportJobDocument, { input: { destination: { target: { datasetId: profileDataset } } } }),
    );
    expect(created.errors[0]?.extensions).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
    // Even together, the three did not wait for the deadline of one.
    expect(clock.now().getTime() - startedAt).toBeLessThan(30_000);
  });

  it('never responds, a query ends at the deadline and not before', async () => {
    await using platform = await startBadPlatform(() => {});
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock, env: { UPSTREAM_TIMEOUT_MS: '5000' } });
    let ended = false;
    const answer = gateway.execute(ListExportJobsDocument, {}).finally(() => {
      ended = true;
    });
    await platform.asked('/export/jobs');
    await clock.advanceBy(4_999);
    await fetch(`${gateway.url}/healthz`);
    expect(ended).toBe(false);
    await clock.advanceBy(1);
    const { errors, text } = await answer;
    expect(errors[0]?.extensions).toMatchObject({ code: 'UPSTREAM_TIMEOUT', retryable: true, upstream: named });
    expectPlainFailure(gateway, text);
  });

  it('issues no token, a query ends at the deadline', async () => {
    await using platform = await startStub(() => {});
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock, env: { UPSTREAM_TIMEOUT_MS: '5000' } });
    const answer = gateway.execute(ListExportJobsDocument, {});
    await platform.asked('/ims/');
    await clock.advanceBy(5_000);
    const { errors } = await answer;
    expect(errors[0]?.extensions).toMatchObject({ code: 'UPSTREAM_TIMEOUT', retryable: true });
    await clock.advanceBy(10_000);
  });

  it('is slow, a caller that leaves aborts the call', async () => {
    let given: () => void = () => {};
    const givenUp = new Promise<void>((resolve) => {
      given = resolve;
    });
    await using platform = await startBadPlatform((response) => void response.on('close', given));
    await using gateway = await startGateway({ platform });
    const leaving = new AbortController();
    const answer = fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ exportJobs { nodes { id } } }' }),
      signal: leaving.signal,
    });
    const left = expect(answer).rejects.toThrow();
    await platform.asked('/export/jobs');
    leaving.abort();
    await Promise.all([left, givenUp]);
  });
});

describe('when the platform fails in the middle of a create', () => {
  let healthy: Awaited<ReturnType<typeof startPlatform>>;
  beforeAll(async () => {
    healthy = await startPlatform();
  });
  afterAll(() => healthy.close());

  const input = { destination: { target: { datasetId: profileDataset } } };
  const startFailingCreate = (answer: (response: ServerResponse) => void) =>
    startProxy(healthy, (request, response) => {
      if (request.method !== 'POST' || request.url?.includes('/export/jobs') !== true) return false;
      request.resume();
      answer(response);
      return true;
    });

  it.each([
    ['500', sending(500, ''), { __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN' }],
    ['503', sending(503, ''), { __typename: 'PlatformError', status: 503, retryable: true }],
    ['501', sending(501, ''), { __typename: 'PlatformError', status: 501, retryable: false }],
    ['404', sending(404, ''), { __typename: 'InvalidInputError', code: 'INVALID_INPUT' }],
    ['429', sending(429, ''), { __typename: 'RateLimitedError', code: 'RATE_LIMITED' }],
    ['403', sending(403, ''), { __typename: 'ForbiddenError', code: 'FORBIDDEN' }],
    ['400', sending(400, ''), { __typename: 'PlatformError', code: 'PLATFORM_ERROR' }],
    ['502', sending(502, ''), { __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN' }],
    ['a broken connection', (response: ServerResponse) => response.destroy(), { __typename: 'OutcomeUnknownError' }],
    ['a response that cannot be read', sending(200, '{}'), { __typename: 'OutcomeUnknownError' }],
  ])('with %s, the result states what is known, and the create was sent once', async (_, answer, expected) => {
    await using platform = await startFailingCreate(answer);
    await using gateway = await startGateway({ platform });
    const { createExportJob } = await gateway.query(CreateExportJobDocument, { input });
    expect(createExportJob).toMatchObject(expected);
    expect(platform.requests.filter((request) => request.startsWith('POST /data/core'))).toHaveLength(1);
  });

  it('by not responding, the outcome is unknown at the deadline', async () => {
    await using platform = await startFailingCreate(() => {});
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform, clock });
    const answer = gateway.query(CreateExportJobDocument, { input });
    await platform.asked('POST /data/core');
    await clock.advanceBy(30_000);
    expect((await answer).createExportJob).toMatchObject({
      __typename: 'OutcomeUnknownError',
      code: 'OUTCOME_UNKNOWN',
    });
  });

  it('before it was sent, because there is no token, its idempotency key can be used again', async () => {
    const path = '/ims/token/';
    let fails = true;
    await using platform = await startProxy(healthy, (request, response) => {
      if (!fails || request.url?.includes(path) !== true) return false;
      request.resume();
      sending(500, '')(response);
      return true;
    });
    await using gateway = await startGateway({ platform });
    const variables = { input: { ...input, idempotencyKey: 'again' } };
    const { createExportJob } = await gateway.query(CreateExportJobDocument, variables);
    expect(createExportJob).toMatchObject({ __typename: 'PlatformError', status: 500, retryable: true });
    fails = false;
    const again = await gateway.query(CreateExportJobDocument, variables);
    expect(again.createExportJob).toMatchObject({ __typename: 'CreateExportJobPayload' });
  });

  it.each([
    ['403', sending(403, ''), 'ForbiddenError'],
    ['429', sending(429, ''), 'RateLimitedError'],
  ])('with %s, the dataset that was created for the export is removed again', async (_, answer, expected) => {
    await using platform = await startFailingCreate(answer);
    await using gateway = await startGateway({ platform });
    const { createExportJob } = await gateway.query(CreateExportJobDocument, {
      input: { destination: { target: { newDataset: { name: 'Only for this export' } } } },
    });
    expect(createExportJob).toMatchObject({ __typename: expected });
    const { datasets } = await gateway.query(ListDatasetsDocument, { filter: { name: 'Only for this export' } });
    expect(datasets.nodes).toEqual([]);
    expect(platform.requests.some((request) => request.startsWith('DELETE /data/foundation/catalog/dataSets/'))).toBe(
      true,
    );
  });
});

describe('when a dataset is created but cannot be read afterwards', () => {
  it('it is returned, and can be exported into, so that the client need not create another one', async () => {
    await using healthy = await startPlatform();
    await using platform = await startProxy(healthy, ({ method, url }, response) => {
      if (method !== 'GET' || url?.includes('/catalog/dataSets/') !== true) return false;
      sending(500, '')(response);
      return true;
    });
    await using gateway = await startGateway({ platform });
    const { data } = await gateway.execute(CreateDatasetDocument, { input: { name: 'Made and not seen' } });
    expect(data?.createDataset).toMatchObject({
      __typename: 'CreateDatasetPayload',
      dataset: { name: 'Made and not seen', isUnionProfileDataset: true },
    });
    const target = { newDataset: { name: 'Made for an export' } };
    const answer = await gateway.execute(CreateExportJobDocument, { input: { destination: { target } } });
    expect(answer.data?.createExportJob).toMatchObject({ __typename: 'CreateExportJobPayload' });
    expect(platform.requests.filter((request) => request.startsWith('POST /data/foundation'))).toHaveLength(2);
  });
});
