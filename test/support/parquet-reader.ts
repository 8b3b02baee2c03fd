import { type ConvertOptions, convertParquet } from '../../src/parquet/convert.ts';
import type { RangeReader } from '../../src/parquet/range-reader.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/** A file in memory that counts what is read from it. */
export interface CountedFile extends RangeReader {
  /** The ranges that were read, in their order. */
  readonly ranges: readonly { readonly first: number; readonly end: number }[];
  readonly bytesRead: number;
}

export function fileOf(bytes: Uint8Array): CountedFile {
  const ranges: { readonly first: number; readonly end: number }[] = [];
  return {
    byteLength: bytes.length,
    read: async (first, end) => {
      ranges.push({ first, end });
      return bytes.subarray(first, end);
    },
    ranges,
    get bytesRead() {
      return ranges.reduce((sum, { first, end }) => sum + end - first, 0);
    },
  };
}

/** The whole result of a conversion. */
export async function converted(
  file: RangeReader,
  format: ConvertOptions['format'],
  limits?: ConvertOptions['limits'],
): Promise<string> {
  const chunks: Buffer[] = [];
  const options = { file, format, clock: systemClock, ...(limits === undefined ? {} : { limits }) };
  for await (const chunk of convertParquet(options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
