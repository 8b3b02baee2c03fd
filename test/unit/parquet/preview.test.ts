import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPreview, readSummary } from '../../../src/parquet/preview.ts';
import { systemClock as clock } from '../../../src/runtime/clock.ts';
import { fileOf } from '../../support/parquet-reader.ts';

const kib = 1024;
const mib = 1024 * kib;

let directory: string;
let db: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'preview-'));
  db = await DuckDBConnection.create();
});

afterAll(async () => {
  db.closeSync();
  await rm(directory, { recursive: true });
});

async function fileFrom(rows: string, options = ''): Promise<Buffer> {
  const path = join(directory, 'file.parquet');
  await db.run(`COPY (${rows}) TO '${path}' (FORMAT parquet${options})`);
  return readFile(path);
}

/** Rows whose texts cannot be compressed, so that each page has about a megabyte. */
const longPages = (rows: number) =>
  `SELECT i, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS s, [md5((i + 2)::VARCHAR)] AS l FROM range(${rows}) t(i)`;

describe('the summary of a file', () => {
  it('has the row count and the columns, with dotted names and XDM types', async () => {
    const file =
      await fileFrom(`SELECT 1 AS "order", {'firstName': 'a', 'address': {'city': 'b'}} AS person, [{'id': 'x', 'n': 1.5::DECIMAL(4, 1)}] AS identities,
      MAP {'ups': MAP {'s': {'status': 'realized'}}} AS segmentMembership, ['a'] AS tags, TIMESTAMPTZ '2030-01-01 00:00:00+00' AS at, DATE '2030-01-01' AS d, true AS b FROM range(7) t(i)`);
    expect(await readSummary(fileOf(file))).toEqual({
      rowCount: 7,
      columns: [
        { name: 'order', type: 'integer', nullable: true },
        { name: 'person.firstName', type: 'string', nullable: true },
        { name: 'person.address.city', type: 'string', nullable: true },
        { name: 'identities.id', type: 'array<string>', nullable: true },
        { name: 'identities.n', type: 'array<decimal(4,1)>', nullable: true },
        { name: 'segmentMembership.status', type: 'map<map<string>>', nullable: true },
        { name: 'tags', type: 'array<string>', nullable: true },
        { name: 'at', type: 'date-time', nullable: true },
        { name: 'd', type: 'date', nullable: true },
        { name: 'b', type: 'boolean', nullable: true },
      ],
    });
  });

  it('costs one read of 64 KiB for an ordinary file', async () => {
    const file = fileOf(await fileFrom(longPages(20_000)));
    expect((await readSummary(file)).rowCount).toBe(20_000);
    expect(file.ranges).toHaveLength(1);
    expect(file.bytesRead).toBe(64 * kib);
  });

  it('of a file with a long footer reads exactly the footer', async () => {
    const columns = Array.from({ length: 300 }, (_, index) => `i + ${index} AS "column_with_a_long_name_${index}"`);
    const bytes = await fileFrom(`SELECT ${columns.join(', ')} FROM range(10000) t(i)`, ', ROW_GROUP_SIZE 2048');
    const file = fileOf(bytes);
    const footerBytes = bytes.readUInt32LE(bytes.length - 8) + 8;
    expect(footerBytes).toBeGreaterThan(64 * kib);
    expect((await readSummary(file)).columns).toHaveLength(300);
    expect(file.bytesRead).toBe(footerBytes);
  });
});

describe('the preview of a file', () => {
  it('has the first rows with the structure of the schema, across row groups', async () => {
    const file = await fileFrom(
      `SELECT i AS n, {'city': 'c' || i} AS address FROM range(5000) t(i)`,
      ', ROW_GROUP_SIZE 2048',
    );
    const { rows, rowCount, columns } = await readPreview({ file: fileOf(file), rows: 3, clock });
    expect(rows).toEqual([0, 1, 2].map((n) => ({ n, address: { city: `c${n}` } })));
    expect(rowCount).toBe(5_000);
    expect(columns.map(({ name }) => name)).toEqual(['n', 'address.city']);
  });

  it('continues in the next row group', async () => {
    const file = await fileFrom('SELECT i AS n FROM range(60) t(i)', ', ROW_GROUP_SIZE 16');
    const { rows } = await readPreview({ file: fileOf(file), rows: 50, clock });
    expect(rows).toEqual(Array.from({ length: 50 }, (_, n) => ({ n })));
  });

  it('has numbers as strings if a double does not represent them', async () => {
    const file = await fileFrom(
      'SELECT 9007199254740993 AS a, 9007199254740991 AS b, 12345678901234567.89::DECIMAL(19, 2) AS c, 1.25::DECIMAL(5, 2) AS d',
    );
    const { rows } = await readPreview({ file: fileOf(file), rows: 1, clock });
    expect(rows).toEqual([{ a: '9007199254740993', b: 9007199254740991, c: '12345678901234567.89', d: 1.25 }]);
  });

  it.each([
    ['uncompressed', 20_000],
    ['snappy', 20_000],
    ['gzip', 20_000],
    // DuckDB needs seconds for more.
    ['brotli', 6_000],
    ['lz4_raw', 20_000],
  ] as const)('reads only the start of each page, compressed with %s', async (codec, count) => {
    const bytes = await fileFrom(longPages(count), `, COMPRESSION ${codec}`);
    const file = fileOf(bytes);
    const { rows } = await readPreview({ file, rows: 100, clock });
    const expected = await db.runAndReadAll(
      `SELECT to_json(t)::VARCHAR FROM (${longPages(count)} ORDER BY i LIMIT 100) t`,
    );
    expect(rows).toEqual(expected.getRows().map(([row]) => JSON.parse(String(row))));
    expect(file.bytesRead).toBeLessThan(bytes.length);
  });

  it('is rejected before it reads more bytes than permitted', async () => {
    // The start of a page cannot be decompressed with this codec.
    const file = fileOf(await fileFrom(longPages(20_000), ', COMPRESSION zstd'));
    const reading = readPreview({ file, rows: 1, maxBytesRead: mib / 2, clock });
    await expect(reading).rejects.toMatchObject({ problem: 'too-large' });
    expect(file.bytesRead).toBeLessThanOrEqual(mib / 2);
  });

  it('has fewer rows if more would have more values or a longer text than permitted', async () => {
    const file = await fileFrom(
      `SELECT list(j) AS l, repeat('x', 100) AS s FROM (SELECT i, unnest(range(9)) AS j FROM range(50) t(i)) GROUP BY i ORDER BY i`,
    );
    const all = { file: fileOf(file), rows: 50, clock };
    expect((await readPreview(all)).rows).toHaveLength(50);
    expect((await readPreview({ ...all, maxCells: 100 })).rows).toHaveLength(10);
    expect((await readPreview({ ...all, maxTextLength: 1_000 })).rows.length).toBeLessThan(10);
    await expect(readPreview({ ...all, maxCells: 9 })).rejects.toMatchObject({ problem: 'too-large' });
  });

  it('of a file without rows has its columns', async () => {
    const file = await fileFrom('SELECT 1 AS a WHERE false');
    expect(await readPreview({ file: fileOf(file), rows: 20, clock })).toEqual({
      columns: [{ name: 'a', type: 'integer', nullable: true }],
      rowCount: 0,
      rows: [],
    });
  });

  it('passes on the failure of a read', async () => {
    const failure = new Error('The connection broke.');
    const file = { byteLength: 1_000, read: () => Promise.reject(failure) };
    await expect(readPreview({ file, rows: 1, clock })).rejects.toBe(failure);
  });
});
