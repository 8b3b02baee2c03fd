import type { ChunkBytes } from './chunk-bytes.ts';
import { decompress, decompressStart, hasReadableStart } from './decompress.ts';
import type { ColumnChunk } from './footer.ts';
import { bitWidth, HybridReader } from './levels.ts';
import { maxDictionaryEntries, maxNestedPageValues, type ParquetLimits } from './limits.ts';
import type { MemoryMeter } from './memory-meter.ts';
import type { Codec } from './names.ts';
import { type PageHeader, readPageHeader } from './page-header.ts';
import { malformed, tooLarge, unsupported } from './parquet-error.ts';
import type { Leaf } from './schema.ts';
import { dictionaryEntries, storedValues } from './stored-values.ts';
import { converterOf, type Stored, type Value } from './value.ts';

/**
 * Lets a reader of the first rows read only the start of each page. `cut` is true after a page was not read to its end:
 * a failure may then be caused by the missing bytes.
 */
export interface PageStarts {
  /** Number of compressed bytes that are read of each page. */
  readonly bytes: number;
  cut: boolean;
}

export interface ColumnReaderOptions {
  readonly leaf: Leaf;
  readonly chunk: ColumnChunk;
  readonly bytes: ChunkBytes;
  readonly limits: ParquetLimits;
  readonly meter: MemoryMeter;
  /** Null: pages are read to their end. */
  readonly starts: PageStarts | null;
}

/** A decompressed page. Its values are decoded when they are read. */
interface Page {
  /** Number of values, including nulls. */
  readonly values: number;
  /** Null for a column outside of lists and maps. */
  readonly repetitions: Uint8Array | null;
  /** Null for a column whose values are never null. */
  readonly definitions: HybridReader | null;
  readonly read: () => Value;
  readonly heldBytes: number;
}

/** The bytes of a page before they are decoded. */
interface PageBytes {
  /** Levels of a page of version 2. */
  readonly levels: Buffer;
  readonly values: Buffer;
  readonly heldBytes: number;
  /** Whether the end of `values` is missing. */
  readonly isCut: boolean;
}

interface PageParts {
  readonly repetitions: HybridReader | null;
  readonly definitions: HybridReader | null;
  readonly values: Buffer;
}

/** Number of decompressed bytes of the start of a page for each compressed byte. More are not used. */
const maxExpansion = 8;
/** Number of values of the start of a page for each compressed byte. */
const maxValuesPerByte = 2;

/** Estimated memory of an entry of a dictionary in addition to its own bytes, in bytes. */
const entryBytes = 32;

/**
 * Reads the values of one column in one row group. `load` reads pages; afterwards, `take` returns values without
 * waiting. A page is released when its last value was taken.
 */
export class ColumnReader {
  readonly #options: ColumnReaderOptions;
  readonly #convert: (stored: Stored) => Value;
  #dictionary: readonly Value[] | null = null;
  readonly #pages: Page[] = [];
  #page: Page | null = null;
  /** Position in the page. */
  #index = 0;
  /** Number of values of the chunk that are in no loaded page. */
  #unloaded: number;
  /** Whether the end of the last loaded page is missing. */
  #isCut = false;
  /** Number of rows that begin in a loaded page and were not taken. */
  #rowsAhead = 0;
  /** Number of rows with at least one taken value. */
  rowsTaken = 0;
  /** Levels of the next value. After the last loaded value: -1, and 0. */
  definition = -1;
  repetition = 0;

  constructor(options: ColumnReaderOptions) {
    this.#options = options;
    this.#convert = converterOf(options.leaf);
    this.#unloaded = options.chunk.values;
  }

  /**
   * Loads pages until the next `rows` rows can be taken.
   * @throws {ParquetError} the column has fewer rows, is damaged, or exceeds a limit
   */
  async load(rows: number): Promise<void> {
    while (!this.hasRows(rows)) {
      if (this.#unloaded === 0) throw malformed('A column has fewer rows than its row group.');
      if (this.#isCut) throw malformed('The rest of a page was not read.');
      await this.#loadPage();
    }
  }

  /** The next value; null if it, or an object around it, is null. */
  take(): Value | null {
    const page = this.#page;
    if (page === null) throw malformed('A column has fewer values than its row group needs.');
    const value = this.definition === this.#options.leaf.maxDefinition ? page.read() : null;
    if (this.repetition === 0) {
      this.rowsTaken += 1;
      this.#rowsAhead -= 1;
    }
    this.#index += 1;
    if (this.#index < page.values) this.#readLevels(page);
    else this.#nextPage();
    return value;
  }

  /** Whether `rows` rows can be taken without waiting. */
  hasRows(rows: number): boolean {
    // The last row of a column in a list may continue in the next page.
    const mayContinue = this.#options.leaf.maxRepetition > 0 && (this.#unloaded > 0 || this.#isCut);
    return (mayContinue ? this.#rowsAhead - 1 : this.#rowsAhead) >= rows;
  }

  #nextPage(): void {
    if (this.#page !== null) this.#options.meter.release(this.#page.heldBytes);
    this.#page = this.#pages.shift() ?? null;
    this.#index = 0;
    if (this.#page === null) {
      this.definition = -1;
      this.repetition = 0;
    } else this.#readLevels(this.#page);
  }

  #readLevels(page: Page): void {
    const { maxDefinition } = this.#options.leaf;
    const definition = page.definitions?.next() ?? maxDefinition;
    if (definition > maxDefinition) throw malformed('A value has an unknown definition level.');
    this.definition = definition;
    this.repetition = page.repetitions?.[this.#index] ?? 0;
  }

  async #loadPage(): Promise<void> {
    const { bytes, limits } = this.#options;
    if (bytes.left === 0) throw malformed('A column has fewer values than it states.');
    const header = await readPageHeader(bytes);
    const { compressedSize, uncompressedSize, type, values } = header;
    if (Math.max(compressedSize, uncompressedSize) > limits.pageBytes)
      throw tooLarge(`A page is longer than ${limits.pageBytes} bytes.`);
    switch (type) {
      case 'INDEX_PAGE':
        bytes.skip(compressedSize);
        return;
      case 'DICTIONARY_PAGE':
        await this.#loadDictionary(header);
        return;
      case 'DATA_PAGE':
      case 'DATA_PAGE_V2': {
        if (values > this.#unloaded) throw malformed('A column has more values than it states.');
        if (values === 0) {
          bytes.skip(compressedSize);
          return;
        }
        this.#add(await this.#dataPage(header));
      }
    }
  }

  /**
   * The bytes of a page. Those of a page of version 2 are in two parts, because its levels are not compressed. Only the
   * start is returned if the options permit it.
   */
  async #pageBytes(header: PageHeader, codec: Codec): Promise<PageBytes> {
    const { bytes, meter, starts } = this.#options;
    const { compressedSize, uncompressedSize, repetitionSize, definitionSize } = header;
    const levelsSize = repetitionSize + definitionSize;
    const length = uncompressedSize - levelsSize;
    const startSize = levelsSize + (starts?.bytes ?? 0);
    if (starts === null || compressedSize <= startSize || !hasReadableStart(codec)) {
      meter.add(uncompressedSize);
      const compressed = await bytes.take(compressedSize);
      const values = await decompress(codec, compressed.subarray(levelsSize), length);
      return { levels: compressed.subarray(0, levelsSize), values, heldBytes: uncompressedSize, isCut: false };
    }
    const maximum = starts.bytes * maxExpansion;
    const heldBytes = Math.min(uncompressedSize, startSize + maximum);
    meter.add(heldBytes);
    const compressed = await bytes.peek(startSize);
    bytes.skip(compressedSize);
    const values = await decompressStart(codec, compressed.subarray(levelsSize), { length, maximum });
    starts.cut = true;
    return { levels: compressed.subarray(0, levelsSize), values, heldBytes, isCut: true };
  }

  async #dataPage(header: PageHeader): Promise<Page> {
    const { chunk } = this.#options;
    const codec = header.type === 'DATA_PAGE_V2' && !header.isCompressed ? 'UNCOMPRESSED' : chunk.codec;
    const bytes = await this.#pageBytes(header, codec);
    const { repetitions, definitions, values } =
      header.type === 'DATA_PAGE' ? this.#partsOf(header, bytes) : this.#partsOfVersion2(header, bytes);
    const { leaf, meter, starts } = this.#options;
    this.#isCut = bytes.isCut;
    // The rest of the levels may be missing.
    const count = bytes.isCut ? Math.min(header.values, (starts?.bytes ?? 0) * maxValuesPerByte) : header.values;
    const repetitionLevels = repetitions === null ? null : this.#readRepetitions(repetitions, count);
    const levelBytes = repetitionLevels?.length ?? 0;
    meter.add(levelBytes);
    const { encoding } = header;
    return {
      values: repetitionLevels?.length ?? count,
      repetitions: repetitionLevels,
      definitions,
      read:
        encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY'
          ? this.#fromDictionary(values)
          : this.#converted(storedValues(leaf, encoding, values, header.values)),
      heldBytes: bytes.heldBytes + levelBytes,
    };
  }

  async #loadDictionary(header: PageHeader): Promise<void> {
    const { uncompressedSize, values, encoding } = header;
    const { chunk, leaf, meter } = this.#options;
    if (this.#dictionary !== null) throw malformed('A column has two dictionaries.');
    if (encoding !== 'PLAIN' && encoding !== 'PLAIN_DICTIONARY')
      throw unsupported(`A dictionary with the encoding ${encoding} is not supported.`);
    // The entries are converted, for which two bytes for each character are the most.
    meter.add(uncompressedSize + entryBytes * Math.min(values, maxDictionaryEntries));
    const page = await this.#pageBytes(header, chunk.codec);
    this.#dictionary = dictionaryEntries(leaf, page.values, values, page.isCut).map(this.#convert);
  }

  #add(page: Page): void {
    const isFirst = this.#unloaded === this.#options.chunk.values;
    if (isFirst && page.repetitions !== null && page.repetitions[0] !== 0)
      throw malformed('A column begins in the middle of a row.');
    this.#unloaded -= page.values;
    this.#rowsAhead += page.repetitions === null ? page.values : countZeros(page.repetitions);
    this.#pages.push(page);
    if (this.#page === null) this.#nextPage();
  }

  #partsOf(header: PageHeader, { values: page, isCut }: PageBytes): PageParts {
    const { leaf } = this.#options;
    let position = 0;
    const levels = (maximum: number, encoding: string): HybridReader | null => {
      if (maximum === 0) return null;
      if (encoding !== 'RLE') throw unsupported(`Levels with the encoding ${encoding} are not supported.`);
      const start = position + 4;
      const end = start + page.readUInt32LE(position);
      if (end > page.length && !isCut) throw malformed('The levels of a page are longer than the page.');
      position = end;
      return new HybridReader(page, start, Math.min(end, page.length), bitWidth(maximum));
    };
    const repetitions = levels(leaf.maxRepetition, header.repetitionEncoding);
    const definitions = levels(leaf.maxDefinition, header.definitionEncoding);
    return { repetitions, definitions, values: page.subarray(position) };
  }

  #partsOfVersion2({ repetitionSize }: PageHeader, { levels, values }: PageBytes): PageParts {
    const { maxRepetition, maxDefinition } = this.#options.leaf;
    const part = (maximum: number, start: number, end: number): HybridReader | null =>
      maximum === 0 ? null : new HybridReader(levels, start, end, bitWidth(maximum));
    return {
      repetitions: part(maxRepetition, 0, repetitionSize),
      definitions: part(maxDefinition, repetitionSize, levels.length),
      values,
    };
  }

  #readRepetitions(levels: HybridReader, values: number): Uint8Array {
    if (values > maxNestedPageValues) throw tooLarge(`A page has more than ${maxNestedPageValues} values.`);
    const { maxRepetition } = this.#options.leaf;
    const repetitions = new Uint8Array(values);
    for (let index = 0; index < values; index++) {
      const level = levels.next();
      if (level > maxRepetition) throw malformed('A value has an unknown repetition level.');
      repetitions[index] = level;
    }
    return repetitions;
  }

  #fromDictionary(page: Buffer): () => Value {
    // A page without a value that is not null may have no bytes.
    if (page.length === 0) {
      return () => {
        throw malformed('A page is cut off.');
      };
    }
    const dictionary = this.#dictionary;
    const indices = new HybridReader(page, 1, page.length, page.readUInt8(0));
    return () => {
      const value = dictionary?.[indices.next()];
      if (value === undefined) throw malformed('A value is not in the dictionary of its column.');
      return value;
    };
  }

  #converted(read: () => Stored): () => Value {
    const convert = this.#convert;
    return () => convert(read());
  }
}

function countZeros(levels: Uint8Array): number {
  let zeros = 0;
  for (const level of levels) if (level === 0) zeros += 1;
  return zeros;
}
