import type { ChunkBytes } from './chunk-bytes.ts';
import { maxPageHeaderBytes } from './limits.ts';
import { type Encoding, encodings, nameAt, type PageType, pageTypes } from './names.ts';
import { malformed, ParquetError } from './parquet-error.ts';
import { ThriftReader } from './thrift-reader.ts';

/** Header of a page. Sizes are in bytes. */
export interface PageHeader {
  readonly type: PageType;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  /** Number of values, including nulls. */
  readonly values: number;
  readonly encoding: Encoding;
  /** Encodings of the levels. A page of version 2 always uses RLE. */
  readonly definitionEncoding: Encoding;
  readonly repetitionEncoding: Encoding;
  /** Sizes of the levels of a page of version 2; they are not compressed. */
  readonly repetitionSize: number;
  readonly definitionSize: number;
  /** Whether the values of a page of version 2 are compressed. */
  readonly isCompressed: boolean;
}

/** Number of bytes that are searched for a header at first. */
const usualHeaderBytes = 512;

/** Reads and takes the header of the next page. */
export async function readPageHeader(bytes: ChunkBytes): Promise<PageHeader> {
  for (let size = usualHeaderBytes; ; size *= 8) {
    const length = Math.min(size, maxPageHeaderBytes);
    const begin = await bytes.peek(length);
    const reader = new ThriftReader(begin);
    try {
      const header = decodePageHeader(reader);
      bytes.skip(reader.offset);
      return header;
    } catch (error) {
      // The header may be longer, because it contains the smallest and the largest value.
      const isCutOff = error instanceof ParquetError && begin.length === length && length < maxPageHeaderBytes;
      if (!isCutOff) throw error;
    }
  }
}

function decodePageHeader(reader: ThriftReader): PageHeader {
  const header: { -readonly [Key in keyof PageHeader]: PageHeader[Key] } = {
    type: 'INDEX_PAGE',
    compressedSize: -1,
    uncompressedSize: -1,
    values: -1,
    encoding: 'PLAIN',
    definitionEncoding: 'RLE',
    repetitionEncoding: 'RLE',
    repetitionSize: 0,
    definitionSize: 0,
    isCompressed: true,
  };
  const encoding = () => nameAt(encodings, reader.integer());
  reader.rootStruct((field) => {
    switch (field) {
      case 1:
        header.type = nameAt(pageTypes, reader.integer());
        return true;
      case 2:
        header.uncompressedSize = reader.integer();
        return true;
      case 3:
        header.compressedSize = reader.integer();
        return true;
      case 5:
        reader.struct((part) => {
          if (part === 1) header.values = reader.integer();
          else if (part === 2) header.encoding = encoding();
          else if (part === 3) header.definitionEncoding = encoding();
          else if (part === 4) header.repetitionEncoding = encoding();
          return part >= 1 && part <= 4;
        });
        return true;
      case 7:
        reader.struct((part) => {
          if (part === 1) header.values = reader.integer();
          else if (part === 2) header.encoding = encoding();
          return part === 1 || part === 2;
        });
        return true;
      case 8:
        reader.struct((part) => {
          if (part === 1) header.values = reader.integer();
          else if (part === 4) header.encoding = encoding();
          else if (part === 5) header.definitionSize = reader.integer();
          else if (part === 6) header.repetitionSize = reader.integer();
          else if (part === 7) header.isCompressed = reader.boolean();
          return part === 1 || (part >= 4 && part <= 7);
        });
        return true;
      default:
        return false;
    }
  });
  const { type, compressedSize, uncompressedSize, values, repetitionSize, definitionSize } = header;
  if (compressedSize < 0 || uncompressedSize < 0 || (values < 0 && type !== 'INDEX_PAGE'))
    throw malformed('The header of a page is incomplete.');
  const levels = repetitionSize + definitionSize;
  if (repetitionSize < 0 || definitionSize < 0 || levels > compressedSize || levels > uncompressedSize)
    throw malformed('The levels of a page are longer than the page.');
  return header;
}
