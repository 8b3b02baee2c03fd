import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GraphQLFailure } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  accessToken,
  type Emulator,
  platformHeaders,
  profileDataset,
  type Stub,
  startPlatform,
  startProxy,
} from '../support/platform.ts';
import { readinessAt } from '../support/readiness.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { WatchExportJobsDocument } from './operations.generated.ts';

const list = '{ exportJobs(first: 1) { nodes { id } } }';

const answer = (response: ServerResponse, status: number, body: object) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const rejectToken = (response: ServerResponse) =>
  answer(response, 401, { error_code: '401013', message: 'Oauth token is not valid' });
const statusOf = async (gateway: Gateway, path: string) => (await fetch(gateway.url + path)).status;
const codesOf = ({ errors }: { readonly errors: readonly GraphQLFailure[] }) =>
  errors.map(({ extensions }) => extensions?.['code']);
const errorLines = ({ logs }: Gateway) => logs.filter((line) => line.includes('"level":"error"'));

let platform: Emulator;
let issuer: TokenIssuer;
beforeAll(async () => {
  platform = await startPlatform();
  issuer = await startTokenIssuer();
});
afterAll(async () => {
  await platform.close();
  await issuer[Symbol.asyncDispose]();
});

describe('a gateway whose client secret is wrong', () => {
  it('reports that to callers, its operator and the load balancer, and recovers by itself', async () => {
    let wrong = true;
    await using proxy = await startProxy(platform, (request, response) => {
      if (!wrong || request.url?.startsWith('/ims/') !== true) return false;
      request.resume();
      answer(response, 400, { error: 'invalid_client', error_description: 'invalid client_secret parameter' });
      return true;
    });
    const clock = new FakeClock(new Date());
    const startedAtMs = clock.now().getTime();
    await using gateway = await startGateway({ platform: proxy, clock, env: issuer.env(proxy) });
    const headers = bearer(await issuer.sign());

    const { errors } = await clock.runUntil(gateway.send(list, {}, headers));
    expect(errors[0]?.extensions).toMatchObject({ code: 'GATEWAY_CREDENTIAL', retryable: true });
    const create = gateway.send(
      'mutation ($input: CreateExportJobInput!) { createExportJob(input: $input) { __typename } }',
      { input: { destination: { target: { datasetId: profileDataset } } } },
      headers,
    );
    expect(codesOf(await clock.runUntil(create))).toEqual(['GATEWAY_CREDENTIAL']);
    await using events = gateway.subscribe(WatchExportJobsDocument, {}, { headers });
    expect(codesOf({ errors: await clock.runUntil(events.failure()) })).toEqual(['GATEWAY_CREDENTIAL']);

    expect([await statusOf(gateway, '/readyz'), await statusOf(gateway, '/healthz')]).toEqual([503, 200]);
    const minutes = Math.ceil((clock.now().getTime() - startedAtMs) / 60_000);
    expect(errorLines(gateway).length).toBeLessThanOrEqual(1 + minutes);
    expect(errorLines(gateway)[0]).toContain('invalid client_secret parameter');
    expect(JSON.parse(errorLines(gateway)[0] ?? '')).toMatchObject({
      upstream: { service: 'ims', status: 400, code: 'invalid_client' },
    });

    wrong = false;
    await clock.tick();
    await eventually(async () => expect(await statusOf(gateway, '/readyz')).toBe(200));
    expect((await gateway.send(list, {}, headers)).errors).toEqual([]);
  });

  it('detects that at start, before any caller', async () => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.url?.startsWith('/ims/') !== true) return false;
      request.resume();
      answer(response, 401, { error: 'invalid_client' });
      return true;
    });
    await using gateway = await startGateway({ platform: proxy, env: issuer.env(proxy) });
    expect(await statusOf(gateway, '/readyz')).toBe(503);
    await eventually(() => expect(errorLines(gateway)).toHaveLength(1));
  });
});

it('a gateway is not ready before it has read the keys of its token issuer, and reads them by itself', async () => {
  let isAway = true;
  await using keys = await startProxy({ url: new URL(issuer.jwksUrl).origin }, (_, response) => {
    if (isAway) answer(response, 503, {});
    return isAway;
  });
  const { pathname } = new URL(issuer.jwksUrl);
  const clock = new FakeClock(new Date());
  const env = { ...issuer.env(platform), JWT_JWKS_URL: keys.url + pathname };
  await using gateway = await startGateway({ platform, clock, env });
  const dependency = async () => {
    const { dependencies } = (await (await fetch(`${gateway.url}/readyz`)).json()) as {
      readonly dependencies: readonly { readonly name: string; readonly state: string }[];
    };
    return dependencies.map(({ name, state }) => `${name}: ${state}`);
  };
  expect(await readinessAt(gateway.url)).toBe('503 not ready');
  expect(await dependency()).toEqual(['access token: ok', 'issuer keys: unavailable']);
  isAway = false;
  await clock.advanceBy(5_000);
  await eventually(async () => expect(await readinessAt(gateway.url)).toBe('200 ready'));
  expect(await dependency()).toEqual(['access token: ok', 'issuer keys: ok']);
  isAway = true;
  await clock.advanceBy(60 * 60_000);
  expect(await readinessAt(gateway.url)).toBe('200 ready');
});

it('a token service that does not respond delays neither the start nor the end, and the gateway is not ready', async () => {
  await using proxy = await startProxy(platform, (request) => request.url?.startsWith('/ims/') === true);
  await using gateway = await startGateway({ platform: proxy, clock: new FakeClock(), env: issuer.env(proxy) });
  expect([await statusOf(gateway, '/readyz'), await statusOf(gateway, '/healthz')]).toEqual([503, 200]);
});

describe.each(['service', 'embedded'] as const)('a platform that rejects the token of a gateway in %s mode', (mode) => {
  const start = async (proxy: Stub, clock: FakeClock) =>
    await startGateway({ platform: proxy, clock, env: mode === 'service' ? issuer.env(proxy) : {} });
  const headersOf = async () => (mode === 'service' ? bearer(await issuer.sign()) : {});
  const tokenRequests = ({ requests }: Stub) => requests.filter((target) => target.includes('/ims/')).length;

  it('is not reported as the caller’s fault, and causes one other token for ten calls', async () => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.url?.startsWith('/ims/') === true) return false;
      request.resume();
      rejectToken(response);
      return true;
    });
    const clock = new FakeClock(new Date());
    await using gateway = await start(proxy, clock);
    const headers = await headersOf();
    for (let call = 0; call < 10; call += 1) {
      const { errors } = await gateway.send(list, {}, headers);
      expect(errors[0]?.extensions).toMatchObject({ code: 'GATEWAY_CREDENTIAL', upstream: { status: 401 } });
    }
    expect(tokenRequests(proxy)).toBe(2);
    expect(errorLines(gateway)).toHaveLength(1);
    await clock.advanceBy(60_000);
    await gateway.send(list, {}, headers);
    expect(tokenRequests(proxy)).toBe(3);
    expect(errorLines(gateway)).toHaveLength(2);
    expect(JSON.parse(errorLines(gateway)[1] ?? '')).toMatchObject({ suppressed: expect.any(Number) });
  });

  it('for one API, while no other token is available, leaves the other APIs their token', async () => {
    let issued = 0;
    await using proxy = await startProxy(platform, (request, response) => {
      const target = request.url ?? '';
      if (target.startsWith('/ims/')) {
        issued += 1;
        if (issued === 1) return false;
        request.resume();
        response.setHeader('retry-after', '60');
        answer(response, 429, {});
        return true;
      }
      if (!target.includes('/catalog/')) return false;
      request.resume();
      rejectToken(response);
      return true;
    });
    await using gateway = await start(proxy, new FakeClock(new Date()));
    const headers = await headersOf();
    expect((await gateway.send(list, {}, headers)).errors).toEqual([]);
    for (let call = 0; call < 5; call += 1) {
      const rejected = await gateway.send('{ datasets(first: 1) { nodes { id } } }', {}, headers);
      expect(codesOf(rejected)).toEqual(['RATE_LIMITED']);
      expect((await gateway.send(list, {}, headers)).errors).toEqual([]);
    }
    expect(issued).toBe(2);
  });
});

it('a deletion whose token cannot be replaced is not reported as done', async () => {
  let issued = 0;
  await using proxy = await startProxy(platform, (request, response) => {
    const target = request.url ?? '';
    if (target.startsWith('/ims/')) {
      issued += 1;
      if (issued === 1) return false;
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>');
      return true;
    }
    if (request.method !== 'DELETE') return false;
    request.resume();
    rejectToken(response);
    return true;
  });
  await using gateway = await startGateway({ platform: proxy });
  const { data, errors } = await gateway.send(
    `mutation { deleteDataset(id: "${profileDataset}") { __typename ... on Error { code } } }`,
    {},
  );
  expect(JSON.stringify([data, errors])).toContain('UPSTREAM_UNREACHABLE');
});

it.each(['service', 'embedded', 'passthrough'] as const)(
  'a 401 of Data Access makes the files forbidden and does not reject the token, in %s mode',
  async (mode) => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.url?.startsWith('/data/foundation/export/') !== true) return false;
      request.resume();
      answer(response, 401, {});
      return true;
    });
    const env = {
      service: issuer.env(proxy),
      embedded: {},
      passthrough: { AUTH_MODE: 'passthrough', AEP_BASE_URL: proxy.url },
    }[mode];
    await using gateway = await startGateway({ platform: proxy, env });
    const headers = {
      service: bearer(await issuer.sign()),
      embedded: {},
      passthrough: platformHeaders(await accessToken(platform)),
    }[mode];
    const jobs = await gateway.send(
      '{ exportJobs(first: 50) { nodes { destination { batches { batch { files { nodes { name } } } } } } } }',
      {},
      headers,
    );
    expect(codesOf(jobs).length).toBeGreaterThan(10);
    expect(new Set(codesOf(jobs))).toEqual(new Set(['FORBIDDEN']));
    const tokens = proxy.requests.filter((target) => target.includes('/ims/'));
    expect(tokens).toHaveLength(mode === 'passthrough' ? 0 : 1);
    expect(errorLines(gateway)).toEqual([]);
  },
);
