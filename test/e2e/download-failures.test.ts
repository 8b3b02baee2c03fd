import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { startGateway } from '../support/gateway.ts';
import { startPlatform, startProxy } from '../support/platform.ts';
import { bytesOf, isContentRequest, linkFrom } from './download-reading.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
/** The whole file of the links. */
let whole: Buffer;

beforeAll(async () => {
  platform = await startPlatform();
  await using gateway = await startGateway({ platform });
  whole = await bytesOf(await fetch(await linkFrom(gateway)));
});
afterAll(() => platform.close());

describe('a file that is replaced on the platform while it is read', () => {
  it('breaks the download, and the next download by the link returns the new file', async () => {
    const size = 3 * 1024 * 1024;
    const versions = { old: Buffer.alloc(size, 1), new: Buffer.alloc(size + 1, 2) };
    let content = versions.old;
    await using proxy = await startProxy(platform, (request, response) => {
      if (!isContentRequest(request.url)) return false;
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

describe('when the platform stops in the middle of a file', () => {
  it('a reader that leaves also ends the upstream transfer, although no further byte arrives', async () => {
    let closed: () => void = () => {};
    const endedUpstream = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !isContentRequest(request.url)) return false;
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

describe('when the platform breaks the connection', () => {
  it('the first time, the download continues where it stopped', async () => {
    let broken = 0;
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !isContentRequest(request.url) || broken > 0) return false;
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
  ])('repeatedly after %i bytes, the download never ends as if the file were complete', async (bytes, status) => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (request.method !== 'GET' || !isContentRequest(request.url)) return false;
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

  it('with an error before the first byte, the response has its code', async () => {
    await using proxy = await startProxy(platform, (request, response) => {
      if (!isContentRequest(request.url)) return false;
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
