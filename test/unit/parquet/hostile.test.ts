import { brotliCompressSync, gzipSync } from 'node:zlib';
import { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultLimits } from '../../../src/parquet/limits.ts';
import { ParquetError } from '../../../src/parquet/parquet-error.ts';
import { readPreview } from '../../../src/parquet/preview.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { converted, fileOf } from '../../support/parquet-reader.ts';
import {
  integer,
  levels,
  list,
  long,
  oneColumn,
  parquetFile,
  plainIntegers,
  plainTexts,
  run,
  struct,
  thrift,
  varint,
  withFooter,
  zigzag,
} from '../../support/parquet-writer.ts';

const mark = Buffer.from('PAR1');
const huge = 2 ** 31 - 1;
const mib = 1024 * 1024;

/** A list in a list in a list, each of which states that it has a billion elements. */
const nestedLists = Buffer.concat([
  Buffer.from([0x29]),
  ...Array.from({ length: 1_000 }, () => Buffer.concat([Buffer.from([0xf9]), varint(2 ** 30)])),
]);
const footerOf = (schema: Parameters<typeof list>[0]) =>
  thrift(
    struct([
      [1, integer(1)],
      [2, list(schema)],
      [3, long(0)],
      [4, list([])],
    ]),
  );
const group = (children: number) =>
  struct([
    [4, { kind: 'binary', value: 'g' }],
    [5, integer(children)],
  ]);
const zstdOfZeros = Buffer.concat([
  // A frame without a checksum that states 2 GiB, in blocks of one repeated byte.
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0x7f]),
  ...Array.from({ length: 1_000 }, () => Buffer.from([0x02 | (0x1ffff << 3), (0x1ffff << 3) >> 8, 0x0f, 0])),
]);

type Problem = ParquetError['problem'];
const files: readonly (readonly [name: string, file: Buffer, problem: Problem])[] = [
  ['an empty file', Buffer.alloc(0), 'not-parquet'],
  ['a file of another format', Buffer.from('id,name\r\n1,a\r\n2,b\r\n'), 'not-parquet'],
  ['only the marks of the format', Buffer.concat([mark, mark]), 'not-parquet'],
  ['an encrypted footer', Buffer.concat([mark, Buffer.alloc(8), Buffer.from('PARE')]), 'unsupported'],
  ['a footer longer than the file', withFooter(mark, Buffer.alloc(10), 0xffffffff), 'malformed'],
  ['a footer longer than the limit', withFooter(mark, Buffer.alloc(defaultLimits.footerBytes + 1)), 'too-large'],
  ['a footer of zeros', withFooter(mark, Buffer.alloc(100)), 'malformed'],
  ['a footer without an end', withFooter(mark, Buffer.alloc(100, 0x15)), 'malformed'],
  [
    'a number without an end',
    withFooter(mark, Buffer.concat([Buffer.from([0x15]), Buffer.alloc(1_000, 0xff)])),
    'malformed',
  ],
  ['lists in lists that state a billion elements', withFooter(mark, nestedLists), 'malformed'],
  ['structs in structs, ten thousand deep', withFooter(mark, Buffer.alloc(10_000, 0x1c)), 'malformed'],
  ['a group with two billion children', withFooter(mark, footerOf([group(huge)])), 'malformed'],
  [
    'groups in groups, five thousand deep',
    withFooter(mark, footerOf(Array.from({ length: 5_000 }, () => group(1)))),
    'too-large',
  ],
  [
    'more nodes than the limit',
    withFooter(mark, footerOf(Array.from({ length: 30_000 }, () => group(0)))),
    'too-large',
  ],
  [
    'rows without columns',
    parquetFile({ schema: [{ name: 'r', children: 0 }], groups: [{ rows: 10 ** 15, columns: [] }] }),
    'unsupported',
  ],
  ['an object without fields', withFooter(mark, footerOf([group(1), group(0)])), 'unsupported'],
  [
    'two fields of one name',
    parquetFile({
      schema: [
        { name: 'r', children: 2 },
        { name: 'a', type: 'INT32' },
        { name: 'a', type: 'INT32' },
      ],
      groups: [],
    }),
    'malformed',
  ],
  ['a column outside the file', oneColumn({ type: 'INT32' }, 1, [], { start: 1_000_000, length: 10 }), 'malformed'],
  ['a column of another type than in the schema', oneColumn({ type: 'INT32' }, 1, [], { type: 'INT64' }), 'malformed'],
  [
    'more rows than the row groups have',
    parquetFile({
      schema: [
        { name: 'r', children: 1 },
        { name: 'a', type: 'INT32' },
      ],
      rows: 10 ** 15,
      groups: [],
    }),
    'malformed',
  ],
  ['a column without pages', oneColumn({ type: 'INT32' }, 1, []), 'malformed'],
  [
    'fewer values than rows',
    oneColumn({ type: 'INT32' }, 5, [{ values: 2, bytes: plainIntegers(1, 2) }], { values: 2 }),
    'malformed',
  ],
  [
    'more values than the column states',
    oneColumn({ type: 'INT32' }, 1, [{ values: 2, bytes: plainIntegers(1, 2) }]),
    'malformed',
  ],
  ['fewer bytes than values', oneColumn({ type: 'INT32' }, 3, [{ values: 3, bytes: plainIntegers(1) }]), 'malformed'],
  [
    'a page longer than its column',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: plainIntegers(1), compressedSize: 1_000 }]),
    'malformed',
  ],
  [
    'a page that states two gigabytes',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: plainIntegers(1), uncompressedSize: huge }], {
      codec: 'GZIP',
    }),
    'too-large',
  ],
  [
    'a page of a negative length',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: plainIntegers(1), compressedSize: -5 }]),
    'malformed',
  ],
  [
    'a text longer than its page',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [{ values: 1, bytes: Buffer.from([0xff, 0xff, 0xff, 0x7f, 1]) }]),
    'malformed',
  ],
  [
    'levels longer than their page',
    oneColumn({ type: 'INT32', repetition: 'OPTIONAL' }, 1, [
      { values: 1, bytes: Buffer.from([0xff, 0xff, 0xff, 0x7f, 1, 1]) },
    ]),
    'malformed',
  ],
  [
    'a run of two billion levels without values',
    oneColumn({ type: 'INT32', repetition: 'OPTIONAL' }, huge, [{ values: huge, bytes: levels(run(huge, 1)) }]),
    'malformed',
  ],
  [
    'a list of two billion elements',
    oneColumn(
      { type: 'INT32', repetition: 'REPEATED' },
      1,
      [{ values: huge, bytes: Buffer.concat([levels(run(1, 0), run(huge, 1)), levels(run(huge, 0))]) }],
      { values: huge },
    ),
    'too-large',
  ],
  [
    'packed levels of 0 bits, two billion of them',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [
      { type: 'DICTIONARY_PAGE', values: 0, bytes: Buffer.alloc(0) },
      { encoding: 'RLE_DICTIONARY', values: 1, bytes: Buffer.concat([Buffer.from([0]), varint(huge)]) },
    ]),
    'malformed',
  ],
  [
    'an index outside the dictionary',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [
      { type: 'DICTIONARY_PAGE', values: 1, bytes: plainTexts('x') },
      { encoding: 'RLE_DICTIONARY', values: 1, bytes: Buffer.concat([Buffer.from([8]), run(1, 200)]) },
    ]),
    'malformed',
  ],
  [
    'an index of 64 bits',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [
      { type: 'DICTIONARY_PAGE', values: 1, bytes: plainTexts('x') },
      { encoding: 'RLE_DICTIONARY', values: 1, bytes: Buffer.from([64, 2, 0]) },
    ]),
    'malformed',
  ],
  [
    'a dictionary that states two billion entries',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [{ type: 'DICTIONARY_PAGE', values: huge, bytes: plainTexts('x') }]),
    'too-large',
  ],
  [
    'a dictionary with more entries than bytes',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [{ type: 'DICTIONARY_PAGE', values: 10_000, bytes: plainTexts('x') }]),
    'malformed',
  ],
  [
    'values without their dictionary',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [{ encoding: 'RLE_DICTIONARY', values: 1, bytes: Buffer.from([1, 2, 0]) }]),
    'malformed',
  ],
  [
    'differences in two billion miniblocks',
    oneColumn({ type: 'INT32' }, 2, [
      {
        encoding: 'DELTA_BINARY_PACKED',
        values: 2,
        bytes: Buffer.concat([varint(huge), varint(huge), varint(2), zigzag(0), zigzag(1)]),
      },
    ]),
    'malformed',
  ],
  [
    'differences in no miniblocks',
    oneColumn({ type: 'INT32' }, 2, [
      {
        encoding: 'DELTA_BINARY_PACKED',
        values: 2,
        bytes: Buffer.concat([varint(128), varint(0), varint(2), zigzag(0), zigzag(1)]),
      },
    ]),
    'malformed',
  ],
  [
    'texts that state a prefix longer than the previous text',
    oneColumn({ type: 'BYTE_ARRAY' }, 1, [
      {
        encoding: 'DELTA_BYTE_ARRAY',
        values: 1,
        bytes: Buffer.concat([
          varint(128),
          varint(4),
          varint(1),
          zigzag(50),
          varint(128),
          varint(4),
          varint(1),
          zigzag(1),
          Buffer.from('x'),
        ]),
      },
    ]),
    'malformed',
  ],
  // A literal whose length is negative as a number of 32 bits makes some decoders read it forever.
  [
    'a literal of Snappy with a length of 32 bits',
    oneColumn(
      { type: 'INT32' },
      1,
      [{ values: 1, bytes: Buffer.from([4, 0xfc, 0xf9, 0xff, 0xff, 0xff, 0, 0, 0, 0]), uncompressedSize: 4 }],
      { codec: 'SNAPPY' },
    ),
    'malformed',
  ],
  [
    'a copy of Snappy before the beginning',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: Buffer.from([4, 0x01, 0x09]), uncompressedSize: 4 }], {
      codec: 'SNAPPY',
    }),
    'malformed',
  ],
  [
    'a block of LZ4 that copies forever',
    oneColumn(
      { type: 'INT32' },
      1,
      [
        {
          values: 1,
          bytes: Buffer.concat([Buffer.from([0x1f, 1, 1, 0]), Buffer.alloc(10_000, 0xff)]),
          uncompressedSize: 4,
        },
      ],
      { codec: 'LZ4_RAW' },
    ),
    'malformed',
  ],
  [
    'a bomb of gzip',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: gzipSync(Buffer.alloc(64 * mib)), uncompressedSize: 4 }], {
      codec: 'GZIP',
    }),
    'malformed',
  ],
  [
    'a bomb of brotli',
    oneColumn(
      { type: 'INT32' },
      1,
      [{ values: 1, bytes: brotliCompressSync(Buffer.alloc(64 * mib)), uncompressedSize: 4 }],
      { codec: 'BROTLI' },
    ),
    'malformed',
  ],
  [
    'a bomb of zstd',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: zstdOfZeros, uncompressedSize: 4 }], { codec: 'ZSTD' }),
    'malformed',
  ],
  [
    'a codec that is not supported',
    oneColumn({ type: 'INT32' }, 1, [{ values: 1, bytes: plainIntegers(1) }], { codec: 'LZO' }),
    'unsupported',
  ],
  ['a row longer than the limit', longRow(), 'too-large'],
  ['columns of a list with different lengths', unequalLists(), 'malformed'],
];

/** One row with a list of 10,000 references to a text of one megabyte. */
function longRow(): Buffer {
  const items = 10_000;
  return oneColumn(
    { type: 'BYTE_ARRAY', repetition: 'REPEATED' },
    1,
    [
      { type: 'DICTIONARY_PAGE', values: 1, bytes: plainTexts('x'.repeat(mib)) },
      {
        encoding: 'RLE_DICTIONARY',
        values: items,
        bytes: Buffer.concat([
          levels(run(1, 0), run(items - 1, 1)),
          levels(run(items, 1)),
          Buffer.from([1]),
          run(items, 0),
        ]),
      },
    ],
    { values: items },
  );
}

function unequalLists(): Buffer {
  const column = (first: number, second: number) => ({
    type: 'INT32',
    values: first + second,
    pages: [
      {
        values: first + second,
        bytes: Buffer.concat([
          levels(run(1, 0), run(first - 1, 1), run(1, 0), run(second - 1, 1)),
          levels(run(first + second, 1)),
          plainIntegers(...Array.from({ length: first + second }, (_, index) => index)),
        ]),
      },
    ],
  });
  return parquetFile({
    schema: [
      { name: 'r', children: 1 },
      { name: 'l', repetition: 'REPEATED', children: 2 },
      { name: 'a', type: 'INT32' },
      { name: 'b', type: 'INT32' },
    ],
    groups: [{ rows: 2, columns: [column(2, 3), column(3, 2)] }],
  });
}

/** The problem with which a reading fails; null if it succeeds. Any other error is thrown. */
async function problemOf(reading: Promise<unknown>): Promise<Problem | null> {
  try {
    await reading;
    return null;
  } catch (error) {
    if (error instanceof ParquetError) return error.problem;
    throw error;
  }
}

/** Largest memory of the process so far, in bytes. */
const peakBytes = () => process.resourceUsage().maxRSS * 1024;

let valid: Buffer;

beforeAll(async () => {
  const db = await DuckDBConnection.create();
  const { file } = await writeProfiles(db);
  valid = file;
  db.closeSync();
});

async function writeProfiles(db: DuckDBConnection): Promise<{ readonly file: Buffer }> {
  const { mkdtemp, readFile, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const directory = await mkdtemp(join(tmpdir(), 'hostile-'));
  const path = join(directory, 'file.parquet');
  await db.run(`COPY (SELECT i AS n, 'segment-' || (i % 5) AS s, [i, NULL] AS l, {'a': i / 3.0, 'b': [{'c': 'x' || i}]} AS o,
    MAP {'k': i % 2 = 0} AS m FROM range(200) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 100)`);
  const file = await readFile(path);
  await rm(directory, { recursive: true });
  return { file };
}

describe('a hostile file', () => {
  it.each(files)('with %s is rejected with a code and without a large allocation', async (_, file, problem) => {
    const before = peakBytes();
    expect(await problemOf(converted(fileOf(file), 'NDJSON'))).toBe(problem);
    expect(await problemOf(converted(fileOf(file), 'CSV'))).toBe(problem);
    expect(await problemOf(readPreview({ file: fileOf(file), rows: 100, clock: systemClock }))).toBe(problem);
    expect(peakBytes() - before).toBeLessThan(256 * mib);
  });

  it('that is cut off at any length is rejected', async () => {
    for (let length = 0; length < valid.length; length += 7)
      expect(await problemOf(converted(fileOf(valid.subarray(0, length)), 'CSV'))).not.toBe(null);
  });

  it('with any changed bytes is either read or rejected with a code', async () => {
    const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), to: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const file = Buffer.from(valid);
        for (const { at, to } of changes) file[Math.min(file.length - 1, Math.floor(at * file.length))] = to;
        await problemOf(converted(fileOf(file), 'NDJSON'));
        await problemOf(readPreview({ file: fileOf(file), rows: 10, clock: systemClock }));
      }),
      { numRuns: 1_500 },
    );
  });

  it('with any changed bytes of the footer is either read or rejected with a code', async () => {
    const footerStart = valid.length - 8 - valid.readUInt32LE(valid.length - 8);
    const change = fc.record({
      at: fc.integer({ min: footerStart, max: valid.length - 9 }),
      to: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const file = Buffer.from(valid);
        for (const { at, to } of changes) file[at] = to;
        await problemOf(converted(fileOf(file), 'CSV'));
      }),
      { numRuns: 1_500 },
    );
  });
});
