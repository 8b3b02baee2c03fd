import { describe, expect, it } from 'vitest';
import { type BatchId, type DataSetFileId, platformId } from '../../../../src/domain/ids.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

const batchId = platformId<BatchId>('b-1');
const failedAt = '/data/foundation/export/batches/b-1/failed';

/** A platform that returns these bodies by path with query. A missing one is 404. */
const platformWith = (bodies: Readonly<Record<string, unknown>>) =>
  startStub((request, response) => {
    const body = bodies[`${request.path}?${request.query}`];
    if (typeof body === 'string') response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(body);
    else sendJson(response, body === undefined ? 404 : 200, body ?? {});
  });

describe('the failed files of a batch', () => {
  it('include those in folders, and are read from the batch', async () => {
    await using stub = await platformWith({
      [`${failedAt}?start=0&limit=10`]: {
        data: [
          { name: '_rejected', length: '0' },
          { name: 'lost.json', length: '5' },
        ],
      },
      [`${failedAt}?path=_rejected&start=0&limit=100`]: {
        data: [
          { name: 'part-0.json', length: '7' },
          { name: '_rejected/part-1.json', length: '8' },
        ],
      },
      [`${failedAt}?path=_rejected%2Fpart-0.json`]: 'content',
    });
    await using client = connectTo(stub.url);
    const { files, next } = await client.api.files.listFailed({ batchId, start: 0, limit: 10 });
    expect(next).toBe(null);
    expect(files.map(({ name, sizeBytes, place }) => [name, sizeBytes, place])).toEqual([
      ['_rejected/part-0.json', 7, 'failed'],
      ['_rejected/part-1.json', 8, 'failed'],
      ['lost.json', 5, 'failed'],
    ]);
    const read = await client.api.files.read({
      fileId: platformId<DataSetFileId>('b-1'),
      name: '_rejected/part-0.json',
      place: 'failed',
    });
    const chunks: Uint8Array[] = [];
    if (read?.kind === 'bytes') for await (const chunk of read.body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('content');
  });

  it('are empty if the platform has none', async () => {
    await using stub = await platformWith({});
    await using client = connectTo(stub.url);
    expect(await client.api.files.listFailed({ batchId, start: 0, limit: 10 })).toEqual({ files: [], next: null });
    expect(await client.api.files.readErrorSample(batchId)).toEqual([]);
  });
});

describe('the sample of errors of a batch', () => {
  const sampleAt = '/data/foundation/export/batches/b-1/meta?path=row_errors_sample.json';

  it.each<[string, string, readonly unknown[]]>([
    ['a list', '[{"a":1},{"b":2}]', [{ a: 1 }, { b: 2 }]],
    ['one object', '{"a":1}', [{ a: 1 }]],
    ['an object in each line', '{"a":1}\n{"b":2}\n', [{ a: 1 }, { b: 2 }]],
    ['no JSON', 'not readable', []],
    ['nothing', '', []],
    [
      'more than 100 errors',
      JSON.stringify(Array.from({ length: 150 }, () => ({}))),
      Array.from({ length: 100 }, () => ({})),
    ],
  ])('is read from %s', async (_, text, expected) => {
    await using stub = await platformWith({ [sampleAt]: text });
    await using client = connectTo(stub.url);
    expect(await client.api.files.readErrorSample(batchId)).toEqual(expected);
  });
});
