import { malformed, ParquetError } from './parquet-error.ts';
import { copyWithin } from './snappy.ts';

const broken = () => malformed('A page cannot be decompressed (LZ4).');

/** Length of the shortest match. */
const minMatch = 4;

/**
 * Decompresses a block of LZ4 (lz4_Block_format.md of lz4/lz4).
 * @param length number of bytes of the result
 * @throws {ParquetError} the block is damaged, or has another length
 */
export function decompressLz4(input: Buffer, length: number): Buffer {
  const output = Buffer.allocUnsafeSlow(length);
  const written = decompressInto(input, output);
  if (written !== length) throw broken();
  return output;
}

/**
 * Decompresses the start of a block from its first bytes.
 * @param length maximum number of bytes of the result
 */
export function decompressLz4Start(input: Buffer, length: number): Buffer {
  const output = Buffer.allocUnsafeSlow(length);
  const progress = { written: 0 };
  try {
    decompressInto(input, output, progress);
  } catch (error) {
    // The input or the output ends within a sequence.
    if (!(error instanceof ParquetError)) throw error;
  }
  return output.subarray(0, progress.written);
}

/** Returns the number of bytes that were written. `progress` has it also after an error. */
function decompressInto(input: Buffer, output: Buffer, progress = { written: 0 }): number {
  const { length } = output;
  let position = 0;
  let written = 0;
  const byte = (): number => {
    const value = input[position];
    if (value === undefined) throw broken();
    position += 1;
    return value;
  };
  const sizeFrom = (nibble: number): number => {
    let size = nibble;
    if (nibble < 15) return size;
    for (;;) {
      const more = byte();
      size += more;
      if (more < 255) return size;
    }
  };
  while (position < input.length) {
    progress.written = written;
    const token = byte();
    const literals = sizeFrom(token >> 4);
    if (literals > input.length - position || literals > length - written) throw broken();
    input.copy(output, written, position, position + literals);
    position += literals;
    written += literals;
    // The last sequence has only literals.
    if (position >= input.length) break;
    const offset = byte() + byte() * 256;
    const size = sizeFrom(token & 15) + minMatch;
    copyWithin(output, written, offset, size, broken);
    written += size;
  }
  progress.written = written;
  return written;
}
