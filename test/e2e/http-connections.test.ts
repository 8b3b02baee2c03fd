import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';
import { RawConnection } from '../support/raw-connection.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

const app = 'https://app.example';

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, env: { CORS_ORIGINS: app } });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const query = '{"query":"{ viewer { authMode } }"}';
const json = 'content-type: application/json';
const offer = ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA'];
/** Creates a document of the given length. */
const padded = (length: number) => {
  const bare = JSON.stringify({ query: '{ viewer { authMode } }#' });
  return bare.replace('#', `#${'x'.repeat(length - bare.length)}`);
};
const post = (body: string, ...more: readonly string[]): [readonly string[], string] => [
  ['POST /graphql HTTP/1.1', json, `content-length: ${body.length}`, ...more],
  body,
];

describe('an upgrade that the gateway does not support', () => {
  it.each([
    ['/healthz', 200, 'ok'],
    ['/readyz', 200, '"status":"ready"'],
    ['/metrics', 200, 'process_cpu'],
    ['/files/x', 403, '"FORBIDDEN"'],
    ['/nowhere', 404, 'not found'],
    ['/graphql?query=%7Bviewer%7BauthMode%7D%7D', 200, '"EMBEDDED"'],
  ])('is ignored at %s', async (path, status, text) => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request([`GET ${path} HTTP/1.1`, ...offer]);
    await connection.has(new RegExp(text));
    expect(connection.statuses).toEqual([status]);
  });

  it.each(['h2c', 'TLS/1.0', 'h2c, websocket', 'websocket'])('is ignored with a body: %s', async (protocol) => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(...post(padded(300_000), 'connection: Upgrade', `upgrade: ${protocol}`));
    await connection.has(/"EMBEDDED"/);
    expect(connection.statuses).toEqual([200]);
  });

  it('is ignored with a body in pieces, and by event streams', async () => {
    await using connection = await RawConnection.open(gateway.url);
    const body = padded(300_000);
    connection.request(post(body, ...offer)[0]);
    for (let at = 0; at < body.length; at += 100_000) {
      connection.socket.write(body.slice(at, at + 100_000));
      await turn();
    }
    await connection.has(/"EMBEDDED"/);
    await using stream = await RawConnection.open(gateway.url);
    const subscription = '{"query":"subscription { exportJobChanged { kind } }"}';
    stream.request(...post(subscription, ...offer, 'accept: text/event-stream'));
    await stream.has(/event: next/);
    expect(stream.statuses).toEqual([200]);
  });

  it('leaves the connection open for further requests, which may offer it again', async () => {
    await using connection = await RawConnection.open(gateway.url);
    for (const count of [1, 2, 3]) {
      connection.request(...post(query, ...offer));
      await connection.has(new RegExp(`(?:EMBEDDED[\\s\\S]*){${count}}`));
    }
    expect(connection.statuses).toEqual([200, 200, 200]);
    expect(connection.received).not.toMatch(/connection: close/i);
  });

  it('respects `Connection: close` and HTTP/1.0', async () => {
    for (const lines of [
      ['GET /healthz HTTP/1.1', 'connection: Upgrade, close', 'upgrade: h2c'],
      ['GET /healthz HTTP/1.0', 'connection: Upgrade', 'upgrade: h2c'],
    ]) {
      await using connection = await RawConnection.open(gateway.url);
      connection.request(lines);
      await connection.ended;
      expect(connection.received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*ok\n$/);
    }
  });

  it('ends the connection if a client waits for a WebSocket', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(['GET /healthz HTTP/1.1', 'connection: Upgrade', 'upgrade: websocket']);
    await connection.ended;
    expect(connection.statuses).toEqual([200]);
  });
});

describe('a WebSocket handshake', () => {
  const handshake = ['sec-websocket-version: 13', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='];
  const upgrade = ['connection: Upgrade', 'upgrade: websocket'];

  it.each(['/graphql/stream', '/graphql/', '/', '/subscriptions'])(
    'at %s is rejected with the address of WebSockets, or receives the ordinary response',
    async (path) => {
      await using connection = await RawConnection.open(gateway.url);
      const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-protocol: graphql-transport-ws'];
      connection.request([`GET ${path} HTTP/1.1`, ...upgrade, ...handshake]);
      await connection.has(/is at \/graphql\n|<!doctype html>/);
      expect(connection.statuses).toEqual([path === '/' ? expect.any(Number) : 404]);
    },
  );

  it('without the headers that a proxy removed receives status 426 and a reason', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(['GET /graphql HTTP/1.1', 'connection: close', ...handshake]);
    await connection.has(/Upgrade and Connection/);
    expect(connection.statuses).toEqual([426]);
    expect(connection.received).toMatch(/^upgrade: websocket$/im);
  });

  it.each(['graphql-ws', 'graphql-ws, soap'])(
    'for %s is rejected with the name of the right protocol',
    async (name) => {
      await using connection = await RawConnection.open(gateway.url);
      connection.request(['GET /graphql HTTP/1.1', ...upgrade, ...handshake, `sec-websocket-protocol: ${name}`]);
      await connection.has(/graphql-transport-ws/);
      expect(connection.statuses).toEqual([400]);
      expect(connection.received).toMatch(/^content-type: text\/plain/im);
    },
  );

  it('that offers both subprotocols is accepted', async () => {
    await using connection = await RawConnection.open(gateway.url);
    const protocols = 'sec-websocket-protocol: graphql-ws, graphql-transport-ws';
    connection.request(['GET /graphql HTTP/1.1', ...upgrade, ...handshake, protocols]);
    await connection.has(/^sec-websocket-protocol: graphql-transport-ws/im);
    expect(connection.statuses).toEqual([101]);
  });

  it.each([
    ['https://evil.example', '127.0.0.1', 403, /origin/],
    [app, 'evil.example', 421, /not served here/],
  ])('from %s for %s is rejected with a line of text', async (origin, host, status, reason) => {
    await using connection = await RawConnection.open(gateway.url);
    connection.socket.write(
      ['GET /graphql HTTP/1.1', `host: ${host}`, `origin: ${origin}`, ...upgrade, ...handshake, '', ''].join('\r\n'),
    );
    await connection.has(reason);
    expect(connection.statuses).toEqual([status]);
  });
});

describe('a page of another origin', () => {
  const subscription = `/graphql?query=${encodeURIComponent('subscription { exportJobChanged { kind } }')}`;
  const accept = 'accept: text/event-stream';

  it.each([
    ['that names itself', ['origin: https://evil.example']],
    ['that has none', ['origin: null']],
    ['that a browser does not name', ['sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors']],
    ['on another port', ['sec-fetch-site: same-site', 'sec-fetch-mode: no-cors']],
  ])('%s opens no event stream and runs no query by GET', async (_, headers) => {
    for (const path of [subscription, '/graphql?query=%7Bviewer%7BauthMode%7D%7D', '/graphql/stream']) {
      await using connection = await RawConnection.open(gateway.url);
      connection.request([`GET ${path} HTTP/1.1`, accept, ...headers]);
      await connection.has(/"FORBIDDEN"/);
      expect(connection.statuses).toEqual([403]);
    }
  });

  it.each([
    ['a configured page', [`origin: ${app}`]],
    ['the own page', ['sec-fetch-site: same-origin', 'sec-fetch-mode: cors']],
    ['a client that is no browser', []],
    ['a browser whose user follows a link', ['sec-fetch-site: cross-site', 'sec-fetch-mode: navigate']],
  ])('is not recognized in %s', async (_, headers) => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request([`GET ${subscription} HTTP/1.1`, accept, ...headers]);
    await connection.has(/event: next/);
  });

  it('is not rejected in modes in which callers send a credential', async () => {
    const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
    await using open = await startGateway({ platform, env });
    await using connection = await RawConnection.open(open.url);
    connection.request([`GET ${subscription} HTTP/1.1`, accept, 'origin: https://evil.example']);
    await connection.has(/"UNAUTHENTICATED"/);
  });
});

describe('a client that sends a whole body before it reads', () => {
  const bytes = Buffer.alloc(20_000_000, 'x');

  it('reads the response to a body that is too large, whether it announces the length or not', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const chunked = { body: new Blob([bytes]).stream(), duplex: 'half' };
      for (const sending of [{ body: bytes }, chunked]) {
        const response = await fetch(gateway.graphqlUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          ...sending,
        });
        expect(response.status).toBe(413);
        expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] });
      }
    }
  });

  it.each([
    ['/nowhere', 404],
    ['/files/x', 405],
    ['/graphql/stream', 201],
  ])('reads the response of a path that accepts none: %s', async (path, status) => {
    for (const connection of ['close', 'keep-alive']) {
      const request = httpRequest(gateway.url + path, { method: 'PUT', agent: false });
      request.setHeader('connection', connection);
      const response = once(request, 'response');
      request.end(bytes);
      const [{ statusCode }] = await response;
      expect(statusCode).toBe(status);
      request.destroy();
    }
  });

  it('may use the connection again after an unneeded body', async () => {
    await using connection = await RawConnection.open(gateway.url);
    const body = 'x'.repeat(500_000);
    connection.request(['POST /nowhere HTTP/1.1', `content-length: ${body.length}`], body);
    connection.request(['GET /healthz HTTP/1.1']);
    await connection.has(/ok\n/);
    expect(connection.statuses).toEqual([404, 200]);
  });

  it('is read for two seconds after the response, and not longer', async () => {
    const connectionClock = new FakeClock();
    await using patient = await startGateway({ platform, connectionClock });
    for (const lines of [
      ['POST /graphql HTTP/1.1', 'content-length: 20000000', json],
      ['POST /nowhere HTTP/1.1', 'content-length: 20000000'],
    ]) {
      await using connection = await RawConnection.open(patient.url);
      connection.socket.allowHalfOpen = true;
      connection.request(lines, 'x'.repeat(100_000));
      await connection.has(/PAYLOAD_TOO_LARGE|not found/);
      await eventually(() => expect(connectionClock.pending('deadline')).toBe(1));
      await connectionClock.advanceBy(1_999);
      await eventually(() => expect(connectionClock.pending('deadline')).toBe(1));
      await connectionClock.advanceBy(1);
      expect(connectionClock.pending('deadline')).toBe(0);
      await eventually(() => {
        connection.socket.write('x');
        expect(connection.socket.destroyed).toBe(true);
      });
    }
  });

  it.each([
    [16, false],
    [40, true],
  ])('is disconnected when it sends too much after the response: %i MiB, %s', async (mebibytes, isTooMuch) => {
    const connectionClock = new FakeClock();
    await using patient = await startGateway({ platform, connectionClock });
    await using connection = await RawConnection.open(patient.url);
    connection.socket.allowHalfOpen = true;
    connection.request(['POST /nowhere HTTP/1.1', 'content-length: 100000000']);
    await eventually(() => expect(connectionClock.pending('deadline')).toBe(1));
    const sent = once(connection.socket, 'drain');
    connection.socket.write(Buffer.alloc(mebibytes * 1024 * 1024));
    await sent;
    await connectionClock.advanceBy(100);
    expect(connectionClock.pending('deadline')).toBe(isTooMuch ? 0 : 1);
  });
});

describe('a client that waits for `100 Continue`', () => {
  const expecting = (length: number) =>
    ['POST /graphql HTTP/1.1', json, `content-length: ${length}`, 'expect: 100-continue'] as const;

  it('receives it, and keeps its connection', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(expecting(query.length));
    await connection.has(/100 Continue/);
    connection.socket.write(query);
    await connection.has(/"EMBEDDED"/);
    expect(connection.statuses).toEqual([100, 200]);
    expect(connection.received).not.toMatch(/connection: close/i);
  });

  it('is rejected at once when the body would be too large', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(expecting(1_000_001));
    await connection.ended;
    expect(connection.statuses).toEqual([413]);
    expect(connection.received).toMatch(/^connection: close/im);
  });

  it('sends no body to a path that accepts none', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(['PUT /files/x HTTP/1.1', 'content-length: 5', 'expect: 100-continue']);
    await connection.ended;
    expect(connection.statuses).toEqual([405]);
  });
});

describe('headers', () => {
  it('may contain a token of 16,384 characters', async () => {
    const response = await fetch(`${gateway.url}/healthz`, {
      headers: { authorization: `Bearer ${'x'.repeat(16_384)}` },
    });
    expect(response.status).toBe(200);
  });

  it('that are larger receive status 431, which arrives', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.request(['GET /healthz HTTP/1.1', `x-large: ${'x'.repeat(400_000)}`]);
    await connection.has(/more than 32768 bytes/);
    expect(connection.statuses).toEqual([431]);
    expect(connection.received).toMatch(/^content-type: text\/plain/im);
  });

  it('that are malformed receive status 400', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.socket.write('nonsense\r\n\r\n');
    await connection.has(/is not HTTP/);
    expect(connection.statuses).toEqual([400]);
  });
});

describe('an idle connection', () => {
  const keepAliveOf = async (from: Gateway) => (await fetch(`${from.url}/healthz`)).headers.get('keep-alive');

  it('outlives the idle timeout of load balancers, and is configurable', async () => {
    expect(await keepAliveOf(gateway)).toBe('timeout=75');
    await using other = await startGateway({ platform, env: { KEEP_ALIVE_TIMEOUT_MS: '120000' } });
    expect(await keepAliveOf(other)).toBe('timeout=120');
  });

  it('is closed when the gateway drains', async () => {
    const leaving = await startGateway({ platform });
    await using connection = await RawConnection.open(leaving.url);
    connection.request(['GET /healthz HTTP/1.1']);
    await connection.has(/ok\n/);
    await Promise.all([leaving.close(), connection.closed]);
  });
});

describe('a response that is rejected early', () => {
  const origin = { origin: app };

  it.each([
    [
      'a body that is too large',
      413,
      (): [string, RequestInit] => ['/graphql', { method: 'POST', body: 'x'.repeat(1_000_001) }],
    ],
    ['an unknown path', 404, (): [string, RequestInit] => ['/nowhere', {}]],
  ])('is readable for a page of a configured origin: %s', async (_, status, make) => {
    const [path, init] = make();
    const headers = { ...origin, 'content-type': 'application/json' };
    const response = await fetch(gateway.url + path, { ...init, headers });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe(app);
    expect(response.headers.get('access-control-expose-headers')).toMatch(/retry-after/);
  });

  it('is readable if the host is wrong', async () => {
    await using connection = await RawConnection.open(gateway.url);
    connection.socket.write(`GET /graphql HTTP/1.1\r\nhost: evil.example\r\norigin: ${app}\r\n\r\n`);
    await connection.has(/not served here/);
    expect(connection.received).toMatch(/^access-control-allow-origin: https:\/\/app\.example/im);
  });
});
