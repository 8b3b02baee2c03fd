import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startStub } from '../support/platform.ts';

const script = `console.log('console');${' '.repeat(500)}`;
const page = '<!doctype html><html><head><title>Exports</title></head><body></body></html>';
const scriptPath = '/assets/main-1a2b.js';

/** A folder as the build of the console writes it. */
async function writeConsole(folder: string): Promise<URL> {
  await mkdir(join(folder, 'assets'), { recursive: true });
  const forms = { '': Buffer.from(script), '.br': brotliCompressSync(script), '.gz': gzipSync(script) };
  for (const [suffix, content] of Object.entries(forms))
    await writeFile(join(folder, `${scriptPath}${suffix}`), content);
  await writeFile(join(folder, 'index.html'), page);
  const bytes = { identity: forms[''].length, br: forms['.br'].length, gzip: forms['.gz'].length };
  const assets = { [scriptPath]: { type: 'text/javascript; charset=utf-8', hash: 'abc', bytes } };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ pages: ['/', '/jobs/'], assets }));
  return pathToFileURL(`${folder}/`);
}

const platform = { url: 'http://127.0.0.1:1' };
let folder: string;
let consoleFolder: URL;
let gateway: Gateway;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aep-console-'));
  consoleFolder = await writeConsole(folder);
  gateway = await startGateway({ platform, consoleFolder });
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

/** Sends a request whose target is not normalized, and returns status, headers and body. */
async function raw(path: string, { method = 'GET', headers = {} as Readonly<Record<string, string>> } = {}) {
  const { port } = new URL(gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  const lines = Object.entries({ host: `127.0.0.1:${port}`, connection: 'close', ...headers });
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  const bytes = Buffer.concat(chunks);
  const end = bytes.indexOf('\r\n\r\n');
  const [status = '', ...fields] = bytes.subarray(0, end).toString().split('\r\n');
  const entries = fields
    .map((field) => field.split(/: (.*)/s, 2))
    .map(([name = '', value = '']) => [name.toLowerCase(), value]);
  return {
    status: Number(status.split(' ')[1]),
    headers: Object.fromEntries(entries) as Readonly<Record<string, string>>,
    body: bytes.subarray(end + 4),
  };
}

describe('the page of the console', () => {
  it.each(['/', '/?state=running', '/jobs/', '/jobs/24073', '/jobs/24073/files'])('is served at %s', async (path) => {
    const response = await fetch(`${gateway.url}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await response.text()).toContain('<title>Exports</title>');
  });

  it('permits its own files and the gateway, and nothing else', async () => {
    const { headers } = await fetch(gateway.url);
    expect(headers.get('content-security-policy')?.split('; ').toSorted()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
  });

  it('contains the settings of the gateway, and none of its secrets', async () => {
    const settingsOf = async (from: Gateway) =>
      JSON.parse(
        /<meta name="console-settings" content="([^"]*)">/
          .exec(await (await fetch(from.url)).text())?.[1]
          ?.replaceAll('&quot;', '"') ?? '',
      );
    expect(await settingsOf(gateway)).toEqual({ authMode: 'embedded', graphiql: true, required: [] });
    await using stub = await startStub(() => {});
    const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: stub.url, AEP_API_KEY: 'key-of-operator', CONSOLE: 'true' };
    await using other = await startGateway({ platform: stub, consoleFolder, env });
    expect(await settingsOf(other)).toEqual({
      authMode: 'passthrough',
      graphiql: false,
      required: ['x-gw-ims-org-id'],
    });
    expect(await (await fetch(other.url)).text()).not.toContain('key-of-operator');
  });

  it('is asked for with each visit, and sent only if it has changed', async () => {
    const first = await fetch(gateway.url);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const etag = first.headers.get('etag') ?? '';
    const second = await raw('/', { headers: { 'if-none-match': etag } });
    expect([second.status, second.body.length, second.headers['etag']]).toEqual([304, 0, etag]);
    expect((await raw('/', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('is not served elsewhere, nor if it is off or not built', async () => {
    const none = async (from: Gateway, path: string) => expect((await fetch(`${from.url}${path}`)).status).toBe(404);
    for (const path of ['/jobs', '/index.html', '/manifest.json', '/assets/', '/assets/other.js', '/favicon.ico'])
      await none(gateway, path);
    await using off = await startGateway({ platform, consoleFolder, env: { CONSOLE: 'false' } });
    for (const path of ['/', scriptPath]) await none(off, path);
    await using unbuilt = await startGateway({ platform, consoleFolder: new URL('missing/', consoleFolder) });
    await none(unbuilt, '/');
    expect(unbuilt.logs.filter((line) => line.includes('npm run build'))).toHaveLength(1);
  });

  it('is read only', async () => {
    for (const path of ['/', scriptPath]) {
      const { status, headers } = await raw(path, { method: 'POST', headers: { 'content-length': '0' } });
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
  });

  it('is not served to a page that uses a name of its own for this machine', async () => {
    expect((await raw('/', { headers: { host: 'attacker.example' } })).status).toBe(421);
  });
});

describe('a file of the console', () => {
  it.each([
    ['br', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
    ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
    ['br;q=0.5, gzip', 'gzip', gunzipSync],
    ['*', 'br', brotliDecompressSync],
    ['br;q=0, *', 'gzip', gunzipSync],
    ['deflate', undefined, (body: Buffer) => body],
    ['identity;q=1, br;q=0.1', undefined, (body: Buffer) => body],
    ['', undefined, (body: Buffer) => body],
    [`${','.repeat(9_000)}gzip`, 'gzip', gunzipSync],
    // Only the first 64 elements are read.
    [`${'x,'.repeat(64)}gzip`, undefined, (body: Buffer) => body],
  ])('is sent in the best form that `%s` accepts', async (accepted, encoding, decode) => {
    const { status, headers, body } = await raw(scriptPath, { headers: { 'accept-encoding': accepted } });
    expect([status, headers['content-encoding'], headers['vary']]).toEqual([200, encoding, 'accept-encoding']);
    expect(headers['content-length']).toBe(String(body.length));
    expect(decode(body).toString()).toBe(script);
  });

  it('never changes, so that browsers keep it', async () => {
    const { headers } = await raw(scriptPath);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['x-content-type-options']).toBe('nosniff');
    const again = await raw(scriptPath, { headers: { 'if-none-match': headers['etag'] ?? '' } });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it('has a tag of its own in each form', async () => {
    const tags = await Promise.all(
      ['br', 'gzip', 'identity'].map(
        async (encoding) => (await raw(scriptPath, { headers: { 'accept-encoding': encoding } })).headers['etag'],
      ),
    );
    expect(new Set(tags).size).toBe(3);
  });

  it('has the same headers without its content for HEAD', async () => {
    const headers = { 'accept-encoding': 'gzip' };
    const [whole, head] = [await raw(scriptPath, { headers }), await raw(scriptPath, { method: 'HEAD', headers })];
    const comparable = ({ headers: { date, 'x-request-id': _, ...rest } }: typeof whole) => rest;
    expect(comparable(head)).toEqual(comparable(whole));
    expect(head.body.length).toBe(0);
  });

  it.each([
    '/assets/../manifest.json',
    '/assets/%2e%2e/manifest.json',
    `${scriptPath}.br`,
    `/${scriptPath}`,
    '/..//manifest.json',
  ])('is only found by its own path, not by %s', async (path) => {
    expect((await raw(path)).status).toBe(404);
  });

  it('is missing, and not an error, if a new build has replaced it', async () => {
    const other = await mkdtemp(join(tmpdir(), 'aep-console-'));
    try {
      await using running = await startGateway({ platform, consoleFolder: await writeConsole(other) });
      await rm(join(other, 'assets'), { recursive: true });
      expect((await fetch(`${running.url}${scriptPath}`)).status).toBe(404);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });
});
