import { promisify } from 'node:util';
import { brotliDecompress, constants, gunzip } from 'node:zlib';
import type { ZSTDDecoder } from 'zstddec';
import { decompressLz4, decompressLz4Start } from './lz4.ts';
import type { Codec } from './names.ts';
import { malformed, unsupported } from './parquet-error.ts';
import { decompressSnappy, decompressSnappyStart } from './snappy.ts';

const gunzipAsync = promisify(gunzip);
const brotliAsync = promisify(brotliDecompress);

let zstd: Promise<ZSTDDecoder> | null = null;

/** The decoder is loaded when the first file needs it, because most files do not. */
function loadZstd(): Promise<ZSTDDecoder> {
  zstd ??= import('zstddec').then(async (module) => {
    const decoder = new module.ZSTDDecoder();
    await decoder.init();
    return decoder;
  });
  return zstd;
}

/**
 * Decompresses one page. No more than `length` bytes are allocated for the result, whatever the compressed bytes state.
 * @param length number of bytes of the result, as stated by the header of the page
 * @throws {ParquetError} the bytes are damaged or have another length, or the codec is not supported
 */
export async function decompress(codec: Codec, bytes: Buffer, length: number): Promise<Buffer> {
  if (codec === 'UNCOMPRESSED') {
    if (bytes.length !== length) throw malformed('An uncompressed page has another length than its header states.');
    return bytes;
  }
  // Some writers do not compress a page without bytes.
  if (length === 0) return Buffer.alloc(0);
  const page = await decompressAs(codec, bytes, length);
  if (page.length !== length) throw malformed(`A page has another length than its header states (${codec}).`);
  return page;
}

async function decompressAs(codec: Exclude<Codec, 'UNCOMPRESSED'>, bytes: Buffer, length: number): Promise<Buffer> {
  switch (codec) {
    case 'SNAPPY':
      return decompressSnappy(bytes, length);
    case 'LZ4_RAW':
      return decompressLz4(bytes, length);
    case 'GZIP':
      return await gunzipAsync(bytes, { maxOutputLength: length }).catch(broken(codec));
    case 'BROTLI':
      return await brotliAsync(bytes, { maxOutputLength: length }).catch(broken(codec));
    case 'ZSTD':
      return decompressZstd(await loadZstd(), bytes, length);
    case 'LZO':
    case 'LZ4':
      throw unsupported(`The compression ${codec} is not supported.`);
  }
}

function decompressZstd(decoder: ZSTDDecoder, bytes: Buffer, length: number): Buffer {
  let page: Uint8Array;
  try {
    page = decoder.decode(bytes, length);
  } catch (error) {
    throw malformed('A page cannot be decompressed (ZSTD).', error);
  }
  return Buffer.from(page.buffer, page.byteOffset, page.byteLength);
}

/** The library’s error is the cause. Its message contains no data of the page. */
const broken = (codec: Codec) => (error: unknown) => {
  throw malformed(`A page cannot be decompressed (${codec}).`, error);
};

/** Whether the start of a page can be decompressed without its end. */
export const hasReadableStart = (codec: Codec): boolean => codec !== 'ZSTD';

export interface PageStart {
  /** Number of bytes of the whole result, as stated by the header of the page. */
  readonly length: number;
  /** Maximum number of bytes of the returned start. */
  readonly maximum: number;
}

/**
 * Decompresses the start of a page from its first bytes. The result may be shorter than `maximum`.
 * @throws {ParquetError} the codec is not supported, or has no readable start
 */
export async function decompressStart(codec: Codec, bytes: Buffer, { length, maximum }: PageStart): Promise<Buffer> {
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes;
    case 'SNAPPY':
      return decompressSnappyStart(bytes, length, maximum);
    case 'LZ4_RAW':
      return decompressLz4Start(bytes, Math.min(length, maximum));
    case 'GZIP': {
      const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: length };
      return (await gunzipAsync(bytes, options).catch(broken(codec))).subarray(0, maximum);
    }
    case 'BROTLI': {
      const options = { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: length };
      return (await brotliAsync(bytes, options).catch(broken(codec))).subarray(0, maximum);
    }
    case 'ZSTD':
    case 'LZO':
    case 'LZ4':
      throw unsupported(`The compression ${codec} is not supported.`);
  }
}
