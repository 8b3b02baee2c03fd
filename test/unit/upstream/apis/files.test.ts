import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type BatchId, type DataSetFileId, platformId } from '../../../../src/domain/ids.ts';
import {
  InvalidInputError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
  UpstreamUnreadableError,
} from '../../../../src/errors.ts';
import type { FileBytes } from '../../../../src/upstream/apis/files.ts';
import { createOperationCalls } from '../../../../src/upstream/http/operation-calls.ts';
import { caller, connectTo, countListeners, type Respond, sendJson, silence, startStub } from '../platform-stub.ts';

const batchId = platformId<BatchId>('batch-1');
const fileId = platformId<DataSetFileId>('file-1');
const name = 'part-0.parquet';

const entry = (id: string) => ({ dataSetFileId: id, isValid: false, created: '1558522305708', size: '12' });
const part = (partName: string, length = '10') => ({ name: partName, length });

/** A platform that returns one page per path, and a 404 for any other path. */
const pages =
  (byPath: Readonly<Record<string, readonly object[]>>): Respond =>
  ({ path }, response) => {
    const data = byPath[path.replace('/data/foundation/export', '')];
    if (data === undefined) response.writeHead(404).end();
    else sendJson(response, 200, { data, _page: { limit: 100, count: data.length } });
  };

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A request reaches the queue of the pool within the turn in which it is made: only sockets take longer. */
const inQueue = () => new Promise(setImmediate);

function bytes(response: unknown): FileBytes {
  expect(response).toMatchObject({ kind: 'bytes' });
  // The line above has checked the part that distinguishes the variants.
  return response as FileBytes;
}

describe('the files of a batch', () => {
  it.each([
    ['the batch', '/batches/batch-1/files', entry('file-1')],
    ['a file', '/files/file-1', part(name)],
  ])('are not truncated if an error replaces an entry of %s', async (_, path, good) => {
    const failed = { type: '/placeholder/type/uri', status: 503, title: 'Unavailable', detail: 'x' };
    const whole = { '/batches/batch-1/files': [entry('file-1')], '/files/file-1': [part(name)] };
    for (const [error, code] of [
      [failed, 'PLATFORM_ERROR'],
      [{ errors: { '403': [{ code: 1, message: 'No' }] } }, 'FORBIDDEN'],
      [{ error: { message: 'Lost' } }, 'PLATFORM_ERROR'],
    ] as const) {
      await using stub = await startStub(pages({ ...whole, [path]: [good, error] }));
      await using client = connectTo(stub.url);
      await expect(client.api.files.list({ batchId, start: 0, limit: 20 })).rejects.toMatchObject({ code });
    }
    const gone = { ...failed, status: 404 };
    await using stub = await startStub(pages({ ...whole, [path]: [good, gone] }));
    await using client = connectTo(stub.url);
    expect((await client.api.files.list({ batchId, start: 0, limit: 20 })).files).toHaveLength(1);
  });

  it('are its parts, read by one call for the list and one for each entry (#26, #27)', async () => {
    await using stub = await startStub(
      pages({
        '/batches/batch-1/files': [entry('file-1'), entry('file-2')],
        '/files/file-1': [part(name, '249058'), part('part-1.parquet', 'many')],
        '/files/file-2': [part('part-0.parquet')],
      }),
    );
    await using client = connectTo(stub.url);
    expect(await client.api.files.list({ batchId, start: 0, limit: 20 })).toEqual({
      files: [
        { fileId: 'file-1', name, sizeBytes: 249_058 },
        { fileId: 'file-1', name: 'part-1.parquet', sizeBytes: null },
        { fileId: 'file-2', name: 'part-0.parquet', sizeBytes: 10 },
      ],
      next: null,
    });
    expect(stub.requests).toHaveLength(3);
    expect(stub.requests[0]?.query.toString()).toBe('start=0&limit=20');
  });

  it('include those within directories, three levels deep (#28)', async () => {
    const directories = {
      '/batches/batch-1/files': [entry('a')],
      '/files/a': [entry('b'), part('top')],
      '/files/b': [entry('c')],
      '/files/c': [entry('d')],
    };
    await using stub = await startStub(pages({ ...directories, '/files/d': [part('deep')] }));
    await using client = connectTo(stub.url);
    expect((await client.api.files.list({ batchId, start: 0, limit: 20 })).files).toEqual([
      { fileId: 'd', name: 'deep', sizeBytes: 10 },
      { fileId: 'a', name: 'top', sizeBytes: 10 },
    ]);

    await using deeper = await startStub(
      pages({ ...directories, '/files/d': [entry('e')], '/files/e': [part('deepest')] }),
    );
    await using other = connectTo(deeper.url);
    await expect(other.api.files.list({ batchId, start: 0, limit: 20 })).rejects.toBeInstanceOf(
      UpstreamUnreadableError,
    );
  });

  it('are an empty list when the platform does not know the batch, or a file was removed', async () => {
    await using stub = await startStub(pages({ '/batches/batch-1/files': [entry('gone'), {}] }));
    await using client = connectTo(stub.url);
    const none = { files: [], next: null };
    expect(await client.api.files.list({ batchId, start: 0, limit: 20 })).toEqual(none);
    expect(await client.api.files.list({ batchId: platformId('other'), start: 0, limit: 20 })).toEqual(none);
    expect(await client.api.files.list({ batchId: platformId('../x'), start: 0, limit: 20 })).toEqual(none);
    expect(client.metrics.anomalies).toEqual([{ resource: 'BatchFile', kind: 'missing-id' }]);
  });

  it.each([
    { next: undefined, expected: null },
    { next: {}, expected: null },
    { next: { href: '' }, expected: null },
    { next: { href: 'https://platform.adobe.io:443/files?start=7&limit=2' }, expected: 7 },
    { next: { href: '/files?start=name-of-a-file' }, expected: 6 },
    { next: { href: '/files?start=3' }, expected: 6 },
    { next: { href: '/files?start=4' }, expected: 6 },
    { next: { href: '/files?start=5' }, expected: 5 },
    { next: { href: '/files?start={start}', templated: true }, expected: 6 },
    { next: { href: '/files?start={start}', templated: true }, limit: 3, expected: null },
  ])(
    'continue at $expected after the link $next, whatever the count (#15, #18)',
    async ({ next, expected, limit = 2 }) => {
      await using stub = await startStub(({ path }, response) =>
        path.endsWith('/files')
          ? sendJson(response, 200, { data: [entry('a'), entry('b')], _page: { count: 99 }, _links: { next } })
          : sendJson(response, 200, { data: [] }),
      );
      await using client = connectTo(stub.url);
      expect(await client.api.files.list({ batchId, start: 4, limit })).toMatchObject({ next: expected });
    },
  );

  it('of one entry are read to the last page, by links that are never followed to another host (#17)', async () => {
    await using elsewhere = await startStub(pages({}));
    const next = (start: string) => ({
      next: { href: `${elsewhere.url}/data/foundation/export/files/a?start=${start}` },
    });
    await using stub = await startStub(({ path, query }, response) => {
      if (path.endsWith('/files')) return sendJson(response, 200, { data: [entry('a')] });
      switch (query.get('start')) {
        case '0':
          return sendJson(response, 200, { data: [part('p-0')], _links: next('p-1') });
        case 'p-1':
          return sendJson(response, 200, { data: [part('p-1')], _links: next('2') });
        default:
          return sendJson(response, 200, { data: [part('p-2')], _links: next('2') });
      }
    });
    await using client = connectTo(stub.url);
    const { files } = await client.api.files.list({ batchId, start: 0, limit: 20 });
    expect(files.map((file) => file.name)).toEqual(['p-0', 'p-1', 'p-2']);
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('of one entry are at most 10,000', async () => {
    const parts = (count: number) => Array.from({ length: count }, (_, index) => part(`p-${index}`));
    await using stub = await startStub(
      pages({
        '/batches/large/files': [entry('large')],
        '/files/large': parts(10_000),
        '/batches/too-large/files': [entry('too-large')],
        '/files/too-large': parts(10_001),
      }),
    );
    await using client = connectTo(stub.url);
    const list = (id: string) => client.api.files.list({ batchId: platformId(id), start: 0, limit: 20 });
    expect((await list('large')).files).toHaveLength(10_000);
    await expect(list('too-large')).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});

describe('the files of a batch when the platform never ends a list', () => {
  const endless = (rows: (start: string) => readonly object[]): Respond => {
    let pages = 0;
    return ({ path, query }, response) => {
      if (path.endsWith('/batches/batch-1/files')) return sendJson(response, 200, { data: [entry('file-1')] });
      pages += 1;
      const next = { href: `/data/foundation/export/files/file-1?start=p-${pages}` };
      return sendJson(response, 200, { data: rows(query.get('start') ?? ''), _links: { next } });
    };
  };

  it.each([
    ['has no row', () => []],
    ['has an empty row', () => [{}]],
    ['has a part', (start: string) => [part(`part-${start}`)]],
    ['has another directory', (start: string) => [entry(`directory-${start}`)]],
  ])('are unreadable after 200 pages, each of which %s', async (_, rows) => {
    await using stub = await startStub(endless(rows));
    await using client = connectTo(stub.url);
    await expect(client.api.files.list({ batchId, start: 0, limit: 20 })).rejects.toBeInstanceOf(
      UpstreamUnreadableError,
    );
    expect(stub.requests.length).toBeLessThanOrEqual(201);
  });

  it('count as calls of the operation, page by page', async () => {
    await using stub = await startStub(endless((start) => [part(`part-${start}`)]));
    await using client = connectTo(stub.url, { calls: createOperationCalls(30) });
    await expect(client.api.files.list({ batchId, start: 0, limit: 20 })).rejects.toBeInstanceOf(InvalidInputError);
    expect(stub.requests).toHaveLength(30);
  });

  it('are complete if the list has exactly the maximum number of pages', async () => {
    const lastPage = 200;
    await using stub = await startStub(({ path, query }, response) => {
      if (path.endsWith('/batches/batch-1/files')) return sendJson(response, 200, { data: [entry('file-1')] });
      const page = Number(query.get('start')) + 1;
      const next = page < lastPage ? { href: `/files/file-1?start=${page}` } : {};
      return sendJson(response, 200, { data: [part(`part-${page}`)], _links: { next } });
    });
    await using client = connectTo(stub.url);
    expect((await client.api.files.list({ batchId, start: 0, limit: 20 })).files).toHaveLength(lastPage);
  });
});

describe('the bytes of a file', () => {
  it('are returned whole', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/parquet', 'content-length': 5 }).end('bytes');
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name: 'a b&c/d.parquet' }));
    expect(response).toMatchObject({ contentType: 'application/parquet', totalBytes: 5, first: 0, last: 4 });
    expect(await textOf(response.body)).toBe('bytes');
    expect(stub.requests[0]).toMatchObject({ method: 'GET', path: '/data/foundation/export/files/file-1' });
    expect(stub.requests[0]?.query.get('path')).toBe('a b&c/d.parquet');
    expect(stub.requests[0]?.headers).not.toHaveProperty('range');
    expect(stub.requests[0]?.headers['accept-encoding']).toBe('identity');
    // They are of any type, whereas all other calls accept JSON alone.
    expect(stub.requests[0]?.headers.accept).toBe('*/*');
  });

  it.each([
    ['application/json', { type: '/placeholder/type/uri', status: 503, title: 'Unavailable' }, 'PLATFORM_ERROR'],
    ['application/problem+json', { title: 'Lost' }, 'UPSTREAM_UNREADABLE'],
    ['application/json; charset=utf-8', { error_code: '403003', message: 'Api Key is invalid' }, 'UNAUTHENTICATED'],
    ['application/json', { status: 404, title: 'NotFoundError' }, null],
  ])('are not returned for an error in a success, as %s', async (type, error, code) => {
    for (const range of [undefined, { first: 0, last: 9 }]) {
      await using stub = await startStub((_request, response) =>
        sendJson(response, 200, error, { 'content-type': type }),
      );
      await using client = connectTo(stub.url);
      const read = client.api.files.read({ fileId, name, range });
      if (code === null) expect(await read).toBeNull();
      else await expect(read).rejects.toMatchObject({ code });
    }
  });

  it.each([
    ['a file of JSON', 'rows.json', '{"status":500,"title":"x"}'],
    ['a file that is declared to be JSON', name, 'PAR1'],
    ['a long one', name, `{"title":"${'x'.repeat(200_000)}"}`],
  ])('are returned unchanged for %s, whatever they contain', async (_, fileName, content) => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(content);
    });
    await using client = connectTo(stub.url);
    expect(await textOf(bytes(await client.api.files.read({ fileId, name: fileName })).body)).toBe(content);
  });

  it('have their version if the platform sends it in a known form', async () => {
    const lastModified = 'Wed, 21 Oct 2026 07:28:00 GMT';
    const cases = [
      [{ etag: '"abc"', 'last-modified': lastModified }, '"abc"', new Date(lastModified)],
      [{ etag: 'W/"abc"' }, 'W/"abc"', null],
      [{ etag: 'abc', 'last-modified': 'yesterday' }, null, null],
      [{ etag: `"${'x'.repeat(1_000)}"` }, null, null],
      [{}, null, null],
    ] as const;
    for (const [headers, etag, date] of cases) {
      await using stub = await startStub((_request, response) => response.writeHead(200, headers).end('bytes'));
      await using client = connectTo(stub.url);
      const response = bytes(await client.api.files.read({ fileId, name }));
      expect([response.etag, response.lastModified]).toEqual([etag, date]);
      expect(await textOf(response.body)).toBe('bytes');
      expect(await client.api.files.stat({ fileId, name })).toMatchObject({ etag, lastModified: date });
    }
  });

  it('are in the range that the platform names, which may differ from the requested range (#29)', async () => {
    await using stub = await startStub((_request, response) => {
      // A header that was sent twice has its first value.
      response.setHeader('content-range', ['bytes 10-14/249058', 'bytes 0-4/5']);
      response.writeHead(206, { 'content-length': 5 }).end('bytes');
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name, range: { first: 10, last: 99 } }));
    expect(response).toMatchObject({
      contentType: 'application/octet-stream',
      totalBytes: 249_058,
      first: 10,
      last: 14,
    });
    expect(await textOf(response.body)).toBe('bytes');
    await client.api.files.read({ fileId, name, range: { first: 5 } });
    expect(stub.requests.map(({ headers }) => headers.range)).toEqual(['bytes=10-99', 'bytes=5-']);
  });

  it.each([undefined, 'bytes */9', 'bytes 9-3/10', 'items 1-2/3'])(
    'are unreadable when the returned range is named %j',
    async (range) => {
      await using stub = await startStub((_request, response) => {
        response.writeHead(206, range === undefined ? {} : { 'content-range': range }).end('bytes');
      });
      await using client = connectTo(stub.url);
      await expect(client.api.files.read({ fileId, name, range: { first: 0 } })).rejects.toBeInstanceOf(
        UpstreamUnreadableError,
      );
    },
  );

  it.each([
    { range: 'bytes */249058', totalBytes: 249_058 },
    { range: undefined, totalBytes: null },
  ])('outside the file are an unsatisfiable range of $totalBytes', async ({ range, totalBytes }) => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(416, range === undefined ? {} : { 'content-range': range }).end('{}');
    });
    await using client = connectTo(stub.url);
    expect(await client.api.files.read({ fileId, name, range: { first: 999_999 } })).toEqual({
      kind: 'unsatisfiable-range',
      totalBytes,
    });
  });

  it('are null for a file that the platform does not know', async () => {
    await using stub = await startStub((_request, response) => response.writeHead(404).end());
    await using client = connectTo(stub.url);
    expect(await client.api.files.read({ fileId, name })).toBeNull();
    expect(await client.api.files.stat({ fileId, name })).toBeNull();
    for (const id of ['a/b', '..', '', '.'].map((each) => platformId<DataSetFileId>(each))) {
      expect(await client.api.files.read({ fileId: id, name })).toBeNull();
      expect(await client.api.files.stat({ fileId: id, name })).toBeNull();
    }
    expect(stub.requests).toHaveLength(2);
  });

  it('are rejected with the error of the response when the platform refuses them', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' }),
    );
    await using client = connectTo(stub.url);
    await expect(client.api.files.read({ fileId, name })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      upstream: { service: 'data-access', status: 401, code: '401013' },
    });
  });

  it.each(['gzip', 'br', 'GZIP', 'gzip, gzip'])(
    'are not returned with the encoding %s, in any reader',
    async (coding) => {
      await using stub = await startStub((_request, response) => {
        const encoded = gzipSync('bytes');
        response.writeHead(200, { 'content-encoding': coding, 'content-length': encoded.length }).end(encoded);
      });
      await using client = connectTo(stub.url);
      const unreadable = { constructor: UpstreamUnreadableError, upstream: { service: 'data-access', status: 200 } };
      for (const place of [undefined, 'failed'] as const) {
        await expect(client.api.files.read({ fileId, name, place })).rejects.toMatchObject(unreadable);
        await expect(
          client.api.files.read({ fileId, name, place, range: { first: 0, last: 4 } }),
        ).rejects.toMatchObject(unreadable);
      }
      await expect(client.api.files.readErrorSample(batchId)).rejects.toMatchObject(unreadable);
      expect(await client.api.files.stat({ fileId, name })).toMatchObject({ totalBytes: null });
    },
  );

  it('are returned with the encoding that was requested', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-encoding': ' Identity', 'content-length': 5 }).end('bytes');
    });
    await using client = connectTo(stub.url);
    expect(await textOf(bytes(await client.api.files.read({ fileId, name })).body)).toBe('bytes');
    expect(await client.api.files.stat({ fileId, name })).toMatchObject({ totalBytes: 5 });
  });

  it.each([
    ['gzip', gzipSync(JSON.stringify({ title: 'Closed' })), 'Closed'],
    ['gzip', Buffer.from('no gzip'), null],
    ['br', Buffer.from('{"title":"Closed"}'), null],
  ])('are rejected with the reason of an error in %s, if it is readable', async (coding, body, title) => {
    await using stub = await startStub((_request, response) =>
      response.writeHead(500, { 'content-encoding': coding }).end(body),
    );
    await using client = connectTo(stub.url);
    await expect(client.api.files.read({ fileId, name })).rejects.toMatchObject({
      code: 'PLATFORM_ERROR',
      upstream: { status: 500, title },
    });
  });

  it('may take longer than a call after their headers have arrived', async () => {
    let finish = () => {};
    await using stub = await startStub((_request, response) => {
      response.writeHead(200).write('slow ');
      finish = () => response.end('bytes');
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name }));
    expect(client.clock.pending('deadline')).toBe(0);
    await client.clock.advanceBy(600_000);
    finish();
    expect(await textOf(response.body)).toBe('slow bytes');
  });

  it('must have their headers within the timeout of a call', async () => {
    await using stub = await startStub(silence);
    await using client = connectTo(stub.url);
    const failure = expect(client.api.files.read({ fileId, name })).rejects.toBeInstanceOf(UpstreamTimeoutError);
    await stub.received(1);
    await client.clock.advanceBy(30_000);
    await failure;
  });

  it('have the timeout of a call also while they wait for a connection, and leave no timer and no listener', async () => {
    const responses: ServerResponse[] = [];
    await using stub = await startStub((_request, response) => {
      responses.push(response);
      response.writeHead(200).write('some');
    });
    const leaving = new AbortController();
    await using client = connectTo(stub.url, { signal: leaving.signal, downloadConnections: 1 });
    const listeners = countListeners(leaving.signal);
    const unread = bytes(await client.api.files.read({ fileId, name }));
    const waiting = expect(client.api.files.read({ fileId, name })).rejects.toBeInstanceOf(UpstreamTimeoutError);
    await inQueue();
    await client.clock.advanceBy(30_000);
    await waiting;
    expect([stub.requests.length, listeners(), client.clock.pending('deadline')]).toEqual([1, 1, 0]);

    // The one that gave up does not take the connection when it becomes free.
    for (const response of responses) response.end();
    expect(await textOf(unread.body)).toBe('some');
    const next = bytes(await client.api.files.read({ fileId, name }));
    for (const response of responses) response.end();
    expect([await textOf(next.body), stub.requests.length, listeners()]).toEqual(['some', 2, 0]);
  });

  it('end with the reason of the signal also while they wait for a connection', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200).write('some');
    });
    await using client = connectTo(stub.url, { downloadConnections: 1 });
    await client.api.files.read({ fileId, name });
    const leaving = new AbortController();
    const { files } = client.upstream.connect(caller(), { signal: leaving.signal });
    const reason = new Error('The caller left.');
    const waiting = expect(files.read({ fileId, name })).rejects.toBe(reason);
    await inQueue();
    leaving.abort(reason);
    await waiting;
  });

  it('are rejected without reading more than the start of a long reason', async () => {
    let sent = 0;
    let closed = () => {};
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const chunk = Buffer.alloc(64 * 1024, 'x');
    await using stub = await startStub(async (_request, response) => {
      response.on('close', closed);
      response.writeHead(500);
      while (!response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), connectionClosed]);
      }
    });
    await using client = connectTo(stub.url);
    await expect(client.api.files.read({ fileId, name })).rejects.toMatchObject({ code: 'PLATFORM_ERROR' });
    await connectionClosed;
    // The additional bytes in the sockets of both sides.
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  it.each<[string, number, object]>([
    ['that does not name its part', 206, {}],
    ['to a range outside the file', 416, { 'content-range': 'bytes */9' }],
  ])('of a response %s are not read, and the connection is closed', async (_, status, headers) => {
    let closed = () => {};
    const connectionClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using stub = await startStub((_request, response) => {
      response.on('close', closed);
      response.writeHead(status, { ...headers }).write('some');
    });
    await using client = connectTo(stub.url);
    await client.api.files.read({ fileId, name, range: { first: 10 } }).catch(() => {});
    await connectionClosed;
  });

  it('are rejected with the error of the status if its reason does not arrive in time', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(500).write('some');
    });
    await using client = connectTo(stub.url);
    const failure = expect(client.api.files.read({ fileId, name })).rejects.toMatchObject({ code: 'PLATFORM_ERROR' });
    await client.metrics.ended(1);
    await client.clock.advanceBy(30_000);
    await failure;
  });

  it('end with the reason of the signal when it aborts', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200).write('some');
    });
    const leaving = new AbortController();
    await using client = connectTo(stub.url, { signal: leaving.signal });
    const response = bytes(await client.api.files.read({ fileId, name }));
    const reason = new Error('The caller left.');
    const failure = expect(textOf(response.body)).rejects.toBe(reason);
    leaving.abort(reason);
    await failure;
  });

  it('end with UPSTREAM_UNREACHABLE when the connection breaks', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('some', () => response.socket?.destroy());
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name }));
    await expect(textOf(response.body)).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });

  it('are fetched no faster than they are read', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const totalBytes = 48 * 1024 * 1024;
    let sent = 0;
    await using stub = await startStub(async (_request, response) => {
      for (; sent < totalBytes; sent += chunk.length) {
        if (!response.write(chunk)) await once(response, 'drain');
      }
      response.end();
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name }));
    let read = 0;
    let furthestAhead = 0;
    for await (const { length } of response.body) {
      read += length;
      furthestAhead = Math.max(furthestAhead, sent - read);
      await new Promise(setImmediate);
    }
    expect(read).toBe(totalBytes);
    // The bytes in the sockets of both sides, far fewer than the whole.
    expect(furthestAhead).toBeLessThan(totalBytes / 2);
  });

  it('leave no listener on a signal that outlives them', async () => {
    await using stub = await startStub((_request, response) => response.end('bytes'));
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    await using client = connectTo(stub.url, { signal });
    const response = bytes(await client.api.files.read({ fileId, name }));
    expect(listeners()).toBe(1);
    expect(await textOf(response.body)).toBe('bytes');
    expect(listeners()).toBe(0);
  });

  it('are no longer transferred when their reader leaves the loop', async () => {
    let closed = () => {};
    const transferEnded = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await using stub = await startStub((_request, response) => {
      response.on('close', closed);
      response.writeHead(200).write('some');
    });
    await using client = connectTo(stub.url);
    const response = bytes(await client.api.files.read({ fileId, name }));
    for await (const _chunk of response.body) break;
    await transferEnded;
  });
});

describe('the properties of a file', () => {
  it('are those of a read, without its bytes', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/csv', 'content-length': '249058' }).end();
    });
    await using client = connectTo(stub.url);
    expect(await client.api.files.stat({ fileId, name })).toEqual({
      contentType: 'application/csv',
      etag: null,
      lastModified: null,
      totalBytes: 249_058,
    });
    expect(stub.requests[0]).toMatchObject({ method: 'HEAD', headers: { accept: '*/*' } });
    expect(stub.requests[0]?.query.get('path')).toBe(name);
  });

  it('have the content type of arbitrary bytes if the platform sends an invalid one', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; <script>' }).end();
    });
    await using client = connectTo(stub.url);
    expect(await client.api.files.stat({ fileId, name })).toMatchObject({ contentType: 'application/octet-stream' });
  });
});
