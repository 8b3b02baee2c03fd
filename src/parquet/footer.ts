import { maxColumnChunks, maxSchemaNodes, type ParquetLimits } from './limits.ts';
import { type Codec, codecs, convertedTypes, nameAt, type PhysicalType, physicalTypes, repetitions } from './names.ts';
import { malformed, ParquetError, tooLarge, unsupported } from './parquet-error.ts';
import { type RangeReader, readRange } from './range-reader.ts';
import type { LogicalType, TimeUnit } from './scalar-type.ts';
import { buildSchema, type Schema, type SchemaElement } from './schema.ts';
import { ThriftReader } from './thrift-reader.ts';

/** Location and encoding of the values of one column in one row group. */
export interface ColumnChunk {
  readonly codec: Codec;
  /** Number of values, including nulls. */
  readonly values: number;
  /** Offset of the first page. */
  readonly start: number;
  /** Offset after the last page. */
  readonly end: number;
}

export interface RowGroup {
  readonly rows: number;
  /** One for each leaf of the schema. */
  readonly columns: readonly ColumnChunk[];
}

export interface Footer {
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
}

/** Number of bytes that are read from the end of a file. They contain the whole footer of an ordinary file. */
const tailBytes = 64 * 1024;
const magic = 'PAR1';
/** Magic of a file whose footer is encrypted. */
const encryptedMagic = 'PARE';
/** The magic at the start, the length of the footer, and the magic at the end. */
const minFileBytes = 12;

/**
 * Reads the footer of a file: 64 KiB, and the rest if it is longer.
 * @throws {ParquetError} the file is no Parquet, or its footer is damaged or too long
 */
export async function readFooter(file: RangeReader, limits: ParquetLimits): Promise<Footer> {
  const { byteLength } = file;
  if (byteLength < minFileBytes) throw new ParquetError('not-parquet', 'The file is shorter than any Parquet file.');
  const tail = await readRange(file, Math.max(0, byteLength - tailBytes), byteLength);
  const end = tail.toString('latin1', tail.length - 4);
  if (end === encryptedMagic) throw unsupported('The file is encrypted.');
  if (end !== magic) throw new ParquetError('not-parquet', 'The file does not end like a Parquet file.');
  const length = tail.readUInt32LE(tail.length - 8);
  if (length > byteLength - minFileBytes) throw malformed('The footer is longer than the file.');
  if (length > limits.footerBytes) throw tooLarge(`The footer is longer than ${limits.footerBytes} bytes.`);
  const missing = length + 8 - tail.length;
  const begin = byteLength - tail.length - missing;
  const bytes = missing <= 0 ? tail : Buffer.concat([await readRange(file, begin, begin + missing), tail]);
  return decodeFooter(bytes.subarray(bytes.length - 8 - length, bytes.length - 8), byteLength);
}

/** A row group whose columns were not compared with the schema yet. */
interface RawRowGroup {
  readonly rows: number;
  readonly columns: readonly RawChunk[];
}

type RawChunk = ColumnChunk & { readonly physical: PhysicalType };

function decodeFooter(bytes: Buffer, byteLength: number): Footer {
  const reader = new ThriftReader(bytes);
  const elements: SchemaElement[] = [];
  const rowGroups: RawRowGroup[] = [];
  const found = { rows: -1, isEncrypted: false };
  let chunks = 0;
  reader.rootStruct((field) => {
    switch (field) {
      case 2:
        reader.list(maxSchemaNodes, () => elements.push(readElement(reader)));
        return true;
      case 3:
        found.rows = reader.integer();
        return true;
      case 4:
        reader.list(maxColumnChunks, () => {
          const group = readRowGroup(reader, byteLength, maxColumnChunks - chunks);
          chunks += group.columns.length;
          rowGroups.push(group);
        });
        return true;
      case 8:
        // The footer is readable, but columns are not.
        found.isEncrypted = true;
        return false;
      default:
        return false;
    }
  });
  if (found.isEncrypted) throw unsupported('The file is encrypted.');
  const { rows } = found;
  if (elements.length === 0 || rows < 0) throw malformed('The footer has no schema or no row count.');
  const schema = buildSchema(elements);
  const total = rowGroups.reduce((sum, group) => sum + group.rows, 0);
  if (total !== rows) throw malformed('The row groups have another number of rows than the file.');
  for (const { columns } of rowGroups) {
    if (columns.length !== schema.leaves.length)
      throw malformed('A row group has another number of columns than the schema.');
    for (const [index, { physical }] of columns.entries()) {
      if (physical !== schema.leaves[index]?.physical) throw malformed('A column has another type than in the schema.');
    }
  }
  return { schema, rows, rowGroups };
}

function readElement(reader: ThriftReader): SchemaElement {
  const element: { -readonly [Key in keyof SchemaElement]: SchemaElement[Key] } = {
    name: '',
    physical: null,
    repetition: 'REQUIRED',
    converted: null,
    logical: null,
    typeLength: 0,
    children: 0,
    scale: 0,
    precision: 0,
  };
  reader.struct((field) => {
    switch (field) {
      case 1:
        element.physical = nameAt(physicalTypes, reader.integer());
        return true;
      case 2:
        element.typeLength = reader.integer();
        return true;
      case 3:
        element.repetition = nameAt(repetitions, reader.integer());
        return true;
      case 4:
        element.name = reader.text();
        return true;
      case 5:
        element.children = reader.integer();
        return true;
      case 6:
        element.converted = convertedTypes[reader.integer()] ?? null;
        return true;
      case 7:
        element.scale = reader.integer();
        return true;
      case 8:
        element.precision = reader.integer();
        return true;
      case 10:
        element.logical = readLogicalType(reader);
        return true;
      default:
        return false;
    }
  });
  return element;
}

/** Names of the logical types without parameters, by their field. */
const simpleLogicalTypes: { readonly [field: number]: SimpleLogicalType } = {
  1: 'STRING',
  2: 'MAP',
  3: 'LIST',
  4: 'ENUM',
  6: 'DATE',
  11: 'UNKNOWN',
  12: 'JSON',
  13: 'BSON',
  14: 'UUID',
  15: 'FLOAT16',
};
type SimpleLogicalType = Exclude<LogicalType['kind'], 'DECIMAL' | 'TIME' | 'TIMESTAMP' | 'INTEGER' | 'other'>;

function readLogicalType(reader: ThriftReader): LogicalType {
  const found: { type: LogicalType } = { type: { kind: 'other' } };
  reader.struct((field) => {
    switch (field) {
      case 5:
        found.type = readDecimal(reader);
        return true;
      case 7:
        found.type = { kind: 'TIME', ...readTime(reader) };
        return true;
      case 8:
        found.type = { kind: 'TIMESTAMP', ...readTime(reader) };
        return true;
      case 10:
        found.type = readInteger(reader);
        return true;
      default: {
        const kind = simpleLogicalTypes[field];
        if (kind !== undefined) found.type = { kind };
        return false;
      }
    }
  });
  return found.type;
}

function readDecimal(reader: ThriftReader): LogicalType {
  let scale = 0;
  let precision = 0;
  reader.struct((field) => {
    if (field === 1) scale = reader.integer();
    else if (field === 2) precision = reader.integer();
    return field === 1 || field === 2;
  });
  return { kind: 'DECIMAL', scale, precision };
}

function readInteger(reader: ThriftReader): LogicalType {
  let bits = 0;
  let signed = false;
  reader.struct((field) => {
    if (field === 1) bits = reader.integer();
    else if (field === 2) signed = reader.boolean();
    return field === 1 || field === 2;
  });
  return { kind: 'INTEGER', bits, signed };
}

function readTime(reader: ThriftReader): { readonly utc: boolean; readonly unit: TimeUnit } {
  const found: { utc: boolean; unit: TimeUnit | null } = { utc: false, unit: null };
  reader.struct((field) => {
    if (field === 1) found.utc = reader.boolean();
    else if (field === 2) {
      reader.struct((unitField) => {
        found.unit = ({ 1: 'MILLIS', 2: 'MICROS', 3: 'NANOS' } as const)[unitField] ?? null;
        return false;
      });
    }
    return field === 1 || field === 2;
  });
  const { utc, unit } = found;
  if (unit === null) throw unsupported('A time has an unknown unit.');
  return { utc, unit };
}

function readRowGroup(reader: ThriftReader, byteLength: number, maxColumns: number): RawRowGroup {
  const columns: RawChunk[] = [];
  let rows = -1;
  reader.struct((field) => {
    switch (field) {
      case 1:
        reader.list(maxColumns, () => columns.push(readChunk(reader, byteLength)));
        return true;
      case 3:
        rows = reader.integer();
        return true;
      default:
        return false;
    }
  });
  if (rows < 0) throw malformed('A row group has no number of rows.');
  return { rows, columns };
}

function readChunk(reader: ThriftReader, byteLength: number): RawChunk {
  const found: { chunk: RawChunk | null } = { chunk: null };
  reader.struct((field) => {
    switch (field) {
      case 1:
        throw unsupported('The values of a column are in another file.');
      case 3:
        found.chunk = readChunkMetadata(reader, byteLength);
        return true;
      case 8:
      case 9:
        throw unsupported('A column is encrypted.');
      default:
        return false;
    }
  });
  if (found.chunk === null) throw malformed('A column of a row group has no metadata.');
  return found.chunk;
}

function readChunkMetadata(reader: ThriftReader, byteLength: number): RawChunk {
  const found: { physical: PhysicalType | null; codec: Codec | null } = { physical: null, codec: null };
  const numbers = new Map<number, number>();
  reader.struct((field) => {
    switch (field) {
      case 1:
        found.physical = nameAt(physicalTypes, reader.integer());
        return true;
      case 4:
        found.codec = nameAt(codecs, reader.integer());
        return true;
      case 5:
      case 7:
      case 9:
      case 11:
        numbers.set(field, reader.integer());
        return true;
      default:
        return false;
    }
  });
  const { physical, codec } = found;
  const values = numbers.get(5);
  const length = numbers.get(7);
  const dataStart = numbers.get(9);
  if (physical === null || codec === null || values === undefined || length === undefined || dataStart === undefined)
    throw malformed('The metadata of a column is incomplete.');
  // Some writers state 0 if there is no dictionary.
  const dictionaryStart = numbers.get(11) ?? 0;
  const start = dictionaryStart > 0 ? Math.min(dictionaryStart, dataStart) : dataStart;
  const end = start + length;
  if (values < 0 || start < 0 || length < 0 || end > byteLength) throw malformed('A column is outside the file.');
  return { physical, codec, values, start, end };
}
