/** A value of the compact protocol of Thrift. Fields of a struct are in the order of their ids. */
export type ThriftValue =
  | { readonly kind: 'integer' | 'long'; readonly value: number | bigint }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'binary'; readonly value: string | Uint8Array }
  | {
      readonly kind: 'list';
      readonly items: readonly ThriftValue[] /** @default the true number */;
      readonly size?: number;
    }
  | { readonly kind: 'struct'; readonly fields: readonly (readonly [id: number, value: ThriftValue])[] };

export const integer = (value: number | bigint): ThriftValue => ({ kind: 'integer', value });
export const long = (value: number | bigint): ThriftValue => ({ kind: 'long', value });
export const boolean = (value: boolean): ThriftValue => ({ kind: 'boolean', value });
export const binary = (value: string | Uint8Array): ThriftValue => ({ kind: 'binary', value });
export const list = (items: readonly ThriftValue[], size?: number): ThriftValue =>
  size === undefined ? { kind: 'list', items } : { kind: 'list', items, size };
export const struct = (fields: readonly (readonly [number, ThriftValue | undefined])[]): ThriftValue => ({
  kind: 'struct',
  fields: fields.flatMap(([id, value]) => (value === undefined ? [] : [[id, value] as const])),
});

/** An unsigned number of variable length, as Thrift and Parquet write it. */
export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value);
  while (left >= 128n) {
    bytes.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  return Buffer.from([...bytes, Number(left)]);
}

/** A signed number, with its sign in the lowest bit. */
export const zigzag = (value: number | bigint): Buffer => {
  const signed = BigInt(value);
  return varint(signed < 0n ? -signed * 2n - 1n : signed * 2n);
};

const typeOf = (value: ThriftValue): number => {
  switch (value.kind) {
    case 'integer':
      return 5;
    case 'long':
      return 6;
    case 'boolean':
      return value.value ? 1 : 2;
    case 'binary':
      return 8;
    case 'list':
      return 9;
    case 'struct':
      return 12;
  }
};

export function thrift(value: ThriftValue): Buffer {
  switch (value.kind) {
    case 'integer':
    case 'long':
      return zigzag(value.value);
    case 'boolean':
      return Buffer.alloc(0);
    case 'binary': {
      const bytes = Buffer.from(value.value);
      return Buffer.concat([varint(bytes.length), bytes]);
    }
    case 'list': {
      const { items, size = items.length } = value;
      const type = items[0] === undefined ? 12 : typeOf(items[0]);
      const header =
        size < 15 ? Buffer.from([(size << 4) | type]) : Buffer.concat([Buffer.from([0xf0 | type]), varint(size)]);
      return Buffer.concat([header, ...items.map(thrift)]);
    }
    case 'struct': {
      let previous = 0;
      const parts = value.fields.map(([id, field]) => {
        const header = Buffer.from([((id - previous) << 4) | typeOf(field)]);
        previous = id;
        return Buffer.concat([header, thrift(field)]);
      });
      return Buffer.concat([...parts, Buffer.from([0])]);
    }
  }
}

const physicalTypes = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'];
const repetitions = ['REQUIRED', 'OPTIONAL', 'REPEATED'];
const codecs = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW'];
const encodings = [
  'PLAIN',
  '',
  'PLAIN_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'DELTA_BYTE_ARRAY',
  'RLE_DICTIONARY',
  'BYTE_STREAM_SPLIT',
];

export interface ElementSpec {
  readonly name: string;
  readonly type?: string;
  readonly typeLength?: number;
  /** @default REQUIRED */
  readonly repetition?: string;
  readonly children?: number;
  readonly convertedType?: number;
}

export interface PageSpec {
  /** @default DATA_PAGE */
  readonly type?: 'DATA_PAGE' | 'DICTIONARY_PAGE' | 'DATA_PAGE_V2' | 'INDEX_PAGE';
  /** @default PLAIN */
  readonly encoding?: string;
  readonly values: number;
  /** Bytes as stored. */
  readonly bytes: Uint8Array;
  /** @default the true sizes */
  readonly compressedSize?: number;
  readonly uncompressedSize?: number;
  /** Sizes of the levels of a page of version 2. @default 0 */
  readonly definitionSize?: number;
  readonly repetitionSize?: number;
  /** @default true */
  readonly isCompressed?: boolean;
}

export interface ColumnSpec {
  readonly type: string;
  /** @default UNCOMPRESSED */
  readonly codec?: string;
  readonly values: number;
  readonly pages: readonly PageSpec[];
  /** @default the true offset and length */
  readonly start?: number;
  readonly length?: number;
}

export interface FileSpec {
  readonly schema: readonly ElementSpec[];
  /** @default the sum of the row groups */
  readonly rows?: number;
  readonly groups: readonly { readonly rows: number; readonly columns: readonly ColumnSpec[] }[];
}

/** Run of one repeated level or index. */
export const run = (count: number, value: number, bytes = 1): Buffer => {
  const stored = Buffer.alloc(bytes);
  stored.writeUIntLE(value, 0, bytes);
  return Buffer.concat([varint(count * 2), stored]);
};

/** Levels of a page of version 1, with their length. */
export const levels = (...runs: readonly Buffer[]): Buffer => {
  const bytes = Buffer.concat(runs);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** Texts as plain values. */
export const plainTexts = (...texts: readonly string[]): Buffer =>
  Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );

/** Integers of 32 bits as plain values. */
export const plainIntegers = (...values: readonly number[]): Buffer => Buffer.from(new Int32Array(values).buffer);

function pageOf(page: PageSpec): Buffer {
  const { type = 'DATA_PAGE', values, bytes, encoding = 'PLAIN' } = page;
  const encodingValue = integer(encodings.indexOf(encoding));
  const header = struct([
    [1, integer(['DATA_PAGE', 'INDEX_PAGE', 'DICTIONARY_PAGE', 'DATA_PAGE_V2'].indexOf(type))],
    [2, integer(page.uncompressedSize ?? bytes.length)],
    [3, integer(page.compressedSize ?? bytes.length)],
    [
      5,
      type === 'DATA_PAGE'
        ? struct([
            [1, integer(values)],
            [2, encodingValue],
            [3, integer(3)],
            [4, integer(3)],
          ])
        : undefined,
    ],
    [
      7,
      type === 'DICTIONARY_PAGE'
        ? struct([
            [1, integer(values)],
            [2, encodingValue],
          ])
        : undefined,
    ],
    [
      8,
      type === 'DATA_PAGE_V2'
        ? struct([
            [1, integer(values)],
            [2, integer(0)],
            [3, integer(values)],
            [4, encodingValue],
            [5, integer(page.definitionSize ?? 0)],
            [6, integer(page.repetitionSize ?? 0)],
            [7, boolean(page.isCompressed ?? true)],
          ])
        : undefined,
    ],
  ]);
  return Buffer.concat([thrift(header), bytes]);
}

const elementOf = ({ name, type, typeLength, repetition = 'REQUIRED', children, convertedType }: ElementSpec) =>
  struct([
    [1, type === undefined ? undefined : integer(physicalTypes.indexOf(type))],
    [2, typeLength === undefined ? undefined : integer(typeLength)],
    [3, integer(repetitions.indexOf(repetition))],
    [4, binary(name)],
    [5, children === undefined ? undefined : integer(children)],
    [6, convertedType === undefined ? undefined : integer(convertedType)],
  ]);

/** A file with exactly these bytes, also if they contradict each other. */
export function parquetFile({ schema, rows, groups }: FileSpec): Buffer {
  const parts: Buffer[] = [Buffer.from('PAR1')];
  let offset = 4;
  const rowGroups = groups.map((group) => {
    const columns = group.columns.map(({ type, codec = 'UNCOMPRESSED', values, pages, start, length }) => {
      const bytes = Buffer.concat(pages.map(pageOf));
      const first = offset;
      parts.push(bytes);
      offset += bytes.length;
      return struct([
        [2, long(first)],
        [
          3,
          struct([
            [1, integer(physicalTypes.indexOf(type))],
            [2, list([integer(0)])],
            [3, list([binary('x')])],
            [4, integer(codecs.indexOf(codec))],
            [5, long(values)],
            [6, long(bytes.length)],
            [7, long(length ?? bytes.length)],
            [9, long(start ?? first)],
          ]),
        ],
      ]);
    });
    return struct([
      [1, list(columns)],
      [2, long(0)],
      [3, long(group.rows)],
    ]);
  });
  const total = rows ?? groups.reduce((sum, group) => sum + group.rows, 0);
  const footer = struct([
    [1, integer(1)],
    [2, list(schema.map(elementOf))],
    [3, long(total)],
    [4, list(rowGroups)],
  ]);
  return withFooter(Buffer.concat(parts), thrift(footer));
}

/** @param length as stated; by default the true length */
export function withFooter(before: Uint8Array, footer: Uint8Array, length = footer.length): Buffer {
  const end = Buffer.alloc(4);
  end.writeUInt32LE(length);
  return Buffer.concat([before, footer, end, Buffer.from('PAR1')]);
}

/** A file with one column, in one row group. */
export const oneColumn = (
  element: Omit<ElementSpec, 'name'> & { readonly type: string },
  rows: number,
  pages: readonly PageSpec[],
  column: Partial<ColumnSpec> = {},
): Buffer =>
  parquetFile({
    schema: [
      { name: 'root', children: 1 },
      { name: 'a', ...element },
    ],
    groups: [{ rows, columns: [{ type: element.type, values: rows, pages, ...column }] }],
  });
