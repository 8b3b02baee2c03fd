import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { accessToken, platformHeaders, startPlatform } from '../support/platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let headers: Headers;
/** A gateway that listens on every address, as in a container, without PUBLIC_URL. */
let gateway: Gateway;

const startPassthrough = (env: Record<string, string>, clock?: FakeClock) =>
  startGateway({
    platform,
    ...(clock === undefined ? {} : { clock }),
    env: { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url, ...env },
  });

beforeAll(async () => {
  platform = await startPlatform();
  headers = platformHeaders(await accessToken(platform));
  gateway = await startPassthrough({ HOST: '0.0.0.0', CORS_ORIGINS: 'https://app.example' });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const files = 'destination { batches { batch { files { nodes { downloadUrl downloadUrlExpiresAt } } } } }';
const query = `{ exportJob(id: "24055") { ${files} } }`;
const watch = `subscription { exportJobChanged(ids: ["24055"]) { job { ${files} } } }`;

const linkIn = (text: string): string => /"downloadUrl":"([^"]+)"/.exec(text)?.[1] ?? '';

/** Posts a document with the given header Host. Resolves with the response up to the part that `done` needs. */
const post = (host: string, document: string, accept: string, done: (text: string) => boolean) =>
  new Promise<string>((resolve, reject) => {
    const request = httpRequest(
      gateway.graphqlUrl,
      { method: 'POST', headers: { ...headers, host, accept, 'content-type': 'application/json' }, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (!done(text)) return;
          resolve(text);
          request.destroy();
        });
        response.on('end', () => resolve(text));
      },
    );
    request.on('error', reject);
    request.end(JSON.stringify({ query: document }));
  });

/** The first event with a link, over a socket whose upgrade request names the host. */
const overSocket = (host: string, connectionParams: Record<string, string> = {}) =>
  new Promise<string>((resolve, reject) => {
    const socket = new WebSocket(gateway.webSocketUrl, 'graphql-transport-ws', { headers: { ...headers, host } });
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: connectionParams })));
    socket.on('message', (data) => {
      const text = String(data);
      if (text.includes('connection_ack')) {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: watch } }));
      }
      if (linkIn(text) === '') return;
      resolve(text);
      socket.terminate();
    });
    socket.once('error', reject);
  });

describe('a download link of a gateway that listens on every address', () => {
  const hasLink = (text: string) => linkIn(text) !== '';

  it('contains the host by which its caller reaches the gateway, over every transport', async () => {
    const { port } = new URL(gateway.url);
    for (const host of [`localhost:${port}`, 'exports.example:8443']) {
      const texts = [
        await post(host, query, 'application/json', () => false),
        await post(host, watch, 'text/event-stream', hasLink),
        await post(host, watch, 'multipart/mixed;subscriptionSpec="1.0"', hasLink),
        await overSocket(host),
        // The parameters of a client do not change the host of the gateway.
        await overSocket(host, { host: 'evil.example' }),
      ];
      for (const text of texts) expect(linkIn(text), text).toMatch(new RegExp(`^http://${host}/files/`));
    }
    const link = linkIn(await post(`localhost:${port}`, query, 'application/json', () => false));
    expect((await fetch(link)).status).toBe(200);
  });

  it('begins with PUBLIC_URL if that is set', async () => {
    await using named = await startPassthrough({ HOST: '0.0.0.0', PUBLIC_URL: 'https://gateway.example/exports/' });
    const { text } = await named.send(query, {}, headers);
    expect(linkIn(text)).toMatch(/^https:\/\/gateway\.example\/exports\/files\//);
  });
});

describe('the expiry of a download link', () => {
  it('is the moment from which it is rejected', async () => {
    const clock = new FakeClock(new Date());
    await using own = await startPassthrough({ DOWNLOAD_LINK_TTL_SECONDS: '90' }, clock);
    const { text } = await own.send(query, {}, headers);
    const expiresAt = new Date(/"downloadUrlExpiresAt":"([^"]+)"/.exec(text)?.[1] ?? '').getTime();
    expect(expiresAt).toBe(clock.now().getTime() + 90_000);
    await clock.advanceBy(89_999);
    expect((await fetch(linkIn(text))).status).toBe(200);
    await clock.advanceBy(1);
    expect((await fetch(linkIn(text))).status).toBe(403);
  });
});

describe('a script of a configured origin', () => {
  const origin = 'https://app.example';

  it('may read a download, a part of it, and the reason of a rejection', async () => {
    const { text } = await gateway.send(query, {}, headers);
    const link = linkIn(text);
    const preflight = await fetch(link, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'range,if-range' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('range,if-range');
    const cases = [
      [link, {}, 200],
      [link, { range: 'bytes=0-3' }, 206],
      [link, { range: 'bytes=999999999-' }, 416],
      [`${gateway.url}/files/x`, {}, 403],
    ] as const;
    for (const [url, more, status] of cases) {
      const response = await fetch(url, { headers: { origin, ...more } });
      expect(response.status).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
      expect(response.headers.get('access-control-expose-headers')).toMatch(/content-disposition.*content-range.*etag/);
      await response.arrayBuffer();
      const foreign = await fetch(url, { headers: { origin: 'https://evil.example', ...more } });
      expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([status, null]);
      await foreign.arrayBuffer();
    }
  });
});
