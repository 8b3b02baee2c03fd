import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import type { FileHandlerOptions } from '../../../../src/server/downloads/downloads.ts';
import { eventually } from '../../../support/eventually.ts';
import { levels, oneColumn, plainTexts, run } from '../../../support/parquet-writer.ts';
import { bodyOf, download, fakeSource, get, serve } from './file-fixtures.ts';

const utf8 = 0;

/** A file with one column of texts; each page repeats them. */
const fileOf = (texts: readonly string[], pages = 1) =>
  oneColumn(
    { type: 'BYTE_ARRAY', convertedType: utf8 },
    texts.length * pages,
    Array.from({ length: pages }, () => ({ values: texts.length, bytes: plainTexts(...texts) })),
  );

const converting = (content: Buffer, format: 'CSV' | 'NDJSON', options: Partial<FileHandlerOptions> = {}) =>
  serve(fakeSource({ content }), { open: async () => ({ ...download, format }), ...options });

it('sends CSV with its type and a name with its extension', async () => {
  await using gateway = await converting(fileOf(['a', '=1+1', 'x,y']), 'CSV');
  const response = await get(gateway);
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': `attachment; filename="part 0 _ _.csv"; filename*=UTF-8''part%200%20%E2%80%93%20%C3%A9.csv`,
    'cache-control': 'private, no-store',
    'accept-ranges': 'none',
    'x-content-type-options': 'nosniff',
  });
  expect(response.headers.get('content-length')).toBe(null);
  expect(await response.text()).toBe(`a\r\na\r\n"'=1+1"\r\n"x,y"\r\n`);
});

it('sends NDJSON, and the whole of it for a range, because its bytes have no positions', async () => {
  await using gateway = await converting(fileOf(['a', 'b']), 'NDJSON');
  const response = await get(gateway, { range: 'bytes=0-3' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  expect(await response.text()).toBe('{"a":"a"}\n{"a":"b"}\n');
});

it('sends only the header fields for HEAD', async () => {
  const source = fakeSource({ content: fileOf(['a']) });
  await using gateway = await serve(source, { open: async () => ({ ...download, format: 'CSV' }) });
  const response = await get(gateway, {}, 'HEAD');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/csv');
  expect(await bodyOf(response)).toHaveLength(0);
  expect(source.ranges).toEqual([]);
});

it.each([
  ['is no Parquet file', gzipSync('id,name')],
  ['is damaged', oneColumn({ type: 'INT32', repetition: 'OPTIONAL' }, 9, [{ values: 9, bytes: levels(run(9, 1)) }])],
])('responds with FILE_UNREADABLE if the file %s', async (_, content) => {
  await using gateway = await converting(content, 'CSV');
  const response = await get(gateway);
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ code: 'FILE_UNREADABLE', retryable: false });
});

it('breaks the connection if the file is damaged after its first rows', async () => {
  const text = 'x'.repeat(1_000);
  const texts = Array.from({ length: 600 }, () => text);
  const content = oneColumn({ type: 'BYTE_ARRAY', convertedType: utf8 }, 1_200, [
    { values: 600, bytes: plainTexts(...texts) },
    { values: 600, bytes: plainTexts(text) },
  ]);
  await using gateway = await converting(content, 'NDJSON');
  const response = await get(gateway);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  expect(JSON.stringify(gateway.log)).not.toContain('xxx');
});

it('resumes a broken connection to the platform', async () => {
  const content = fileOf(Array.from({ length: 2_000 }, (_, index) => `value ${index}`));
  const source = fakeSource({ content, breakAfter: (read) => (read === 1 ? 100 : Number.POSITIVE_INFINITY) });
  await using gateway = await serve(source, { open: async () => ({ ...download, format: 'CSV' }) });
  expect((await (await get(gateway)).text()).split('\r\n')).toHaveLength(2_002);
});

it('stops reading from the platform when the client leaves', async () => {
  const text = 'y'.repeat(10_000);
  const content = fileOf(
    Array.from({ length: 50 }, () => text),
    200,
  );
  const source = fakeSource({ content });
  await using gateway = await serve(source, { open: async () => ({ ...download, format: 'NDJSON' }) });
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/files/good`, { signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
  await eventually(() => expect(source.open).toBe(0));
  expect(source.taken).toBeLessThan(content.length / 2);
  expect(gateway.log).toEqual([]);
});

it('rejects a conversion without room for it, while downloads continue', async () => {
  await using gateway = await converting(fileOf(['a']), 'CSV', { maxConversions: 0 });
  expect((await get(gateway)).status).toBe(429);
  await using other = await serve(fakeSource({ content: fileOf(['a']) }), { maxConversions: 0 });
  expect((await get(other)).status).toBe(200);
});
