import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { RateLimitedError, UpstreamTimeoutError, UpstreamUnreachableError } from '../../../../src/errors.ts';
import { pieceBytes } from '../../../../src/server/downloads/file-body.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  bodyOf,
  bytesOf,
  download,
  type FakeSource,
  fakeSource,
  type Gateway,
  get,
  mebibyte,
  serve,
} from './file-fixtures.ts';

/** A response whose bytes arrive only when the test reads them. */
const open = (url: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    httpGet(url, { agent: false }, (response) => {
      response.on('error', () => {});
      resolve(response);
    }).on('error', reject);
  });

/** Waits until the gateway reads nothing more from the platform: 25 requests in a row see no difference. */
async function atRest(gateway: Gateway, source: FakeSource): Promise<void> {
  for (let seen = -1, still = 0; still < 25; still = source.taken === seen ? still + 1 : 0) {
    seen = source.taken;
    await (await fetch(`${gateway.url}/files/bad`)).arrayBuffer();
  }
}

describe('a client that reads nothing', () => {
  it('holds one piece in memory and no connection to the platform, and is disconnected after 30 seconds', async () => {
    const connectionClock = new FakeClock();
    const source = fakeSource({ content: bytesOf(64 * mebibyte) });
    await using gateway = await serve(source, { connectionClock });
    const response = await open(`${gateway.url}/files/good`);
    const closed = new Promise((resolve) => response.once('close', resolve));
    await atRest(gateway, source);
    expect(source.open).toBe(0);
    expect(source.taken).toBeLessThan(32 * mebibyte);
    expect(source.taken % pieceBytes).toBe(0);

    await connectionClock.advanceBy(29_999);
    expect(response.destroyed).toBe(false);
    await connectionClock.advanceBy(1);
    // The end of the connection is behind the bytes that were not read.
    response.resume();
    await closed;
    expect(response.complete).toBe(false);
    expect(gateway.log).toMatchObject([{ level: 'info', err: { name: 'StalledClientError' } }]);
  });

  it('a client that reads something in time is not disconnected, regardless of the duration of the download', async () => {
    const connectionClock = new FakeClock();
    const content = bytesOf(64 * mebibyte);
    const source = fakeSource({ content });
    await using gateway = await serve(source, { connectionClock });
    const response = await open(`${gateway.url}/files/good`);
    const chunks: Buffer[] = [];
    let length = 0;
    for (let round = 0; round < 3; round += 1) {
      await atRest(gateway, source);
      await connectionClock.advanceBy(29_000);
      for (const until = length + 8 * mebibyte; length < until; ) {
        const chunk: Buffer | null = response.read();
        if (chunk === null) await once(response, 'readable');
        else length += chunks.push(chunk) > 0 ? chunk.length : 0;
      }
    }
    for await (const chunk of response) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(gateway.log).toEqual([]);
  });
});

describe('a platform that keeps a download waiting', () => {
  it('a platform that needs more than a minute for a piece receives a request from the first missing byte', async () => {
    const clock = new FakeClock();
    const content = bytesOf(300_000);
    const source = fakeSource({
      content,
      chunkBytes: 10_000,
      stallAfter: (read) => (read === 0 ? 70_000 : Number.POSITIVE_INFINITY),
    });
    await using gateway = await serve(source, { clock });
    const response = await get(gateway);
    const reader = response.body?.getReader();
    const chunks: Uint8Array[] = [];
    for (let length = 0; length < 70_000; ) {
      const { value = new Uint8Array() } = (await reader?.read()) ?? {};
      chunks.push(value);
      length += value.length;
    }
    await clock.advanceBy(59_999);
    expect(source.ranges).toEqual([[0, 299_999]]);
    await clock.advanceBy(1);
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) chunks.push(next.value);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(source.ranges).toEqual([
      [0, 299_999],
      [70_000, 299_999],
    ]);
    expect([source.open, clock.pending('deadline')]).toEqual([0, 0]);
  });

  it.each([
    [504, new UpstreamTimeoutError({ message: 'No response in time.' }), null],
    [429, new RateLimitedError({ message: 'No room in the budget.', retryAfterMs: 2_500 }), '3'],
  ])('before the first byte ends with %s, after one attempt', async (status, error, retryAfter) => {
    let reads = 0;
    const source = fakeSource({ content: bytesOf(10) });
    const read = () => {
      reads += 1;
      return Promise.reject(error);
    };
    await using gateway = await serve({ ...source, read });
    const response = await get(gateway);
    expect([response.status, response.headers.get('retry-after'), reads]).toEqual([status, retryAfter, 1]);
    expect(await response.json()).toMatchObject({ code: error.code, retryable: true });
  });

  it('a download without any byte fails with its own status', async () => {
    const source = fakeSource({ content: bytesOf(1_000), breakAfter: () => 0 });
    await using gateway = await serve(source);
    const response = await get(gateway, { range: 'bytes=0-9' });
    expect([response.status, response.headers.get('content-range')]).toEqual([502, null]);
    expect(await response.json()).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
    expect([source.ranges.length, source.open]).toEqual([3, 0]);
  });

  it('a platform that ignores ranges is read once, and not from the beginning for each piece', async () => {
    const content = bytesOf(5 * pieceBytes + 7);
    const source = fakeSource({ content, come: () => [0, content.length - 1] });
    await using gateway = await serve(source);
    expect((await bodyOf(await get(gateway))).equals(content)).toBe(true);
    expect([source.ranges.length, source.open]).toEqual([1, 0]);
  });
});

describe('many requests by one link', () => {
  it('look the file up once', async () => {
    const source = fakeSource({ content: bytesOf(1_000) });
    await using gateway = await serve(source);
    for (let at = 0; at < 20; at += 1) {
      const response = await get(gateway, { range: `bytes=${at}-${at}` });
      expect([response.status, [...(await bodyOf(response))]]).toEqual([206, [at]]);
    }
    await get(gateway, {}, 'HEAD');
    expect([source.stats, source.ranges.length]).toEqual([1, 20]);
  });

  it('look the file up again after a failure', async () => {
    const source = fakeSource({ content: bytesOf(10) });
    let failing = true;
    const stat: FakeSource['stat'] = (signal) =>
      failing ? Promise.reject(new UpstreamUnreachableError({ message: 'No connection.' })) : source.stat(signal);
    await using gateway = await serve({ ...source, stat });
    expect((await get(gateway)).status).toBe(502);
    failing = false;
    expect((await get(gateway)).status).toBe(200);
  });

  it('too many requests by one link receive 429', async () => {
    const source = fakeSource({ content: bytesOf(64 * mebibyte) });
    const byPath = async (path: string) => ({ ...download, id: path });
    await using gateway = await serve(source, { open: byPath, limits: { total: 128, perLink: 2 } });
    const slow = [await open(`${gateway.url}/files/a`), await open(`${gateway.url}/files/a`)];
    const refused = await fetch(`${gateway.url}/files/a`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_000 });
    const other = await fetch(`${gateway.url}/files/b`, { headers: { range: 'bytes=0-9' } });
    expect([other.status, (await bodyOf(other)).length]).toEqual([206, 10]);

    for (const response of slow) response.destroy();
    await expect
      .poll(async () => (await fetch(`${gateway.url}/files/a`, { headers: { range: 'bytes=0-0' } })).status)
      .toBe(206);
  });
});

describe('downloads that are over', () => {
  it('ended downloads leave no body, no timer and no slot', async () => {
    const clock = new FakeClock();
    const connectionClock = new FakeClock();
    const content = bytesOf(3 * pieceBytes);
    const source = fakeSource({ content });
    const changed = fakeSource({ content, totalBytes: (read) => content.length + read });
    const broken = fakeSource({ content, breakAfter: () => 0 });
    const failing: FakeSource = { ...broken, stat: () => Promise.reject(new Error('unforeseen')) };
    const sources = { source, changed, failing };
    const limits = { total: 4, perLink: 2, requestBurst: 10_000 };
    const byPath = async (path: string) => ({ ...download, id: path });
    await using gateway = await serve(source, {
      clock,
      connectionClock,
      limits,
      open: byPath,
      source: ({ id }) => sources[id as keyof typeof sources],
    });
    const url = (name: keyof typeof sources) => `${gateway.url}/files/${name}`;
    for (let round = 0; round < 10; round += 1) {
      expect((await bodyOf(await fetch(url('source')))).length).toBe(content.length);
      await fetch(url('source'), { method: 'HEAD' });
      await (await fetch(url('source'), { headers: { range: 'bytes=99999999-' } })).arrayBuffer();
      await (await fetch(url('failing'))).arrayBuffer();
      await fetch(url('changed'))
        .then(bodyOf)
        .catch(() => null);
      const leaving = await open(url('source'));
      leaving.destroy();
      await expect.poll(() => connectionClock.pending()).toBe(0);
    }
    await expect.poll(() => [source.open, changed.open]).toEqual([0, 0]);
    expect([clock.pending(), clock.pending('deadline'), connectionClock.pending()]).toEqual([0, 0, 0]);
    // A tenant alone gets half of the slots, and both are free.
    const both = await Promise.all([open(url('source')), open(url('source'))]);
    expect(both.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (const response of both) response.destroy();
  });
});
