import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startPlatform, startProxy } from '../support/platform.ts';
import { bytesOf, isContentRequest, linkFrom } from './download-reading.ts';
import { ListExportJobsDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;

beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.close());

/** Size of each file of `startLargeFiles`, in bytes. */
const size = 256 * 1024 * 1024;
const chunk = Buffer.alloc(64 * 1024, 7);

/** A platform with large files. It counts the bytes that it has sent. */
async function startLargeFiles() {
  const sent = { bytes: 0, opened: 0, closed: 0 };
  const proxy = await startProxy(platform, (request, response) => {
    if (!isContentRequest(request.url)) return false;
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
  it('is transferred only as fast as it is read, and ends upstream when its reader leaves, while others are served', async () => {
    const { proxy, sent } = await startLargeFiles();
    await using _ = proxy;
    await using own = await startGateway({ platform: proxy });
    const url = await linkFrom(own);
    const { request, response } = await open(url);
    response.once('error', () => {});
    response.read();

    // The end of the transfer has no event, so the test waits until other requests see no progress.
    for (let before = -1, still = 0; still < 25; still = sent.bytes === before ? still + 1 : 0) {
      before = sent.bytes;
      expect((await fetch(`${own.url}/healthz`)).status).toBe(200);
    }
    expect(sent.bytes).toBeGreaterThan(0);
    expect(sent.bytes).toBeLessThan(size / 8);

    const left = new Promise((resolve) => response.once('close', resolve));
    request.destroy();
    await left;
    // The current piece may be completely in buffers on the way, and has then ended already.
    await eventually(() => expect(sent.closed).toBe(sent.opened));
    expect(sent.bytes).toBeLessThan(size / 8);

    const part = await fetch(url, { headers: { range: 'bytes=0-9' } });
    expect([part.status, (await bytesOf(part)).length]).toEqual([206, 10]);
    expect(own.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it('is assembled from pieces without losing or repeating a byte', async () => {
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

describe('readers that read nothing', () => {
  it('leave room for queries, for other downloads and for other sandboxes, and are disconnected', async () => {
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

    // All requested bytes have arrived, although the reader has read nothing.
    await eventually(() => expect(sent.closed).toBe(sent.opened));
    await connectionClock.advanceBy(30_000);
    await eventually(async () => expect((await fetch(links[0] ?? '', { method: 'HEAD' })).status).toBe(200));
    for (const { request } of opened) request.destroy();
  });
});

describe('many downloads of a sandbox with a small budget', () => {
  it('give precedence to its queries', async () => {
    await using proxy = await startProxy(platform, () => false);
    const clock = new FakeClock();
    await using own = await startGateway({ platform: proxy, clock, env: { UPSTREAM_CALLS_PER_SECOND: '5' } });
    const url = await clock.runUntil(linkFrom(own));
    const bytesAt = (at: number) => fetch(url, { headers: { range: `bytes=${at}-${at}` } }).then(bytesOf);
    await clock.runUntil(bytesAt(0));
    const before = proxy.requests.length;
    const downloads = Promise.all(Array.from({ length: 15 }, (_, index) => bytesAt(index + 1)));
    const query = own.send('{ datasets(first: 1) { nodes { id } } }');
    // Time does not pass until all of them have arrived, because later requests have their responses then.
    await clock.sleeping();
    for (let round = 0; round < 25; round += 1) await fetch(`${own.url}/healthz`);
    expect((await clock.runUntil(query)).errors).toEqual([]);
    const sentBefore = proxy.requests.slice(before).findIndex((each) => each.includes('/dataSets'));
    // The downloads that the budget permitted at once, and the next one in turn.
    expect(sentBefore).toBeGreaterThanOrEqual(0);
    expect(sentBefore).toBeLessThanOrEqual(6);
    expect((await clock.runUntil(downloads)).map((each) => each.length)).toEqual(Array(15).fill(1));
  });
});
