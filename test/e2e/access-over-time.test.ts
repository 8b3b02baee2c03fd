import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  allOperationTransports,
  operationTransports,
  sendOver,
  streamingTransports,
} from '../support/operation-transports.ts';
import { markOf, parquetMark } from '../support/parquet.ts';
import { accessToken, organization, platformHeaders, startPlatform, startStub } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { allTransports } from '../support/transports.ts';
import { ExportJobDocument, ViewerDocument, WatchExportJobsDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

const read = '{ exportJobs(first: 1) { nodes { id } } }';
/** Longer than any test below takes. */
const noPolling = { POLL_MIN_MS: '600000', POLL_MAX_MS: '3600000' };

const startService = async (
  env: Readonly<Record<string, string>> = {},
  prepare: (issuer: TokenIssuer) => unknown = () => {},
) => {
  const clock = new FakeClock();
  const issuer = await startTokenIssuer({ clock });
  await prepare(issuer);
  const gateway = await startGateway({ platform, clock, env: { ...issuer.env(platform), ...noPolling, ...env } });
  return {
    clock,
    issuer,
    gateway,
    [Symbol.asyncDispose]: async () => {
      await gateway.close();
      await issuer[Symbol.asyncDispose]();
    },
  };
};

it.each(streamingTransports)('a live view over %s that is not permitted never begins', async (transport) => {
  await using callbackRouter = await startCallbackRouter();
  await using service = await startService({ SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url });
  const { gateway, issuer } = service;
  platform.clearRequests();
  const headers = bearer(await issuer.sign({ scope: 'exports:write' }));
  const query = 'subscription { exportJobChanged { kind } }';
  const { code } = await sendOver(transport, gateway, { query, headers, callbackRouter });
  expect(code).toBe('FORBIDDEN');
  expect(platform.requests).toEqual([]);
  expect(await gateway.metric('aep_watch_feeds')).toBe(0);
});

describe('an expired token', () => {
  it.each(allTransports)('ends only the live views of its caller over %s', async (transport) => {
    await using callbackRouter = await startCallbackRouter();
    await using service = await startService({ SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url });
    const { gateway, issuer, clock } = service;
    const short = bearer(await issuer.sign({}, { expiresInSeconds: 60 }));
    const long = bearer(await issuer.sign({ sub: 'another' }));
    const over = { transport, callbackRouter };
    await using staying = gateway.subscribe(WatchExportJobsDocument, {}, { headers: long, ...over });
    await using ending = gateway.subscribe(WatchExportJobsDocument, {}, { headers: short, ...over });
    await Promise.all([staying.take(), ending.take()]);
    await clock.advanceBy(89_999);
    expect(await gateway.metric('aep_watch_subscribers')).toBe(2);
    await clock.advanceBy(1);
    const [error] = await ending.failure();
    expect(error?.extensions).toMatchObject({ code: 'TOKEN_EXPIRED', retryable: false });
    await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
  });

  it('ends its socket with 4403, after which clients reconnect with a new one', async () => {
    await using service = await startService();
    const { gateway, issuer, clock } = service;
    const payload = bearer(await issuer.sign({}, { expiresInSeconds: 60 }));
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws');
    const messages: unknown[] = [];
    socket.on('message', (data) => messages.push(JSON.parse(String(data))));
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })));
    await once(socket, 'message');
    await clock.advanceBy(90_001);
    const closed = once(socket, 'close');
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: read } }));
    const [code] = await closed;
    expect(code).toBe(4403);
    expect(messages).toEqual([
      { type: 'connection_ack' },
      {
        id: '1',
        type: 'error',
        payload: [expect.objectContaining({ extensions: expect.objectContaining({ code: 'TOKEN_EXPIRED' }) })],
      },
    ]);
  });
});

describe('the keys of the issuer', () => {
  it('may be rotated at any time', async () => {
    await using service = await startService();
    const { gateway, issuer, clock } = service;
    const ask = async () =>
      (await sendOver('POST', gateway, { query: read, headers: bearer(await issuer.sign()) })).code;
    expect(await ask()).toBeNull();
    await clock.advanceBy(60_000);
    await issuer.addKey();
    expect(await ask()).toBeNull();
  });

  it('are all tried for tokens without a key id, so that a rotation rejects no caller', async () => {
    await using service = await startService({}, (created) => created.addKey());
    const { gateway, issuer } = service;
    for (const keyId of ['key-1', 'key-2']) {
      const headers = bearer(await issuer.sign({}, { keyId, namesKey: false }));
      for (const transport of ['POST', 'WebSocket'] as const) {
        expect((await sendOver(transport, gateway, { query: read, headers })).code).toBeNull();
      }
    }
  });

  it('are not reported as the caller’s fault when they cannot be read', async () => {
    await using callbackRouter = await startCallbackRouter();
    const env = { SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url };
    await using service = await startService(env, (created) => created.setAvailable(false));
    const { gateway, issuer } = service;
    const headers = bearer(await issuer.sign());
    platform.clearRequests();
    for (const transport of allOperationTransports) {
      const { code } = await sendOver(transport, gateway, { query: read, headers, callbackRouter });
      expect(code).toBe(transport === 'WebSocket' ? 'closed with 4403' : 'UPSTREAM_UNREACHABLE');
    }
    expect(platform.requests).toEqual([]);
  });
});

describe('a token', () => {
  it('may contain its rights in nested claims', async () => {
    await using service = await startService({
      JWT_ORGANIZATION_CLAIM: 'aep.organization',
      JWT_SANDBOXES_CLAIM: 'aep.sandboxes',
      JWT_SCOPES_CLAIM: 'realm_access.roles',
    });
    const { gateway, issuer } = service;
    const aep = { organization, sandboxes: ['dev', 'dev'] };
    const headers = bearer(await issuer.sign({ aep, realm_access: { roles: ['exports:read other'] } }));
    const { viewer } = await gateway.query(ViewerDocument, {}, headers);
    expect(viewer.sandbox.name).toBe('dev');
    const unnamed = bearer(await issuer.sign({ aep: {}, realm_access: { roles: ['exports:read'] } }));
    expect((await sendOver('POST', gateway, { query: read, headers: unnamed })).code).toBe('FORBIDDEN');
  });

  it('has its rejection reason in the log, within a limit, and not in the response', async () => {
    await using service = await startService();
    const { gateway, issuer } = service;
    const wrong = bearer(await issuer.sign({ aud: 'others', sub: 'claim-of-the-token' }));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => sendOver('POST', gateway, { query: read, headers: wrong })),
    );
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['UNAUTHENTICATED']));
    const { text } = await gateway.send(read, {}, wrong);
    expect(text).not.toMatch(/aud/i);
    const rejections = gateway.logs.filter((line) => line.includes('the token of a caller was rejected'));
    expect(rejections).toHaveLength(10);
    const line = { level: 'warn', reason: 'audience', requestId: expect.any(String) };
    for (const each of rejections) expect(JSON.parse(each)).toMatchObject(line);
    expect(gateway.logs.join()).not.toContain('claim-of-the-token');
  });
});

describe('a download link', () => {
  const linkOf = async (gateway: Gateway, headers: Readonly<Record<string, string>>): Promise<string> => {
    const { exportJob } = await gateway.query(ExportJobDocument, { id: '24055' }, headers);
    return exportJob?.destination.batches[0]?.batch?.files.nodes[0]?.downloadUrl ?? '';
  };
  const modes = ['embedded', 'passthrough', 'service'] as const;
  const ttl = { DOWNLOAD_LINK_TTL_SECONDS: '60' };

  it.each(modes)('in %s mode needs no other credential, for a short time, and cannot be changed', async (mode) => {
    await using issuer = await startTokenIssuer();
    const remote = { AUTH_MODE: mode, AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
    const envs = { embedded: remote, passthrough: remote, service: issuer.env(platform) };
    const clock = new FakeClock(new Date());
    await using gateway = await startGateway({ platform, clock, env: { ...envs[mode], ...ttl } });
    const headers = {
      embedded: {},
      passthrough: platformHeaders(await accessToken(platform)),
      service: bearer(await issuer.sign()),
    }[mode];

    const link = await linkOf(gateway, headers);
    expect(link.startsWith(`${gateway.url}/files/`)).toBe(true);
    const response = await fetch(link);
    expect(response.status).toBe(200);
    expect(await markOf(response)).toBe(parquetMark);
    expect((await fetch(link, { method: 'POST' })).status).toBe(405);

    const [token = '', name = ''] = link.slice(`${gateway.url}/files/`.length).split('/');
    const [nonce = '', ciphertext = '', tag = ''] = token.split('.');
    const changed = (at: number) =>
      ciphertext.slice(0, at) + (ciphertext[at] === 'A' ? 'B' : 'A') + ciphertext.slice(at + 1);
    const bad = [
      ...[0, 10, ciphertext.length - 2].map((at) => `${gateway.url}/files/${nonce}.${changed(at)}.${tag}/${name}`),
      link.slice(0, -1),
      `${gateway.url}/files/${token.slice(0, -1)}`,
      `${gateway.url}/files/${nonce}.${ciphertext}.`,
      `${gateway.url}/files/https://evil.example/x`,
      `${gateway.url}/files/..%2fgraphql`,
    ];
    platform.clearRequests();
    for (const url of bad) expect((await fetch(url, { headers, redirect: 'manual' })).status).toBe(403);
    await clock.advanceBy(60_000);
    expect((await fetch(link, { headers })).status).toBe(403);
    expect(platform.requests).toEqual([]);
  });

  it('belongs to its sandbox', async () => {
    await using service = await startService();
    const { gateway, issuer } = service;
    const onlyDev = bearer(await issuer.sign({ sandboxes: ['dev'] }));
    const { exportJob } = await gateway.query(ExportJobDocument, { id: '24055' }, onlyDev);
    expect(exportJob).toBeNull();
    const link = await linkOf(gateway, bearer(await issuer.sign({ sandboxes: ['prod'] })));
    // A link carries the right of the caller that created it, also when another caller follows it.
    expect((await fetch(link, { headers: onlyDev })).status).toBe(200);
  });

  it('is rejected by a gateway with another secret', async () => {
    const env = { DOWNLOAD_LINK_SECRET: plantedSecret('links') };
    await using one = await startService(env);
    await using same = await startService(env);
    await using other = await startService();
    const link = await linkOf(one.gateway, bearer(await one.issuer.sign()));
    expect((await fetch(link.replace(one.gateway.url, same.gateway.url))).status).toBe(200);
    expect((await fetch(link.replace(one.gateway.url, other.gateway.url))).status).toBe(403);
  });
});

describe('a secret', () => {
  /** All output of a gateway for successful and failing requests over every transport. */
  const everythingSaid = async (gateway: Gateway, issuer: TokenIssuer, strange: TokenIssuer): Promise<string> => {
    const texts: string[] = [];
    const callers = [
      bearer(await issuer.sign()),
      bearer(await issuer.sign({ scope: '' })),
      bearer(await issuer.sign({ organization: undefined })),
      bearer(await issuer.sign({}, { expiresInSeconds: -3_600 })),
      bearer(await strange.sign()),
      { authorization: `Basic ${await issuer.sign()}` },
    ];
    const queries = [
      read,
      '{ exportJobs(first: 0) { nodes { id } } }',
      '{ nope }',
      'mutation { cancelExportJob(id: "1") { __typename } }',
    ];
    for (const headers of callers) {
      for (const query of queries) {
        for (const transport of operationTransports)
          texts.push((await sendOver(transport, gateway, { query, headers })).text);
      }
    }
    texts.push(await (await fetch(`${gateway.url}/metrics`)).text(), ...gateway.logs);
    return texts.join('\n');
  };

  it('is in no response, no log line and no metric, whether operations succeed or fail', async () => {
    const secret = plantedSecret('client');
    const linkSecret = plantedSecret('links');
    const platformToken = plantedSecret('platform');
    // A platform that issues a token, and then returns every status with an unexpected body.
    let calls = 0;
    await using stub = await startStub((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      if (request.url?.startsWith('/ims/') === true) {
        response.end(JSON.stringify({ access_token: platformToken, token_type: 'bearer', expires_in: 86_399 }));
        return;
      }
      calls += 1;
      response.writeHead([200, 400, 401, 403, 404][calls % 5] ?? 200).end('this is no JSON');
    });
    await using refusing = await startStub((request, response) => {
      request.resume();
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
    });
    for (const upstream of [stub, refusing]) {
      await using issuer = await startTokenIssuer();
      await using strange = await startTokenIssuer();
      await using gateway = await startGateway({
        platform: upstream,
        env: {
          ...issuer.env(upstream),
          AEP_CLIENT_SECRET: secret,
          DOWNLOAD_LINK_SECRET: linkSecret,
        },
      });
      const said = await everythingSaid(gateway, issuer, strange);
      issuer.setAvailable(false);
      expect(said.length).toBeGreaterThan(1_000);
      expect(issuer.tokens.length).toBeGreaterThan(4);
      expect(upstream.requests.length).toBeGreaterThan(0);
      for (const planted of [secret, platformToken, linkSecret, ...issuer.tokens, ...strange.tokens]) {
        expect(said.includes(planted), planted).toBe(false);
        // The signature must not appear either, because it would identify the token.
        expect(said.includes(planted.split('.')[2] ?? planted)).toBe(false);
      }
    }
  });
});
