import { describe, expect, it } from 'vitest';
import { RateLimitedError, UpstreamUnreachableError } from '../../../../src/errors.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { createFileHandler } from '../../../../src/server/downloads/downloads.ts';
import type { DownloadSource } from '../../../../src/server/downloads/file-body.ts';
import { pieceBytes } from '../../../../src/server/downloads/file-body.ts';
import { createCors } from '../../../../src/server/http/cors.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { testLog } from '../../../support/records.ts';
import { uncountedDownloads } from '../../../support/uncounted-metrics.ts';
import { bodyOf, bytesOf, download, fakeSource, get, mebibyte, origin, serve } from './file-fixtures.ts';
import { exchangeBytes, httpHost } from './http-host.ts';

describe('a download', () => {
  it('is the file, with its type, its length and its name', async () => {
    const content = bytesOf(1_000);
    await using gateway = await serve(fakeSource({ content }));
    const response = await get(gateway);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/parquet',
      'content-length': '1000',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
      'content-disposition':
        'attachment; filename="part 0 _ _.parquet"; filename*=UTF-8\'\'part%200%20%E2%80%93%20%C3%A9.parquet',
    });
    expect((await bodyOf(response)).equals(content)).toBe(true);
  });

  it('is read in pieces that follow each other without gap or overlap', async () => {
    for (const length of [pieceBytes - 1, pieceBytes, pieceBytes + 1, 2 * pieceBytes + 5]) {
      const source = fakeSource({ content: bytesOf(length), chunkBytes: mebibyte });
      await using gateway = await serve(source);
      const body = await bodyOf(await get(gateway));
      expect(body.equals(bytesOf(length))).toBe(true);
      const starts = Array.from({ length: Math.ceil(length / pieceBytes) }, (_, index) => index * pieceBytes);
      expect(source.ranges).toEqual(starts.map((first) => [first, Math.min(length, first + pieceBytes) - 1]));
      expect(source.open).toBe(0);
    }
  });

  it.each([
    ['bytes=10-19', 10, 19],
    ['bytes=-5', 995, 999],
    ['bytes=990-', 990, 999],
  ])('of the range %s gives those bytes alone', async (range, first, last) => {
    const content = bytesOf(1_000);
    const source = fakeSource({ content });
    await using gateway = await serve(source);
    const response = await get(gateway, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${first}-${last}/1000`);
    expect((await bodyOf(response)).equals(content.subarray(first, last + 1))).toBe(true);
    expect(source.ranges).toEqual([[first, last]]);
  });

  it('of a range outside the file is refused with its length', async () => {
    await using gateway = await serve(fakeSource({ content: bytesOf(10) }));
    const response = await get(gateway, { range: 'bytes=10-' });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  });

  it('of a conditional range gives the whole file, because nothing shows whether the condition holds', async () => {
    await using gateway = await serve(fakeSource({ content: bytesOf(10) }));
    const response = await get(gateway, { range: 'bytes=0-1', 'if-range': '"etag"' });
    expect([response.status, (await bodyOf(response)).length]).toEqual([200, 10]);
  });

  it('a download by HEAD returns all headers and reads no bytes', async () => {
    const source = fakeSource({ content: bytesOf(10) });
    await using gateway = await serve(source);
    const response = await get(gateway, {}, 'HEAD');
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '10']);
    expect((await get(gateway, { range: 'bytes=2-3' }, 'HEAD')).headers.get('content-range')).toBe('bytes 2-3/10');
    expect(source.ranges).toEqual([]);
  });

  it('a download by another method is rejected', async () => {
    await using gateway = await serve(fakeSource({ content: bytesOf(10) }));
    const response = await get(gateway, {}, 'POST');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('a download by an invalid link is rejected and not cached', async () => {
    await using gateway = await serve(fakeSource({ content: bytesOf(10) }));
    const response = await fetch(`${gateway.url}/files/bad`);
    expect([response.status, response.headers.get('cache-control')]).toEqual([403, 'no-store']);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ message: 'The link is not valid.', code: 'FORBIDDEN', retryable: false });
  });
});

describe('a script of a configured origin', () => {
  const content = bytesOf(1_000);
  const permitted = ({ headers }: Response) => [headers.get('access-control-allow-origin'), headers.get('vary')];

  it('may read every response to a download, whatever its status', async () => {
    const failing = (error: Error) => ({ ...fakeSource({ content }), stat: () => Promise.reject(error) });
    const cases: readonly (readonly [number, DownloadSource, Record<string, string>?, string?, string?])[] = [
      [200, fakeSource({ content })],
      [200, fakeSource({ content }), {}, 'HEAD'],
      [206, fakeSource({ content }), { range: 'bytes=0-9' }],
      [416, fakeSource({ content }), { range: 'bytes=1000-' }],
      [403, fakeSource({ content }), {}, 'GET', 'bad'],
      [404, fakeSource({ content, stat: 'missing' })],
      [405, fakeSource({ content }), {}, 'POST'],
      [429, failing(new RateLimitedError({ message: 'Later.', retryAfterMs: 1_000 }))],
      [500, failing(new Error('unforeseen'))],
      [502, failing(new UpstreamUnreachableError({ message: 'No connection.' }))],
    ];
    for (const [status, source, headers = {}, method = 'GET', token = 'good'] of cases) {
      await using gateway = await serve(source);
      const response = await fetch(`${gateway.url}/files/${token}`, { method, headers: { ...headers, origin } });
      expect([response.status, ...permitted(response)]).toEqual([status, origin, 'Origin']);
      expect(response.headers.get('access-control-expose-headers')).toContain('content-range');
      await response.arrayBuffer();
    }
  });

  it('may send ranges and conditions, after a preflight for which the platform gets no request', async () => {
    const source = { stat: () => Promise.reject(new Error('called')), read: () => Promise.reject(new Error('called')) };
    await using gateway = await serve(source);
    const response = await get(
      gateway,
      { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'if-match,range' },
      'OPTIONS',
    );
    expect([response.status, ...permitted(response)]).toEqual([204, origin, 'Origin, Access-Control-Request-Headers']);
    expect(response.headers.get('access-control-allow-headers')).toBe('if-match,range');
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
    expect(gateway.log).toEqual([]);
  });

  it('of another origin may not', async () => {
    await using gateway = await serve(fakeSource({ content }));
    const response = await get(gateway, { origin: 'https://evil.example' });
    expect([response.status, ...permitted(response)]).toEqual([200, null, 'Origin']);
    await response.arrayBuffer();
  });
});

const internalError = { message: 'Internal error.', code: 'INTERNAL_SERVER_ERROR', retryable: false };

describe('a download from a platform that has bad days', () => {
  const content = bytesOf(300_000);

  it('a download continues where a connection broke, and sends every byte once', async () => {
    const source = fakeSource({ content, breakAfter: (read) => (read < 4 ? 70_000 : Number.POSITIVE_INFINITY) });
    await using gateway = await serve(source);
    expect((await bodyOf(await get(gateway))).equals(content)).toBe(true);
    expect(source.ranges.map(([first]) => first)).toEqual([0, 70_000, 140_000, 210_000, 280_000]);
    expect(source.open).toBe(0);
  });

  it('a download restarts the count of attempts after each received byte', async () => {
    // Two attempts without a byte, then one with some, again and again.
    const breakAfter = (read: number) => (read % 3 === 2 ? 100_000 : 0);
    const source = fakeSource({ content, breakAfter });
    await using gateway = await serve(source);
    expect((await bodyOf(await get(gateway))).equals(content)).toBe(true);
    expect(source.ranges).toHaveLength(9);
    expect(gateway.pauses).toEqual([500, 1_000, 500, 1_000, 500, 1_000]);
  });

  it('a download waits for the pause that the platform requests, unless it is too long', async () => {
    for (const [retryAfterMs, pauses] of [
      [20_000, [20_000]],
      [40_000, []],
    ] as const) {
      const source = fakeSource({ content });
      let reads = 0;
      const read: DownloadSource['read'] = async (range, signal) => {
        reads += 1;
        if (reads > 1) return source.read(range, signal);
        throw new UpstreamUnreachableError({ message: 'Not now.', retryAfterMs });
      };
      await using gateway = await serve({ ...source, read });
      const whole = await get(gateway).then(bodyOf, () => null);
      expect(whole?.equals(content) ?? false).toBe(pauses.length > 0);
      expect(gateway.pauses).toEqual(pauses);
    }
  });

  it('a download breaks its connection after three attempts without a byte', async () => {
    const source = fakeSource({ content, breakAfter: (read) => (read === 0 ? 100_000 : 0) });
    await using gateway = await serve(source);
    const response = await get(gateway);
    expect(response.status).toBe(200);
    await expect(bodyOf(response)).rejects.toThrow();
    expect(source.ranges).toHaveLength(4);
    expect(gateway.pauses).toEqual([500, 1_000]);
    expect(gateway.log).toMatchObject([{ level: 'warn', err: { name: 'UpstreamUnreachableError' } }]);
  });

  it('a download sends only the requested bytes if the platform returns another range', async () => {
    const wider = fakeSource({ content, come: (first, last) => [Math.max(0, first - 1_000), last + 1_000] });
    await using wide = await serve(wider);
    const range = { range: 'bytes=100000-199999' };
    expect((await bodyOf(await get(wide, range))).equals(content.subarray(100_000, 200_000))).toBe(true);

    const whole = fakeSource({ content, come: () => [0, content.length - 1] });
    await using all = await serve(whole);
    expect((await bodyOf(await get(all, range))).equals(content.subarray(100_000, 200_000))).toBe(true);

    const shorter = fakeSource({ content, come: (first, last) => [first, Math.min(last, first + 29_999)] });
    await using short = await serve(shorter);
    expect((await bodyOf(await get(short, range))).equals(content.subarray(100_000, 200_000))).toBe(true);
    expect(shorter.ranges).toHaveLength(4);
    expect([wider.open, whole.open, shorter.open]).toEqual([0, 0, 0]);
    // Nothing is read behind the chunk that holds the last byte wanted.
    expect(whole.taken).toBe(Math.ceil(200_000 / 65_536) * 65_536);
  });

  it('a download sends no more bytes than announced', async () => {
    const source = fakeSource({ content, come: (first, last) => [first, last + 1_000] });
    await using gateway = await serve(source);
    const response = await exchangeBytes(gateway, [
      'GET /files/good HTTP/1.1',
      'host: x',
      'range: bytes=0-999',
      'connection: close',
    ]);
    expect(response.subarray(response.indexOf('\r\n\r\n') + 4).equals(content.subarray(0, 1_000))).toBe(true);
  });

  it('a download fails if the response starts after the requested byte', async () => {
    const source = fakeSource({ content, come: (first, last) => [first + 1, last] });
    await using gateway = await serve(source);
    const response = await get(gateway);
    expect([response.status, await response.json()]).toMatchObject([502, { code: 'UPSTREAM_UNREADABLE' }]);
    expect([source.ranges.length, source.open]).toEqual([3, 0]);
  });

  it('a download breaks its connection if the file is deleted or becomes shorter', async () => {
    const long = bytesOf(pieceBytes + 10);
    const vanishing = fakeSource({
      content: long,
      chunkBytes: mebibyte,
      come: (first, last) => (first === 0 ? [first, last] : 'missing'),
    });
    const shrinking = fakeSource({
      content: long.subarray(0, pieceBytes),
      stat: long.length,
      totalBytes: null,
      chunkBytes: mebibyte,
    });
    for (const source of [vanishing, shrinking]) {
      await using gateway = await serve(source);
      await expect(get(gateway).then(bodyOf)).rejects.toThrow();
      expect(source.ranges).toHaveLength(2);
      expect(gateway.log).toMatchObject([{ level: 'warn' }]);
    }
  });

  it('a download of a deleted file returns 404', async () => {
    await using gateway = await serve(fakeSource({ content, stat: 'missing' }));
    const response = await get(gateway);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('a download that cannot be read returns the reason', async () => {
    const stat = () => Promise.reject(new UpstreamUnreachableError({ message: 'No connection.', retryAfterMs: 5 }));
    await using gateway = await serve({ ...fakeSource({ content }), stat });
    const response = await get(gateway);
    expect([response.status, response.headers.get('accept-ranges')]).toEqual([502, null]);
    expect(await response.json()).toEqual({
      message: 'No connection.',
      code: 'UPSTREAM_UNREACHABLE',
      retryable: true,
      retryAfterMs: 5,
    });
  });

  it('an unexpected failure of a download is reported only in the log', async () => {
    await using gateway = await serve({ ...fakeSource({ content }), stat: () => Promise.reject(new Error('secret')) });
    const response = await get(gateway);
    expect(response.status).toBe(500);
    const body = await response.json();
    expect(body).toEqual({ ...internalError, errorId: expect.any(String) });
    expect(gateway.log).toMatchObject([{ level: 'error', errorId: body.errorId, err: { message: 'secret' } }]);
  });
});

describe('a download of a file whose length', () => {
  const content = bytesOf(100);

  it('is zero ends at once', async () => {
    const empty = fakeSource({ content: bytesOf(0) });
    await using gateway = await serve(empty);
    const response = await get(gateway);
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', '']);
    expect((await get(gateway, { range: 'bytes=0-' })).status).toBe(416);
    expect(empty.ranges).toEqual([]);
  });

  it('requests one byte first if the platform reports the length only with bytes', async () => {
    const source = fakeSource({ content, stat: null });
    await using gateway = await serve(source);
    const response = await get(gateway, { range: 'bytes=-10' });
    expect(response.headers.get('content-range')).toBe('bytes 90-99/100');
    expect((await bodyOf(response)).equals(content.subarray(90))).toBe(true);
    expect(source.ranges).toEqual([
      [0, 0],
      [90, 99],
    ]);
    expect(source.open).toBe(0);
  });

  it('ends at once if the length that is reported only with bytes is zero', async () => {
    await using gateway = await serve(fakeSource({ content: bytesOf(0), stat: null }));
    const response = await get(gateway);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('rejects a download whose length the platform never reports', async () => {
    const source = fakeSource({ content, stat: null, totalBytes: null });
    await using gateway = await serve(source);
    const response = await get(gateway);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: 'UPSTREAM_UNREADABLE' });
    expect(source.open).toBe(0);
  });

  it('returns 404 if the file was deleted before its length was requested', async () => {
    await using gateway = await serve(fakeSource({ content, stat: null, come: () => 'missing' }));
    expect((await get(gateway)).status).toBe(404);
  });
});

describe('a reader that leaves', () => {
  it('a reader that leaves cancels a read without a response', async () => {
    const source = fakeSource({ content: bytesOf(10) });
    const reads: AbortSignal[] = [];
    await using gateway = await serve({
      ...source,
      read: (_range, signal) => {
        reads.push(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const leaving = new AbortController();
    const left = expect(fetch(`${gateway.url}/files/good`, { signal: leaving.signal })).rejects.toThrow();
    await eventually(() => expect(reads).toHaveLength(1));
    leaving.abort();
    await left;
    await eventually(() => expect(reads.map(({ aborted }) => aborted)).toEqual([true]));
  });

  it('ends the reading of the platform, without a line in the log', async () => {
    const signals: AbortSignal[] = [];
    const source = fakeSource({ content: bytesOf(64 * mebibyte) });
    const log: string[] = [];
    const logger = createLogger({ destination: { write: (line) => void log.push(line) } });
    const handler = createFileHandler({
      metrics: uncountedDownloads,
      clock: new FakeClock(),
      connectionClock: new FakeClock(),
      limits: { total: 128 },
      maxConversions: 4,
      cors: createCors([]),
      open: async () => download,
      source: () => ({
        ...source,
        stat: (signal) => {
          signals.push(signal);
          return source.stat(signal);
        },
      }),
    });
    let handled: Promise<void> | undefined;
    await using host = await httpHost((request, response) => {
      handled = handler(request, response, testLog(logger), null);
      return handled;
    });
    const leaving = new AbortController();
    const response = await fetch(`${host.url}/files/good`, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    await handled;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(source.open).toBe(0);
    // Not read to its end: the socket's buffers bound what was taken in advance.
    expect(source.ranges.length).toBeLessThan(8);
    expect(log).toEqual([]);
  });
});
