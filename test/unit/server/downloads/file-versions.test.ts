import { describe, expect, it } from 'vitest';
import type { DownloadSource } from '../../../../src/server/downloads/file-body.ts';
import { pieceBytes } from '../../../../src/server/downloads/file-body.ts';
import { bodyOf, bytesOf, fakeSource, get, serve } from './file-fixtures.ts';

const etag = '"v1"';
const lastModified = new Date('2026-10-21T07:28:00Z');
const before = 'Wed, 21 Oct 2026 07:27:59 GMT';
const exactly = 'Wed, 21 Oct 2026 07:28:00 GMT';
const after = 'Wed, 21 Oct 2026 07:28:01 GMT';

describe('a file that the platform replaces while it is read', () => {
  const content = bytesOf(2 * pieceBytes + 10);
  const replacedAt = (read: number) => ({
    'another length': { totalBytes: (each: number) => (each < read ? content.length : content.length + 1) },
    'another entity tag': {
      version: (each: number | 'stat') => ({ etag: each === 'stat' || each < read ? '"v1"' : '"v2"' }),
    },
    'another date': {
      version: (each: number | 'stat') => ({
        lastModified: each === 'stat' || each < read ? lastModified : new Date(0),
      }),
    },
    'another tag than the first piece, of which HEAD states none': {
      version: (each: number | 'stat') => ({ etag: each === 'stat' ? null : each < read ? '"v1"' : '"v2"' }),
    },
  });
  const names = ['another length', 'another entity tag', 'another date'] as const;

  it.each([...names, 'another tag than the first piece, of which HEAD states none'] as const)(
    'breaks the download off instead of completing it with mixed bytes: %s',
    async (name) => {
      for (const read of [1, 2]) {
        const source = fakeSource({ content, ...replacedAt(read)[name] });
        await using gateway = await serve(source);
        const response = await get(gateway);
        expect(response.status).toBe(200);
        await expect(bodyOf(response)).rejects.toThrow();
        expect([source.ranges.length, source.open]).toEqual([read + 1, 0]);
        expect(gateway.log).toMatchObject([{ level: 'warn', err: { name: 'FileChangedError' } }]);
      }
    },
  );

  it.each(names)(
    'before its first byte leads to a second look, and to an error if that differs too: %s',
    async (name) => {
      const source = fakeSource({ content, ...replacedAt(0)[name] });
      await using gateway = await serve(source);
      const response = await get(gateway);
      expect([response.status, await response.json()]).toMatchObject([
        502,
        { code: 'UPSTREAM_UNREADABLE', retryable: true },
      ]);
      expect([source.stats, source.ranges.length, source.open]).toEqual([2, 2, 0]);
    },
  );

  it('a file that is replaced between two downloads is sent whole in its new version', async () => {
    const old = fakeSource({ content: bytesOf(1_000), version: () => ({ etag: '"old"' }) });
    const replacement = fakeSource({ content: bytesOf(2_000), version: () => ({ etag: '"new"' }) });
    let present = old;
    const source: DownloadSource = {
      stat: (signal) => present.stat(signal),
      read: (range, signal) => present.read(range, signal),
    };
    await using gateway = await serve(source);
    expect((await bodyOf(await get(gateway))).length).toBe(1_000);
    present = replacement;
    const response = await get(gateway);
    expect([response.status, response.headers.get('etag')]).toEqual([200, '"new"']);
    expect((await bodyOf(response)).equals(bytesOf(2_000))).toBe(true);
    expect([old.stats, replacement.stats]).toEqual([1, 1]);
  });

  it('is the same where one response states a weak tag and another a strong one', async () => {
    const source = fakeSource({ content, version: (read) => ({ etag: read === 'stat' ? 'W/"v1"' : '"v1"' }) });
    await using gateway = await serve(source);
    expect((await bodyOf(await get(gateway))).equals(content)).toBe(true);
  });
});

describe('a conditional request', () => {
  const content = bytesOf(100);
  const serveVersion = (version = { etag: etag as string | null, lastModified: lastModified as Date | null }) => {
    const source = fakeSource({ content, version: () => version });
    return { source, gateway: serve(source) };
  };

  it('gets the validators of the file with every response', async () => {
    await using gateway = await serveVersion().gateway;
    const requests = [
      [200, {}],
      [206, { range: 'bytes=0-1' }],
      [304, { 'if-none-match': etag }],
      [412, { 'if-match': '"v2"' }],
      [416, { range: 'bytes=100-' }],
    ] as const;
    for (const [status, headers] of requests) {
      const response = await get(gateway, headers);
      expect([response.status, response.headers.get('etag'), response.headers.get('last-modified')]).toEqual([
        status,
        etag,
        exactly,
      ]);
      await response.arrayBuffer();
    }
  });

  it.each([
    [200, { 'if-match': etag }],
    [200, { 'if-match': `"v0", ${etag}` }],
    [200, { 'if-match': '*' }],
    [412, { 'if-match': '"v2"' }],
    [412, { 'if-match': `W/${etag}` }],
    [412, { 'if-match': '"v2"', 'if-none-match': etag }],
    [200, { 'if-match': etag, 'if-unmodified-since': before }],
    [412, { 'if-unmodified-since': before }],
    [200, { 'if-unmodified-since': exactly }],
    [200, { 'if-unmodified-since': 'whenever' }],
    [304, { 'if-none-match': etag }],
    [304, { 'if-none-match': `W/${etag}` }],
    [304, { 'if-none-match': '*' }],
    [200, { 'if-none-match': '"v2"' }],
    [200, { 'if-none-match': '"v2"', 'if-modified-since': after }],
    [304, { 'if-modified-since': exactly }],
    [304, { 'if-modified-since': after }],
    [200, { 'if-modified-since': before }],
    [200, { 'if-modified-since': 'whenever' }],
    [206, { range: 'bytes=0-9', 'if-range': etag }],
    [200, { range: 'bytes=0-9', 'if-range': '"v2"' }],
    [200, { range: 'bytes=0-9', 'if-range': `W/${etag}` }],
    [206, { range: 'bytes=0-9', 'if-range': exactly }],
    [200, { range: 'bytes=0-9', 'if-range': before }],
    [200, { range: 'bytes=0-9', 'if-range': after }],
    [200, { range: 'bytes=0-9', 'if-range': 'whenever' }],
    // The condition decides before the range is looked at.
    [200, { range: 'bytes=100-', 'if-range': '"v2"' }],
    [416, { range: 'bytes=100-', 'if-range': etag }],
    [412, { range: 'bytes=0-9', 'if-match': '"v2"' }],
  ] as const)('returns %s for %j', async (status, headers) => {
    const { source, gateway: starting } = serveVersion();
    await using gateway = await starting;
    const response = await get(gateway, headers);
    const body = await bodyOf(response);
    expect(response.status).toBe(status);
    expect(body.length).toBe({ 200: 100, 206: 10, 304: 0, 412: 0, 416: 0 }[status]);
    expect(source.ranges.length).toBe(status === 200 || status === 206 ? 1 : 0);
    expect((await get(gateway, headers, 'HEAD')).status).toBe(status === 416 ? 200 : status);
  });

  it.each([
    [200, { range: 'bytes=0-9', 'if-range': etag }],
    [200, { range: 'bytes=0-9', 'if-range': exactly }],
    [200, { 'if-none-match': etag }],
    [200, { 'if-modified-since': after }],
    [200, { 'if-unmodified-since': before }],
    [200, { 'if-match': '*' }],
    [412, { 'if-match': etag }],
  ] as const)('for a file without a validator returns %s for %j', async (status, headers) => {
    await using gateway = await serveVersion({ etag: null, lastModified: null }).gateway;
    const response = await get(gateway, headers);
    expect([response.status, (await bodyOf(response)).length]).toEqual([status, status === 200 ? 100 : 0]);
    expect([response.headers.get('etag'), response.headers.get('last-modified')]).toEqual([null, null]);
  });

  it('can use a validator that the platform states only with the bytes', async () => {
    const source = fakeSource({ content, version: (read) => (read === 'stat' ? {} : { etag }) });
    await using gateway = await serve(source);
    const first = await get(gateway, { range: 'bytes=0-9' });
    expect([first.status, first.headers.get('etag')]).toEqual([206, etag]);
    const next = await get(gateway, { range: 'bytes=10-19', 'if-range': etag });
    expect([next.status, (await bodyOf(next)).equals(content.subarray(10, 20))]).toEqual([206, true]);
  });
});

describe('HEAD', () => {
  it('HEAD returns the headers of GET, and of the whole file for a range outside the file', async () => {
    const source = fakeSource({ content: bytesOf(10) });
    await using gateway = await serve(source);
    const cases = [
      ['bytes=2-5', 206, '4', 'bytes 2-5/10'],
      ['bytes=-3', 206, '3', 'bytes 7-9/10'],
      ['bytes=10-', 200, '10', null],
      ['bytes=-0', 200, '10', null],
    ] as const;
    for (const [range, status, length, contentRange] of cases) {
      const { status: got, headers } = await get(gateway, { range }, 'HEAD');
      expect([got, headers.get('content-length'), headers.get('content-range')]).toEqual([
        status,
        length,
        contentRange,
      ]);
      expect(headers.get('accept-ranges')).toBe('bytes');
    }
    expect(source.ranges).toEqual([]);
  });
});
