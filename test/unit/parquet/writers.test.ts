import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { converted, fileOf } from '../../support/parquet-reader.ts';
import {
  levels,
  oneColumn,
  parquetFile,
  plainIntegers,
  plainTexts,
  run,
  varint,
  zigzag,
} from '../../support/parquet-writer.ts';

/** Three instants as Hive, Impala and older versions of Spark write them. */
function int96(...instants: readonly string[]): Buffer {
  return Buffer.concat(
    instants.map((instant) => {
      const ms = new Date(instant).getTime();
      const day = Math.floor(ms / 86_400_000);
      const bytes = Buffer.alloc(12);
      bytes.writeBigInt64LE(BigInt(ms - day * 86_400_000) * 1_000_000n, 0);
      bytes.writeInt32LE(day + 2_440_588, 8);
      return bytes;
    }),
  );
}

/** Differences in one block of one used miniblock of width 0: each value is the previous one plus `step`. */
const arithmetic = (count: number, first: number, step: number): Buffer =>
  Buffer.concat([varint(128), varint(4), varint(count), zigzag(first), zigzag(step), Buffer.alloc(4)]);

const utf8 = 0;
const listType = 3;

const files: readonly { readonly name: string; readonly file: Buffer; readonly read?: string }[] = [
  {
    name: 'times of 96 bits',
    file: oneColumn({ type: 'INT96' }, 3, [
      { values: 3, bytes: int96('2030-01-02T03:04:05.678Z', '1969-12-31T23:59:59.500Z', '1582-10-15T00:00:00.000Z') },
    ]),
    read: "strftime(a, '%Y-%m-%dT%H:%M:%S.%gZ') AS a",
  },
  {
    name: 'a list whose repeated field is the element',
    file: parquetFile({
      schema: [
        { name: 'root', children: 1 },
        { name: 'a', repetition: 'OPTIONAL', children: 1, convertedType: listType },
        { name: 'array', type: 'INT32', repetition: 'REPEATED' },
      ],
      groups: [
        {
          rows: 3,
          columns: [
            {
              type: 'INT32',
              values: 4,
              pages: [
                {
                  values: 4,
                  bytes: Buffer.concat([
                    levels(run(1, 0), run(1, 1), run(2, 0)),
                    levels(run(2, 2), run(1, 0), run(1, 1)),
                    plainIntegers(7, 8),
                  ]),
                },
              ],
            },
          ],
        },
      ],
    }),
  },
  {
    name: 'a repeated field without an annotation',
    file: oneColumn(
      { type: 'BYTE_ARRAY', repetition: 'REPEATED', convertedType: utf8 },
      2,
      [
        {
          values: 3,
          bytes: Buffer.concat([
            levels(run(1, 0), run(1, 1), run(1, 0)),
            levels(run(2, 1), run(1, 0)),
            plainTexts('x', 'y'),
          ]),
        },
      ],
      { values: 3 },
    ),
  },
  {
    name: 'a list whose element continues in the next page',
    file: oneColumn(
      { type: 'INT32', repetition: 'REPEATED' },
      2,
      [
        { values: 2, bytes: Buffer.concat([levels(run(1, 0), run(1, 1)), levels(run(2, 1)), plainIntegers(1, 2)]) },
        { values: 2, bytes: Buffer.concat([levels(run(1, 1), run(1, 0)), levels(run(2, 1)), plainIntegers(3, 4)]) },
      ],
      { values: 4 },
    ),
  },
  {
    name: 'pages of version 2',
    file: oneColumn({ type: 'INT32', repetition: 'OPTIONAL' }, 3, [
      {
        type: 'DATA_PAGE_V2',
        values: 3,
        definitionSize: 4,
        bytes: Buffer.concat([run(2, 1), run(1, 0), plainIntegers(5, 6)]),
      },
    ]),
  },
  {
    name: 'texts that share a prefix with the previous one',
    file: oneColumn({ type: 'BYTE_ARRAY', convertedType: utf8 }, 3, [
      {
        encoding: 'DELTA_BYTE_ARRAY',
        values: 3,
        // Prefixes 0, 3, 6; suffixes of 3 characters.
        bytes: Buffer.concat([arithmetic(3, 0, 3), arithmetic(3, 3, 0), Buffer.from('abcdefghi')]),
      },
    ]),
  },
  {
    name: 'a dictionary with indices of 0 bits',
    file: oneColumn({ type: 'BYTE_ARRAY', convertedType: utf8 }, 4, [
      { type: 'DICTIONARY_PAGE', values: 1, bytes: plainTexts('only') },
      { encoding: 'RLE_DICTIONARY', values: 4, bytes: Buffer.concat([Buffer.from([0]), varint(8)]) },
    ]),
  },
];

let directory: string;
let db: DuckDBConnection;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'writers-'));
  db = await DuckDBConnection.create();
});

afterAll(async () => {
  db.closeSync();
  await rm(directory, { recursive: true });
});

describe('the conversion of a file of another writer', () => {
  it.each(files)('equals the output of DuckDB for $name', async ({ file, read = '*' }) => {
    const path = join(directory, 'file.parquet');
    await writeFile(path, file);
    await db.run(`COPY (SELECT ${read} FROM read_parquet('${path}')) TO '${path}.json'`);
    expect(await converted(fileOf(file), 'NDJSON')).toBe(await readFile(`${path}.json`, 'utf8'));
  });
});
