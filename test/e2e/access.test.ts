import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import {
  allOperationTransports,
  type OperationTransport,
  sendOver,
  streamingTransports,
} from '../support/operation-transports.ts';
import { accessToken, organization, platformHeaders, startPlatform } from '../support/platform.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';

type Mode = 'embedded' | 'passthrough' | 'service';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let issuer: TokenIssuer;
let stranger: TokenIssuer;
let gateways: Readonly<Record<Mode, Gateway>>;
let platformToken: string;
let callbackRouter: CallbackRouter;

beforeAll(async () => {
  platform = await startPlatform();
  // The clock does not move, so no feed polls the platform by itself.
  const clock = new FakeClock();
  issuer = await startTokenIssuer({ clock });
  stranger = await startTokenIssuer({ clock });
  platformToken = await accessToken(platform);
  // A forgotten subscriber is soon noticed.
  callbackRouter = await startCallbackRouter({ heartbeatIntervalMs: 5_000 });
  const callbacks = { SUBSCRIPTION_CALLBACK_URLS: callbackRouter.url };
  const remote = { AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url, ...callbacks };
  gateways = {
    embedded: await startGateway({ platform, clock, env: callbacks }),
    passthrough: await startGateway({ platform, clock, env: { ...remote, AUTH_MODE: 'passthrough' } }),
    service: await startGateway({ platform, clock, env: { ...issuer.env(platform), ...callbacks } }),
  };
  // The tokens of the gateways’ own credentials are not calls of the callers below.
  await sendOver('POST', gateways.embedded, { query: read });
  await sendOver('POST', gateways.service, { query: read, headers: bearer(await issuer.sign()) });
});
afterAll(async () => {
  await Promise.all(Object.values(gateways).map((gateway) => gateway.close()));
  await Promise.all([issuer, stranger, callbackRouter].map((each) => each[Symbol.asyncDispose]()));
  await platform.close();
});

const read = '{ exportJobs(first: 1) { nodes { id } } }';
const watch = 'subscription { exportJobChanged { job { id } } }';
const write = 'mutation { result: deleteDataset(id: "ffffffffffffffffffffffff") { __typename ... on Error { code } } }';

const ofPlatform = (changed: Headers = {}) => ({ ...platformHeaders(platformToken), ...changed });
const token = async (claims = {}, options = {}) => bearer(await issuer.sign(claims, options));

/**
 * Whether each caller may read (and watch), and whether it may write: `yes`, or the code of the rejection. The prefix
 * `platform` means that the platform rejects the caller, so that there is a call.
 */
const rules: readonly (readonly [
  mode: Mode,
  who: string,
  headers: () => Headers | Promise<Headers>,
  reads: string,
  writes: string,
])[] = [
  ['embedded', 'every caller', () => ({}), 'yes', 'yes'],
  ['embedded', 'every caller, in another sandbox', () => ({ 'x-sandbox-name': 'dev' }), 'yes', 'yes'],
  [
    'embedded',
    'a caller with an invalid tenant',
    () => ({ 'x-sandbox-name': 'No!' }),
    'INVALID_INPUT',
    'INVALID_INPUT',
  ],
  ['passthrough', 'a caller without credentials', () => ({}), 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
  ['passthrough', 'a caller with a platform token', () => ofPlatform(), 'yes', 'yes'],
  [
    'passthrough',
    'a caller with an invalid token',
    () => ofPlatform({ authorization: 'Bearer none' }),
    'platform UNAUTHENTICATED',
    'platform UNAUTHENTICATED',
  ],
  [
    'passthrough',
    'a caller with a platform token for another organization',
    () => ofPlatform({ 'x-gw-ims-org-id': organization.replace('0123', '9999') }),
    'platform FORBIDDEN',
    'platform FORBIDDEN',
  ],
  ['passthrough', 'a caller with a JWT', () => token(), 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
  ['service', 'a caller without credentials', () => ({}), 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
  ['service', 'a caller with a platform token', () => ofPlatform(), 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
  ['service', 'a caller with both scopes', () => token(), 'yes', 'yes'],
  ['service', 'a reader', () => token({ scope: 'exports:read' }), 'yes', 'FORBIDDEN'],
  ['service', 'a writer', () => token({ scope: ['exports:write'] }), 'FORBIDDEN', 'yes'],
  ['service', 'a caller without scopes', () => token({ scope: 'openid' }), 'FORBIDDEN', 'FORBIDDEN'],
  ['service', 'a caller without an organization', () => token({ organization: undefined }), 'FORBIDDEN', 'FORBIDDEN'],
  ['service', 'a caller without sandboxes', () => token({ sandboxes: undefined }), 'FORBIDDEN', 'FORBIDDEN'],
  [
    'service',
    'a caller that requests another sandbox',
    async () => ({ ...(await token({ sandboxes: ['prod'] })), 'x-sandbox-name': 'dev' }),
    'FORBIDDEN',
    'FORBIDDEN',
  ],
  [
    'service',
    'a caller that requests another organization',
    async () => ({ ...(await token()), 'x-gw-ims-org-id': organization.replace('0123', '9999') }),
    'FORBIDDEN',
    'FORBIDDEN',
  ],
  [
    'service',
    'a caller with an expired token',
    () => token({}, { expiresInSeconds: -60 }),
    'TOKEN_EXPIRED',
    'TOKEN_EXPIRED',
  ],
  [
    'service',
    'a caller with a token without an expiry',
    () => token({}, { expiresInSeconds: null }),
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
  ],
  [
    'service',
    'a caller with a token for another audience',
    () => token({ aud: 'others' }),
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
  ],
  [
    'service',
    'a caller with a token of another issuer',
    async () => bearer(await stranger.sign()),
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
  ],
  [
    'service',
    'a caller with a token that another issuer signed in our name',
    async () => bearer(await stranger.sign({ iss: issuer.issuer, aud: issuer.audience })),
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
  ],
];

/**
 * A socket of a caller without any right is closed before its first operation. A caller with a role receives an error
 * of the field.
 */
const atSocket = (code: string, who: string) =>
  /FORBIDDEN/.test(code) && /a reader|a writer|without scopes/.test(who) ? code : 'closed with 4403';

describe.each(allOperationTransports)('over %s', (transport) => {
  it.each(rules)('in %s mode, the rights of %s are enforced', async (mode, who, headers, reads, writes) => {
    const gateway = gateways[mode];
    const caller = await headers();
    const operations: (readonly [query: string, rule: string])[] = [
      [read, reads],
      [watch, reads],
      [write, writes],
    ];
    for (const [query, rule] of operations.filter(([each]) => isPossible(transport, each))) {
      platform.clearRequests();
      const { data, code, text } = await sendOver(transport, gateway, { query, headers: caller, callbackRouter });
      const [expected = '', byPlatform] = rule.split(' ').toReversed();
      const refusal = refusedInUnion(data) ?? code;
      if (expected === 'yes') {
        expect(refusal, text).toBeNull();
        expect(data, text).not.toBeNull();
      } else if (byPlatform !== undefined) {
        expect(refusal, text).toBe(expected);
      } else {
        expect(refusal, text).toBe(transport === 'WebSocket' ? atSocket(expected, who) : expected);
        expect(platform.requests).toEqual([]);
        // A caller without write access receives a typed error that a form can show.
        if (query === write && reads === 'yes')
          expect(data).toMatchObject({ result: { __typename: 'ForbiddenError' } });
      }
    }
  });
});

/** A rejected mutation returns an error type. NotFoundError means that the mutation was executed. */
function refusedInUnion(data: Readonly<Record<string, unknown>> | null): string | null {
  const result = data?.['result'];
  if (typeof result !== 'object' || result === null || !('code' in result)) return null;
  return result.code === 'NOT_FOUND' ? null : String(result.code);
}

/**
 * A plain response cannot contain a stream, a callback can contain nothing else, and a GET changes nothing, which is
 * tested below.
 */
function isPossible(transport: OperationTransport, query: string): boolean {
  if (query === watch) return streamingTransports.some((each) => each === transport);
  return transport !== 'HTTP callbacks' && (query === read || transport !== 'GET');
}

it('an operation on a socket belongs to the caller of the socket, whatever credential its extensions contain', async () => {
  const other = await token({ sandboxes: ['prod', 'dev'] });
  const extensions = { ...other, upgradeHeaders: other, initialPayload: other, headers: other };
  const socket = new WebSocket(gateways.service.webSocketUrl, 'graphql-transport-ws');
  const next = async (): Promise<unknown> => JSON.parse(String((await once(socket, 'message'))[0]));
  const send = (message: object) => socket.send(JSON.stringify(message));
  try {
    await once(socket, 'open');
    const acknowledged = next();
    send({ type: 'connection_init', payload: await token({ sandboxes: ['prod'], scope: 'exports:read' }) });
    expect(await acknowledged).toEqual({ type: 'connection_ack' });
    const answered = next();
    const query = '{ viewer { canWrite sandboxes { name } } }';
    send({ id: '1', type: 'subscribe', payload: { query, extensions } });
    expect(await answered).toMatchObject({
      type: 'next',
      payload: { data: { viewer: { canWrite: false, sandboxes: [{ name: 'prod' }] } } },
    });
  } finally {
    socket.terminate();
  }
});

describe.each(['embedded', 'passthrough', 'service'] as const)('in %s mode', (mode) => {
  const allowed = () => (mode === 'embedded' ? {} : mode === 'passthrough' ? ofPlatform() : token());

  it.each([
    ['a form', 'application/x-www-form-urlencoded', new URLSearchParams({ query: write }).toString()],
    [
      'a form with a charset',
      'application/x-www-form-urlencoded; charset=utf-8',
      new URLSearchParams({ query: write }).toString(),
    ],
    ['text', 'text/plain', JSON.stringify({ query: write })],
    ['text in the form of JSON', 'text/plain; application/json', JSON.stringify({ query: write })],
    [
      'several parts',
      'multipart/form-data; boundary=x',
      `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: write })}\r\n--x--`,
    ],
    ['no content type', '', JSON.stringify({ query: write })],
  ])('a request that a foreign page can send has no effect: %s', async (_, type, body) => {
    platform.clearRequests();
    const response = await fetch(gateways[mode].graphqlUrl, {
      method: 'POST',
      headers: { ...(await allowed()), ...(type === '' ? {} : { 'content-type': type }) },
      // The body is sent as bytes, so that no media type is added.
      body: Buffer.from(body),
    });
    expect(response.status).toBe(415);
    expect(platform.requests).toEqual([]);
  });

  it('GET requests change nothing', async () => {
    platform.clearRequests();
    const response = await fetch(`${gateways[mode].graphqlUrl}?${new URLSearchParams({ query: write })}`, {
      headers: { accept: 'application/json', ...(await allowed()) },
    });
    expect(response.status).toBe(405);
    expect(platform.requests).toEqual([]);
  });

  it('a socket from a foreign page is not opened, whatever user it belongs to', async () => {
    const socket = new WebSocket(gateways[mode].webSocketUrl, 'graphql-transport-ws', {
      origin: 'https://evil.example',
      headers: await allowed(),
    });
    const status = await new Promise((resolve, reject) => {
      socket.on('unexpected-response', (request, response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      socket.on('open', () => reject(new Error('The socket was opened.')));
      socket.on('error', () => {});
    });
    expect(status).toBe(403);
  });

  it('the viewer contains only the sandboxes that the caller may use', async () => {
    const query = '{ viewer { sandboxes { name } } }';
    const names = async (headers: Headers) =>
      (await sendOver('POST', gateways[mode], { query, headers })).data?.['viewer'];
    const [prod, dev] = [{ name: 'prod' }, { name: 'dev' }];
    expect(await names(await allowed())).toEqual({ sandboxes: [prod, dev] });
    if (mode !== 'service') return;
    expect(await names(await token({ sandboxes: 'dev' }))).toEqual({ sandboxes: [dev] });
  });

  it('the viewer contains the rights of the caller', async () => {
    const query = '{ viewer { canWrite authMode } }';
    const { data } = await sendOver('POST', gateways[mode], { query, headers: await allowed() });
    expect(data).toEqual({ viewer: { canWrite: true, authMode: mode.toUpperCase() } });
    if (mode !== 'service') return;
    const reader = await sendOver('POST', gateways[mode], { query, headers: await token({ scope: 'exports:read' }) });
    expect(reader.data).toEqual({ viewer: { canWrite: false, authMode: 'SERVICE' } });
  });
});
