import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../support/platform.ts';

const admin = '/__admin/faults';
/** One path of each service, of the token service and of the admin endpoints. */
const paths = [
  admin,
  '/',
  '/ims/token/v3',
  '/data/core/ups/export/jobs',
  '/data/foundation/catalog/dataSets',
  '/data/foundation/export/batches/x/files',
  '/data/foundation/sandbox-management/sandboxes',
  '/nowhere',
];

interface Sent {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends headers that `fetch` does not allow to be set. */
function send(url: string, { method = 'GET', headers, body }: Sent) {
  return new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, text: body }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('a page of another origin', () => {
  let emulator: Emulator;
  let own: string;

  beforeAll(async () => {
    emulator = await startEmulator();
    own = new URL(emulator.url).host;
  });
  afterAll(() => emulator.close());

  it.each(['evil.example', 'evil.example:4010', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'that resolves %s to this machine cannot reach any path',
    async (host) => {
      for (const path of paths) {
        const sent = { headers: { host, origin: `http://${host}` } };
        expect([path, (await send(emulator.url + path, sent)).status]).toEqual([path, 421]);
        expect([path, (await send(emulator.url + path, { headers: { host } })).status]).toEqual([path, 421]);
      }
    },
  );

  it.each(['https://evil.example', 'http://localhost.evil.example', 'null', 'file://', 'http://10.0.0.1:4010'])(
    'cannot reach any path with the origin %s',
    async (origin) => {
      for (const path of paths) {
        const { status, text: body } = await send(emulator.url + path, { headers: { host: own, origin } });
        expect([path, status, body]).toEqual([path, 403, expect.stringContaining('origin')]);
      }
    },
  );

  it('cannot script faults or request a token, and its requests are not recorded', async () => {
    emulator.clearRequests();
    const origin = 'https://evil.example';
    const script = JSON.stringify({ rules: [{ respond: { status: 500 } }] });
    const headers = { origin, 'content-type': 'text/plain' };
    for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS']) {
      expect((await send(emulator.url + admin, { method, headers, body: script })).status).toBe(403);
    }
    const form = { origin, 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'grant_type=client_credentials&client_id=emulator&client_secret=emulator&scope=openid';
    expect((await send(`${emulator.url}/ims/token/v3`, { method: 'POST', headers: form, body })).status).toBe(403);
    expect(await (await fetch(emulator.url + admin)).json()).toEqual({ seed: null, rules: [] });
    expect(emulator.requests).toEqual([]);
  });

  it('cannot send a request without an Origin header unless its user follows a link', async () => {
    const from = (site: string, mode: string) => ({ headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode } });
    expect((await send(emulator.url + admin, from('cross-site', 'no-cors'))).status).toBe(403);
    expect((await send(emulator.url + admin, from('same-site', 'no-cors'))).status).toBe(403);
    expect((await send(emulator.url + admin, from('same-origin', 'cors'))).status).toBe(200);
    expect((await send(emulator.url + admin, from('none', 'navigate'))).status).toBe(200);
    expect((await send(emulator.url, from('cross-site', 'navigate'))).status).toBe(200);
  });

  it('does not affect pages of this machine and other clients', async () => {
    for (const host of [own, 'localhost', 'localhost:4010', '[::1]:4010', '127.0.0.2']) {
      expect((await send(emulator.url + admin, { headers: { host } })).status).toBe(200);
    }
    for (const origin of [`http://${own}`, 'http://localhost:5173', 'http://127.0.0.1:3000', 'http://[::1]:8080']) {
      expect((await send(emulator.url + admin, { headers: { origin } })).status).toBe(200);
    }
  });

  it('is rejected for a Host header that names no host', async () => {
    expect((await send(emulator.url, { headers: { host: 'a b' } })).status).toBe(400);
  });
});

describe('an emulator that listens on every address', () => {
  it('accepts any host name but no pages of other origins, and restricts its admin endpoints to host names of this machine', async () => {
    await using emulator = await startEmulator({ host: '0.0.0.0' });
    const url = `http://127.0.0.1:${new URL(emulator.url).port}`;
    const host = 'emulator.example:4010';
    expect((await send(url, { headers: { host } })).status).toBe(200);
    expect((await send(`${url}/nowhere`, { headers: { host, origin: `http://${host}` } })).status).toBe(403);
    expect((await send(url, { headers: { host, origin: 'https://evil.example' } })).status).toBe(403);
    expect(await send(url + admin, { headers: { host } })).toMatchObject({
      status: 421,
      text: expect.stringContaining('need the admin token'),
    });
    expect((await send(url + admin, { headers: {} })).status).toBe(200);
  });
});
