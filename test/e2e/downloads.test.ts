import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { markOf, parquetMark } from '../support/parquet.ts';
import { startPlatform, startProxy } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { bytesOf, isContentRequest, jobWithFiles, linkFrom } from './download-reading.ts';
import { ExportJobDocument, ListExportJobsDocument, LookupsDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
let link: string;
/** Downloads the whole file of `link`. */
let whole: Buffer;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform });
  link = await linkFrom(gateway);
  whole = await bytesOf(await fetch(link));
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

describe('a download link', () => {
  it('returns the whole file, with its length, type and name', async () => {
    const response = await fetch(link);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(whole.length));
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    expect(response.headers.get('content-type')).toMatch(/parquet|octet-stream/);
    const [, name = '', full = ''] =
      /^attachment; filename="(.+\.parquet)"; filename\*=UTF-8''(.+)$/.exec(
        response.headers.get('content-disposition') ?? '',
      ) ?? [];
    expect([decodeURIComponent(full), link.split('/').at(-1)]).toEqual([name, full]);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(await markOf(response)).toBe(parquetMark);
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=4-99', 4, 99],
    ['bytes=100-', 100, -1],
    ['bytes=-8', -8, -1],
    ['bytes=0-999999999', 0, -1],
    ['bytes=-999999999', 0, -1],
  ])('returns the part that %s names', async (range, from, to) => {
    const first = from < 0 ? whole.length + from : from;
    const last = to < 0 ? whole.length + to : to;
    const response = await fetch(link, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${whole.length}`);
    expect(response.headers.get('content-length')).toBe(String(last - first + 1));
    expect((await bytesOf(response)).equals(whole.subarray(first, last + 1))).toBe(true);
  });

  it.each(['bytes=5-4', 'bytes=a-b', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-', ''])(
    'returns the whole file for the invalid range "%s"',
    async (range) => {
      const response = await fetch(link, { headers: { range } });
      expect(response.status).toBe(200);
      expect((await bytesOf(response)).equals(whole)).toBe(true);
    },
  );

  it('returns the whole file when a part was requested with a condition that cannot be checked', async () => {
    const response = await fetch(link, { headers: { range: 'bytes=0-3', 'if-range': '"etag"' } });
    expect(response.status).toBe(200);
    expect(await bytesOf(response)).toHaveLength(whole.length);
  });

  it.each(['bytes=-0', 'bytes=999999999-'])('returns 416 with the length for %s', async (range) => {
    const response = await fetch(link, { headers: { range } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe(`bytes */${whole.length}`);
    expect(await response.text()).toBe('');
  });

  it('returns for HEAD the headers of GET, without the bytes', async () => {
    const response = await fetch(link, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(whole.length));
    expect(await response.text()).toBe('');
    const part = await fetch(link, { method: 'HEAD', headers: { range: 'bytes=2-5' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-5/${whole.length}`]);
  });

  it('accepts only GET and HEAD', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await fetch(link, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED', retryable: false });
    }
  });

  it('leads to the file of its sandbox, whatever sandbox a request names', async () => {
    const dev = { 'x-sandbox-name': 'dev' };
    const { exportJobs } = await gateway.query(ListExportJobsDocument, { filter: { statuses: ['SUCCEEDED'] } }, dev);
    const ofDev = await linkFrom(gateway, exportJobs.edges[0]?.node.id ?? '', dev);
    const bytes = await bytesOf(await fetch(ofDev));
    expect(bytes.subarray(0, parquetMark.length).toString()).toBe(parquetMark);
    expect((await bytesOf(await fetch(ofDev, { headers: { 'x-sandbox-name': 'prod' } }))).equals(bytes)).toBe(true);
    expect((await bytesOf(await fetch(link, { headers: dev }))).equals(whole)).toBe(true);

    const { exportJob } = await gateway.query(ExportJobDocument, { id: jobWithFiles });
    const ids = { job: jobWithFiles, batch: exportJob?.destination.batches[0]?.batchId ?? '' };
    const seen = await gateway.query(
      LookupsDocument,
      { ...ids, dataset: exportJob?.destination.dataset?.id ?? '' },
      dev,
    );
    expect(seen).toEqual({ exportJob: null, dataset: null, batch: null });
  });
});

describe('an invalid link', () => {
  const pathOf = (url: string) => url.slice(url.indexOf('/files/') + '/files/'.length);
  const follow = (path: string) => fetch(`${gateway.url}/files/${path}`);

  /** Returns the text with the character at `index` replaced. */
  const altered = (text: string, index: number, by: string) => {
    const at = index < 0 ? text.length + index : index;
    return text.slice(0, at) + by + text.slice(at + 1);
  };

  it('is rejected when any character of it has changed, of any class', async () => {
    const path = pathOf(link);
    const [nonce = '', ciphertext = '', tag = ''] = path.split('/')[0]?.split('.') ?? [];
    const tagStart = nonce.length + ciphertext.length + 2;
    const places = [0, 1, nonce.length, nonce.length + 1, tagStart - 2, tagStart, tagStart + tag.length - 1, -2, -1];
    for (const place of places) {
      for (const by of ['A', 'z', '0', '9', '-', '_', '.', '=', '+', '~', '%41']) {
        const changed = altered(path, place, by);
        if (changed === path) continue;
        const response = await follow(changed);
        expect(response.status, `${by} at ${place}`).toBe(403);
        expect(await response.json()).toMatchObject({ code: 'FORBIDDEN', retryable: false });
      }
    }
  });

  it('is rejected when it is cut, extended, changed in case, mixed with another link, or empty', async () => {
    const path = pathOf(link);
    const [token = '', name = ''] = path.split('/');
    const [nonce, ciphertext, tag] = token.split('.');
    const other = pathOf(await linkFrom(gateway, '24054'));
    const [otherToken = '', otherName = ''] = other.split('/');
    expect([otherToken, otherName]).not.toEqual([token, name]);
    const wrong = [
      token.slice(0, -1),
      token.slice(1),
      `${token}A`,
      `${token}=`,
      `${token}.`,
      `${token}.${tag}`,
      token.toUpperCase(),
      token.toLowerCase(),
      `${nonce}.${ciphertext}`,
      `${nonce}..${tag}`,
      `${nonce}.${otherToken.split('.')[1]}.${tag}`,
      `${otherToken.split('.')[0]}.${ciphertext}.${tag}`,
      `${token}/other.parquet`,
      `${path}/`,
      `/${path}`,
      'x'.repeat(10_000),
      '',
      '..%2f..%2fetc%2fpasswd',
    ];
    const before = platform.requests.length;
    for (const each of wrong) expect((await follow(each)).status, each).toBe(403);
    expect(platform.requests.length).toBe(before);
    expect((await follow(token)).status).toBe(200);
  });

  it('is rejected by another gateway without the secret', async () => {
    await using stranger = await startGateway({ platform });
    expect((await fetch(`${stranger.url}/files/${pathOf(link)}`)).status).toBe(403);
  });

  it('is accepted by a gateway with the same secret, and rejected from the moment of its expiry', async () => {
    const clock = new FakeClock();
    const env = { DOWNLOAD_LINK_SECRET: plantedSecret('links'), DOWNLOAD_LINK_TTL_SECONDS: '60' };
    await using one = await startGateway({ platform, clock, env });
    await using other = await startGateway({ platform, clock, env });
    const path = pathOf(await linkFrom(one));
    expect((await fetch(`${other.url}/files/${path}`)).status).toBe(200);
    await clock.advanceBy(59_999);
    expect((await fetch(`${one.url}/files/${path}`)).status).toBe(200);
    await clock.advanceBy(1);
    for (const { url } of [one, other]) expect((await fetch(`${url}/files/${path}`)).status).toBe(403);
  });
});

describe('a file without bytes', () => {
  it.each(['stated by HEAD', 'stated with the bytes'])('whose length is %s is downloaded', async (stated) => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (!isContentRequest(request.url)) return false;
      request.resume();
      if (request.method !== 'HEAD') response.writeHead(416, { 'content-range': 'bytes */0' });
      else if (stated === 'stated by HEAD') response.writeHead(200, { 'content-length': 0 });
      else response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.end();
      return true;
    });
    await using own = await startGateway({ platform: proxy });
    const url = await linkFrom(own);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', '']);
    expect((await fetch(url, { method: 'HEAD', headers: { range: 'bytes=0-' } })).status).toBe(200);
    expect((await fetch(url, { headers: { range: 'bytes=0-' } })).status).toBe(416);
  });
});
