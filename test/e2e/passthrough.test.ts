import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type GatewayOptions, type Headers, startGateway } from '../support/gateway.ts';
import { markOf, parquetMark } from '../support/parquet.ts';
import { accessToken, organization, platformHeaders, startPlatform, startProxy } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { allTransports } from '../support/transports.ts';
import {
  CancelExportJobDocument,
  ExportJobDocument,
  ListExportJobsDocument,
  ViewerDocument,
  WatchExportJobsDocument,
} from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
let good: Headers;
let goodToken: string;
const wrongToken = plantedSecret('wrong-token');
let wrong: Headers;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startPassthrough();
  goodToken = await accessToken(platform);
  good = platformHeaders(goodToken);
  wrong = { ...good, authorization: `Bearer ${wrongToken}` };
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const startPassthrough = (clock?: FakeClock, options: Partial<Pick<GatewayOptions, 'platform' | 'env'>> = {}) => {
  const { url } = options.platform ?? platform;
  return startGateway({
    platform: { url },
    env: { AUTH_MODE: 'passthrough', AEP_BASE_URL: url, AEP_IMS_URL: url, ...options.env },
    ...(clock === undefined ? {} : { clock }),
  });
};

const without = (name: string): Headers => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));

describe('a caller without a platform credential', () => {
  it.each([
    ['no header at all', () => ({}), 'UNAUTHENTICATED'],
    ['no token', () => without('authorization'), 'UNAUTHENTICATED'],
    ['an empty token', () => ({ ...good, authorization: 'Bearer ' }), 'UNAUTHENTICATED'],
    [
      'another kind of credential',
      () => ({ ...good, authorization: 'Basic ZW11bGF0b3I6ZW11bGF0b3I=' }),
      'UNAUTHENTICATED',
    ],
    ['no api key', () => without('x-api-key'), 'UNAUTHENTICATED'],
    ['no organization', () => without('x-gw-ims-org-id'), 'INVALID_INPUT'],
    ['an invalid organization', () => ({ ...good, 'x-gw-ims-org-id': 'acme' }), 'INVALID_INPUT'],
    ['an invalid sandbox', () => ({ ...good, 'x-sandbox-name': '../prod' }), 'INVALID_INPUT'],
  ])('is rejected before a call to the platform: %s', async (_, headers, code) => {
    platform.clearRequests();
    const answer = await gateway.execute(ListExportJobsDocument, {}, headers());
    expect(answer.errors[0]?.extensions).toMatchObject({ code, retryable: false });
    expect(answer.status).toBe(code === 'UNAUTHENTICATED' ? 401 : 400);
    expect(answer.data).toBeNull();
    // A socket is closed with 4403, which clients retry with new parameters.
    await using events = gateway.subscribe(WatchExportJobsDocument, {}, { headers: headers() });
    await expect(events.take()).rejects.toThrow('closed with 4403');
    expect(platform.requests).toEqual([]);
  });
});

describe('a caller with a token that the platform does not accept', () => {
  it('is rejected by the platform, and no other token is tried', async () => {
    platform.clearRequests();
    const { errors } = await gateway.execute(ListExportJobsDocument, {}, wrong);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      retryable: false,
      upstream: { status: 401, code: '401013' },
    });
    expect(platform.requests.map(({ status }) => status)).toEqual([401]);
    const cancelled = await gateway.execute(CancelExportJobDocument, { id: '24060' }, wrong);
    expect(cancelled.errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('receives nothing of a feed of the same tenant that runs for another caller', async () => {
    await using events = gateway.subscribe(WatchExportJobsDocument, {}, { headers: good });
    expect((await events.take())?.exportJobChanged.kind).toBe('SNAPSHOT');
    for (const transport of ['websocket', 'sse'] as const) {
      await using refused = gateway.subscribe(WatchExportJobsDocument, {}, { headers: wrong, transport });
      expect((await refused.failure())[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    expect(await gateway.metric('aep_watch_subscribers')).toBe(1);
  });

  it('receives nothing that another caller has just read', async () => {
    await gateway.query(ExportJobDocument, { id: '24060' }, good);
    const both = await Promise.all([
      gateway.execute(ExportJobDocument, { id: '24060' }, good),
      gateway.execute(ExportJobDocument, { id: '24060' }, wrong),
    ]);
    expect(both.map(({ errors }) => errors.map(({ extensions }) => extensions))).toEqual([
      [],
      [expect.objectContaining({ code: 'UNAUTHENTICATED' })],
    ]);
  });

  it('of another organization than its token is rejected by the platform', async () => {
    const other = { ...good, 'x-gw-ims-org-id': organization.replace('0123', '9999') };
    const { errors } = await gateway.execute(ListExportJobsDocument, {}, other);
    expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', upstream: { status: 403 } });
  });
});

describe('a caller with a valid token', () => {
  it('reads in the sandbox that the headers name', async () => {
    const { viewer } = await gateway.query(ViewerDocument, {}, { ...good, 'x-sandbox-name': 'dev' });
    expect(viewer).toMatchObject({ organizationId: organization, authMode: 'PASSTHROUGH', sandbox: { name: 'dev' } });
    const { exportJobs } = await gateway.query(ListExportJobsDocument, { first: 5 }, good);
    expect(exportJobs.edges).toHaveLength(5);
  });

  it('watches with the credential in the connection parameters or in the headers of the upgrade', async () => {
    for (const connectionParams of [good, { headers: good }]) {
      await using events = gateway.subscribe(WatchExportJobsDocument, {}, { connectionParams });
      expect((await events.take())?.exportJobChanged.kind).toBe('SNAPSHOT');
    }
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws', { headers: good });
    try {
      const acknowledged = new Promise((resolve) =>
        socket.once('message', (data) => resolve(JSON.parse(String(data)))),
      );
      socket.once('open', () => socket.send('{"type":"connection_init"}'));
      expect(await acknowledged).toEqual({ type: 'connection_ack' });
    } finally {
      socket.terminate();
    }
  });

  it('keeps watching when the subscriber leaves whose token the feed was read with', async () => {
    const clock = new FakeClock();
    await using own = await startPassthrough(clock);
    const first = own.subscribe(WatchExportJobsDocument, {}, { headers: good });
    await first.take();
    const second = platformHeaders(await accessToken(platform));
    await using staying = own.subscribe(WatchExportJobsDocument, {}, { headers: second });
    await staying.take();
    await first[Symbol.asyncDispose]();
    await eventually(async () => expect(await own.metric('aep_watch_subscribers')).toBe(1));
    platform.clearRequests();
    await clock.tick();
    // The next round, and the next proof of the right.
    await clock.sleeping(2);
    expect(platform.requests.map(({ status }) => status)).toEqual([200]);
  });

  it.each(allTransports)(
    'loses only its own live view over %s when the platform rejects the token twice',
    async (transport) => {
      const withdrawn = new Set<string | undefined>();
      let rejections = 0;
      await using proxy = await startProxy(platform, ({ headers }, response) => {
        if (!withdrawn.has(headers.authorization)) return false;
        rejections += 1;
        response
          .writeHead(401, { 'content-type': 'application/json', 'x-request-id': `rejection-${rejections}` })
          .end('{"error_code":"401013","message":"Oauth token is not valid"}');
        return true;
      });
      await using callbackRouter = await startCallbackRouter();
      const clock = new FakeClock();
      const polling = { AUTHORIZATION_LEASE_MS: '60000', POLL_MIN_MS: '600000', POLL_MAX_MS: '600000' };
      const env = { ...polling, SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url };
      await using own = await startPassthrough(clock, { platform: proxy, env });
      const headers = platformHeaders(await accessToken(platform));
      const over = { transport, callbackRouter };
      await using staying = own.subscribe(WatchExportJobsDocument, {}, { headers: good, ...over });
      await using losing = own.subscribe(WatchExportJobsDocument, {}, { headers, ...over });
      await Promise.all([staying.take(), losing.take()]);
      withdrawn.add(headers.authorization);
      // Time passes in small steps, because a second attempt and then the second proof follow, each after a second.
      await clock.advanceBy(47_000);
      await eventually(async () => {
        if (rejections === 0) await clock.advanceBy(500);
        expect(rejections).toBe(1);
      });
      expect(await own.metric('aep_watch_subscribers')).toBe(2);
      for (const count of [2, 3]) {
        await eventually(async () => {
          if (rejections < count) await clock.advanceBy(500);
          expect(rejections).toBe(count);
        });
      }
      expect((await losing.failure())[0]?.extensions).toMatchObject({
        code: 'TOKEN_EXPIRED',
        retryable: false,
        upstream: { service: 'export', status: 401, code: '401013', requestId: 'rejection-3' },
      });
      await eventually(async () => expect(await own.metric('aep_watch_subscribers')).toBe(1));
    },
  );

  it('gets download links that work without the token, on every gateway with the same secret, and hide it', async () => {
    const env = { DOWNLOAD_LINK_SECRET: plantedSecret('links') };
    await using one = await startPassthrough(undefined, { env });
    const { exportJob } = await one.query(ExportJobDocument, { id: '24055' }, good);
    const url = exportJob?.destination.batches[0]?.batch?.files.nodes[0]?.downloadUrl ?? '';
    const parts = url.split('/').flatMap((segment) => segment.split('.'));
    const readable = [url, ...parts.map((part) => Buffer.from(part, 'base64url').toString())];
    for (const text of readable) {
      for (const hidden of [goodToken, 'Bearer', 'emulator', organization]) expect(text).not.toContain(hidden);
    }
    // Another replica, or the same gateway after a restart.
    await using other = await startPassthrough(undefined, { env });
    for (const { url: base } of [one, other]) {
      const response = await fetch(url.replace(one.url, base));
      expect([response.status, await markOf(response)]).toEqual([200, parquetMark]);
    }
    expect((await fetch(url.replace(one.url, gateway.url))).status).toBe(403);
  });
});

it('tokens are in no log line, no metric and no response', async () => {
  const tokens = [wrongToken, goodToken];
  const texts: string[] = [];
  for (const headers of [good, wrong]) {
    texts.push((await gateway.execute(ListExportJobsDocument, { first: 1 }, headers)).text);
    texts.push((await gateway.execute(ListExportJobsDocument, { first: 0 }, headers)).text);
    for (const transport of ['websocket', 'sse'] as const) {
      await using events = gateway.subscribe(WatchExportJobsDocument, {}, { headers, transport });
      texts.push(JSON.stringify(await events.take().catch((error: unknown) => String(error))));
    }
  }
  texts.push(await (await fetch(`${gateway.url}/metrics`)).text());
  expect(gateway.logs.length).toBeGreaterThan(0);
  for (const text of [...texts, ...gateway.logs]) for (const token of tokens) expect(text).not.toContain(token);
});
