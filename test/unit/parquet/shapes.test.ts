import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { converted, fileOf } from '../../support/parquet-reader.ts';

interface ShapeCase {
  readonly name: string;
  /** Query whose rows are written as Parquet. */
  readonly rows: string;
  /** Options of the writer. @default Snappy, version 1 */
  readonly options?: string;
  /**
   * Select list with which DuckDB reads the file, for types that the two write differently (a time with and without
   * `T`). @default all columns
   */
  readonly read?: string;
  /** Numbers are compared by value, because the two write exponents differently. */
  readonly byValue?: true;
}

const instant = (column: string) => `strftime(${column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') AS ${column}`;
const localTime = (column: string) => `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%g') AS ${column}`;

/** A profile as the platform exports it: identities in a map of lists, segments in a map of maps. */
const profiles = `SELECT {'firstName': 'N' || i, 'address': {'city': CASE WHEN i % 3 = 0 THEN NULL ELSE 'Köln' END}} AS person,
  MAP {'ECID': [{'id': 'e' || i, 'primary': i % 2 = 0}], 'Email': [{'id': i || '@example.com', 'primary': NULL}]} AS identityMap,
  MAP {'ups': MAP {'s' || (i % 7): {'status': 'realized', 'lastQualificationTime': '2030-01-01'}}} AS segmentMembership
  FROM range(3000) t(i)`;

const cases: readonly ShapeCase[] = [
  { name: 'nulls', rows: `SELECT * FROM (VALUES (1, 'a'), (NULL, NULL), (3, ''), (NULL, 'x')) t(i, s)` },
  { name: 'a column that is always null', rows: 'SELECT i, NULL::VARCHAR AS n FROM range(5000) t(i)' },
  {
    name: 'integers of every width',
    rows: `SELECT * FROM (VALUES
      (127::TINYINT, (-32768)::SMALLINT, 2147483647, 9223372036854775807, 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER, 18446744073709551615::UBIGINT),
      ((-128)::TINYINT, 32767::SMALLINT, (-2147483648)::INTEGER, (-9223372036854775808)::BIGINT, 0::UTINYINT, 0::USMALLINT, 0::UINTEGER, 0::UBIGINT)) t(a, b, c, d, e, f, g, h)`,
  },
  {
    name: 'floating-point numbers',
    rows: `SELECT * FROM (VALUES (0.1::DOUBLE, 0.25::FLOAT), (1.5e300, -3.5::FLOAT), (-2.5e-7, 16777216::FLOAT), (NULL, NULL)) t(d, f)`,
    byValue: true,
  },
  {
    name: 'decimals of every width',
    rows: `SELECT (i * 1.25)::DECIMAL(4, 2) AS a, (-i * 1001.01)::DECIMAL(9, 2) AS b, (i * 12345678.123456)::DECIMAL(18, 6) AS c,
      (i::HUGEINT * 1234567890123456789)::DECIMAL(38, 0) AS d FROM range(50) t(i)`,
    byValue: true,
  },
  {
    name: 'booleans',
    rows: 'SELECT i % 3 = 0 AS b, CASE WHEN i % 2 = 0 THEN NULL ELSE i % 5 = 0 END AS c FROM range(100) t(i)',
  },
  {
    name: 'dates',
    rows: `SELECT * FROM (VALUES (DATE '1900-02-28'), (DATE '2030-12-31'), (DATE '1969-12-31'), (NULL)) t(d)`,
  },
  {
    name: 'times',
    rows: `SELECT * FROM (VALUES (TIME '12:34:56'), (TIME '00:00:00.001'), (TIME '23:59:59.123456'), (NULL)) t(t1)`,
  },
  {
    name: 'timestamps with a time zone',
    rows: `SELECT * FROM (VALUES (TIMESTAMPTZ '2030-01-02 03:04:05.678+00'), (TIMESTAMPTZ '1969-12-31 23:59:59.5+00'), (NULL)) t(a)`,
    read: instant('a'),
  },
  {
    name: 'timestamps without a time zone, in every unit',
    rows: `SELECT TIMESTAMP '2030-01-02 03:04:05.678' AS a, TIMESTAMP_MS '1901-01-02 03:04:05.1' AS b, TIMESTAMP_S '2030-01-02 03:04:05' AS c,
      TIMESTAMP_NS '2030-01-02 03:04:05.25' AS d`,
    read: ['a', 'b', 'c', 'd'].map(localTime).join(', '),
  },
  {
    name: 'bytes',
    rows: `SELECT '\\xAA\\x00\\xFF'::BLOB AS b UNION ALL SELECT NULL UNION ALL SELECT ''::BLOB`,
    read: 'base64(b) AS b',
  },
  { name: 'UUIDs', rows: 'SELECT md5(i::VARCHAR)::UUID AS u FROM range(10) t(i)' },
  {
    name: 'texts of all scripts, with quotes and line breaks',
    rows: `SELECT unnest(['héllo 🎉', 'a "quoted" word', 'one, two', 'line' || chr(10) || 'break', '日本語', 'x' || chr(9) || 'y', 'é' || chr(128105)]) AS s`,
  },
  { name: 'lists', rows: `SELECT * FROM (VALUES ([1, 2, NULL]), (NULL), ([]), ([3])) t(l)` },
  { name: 'lists of lists', rows: `SELECT * FROM (VALUES ([[1], [], NULL]), (NULL), ([]), ([[2, NULL], [3]])) t(l)` },
  {
    name: 'lists of objects',
    rows: `SELECT * FROM (VALUES ([{'id': 'a', 'n': 1}, {'id': NULL, 'n': NULL}, NULL]), (NULL), ([])) t(l)`,
  },
  {
    name: 'objects that are null, or contain a null',
    rows: `SELECT * FROM (VALUES ({'a': {'b': 1}}), (NULL), ({'a': NULL}), ({'a': {'b': NULL}})) t(s)`,
  },
  { name: 'maps', rows: `SELECT * FROM (VALUES (MAP {'a': 1, 'b': NULL}), (NULL), (MAP {})) t(m)` },
  { name: 'maps with keys that are numbers', rows: `SELECT MAP {i: i + 1, i + 2: i + 3} AS m FROM range(10) t(i)` },
  { name: 'profiles with identities and segments', rows: profiles },
  { name: 'a file without rows', rows: `SELECT 1 AS a, 'x' AS b, [1] AS c WHERE false` },
  {
    name: 'many row groups',
    rows: `SELECT i, 'v' || i AS s, [i, i + 1] AS l FROM range(20000) t(i)`,
    options: 'ROW_GROUP_SIZE 2048',
  },
  { name: 'a dictionary', rows: `SELECT 'segment-' || (i % 50) AS s, i % 3 AS n FROM range(20000) t(i)` },
  {
    name: 'plain values',
    rows: `SELECT md5(i::VARCHAR) AS s FROM range(5000) t(i)`,
    options: 'DICTIONARY_SIZE_LIMIT 1',
  },
  {
    name: 'differences, lengths and interleaved bytes (version 2)',
    rows: `SELECT (i * 7919 % 10007)::INTEGER AS a, (i - 3000)::BIGINT * 1000000007 AS b, md5(i::VARCHAR) AS s, i / 8.0 AS d, (i / 4)::FLOAT AS f, i % 2 = 0 AS c FROM range(6000) t(i)`,
    options: 'PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1',
    byValue: true,
  },
  ...['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'].map((codec) => ({
    name: `profiles, compressed with ${codec}`,
    rows: profiles,
    options: `COMPRESSION ${codec}`,
  })),
];

let directory: string;
let db: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shapes-'));
  db = await DuckDBConnection.create();
  await db.run("SET TimeZone = 'UTC'");
});

afterAll(async () => {
  db.closeSync();
  await rm(directory, { recursive: true });
});

const numbersOf = (text: string): unknown =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('the conversion of a Parquet file', () => {
  it.each(cases)('equals the output of DuckDB for $name', async ({ rows, options, read = '*', byValue }) => {
    const path = join(directory, 'file.parquet');
    await db.run(`COPY (${rows}) TO '${path}' (FORMAT parquet${options === undefined ? '' : `, ${options}`})`);
    const file = await readFile(path);

    await db.run(`COPY (SELECT ${read} FROM read_parquet('${path}')) TO '${path}.json'`);
    const expected = await readFile(`${path}.json`, 'utf8');
    // Of an empty list DuckDB writes a line break.
    const actual = await converted(fileOf(file), 'NDJSON');
    if (byValue === true) expect(numbersOf(actual)).toEqual(numbersOf(expected));
    else expect(actual).toBe(expected.trimStart());

    const described = await db.runAndReadAll(`DESCRIBE SELECT ${read} FROM read_parquet('${path}')`);
    const columns = described.getRowObjects().map(({ column_name: name, column_type: type }) => {
      const isNested = /^(?:STRUCT|MAP)|\[\]$/.test(String(type));
      return isNested ? `to_json("${name}")::VARCHAR AS "${name}"` : `"${name}"`;
    });
    const source = `SELECT ${read} FROM read_parquet('${path}')`;
    await db.run(`COPY (SELECT ${columns.join(', ')} FROM (${source})) TO '${path}.csv' (HEADER)`);
    const csv = await readFile(`${path}.csv`, 'utf8');
    const lines = (await converted(fileOf(file), 'CSV')).replaceAll('\r\n', '\n');
    if (byValue === true) expect(cellsOf(lines)).toEqual(cellsOf(csv));
    else expect(lines).toBe(csv);
  });

  it('was tested with files that use each encoding of the writer', async () => {
    const path = join(directory, 'file.parquet');
    const seen = new Set<string>();
    for (const { rows, options } of cases) {
      await db.run(`COPY (${rows}) TO '${path}' (FORMAT parquet${options === undefined ? '' : `, ${options}`})`);
      const { row_groups: groups } = parquetMetadata(new Uint8Array(await readFile(path)).buffer);
      for (const { columns } of groups) {
        for (const { meta_data: column } of columns) {
          if (column !== undefined) for (const name of [...column.encodings, column.codec]) seen.add(name);
        }
      }
    }
    expect([...seen].sort()).toEqual([
      'BROTLI',
      'BYTE_STREAM_SPLIT',
      'DELTA_BINARY_PACKED',
      'DELTA_LENGTH_BYTE_ARRAY',
      'GZIP',
      'LZ4_RAW',
      'PLAIN',
      'PLAIN_DICTIONARY',
      'SNAPPY',
      'UNCOMPRESSED',
      'ZSTD',
    ]);
  });
});

/** Numbers as numbers, everything else as it is. No cell of these cases contains a comma. */
const cellsOf = (csv: string): unknown =>
  csv.split('\n').map((line) => line.split(',').map((cell) => (/^-?[\d.]/.test(cell) ? Number(cell) : cell)));
