import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { markOf, parquetMark } from '../support/parquet.ts';
import { startPlatform, startProxy } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { ExportJobDocument, ListExportJobsDocument, LookupsDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;
let link: string;
/** The whole file behind `link`. */
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

/** A past job of `prod` whose batch still has its files. */
const jobWithFiles = '24055';

async function linkFrom(from: Gateway, job = jobWithFiles, headers = {}): Promise<string> {
  const { exportJob } = await from.query(ExportJobDocument, { id: job }, headers);
  const url = exportJob?.destination.batches[0]?.batch?.files.nodes[0]?.downloadUrl;
  if (url === undefined) throw new Error(`Job ${job} has no file.`);
  return url;
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('a download link', () => {
  it('gives the whole file, with its length, type and name', async () => {
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
  ])('gives the part that %s names', async (range, from, to) => {
    const first = from < 0 ? whole.length + from : from;
    const last = to < 0 ? whole.length + to : to;
    const response = await fetch(link, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/${whole.length}`);
    expect(response.headers.get('content-length')).toBe(String(last - first + 1));
    expect((await bytesOf(response)).equals(whole.subarray(first, last + 1))).toBe(true);
  });

  it.each(['bytes=5-4', 'bytes=a-b', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-', ''])(
    'gives the whole file for the range "%s", which means nothing',
    async (range) => {
      const response = await fetch(link, { headers: { range } });
      expect(response.status).toBe(200);
      expect((await bytesOf(response)).equals(whole)).toBe(true);
    },
  );

  it('gives the whole file when a part was asked for on a condition that cannot be checked', async () => {
    const response = await fetch(link, { headers: { range: 'bytes=0-3', 'if-range': '"etag"' } });
    expect(response.status).toBe(200);
    expect(await bytesOf(response)).toHaveLength(whole.length);
  });

  it.each(['bytes=-0', 'bytes=999999999-'])('answers 416 with the length for %s', async (range) => {
    const response = await fetch(link, { headers: { range } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe(`bytes */${whole.length}`);
    expect(await response.text()).toBe('');
  });

  it('answers HEAD as GET, without the bytes', async () => {
    const response = await fetch(link, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(whole.length));
    expect(await response.text()).toBe('');
    const part = await fetch(link, { method: 'HEAD', headers: { range: 'bytes=2-5' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-5/${whole.length}`]);
  });

  it('allows GET and HEAD only', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await fetch(link, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
  });

  it('leads to the file of the sandbox that it was made in, whatever a request says', async () => {
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

describe('a link that was not made like this', () => {
  const pathOf = (url: string) => url.slice(url.indexOf('/files/') + '/files/'.length);
  const follow = (path: string) => fetch(`${gateway.url}/files/${path}`);

  /** The text with the character at `index` replaced. */
  const altered = (text: string, index: number, by: string) => {
    const at = index < 0 ? text.length + index : index;
    return text.slice(0, at) + by + text.slice(at + 1);
  };

  it('is rejected when any character of it has changed, of whatever class', async () => {
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

  it('is rejected when it is cut, longer, in other cases, another link’s part, or nothing', async () => {
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

  it('is refused by another gateway, which does not know the secret', async () => {
    await using stranger = await startGateway({ platform });
    expect((await fetch(`${stranger.url}/files/${pathOf(link)}`)).status).toBe(403);
  });

  it('is accepted by a gateway with the same secret, and refused from the moment on at which it expires', async () => {
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

/** Bytes of each file of `startLargeFiles`. */
const size = 256 * 1024 * 1024;
const chunk = Buffer.alloc(64 * 1024, 7);

/** A platform whose files are large. It counts what it has sent of them. */
async function startLargeFiles() {
  const sent = { bytes: 0, opened: 0, closed: 0 };
  const proxy = await startProxy(platform, (request, response) => {
    if (!/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
    request.resume();
    const [, first = '0', last = String(size - 1)] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const length = Number(last) - Number(first) + 1;
    sent.opened += 1;
    response.on('close', () => {
      sent.closed += 1;
    });
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'content-length': size }).end();
      return true;
    }
    response.writeHead(206, { 'content-length': length, 'content-range': `bytes ${first}-${last}/${size}` });
    let left = length;
    const pump = () => {
      while (left > 0) {
        const piece = chunk.subarray(0, Math.min(chunk.length, left));
        left -= piece.length;
        sent.bytes += piece.length;
        if (!response.write(piece)) {
          response.once('drain', pump);
          return;
        }
      }
      response.end();
    };
    pump();
    return true;
  });
  return { proxy, sent };
}

const open = (url: string): Promise<{ request: ClientRequest; response: IncomingMessage }> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => resolve({ request, response }));
    request.on('error', reject);
  });

describe('a large download', () => {
  it('goes only as fast as it is read, and ends upstream when its reader is gone, while others are served', async () => {
    const { proxy, sent } = await startLargeFiles();
    await using _ = proxy;
    await using own = await startGateway({ platform: proxy });
    const url = await linkFrom(own);
    const { request, response } = await open(url);
    response.once('error', () => {});
    response.read();

    // Nobody announces that nothing more is sent: it is so when requests beside it see no progress any more.
    for (let before = -1, still = 0; still < 25; still = sent.bytes === before ? still + 1 : 0) {
      before = sent.bytes;
      expect((await fetch(`${own.url}/healthz`)).status).toBe(200);
    }
    expect(sent.bytes).toBeGreaterThan(0);
    expect(sent.bytes).toBeLessThan(size / 8);

    const left = new Promise((resolve) => response.once('close', resolve));
    request.destroy();
    await left;
    // The piece under way may be in the buffers between here and there as a whole: then it has ended already.
    await eventually(() => expect(sent.closed).toBe(sent.opened));
    expect(sent.bytes).toBeLessThan(size / 8);

    const part = await fetch(url, { headers: { range: 'bytes=0-9' } });
    expect([part.status, (await bytesOf(part)).length]).toEqual([206, 10]);
    expect(own.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('is put together from pieces without losing or repeating a byte', async () => {
    const { proxy } = await startLargeFiles();
    await using _ = proxy;
    await using own = await startGateway({ platform: proxy });
    const length = 20 * 1024 * 1024 + 3;
    const response = await fetch(await linkFrom(own), { headers: { range: `bytes=5-${length + 4}` } });
    const bytes = await bytesOf(response);
    expect(bytes.length).toBe(length);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    expect(proxy.requests.filter((request) => request.startsWith('GET') && request.includes('path='))).toHaveLength(21);
  });
});

describe('readers that take nothing', () => {
  it('leave room for queries, for the other downloads and for other sandboxes, and are disconnected', async () => {
    const { proxy, sent } = await startLargeFiles();
    await using _ = proxy;
    const connectionClock = new FakeClock();
    await using own = await startGateway({ platform: proxy, connectionClock });
    const links = await Promise.all(Array.from({ length: 10 }, () => linkFrom(own)));
    const opened = await Promise.all(links.flatMap((url) => Array.from({ length: 8 }, () => open(url))));
    const statuses = opened.map(({ response }) => response.statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect(statuses.filter((status) => status === 429)).toHaveLength(16);

    const dev = { 'x-sandbox-name': 'dev' };
    const { exportJobs } = await own.query(ListExportJobsDocument, { filter: { statuses: ['SUCCEEDED'] } }, dev);
    const ofDev = await linkFrom(own, exportJobs.edges[0]?.node.id ?? '', dev);
    const part = await fetch(ofDev, { headers: { range: 'bytes=0-9' } });
    expect([part.status, (await bytesOf(part)).length]).toEqual([206, 10]);
    const refused = await fetch(links[0] ?? '');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);

    // All that was requested of the platform has come, although nothing of it was taken.
    await eventually(() => expect(sent.closed).toBe(sent.opened));
    await connectionClock.advanceBy(30_000);
    await eventually(async () => expect((await fetch(links[0] ?? '', { method: 'HEAD' })).status).toBe(200));
    for (const { request } of opened) request.destroy();
  });
});

describe('many downloads of a sandbox whose budget is small', () => {
  it('let its queries go first', async () => {
    await using proxy = await startProxy(platform, () => false);
    const clock = new FakeClock();
    await using own = await startGateway({ platform: proxy, clock, env: { UPSTREAM_CALLS_PER_SECOND: '5' } });
    const url = await clock.runUntil(linkFrom(own));
    const bytesAt = (at: number) => fetch(url, { headers: { range: `bytes=${at}-${at}` } }).then(bytesOf);
    await clock.runUntil(bytesAt(0));
    const before = proxy.requests.length;
    const downloads = Promise.all(Array.from({ length: 15 }, (_, index) => bytesAt(index + 1)));
    const query = own.send('{ datasets(first: 1) { nodes { id } } }');
    // Time stands still until all of them have come: requests that were sent later have their responses.
    await clock.sleeping();
    for (let round = 0; round < 25; round += 1) await fetch(`${own.url}/healthz`);
    expect((await clock.runUntil(query)).errors).toEqual([]);
    const sentBefore = proxy.requests.slice(before).findIndex((each) => each.includes('/dataSets'));
    // Those that the budget let through at once, and one that had its turn.
    expect(sentBefore).toBeGreaterThanOrEqual(0);
    expect(sentBefore).toBeLessThanOrEqual(6);
    expect((await clock.runUntil(downloads)).map((each) => each.length)).toEqual(Array(15).fill(1));
  });
});

describe('a file that is replaced on the platform while it is read', () => {
  it('breaks the download off, and the next download by the link is the new file', async () => {
    const size = 3 * 1024 * 1024;
    const versions = { old: Buffer.alloc(size, 1), new: Buffer.alloc(size + 1, 2) };
    let content = versions.old;
    await using proxy = await startProxy(platform, (request, response) => {
      if (!/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
      request.resume();
      if (request.method === 'HEAD') {
        response.writeHead(200, { 'content-length': content.length }).end();
        return true;
      }
      const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}` });
      response.end(content.subarray(Number(first), Number(last) + 1));
      content = versions.new;
      return true;
    });
    await using own = await startGateway({ platform: proxy });
    const url = await linkFrom(own);
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(size)]);
    await expect(bytesOf(response)).rejects.toThrow();
    expect((await bytesOf(await fetch(url))).equals(versions.new)).toBe(true);
  });
});

describe('a file without bytes', () => {
  it.each(['stated by HEAD', 'stated with the bytes'])('whose length is %s is downloaded', async (stated) => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (!/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
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

describe('when the platform stops in the middle of a file', () => {
  it('a reader who leaves ends the transfer upstream too, although no byte comes any more', async () => {
    let closed: () => void = () => {};
    const endedUpstream = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
      request.resume();
      response.on('close', closed);
      response.writeHead(206, {
        'content-length': whole.length,
        'content-range': `bytes 0-${whole.length - 1}/${whole.length}`,
      });
      response.write(whole.subarray(0, 4));
      return true;
    });
    await using own = await startGateway({ platform: proxy });
    const leaving = new AbortController();
    const response = await fetch(await linkFrom(own), { signal: leaving.signal });
    const reader = response.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(4);
    leaving.abort();
    await endedUpstream;
  });
});

describe('when the platform breaks off', () => {
  it('the first time, the download goes on where it stopped', async () => {
    let broken = 0;
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !/\/export\/files\/.*path=/.test(request.url ?? '') || broken > 0) return false;
      broken += 1;
      request.resume();
      const half = whole.subarray(0, Math.floor(whole.length / 2));
      response.writeHead(206, {
        'content-length': whole.length,
        'content-range': `bytes 0-${whole.length - 1}/${whole.length}`,
      });
      response.write(half, () => response.destroy());
      return true;
    });
    await using own = await startGateway({ platform: proxy });
    const response = await fetch(await linkFrom(own));
    expect((await bytesOf(response)).equals(whole)).toBe(true);
    expect(broken).toBe(1);
  });

  it.each([
    [0, 502],
    [4, 200],
  ])('again and again after %i bytes, the download never ends as if the file were whole', async (bytes, status) => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
      request.resume();
      const [, first = ''] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
      if (bytes === 0 || first !== '0') {
        response.destroy();
        return true;
      }
      response.writeHead(206, {
        'content-length': whole.length,
        'content-range': `bytes 0-${whole.length - 1}/${whole.length}`,
      });
      response.write(whole.subarray(0, bytes), () => response.destroy());
      return true;
    });
    const clock = new FakeClock();
    await using own = await startGateway({ platform: proxy, clock });
    const response = await clock.runUntil(fetch(await linkFrom(own)));
    expect(response.status).toBe(status);
    if (status === 502) expect(await response.json()).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
    else await clock.runUntil(expect(bytesOf(response)).rejects.toThrow());
    const attempts = bytes === 0 ? 3 : 4;
    const reads = proxy.requests.filter((each) => each.startsWith('GET') && each.includes('path='));
    expect(reads).toHaveLength(attempts);
  });

  it('with an error before the first byte, the answer has its code', async () => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (!/\/export\/files\/.*path=/.test(request.url ?? '')) return false;
      request.resume();
      response.writeHead(503).end();
      return true;
    });
    const clock = new FakeClock();
    await using own = await startGateway({ platform: proxy, clock });
    const response = await clock.runUntil(fetch(await linkFrom(own)));
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: 'PLATFORM_ERROR', retryable: true, upstream: { status: 503 } });
  });
});
