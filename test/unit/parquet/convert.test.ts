import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertParquet } from '../../../src/parquet/convert.ts';
import { defaultLimits } from '../../../src/parquet/limits.ts';
import { systemClock as clock } from '../../../src/runtime/clock.ts';
import { converted, fileOf } from '../../support/parquet-reader.ts';

const mib = 1024 * 1024;

let directory: string;
let db: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'convert-'));
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

const textsFile = (...texts: readonly string[]) =>
  fileFrom(`SELECT * FROM (VALUES ${texts.map((text) => `('${text.replaceAll("'", "''")}')`).join(', ')}) t(s)`);

describe('CSV', () => {
  it('has one header line and lines that end with CR LF', async () => {
    const file = await fileFrom(`SELECT i AS n, 'v' || i AS "a, b" FROM range(2) t(i)`, ', ROW_GROUP_SIZE 2048');
    expect(await converted(fileOf(file), 'CSV')).toBe('n,"a, b"\r\n0,v0\r\n1,v1\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠a'])(
    'disarms the text %j, which a spreadsheet program could execute',
    async (text) => {
      const lines = await converted(fileOf(await textsFile(text)), 'CSV');
      expect(lines).toBe(`s\r\n"'${text}"\r\n`);
    },
  );

  it('disarms the names of columns', async () => {
    const file = await fileFrom(`SELECT 1 AS "=HYPERLINK(""x"")"`);
    expect(await converted(fileOf(file), 'CSV')).toBe(`"'=HYPERLINK(""x"")"\r\n1\r\n`);
  });

  it('leaves numbers below zero and JSON as they are', async () => {
    const file = await fileFrom(`SELECT -1 AS n, -2.5 AS d, ['=1'] AS l`);
    expect(await converted(fileOf(file), 'CSV')).toBe('n,d,l\r\n-1,-2.5,"[""=1""]"\r\n');
  });

  it('distinguishes an empty text from a null', async () => {
    const file = await fileFrom(`SELECT * FROM (VALUES ('', 1), (NULL, 2)) t(s, n)`);
    expect(await converted(fileOf(file), 'CSV')).toBe('s,n\r\n"",1\r\n,2\r\n');
  });

  it('does not disarm anything in NDJSON', async () => {
    expect(await converted(fileOf(await textsFile('=1+1')), 'NDJSON')).toBe('{"s":"=1+1"}\n');
  });
});

describe('a conversion', () => {
  it('reads no further pages while its reader does not take the result', async () => {
    const file = fileOf(await fileFrom(`SELECT md5(i::VARCHAR) AS s FROM range(200000) t(i)`, ', ROW_GROUP_SIZE 2048'));
    const chunks = convertParquet({ file, format: 'NDJSON', clock });
    await chunks.next();
    await chunks.next();
    expect(file.bytesRead).toBeLessThan(mib);
    await chunks.return();
  });

  it('reads the bytes of each column once', async () => {
    const bytes = await fileFrom('SELECT i, md5(i::VARCHAR) AS s FROM range(50000) t(i)', ', ROW_GROUP_SIZE 4096');
    const file = fileOf(bytes);
    await converted(file, 'CSV');
    expect(file.bytesRead).toBeLessThan(bytes.length + 64 * 1024);
  });

  it('of a file with many small columns needs few reads', async () => {
    const columns = Array.from({ length: 400 }, (_, index) => `i + ${index} AS c${index}`);
    const file = fileOf(await fileFrom(`SELECT ${columns.join(', ')} FROM range(100) t(i)`));
    await converted(file, 'CSV');
    expect(file.ranges.length).toBeLessThanOrEqual(3);
  });

  it('with windows smaller than a page has the same result', async () => {
    const bytes = await fileFrom('SELECT i, md5(i::VARCHAR) AS s, [i, NULL] AS l FROM range(30000) t(i)');
    const expected = await converted(fileOf(bytes), 'NDJSON');
    // Reads are as small as the page headers permit.
    const small = { ...defaultLimits, memoryBytes: 8 * mib };
    expect(await converted(fileOf(bytes), 'NDJSON', small)).toBe(expected);
  });

  it('ends with an error if a row group needs more memory than permitted', async () => {
    const bytes = await fileFrom('SELECT md5(i::VARCHAR) AS s FROM range(100000) t(i)');
    const limits = { ...defaultLimits, memoryBytes: mib };
    await expect(converted(fileOf(bytes), 'NDJSON', limits)).rejects.toMatchObject({ problem: 'too-large' });
  });

  it('gives other work its turn while it decodes', async () => {
    const file = fileOf(await fileFrom('SELECT i, md5(i::VARCHAR) AS s FROM range(100000) t(i)'));
    let elapsedMs = 0;
    let sleeps = 0;
    const busyClock = {
      monotonicMs: () => {
        elapsedMs += 5;
        return elapsedMs;
      },
      sleep: async () => {
        sleeps += 1;
      },
    };
    for await (const _ of convertParquet({ file, format: 'CSV', clock: busyClock }));
    expect(sleeps).toBeGreaterThan(50);
  });
});
