import { HybridReader } from './levels.ts';
import { maxDictionaryEntries } from './limits.ts';
import type { Encoding } from './names.ts';
import { malformed, tooLarge, unsupported } from './parquet-error.ts';
import type { Leaf } from './schema.ts';
import type { Stored } from './value.ts';

/** Returns the next value that is not null. Throws a ParquetError, or a RangeError at the end of the bytes. */
export type ReadStored = () => Stored;

/**
 * Reads the values of a page one after the other. Nothing is allocated for more values than were read.
 * @param count number of values that the page states; a bound for the index of the interleaved encoding
 */
export function storedValues(
  leaf: Leaf,
  encoding: Exclude<Encoding, 'PLAIN_DICTIONARY' | 'RLE_DICTIONARY'>,
  page: Buffer,
  count: number,
): ReadStored {
  switch (encoding) {
    case 'PLAIN':
      return plainValues(leaf, page);
    case 'RLE':
      return runLengthBooleans(leaf, page);
    case 'DELTA_BINARY_PACKED':
      if (leaf.physical !== 'INT32' && leaf.physical !== 'INT64') throw wrongEncoding(encoding);
      return deltaIntegers(page, 0, leaf.physical === 'INT64' ? 64 : 32).next;
    case 'DELTA_LENGTH_BYTE_ARRAY':
      if (leaf.physical !== 'BYTE_ARRAY') throw wrongEncoding(encoding);
      return deltaLengthValues(page);
    case 'DELTA_BYTE_ARRAY':
      if (leaf.physical !== 'BYTE_ARRAY' && leaf.physical !== 'FIXED_LEN_BYTE_ARRAY') throw wrongEncoding(encoding);
      return deltaPrefixValues(page, leaf);
    case 'BYTE_STREAM_SPLIT':
      return interleavedValues(leaf, page, count);
    case 'GROUP_VAR_INT':
    case 'BIT_PACKED':
      throw unsupported(`The encoding ${encoding} is not supported.`);
  }
}

/**
 * Reads the entries of a dictionary page.
 * @param isCut whether the end of the page is missing; the entries before it are returned
 * @throws {ParquetError} the dictionary has more entries than bytes permit
 */
export function dictionaryEntries(leaf: Leaf, page: Buffer, count: number, isCut: boolean): readonly Stored[] {
  if (count > maxDictionaryEntries) throw tooLarge(`A dictionary has more than ${maxDictionaryEntries} entries.`);
  // Each entry has at least one bit.
  if (count > page.length * 8 && !isCut) throw malformed('A dictionary has more entries than its bytes.');
  const read = plainValues(leaf, page);
  const entries: Stored[] = [];
  try {
    while (entries.length < count) entries.push(read());
  } catch (error) {
    if (!isCut) throw error;
  }
  return entries;
}

const wrongEncoding = (encoding: Encoding) => malformed(`A column of this type cannot have the encoding ${encoding}.`);

/** A safe integer as a number, because arithmetic with bigints is many times slower. */
function int64At(page: Buffer, position: number): number | bigint {
  const value = page.readInt32LE(position + 4) * 2 ** 32 + page.readUInt32LE(position);
  return Number.isSafeInteger(value) ? value : page.readBigInt64LE(position);
}

function plainValues({ physical, typeLength }: Leaf, page: Buffer): ReadStored {
  let position = 0;
  const advance = (length: number): number => {
    const start = position;
    position += length;
    return start;
  };
  const take = (length: number): Buffer => {
    if (length > page.length - position) throw malformed('A page is cut off.');
    const start = advance(length);
    return page.subarray(start, start + length);
  };
  switch (physical) {
    case 'BOOLEAN': {
      let index = 0;
      return () => {
        const bit = (page.readUInt8(index >> 3) >> (index & 7)) & 1;
        index += 1;
        return bit === 1;
      };
    }
    case 'INT32':
      return () => page.readInt32LE(advance(4));
    case 'INT64':
      return () => int64At(page, advance(8));
    case 'INT96':
      return () => take(12);
    case 'FLOAT':
      return () => page.readFloatLE(advance(4));
    case 'DOUBLE':
      return () => page.readDoubleLE(advance(8));
    case 'BYTE_ARRAY':
      return () => take(page.readUInt32LE(advance(4)));
    case 'FIXED_LEN_BYTE_ARRAY':
      return () => take(typeLength);
  }
}

function runLengthBooleans({ physical }: Leaf, page: Buffer): ReadStored {
  if (physical !== 'BOOLEAN') throw wrongEncoding('RLE');
  const length = page.readUInt32LE(0);
  if (length > page.length - 4) throw malformed('A page is cut off.');
  const bits = new HybridReader(page, 4, 4 + length, 1);
  return () => bits.next() === 1;
}

/** The bytes of all values, first byte of each value first, then second byte of each value, and so on. */
function interleavedValues(leaf: Leaf, page: Buffer, count: number): ReadStored {
  const width = widthOf(leaf);
  if (count * width > page.length) throw malformed('A page is cut off.');
  let index = 0;
  return () => {
    if (index >= count) throw malformed('A page has fewer values than its levels.');
    // Values of a column keep their bytes, so that each has its own.
    const bytes = Buffer.allocUnsafeSlow(width);
    for (let byte = 0; byte < width; byte++) bytes[byte] = page[byte * count + index] ?? 0;
    index += 1;
    return plainValues(leaf, bytes)();
  };
}

function widthOf({ physical, typeLength }: Leaf): number {
  switch (physical) {
    case 'INT32':
    case 'FLOAT':
      return 4;
    case 'INT64':
    case 'DOUBLE':
      return 8;
    case 'FIXED_LEN_BYTE_ARRAY':
      return typeLength;
    case 'BOOLEAN':
    case 'INT96':
    case 'BYTE_ARRAY':
      throw wrongEncoding('BYTE_STREAM_SPLIT');
  }
}

interface DeltaIntegers {
  readonly next: () => number | bigint;
  /** Reads all values and returns the position after them. */
  readonly end: () => number;
}

/** Maximum number of values of a block. Writers use 128 or 1024. */
const maxBlockValues = 1 << 20;

/**
 * Reads integers as differences from the previous one. Arithmetic wraps at the width of the type, as the format
 * requires.
 */
function deltaIntegers(page: Buffer, start: number, bits: 32 | 64): DeltaIntegers {
  let position = start;
  const byte = (): number => {
    const value = page[position];
    if (value === undefined) throw malformed('A page is cut off.');
    position += 1;
    return value;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = byte();
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw malformed('A number of a page is too long.');
  };
  const zigzag = (): bigint => {
    const value = varint();
    return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
  };
  const count = (): number => Number(varint());
  const plain = (value: bigint): number | bigint => {
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  };

  const blockValues = count();
  const miniblocks = count();
  const total = count();
  const miniblockValues = blockValues / miniblocks;
  if (blockValues > maxBlockValues || !Number.isInteger(miniblockValues) || miniblockValues % 8 !== 0)
    throw malformed('A page has blocks of an unknown size.');
  let value = zigzag();
  let returned = 0;
  let minDelta = 0n;
  let widths: Buffer = Buffer.alloc(0);
  let miniblock = miniblocks;
  let inMiniblock = miniblockValues;
  let miniblockStart = 0;

  const startMiniblock = () => {
    if (miniblock >= miniblocks) {
      minDelta = zigzag();
      if (miniblocks > page.length - position) throw malformed('A page is cut off.');
      widths = page.subarray(position, position + miniblocks);
      position += miniblocks;
      miniblock = 0;
    }
    const width = widths[miniblock] ?? 0;
    if (width > bits) throw malformed('A page has differences that are too wide.');
    miniblockStart = position;
    position += (miniblockValues / 8) * width;
    miniblock += 1;
    inMiniblock = 0;
  };
  const delta = (): bigint => {
    const width = widths[miniblock - 1] ?? 0;
    let result = 0n;
    let done = 0;
    let bit = inMiniblock * width;
    while (done < width) {
      const offset = miniblockStart + (bit >> 3);
      const current = page[offset];
      if (current === undefined) throw malformed('A page is cut off.');
      const size = Math.min(8 - (bit & 7), width - done);
      result |= BigInt((current >> (bit & 7)) & ((1 << size) - 1)) << BigInt(done);
      done += size;
      bit += size;
    }
    return result;
  };
  const next = (): number | bigint => {
    if (returned >= total) throw malformed('A page has fewer values than its levels.');
    if (returned > 0) {
      if (inMiniblock >= miniblockValues) startMiniblock();
      value = BigInt.asIntN(bits, value + minDelta + delta());
      inMiniblock += 1;
    }
    returned += 1;
    return plain(value);
  };
  return {
    next,
    end: () => {
      // A block cannot state more values than its bytes permit, except for widths of 0. The loop skips those as a whole.
      let left = total - Math.max(1, returned) - (miniblockValues - inMiniblock);
      while (left > 0) {
        startMiniblock();
        left -= miniblockValues;
      }
      if (position > page.length) throw malformed('A page is cut off.');
      return position;
    },
  };
}

/** Lengths of all values, and then their bytes. */
function deltaLengthValues(page: Buffer): ReadStored {
  const lengths = deltaIntegers(page, 0, 32).next;
  let position = deltaIntegers(page, 0, 32).end();
  return () => {
    const length = Number(lengths());
    if (length < 0 || length > page.length - position) throw malformed('A page is cut off.');
    position += length;
    return page.subarray(position - length, position);
  };
}

/**
 * Each value shares a prefix with the previous one. Only one value is held, because the values together may be many
 * times longer than the page.
 */
function deltaPrefixValues(page: Buffer, { physical, typeLength }: Leaf): ReadStored {
  const prefixes = deltaIntegers(page, 0, 32).next;
  const suffixStart = deltaIntegers(page, 0, 32).end();
  const suffixes = deltaLengthValues(page.subarray(suffixStart));
  let previous: Buffer = Buffer.alloc(0);
  return () => {
    const prefix = Number(prefixes());
    const suffix = suffixes();
    if (typeof suffix !== 'object' || prefix < 0 || prefix > previous.length)
      throw malformed('A value of a page shares more bytes with the previous value than that value has.');
    previous = prefix === 0 ? suffix : Buffer.concat([previous.subarray(0, prefix), suffix]);
    if (physical === 'FIXED_LEN_BYTE_ARRAY' && previous.length !== typeLength)
      throw malformed('A value has another length than its type.');
    return previous;
  };
}
