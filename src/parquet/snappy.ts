import { malformed, ParquetError } from './parquet-error.ts';

const broken = () => malformed('A page cannot be decompressed (Snappy).');

/**
 * Decompresses a block of Snappy (format_description.txt of google/snappy).
 * @param length number of bytes of the result
 * @throws {ParquetError} the block is damaged, or has another length
 */
export function decompressSnappy(input: Buffer, length: number): Buffer {
  const output = Buffer.allocUnsafeSlow(length);
  const written = decompressInto(input, output, length);
  if (written !== length) throw broken();
  return output;
}

/**
 * Decompresses the start of a block from its first bytes.
 * @param length number of bytes of the whole result
 * @param maximum maximum number of bytes to decompress. The result has nearly as many if the input suffices.
 */
export function decompressSnappyStart(input: Buffer, length: number, maximum: number): Buffer {
  const output = Buffer.allocUnsafeSlow(Math.min(length, maximum));
  const progress = { written: 0 };
  try {
    decompressInto(input, output, length, progress);
  } catch (error) {
    // The input or the output ends within an element.
    if (!(error instanceof ParquetError)) throw error;
  }
  return output.subarray(0, progress.written);
}

/** Returns the number of bytes that were written. `progress` has it also after an error. */
function decompressInto(input: Buffer, output: Buffer, length: number, progress = { written: 0 }): number {
  let position = 0;
  const byteAt = (offset: number): number => {
    const byte = input[offset];
    if (byte === undefined) throw broken();
    return byte;
  };
  let stated = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = byteAt(position++);
    stated += (byte & 0x7f) * factor;
    if (byte < 128) break;
    // Five bytes hold every length of the format.
    if (position >= 5) throw broken();
  }
  if (stated !== length) throw broken();

  let written = 0;
  while (position < input.length) {
    progress.written = written;
    const tag = byteAt(position++);
    if ((tag & 3) === 0) {
      let size = tag >> 2;
      if (size >= 60) {
        const sizeBytes = size - 59;
        size = 0;
        for (let index = 0, factor = 1; index < sizeBytes; index++, factor *= 256)
          size += byteAt(position + index) * factor;
        position += sizeBytes;
      }
      size += 1;
      if (size > input.length - position || size > output.length - written) throw broken();
      input.copy(output, written, position, position + size);
      position += size;
      written += size;
      continue;
    }
    let size: number;
    let offset: number;
    if ((tag & 3) === 1) {
      size = ((tag >> 2) & 7) + 4;
      offset = ((tag >> 5) << 8) + byteAt(position);
      position += 1;
    } else {
      size = (tag >> 2) + 1;
      const offsetBytes = (tag & 3) === 2 ? 2 : 4;
      offset = 0;
      for (let index = 0, factor = 1; index < offsetBytes; index++, factor *= 256)
        offset += byteAt(position + index) * factor;
      position += offsetBytes;
    }
    copyWithin(output, written, offset, size, broken);
    written += size;
  }
  progress.written = written;
  return written;
}

/**
 * Appends `size` bytes that are `offset` bytes before the end of what was written. The two ranges may overlap, which
 * repeats a pattern.
 */
export function copyWithin(output: Buffer, written: number, offset: number, size: number, broken: () => Error): void {
  if (offset === 0 || offset > written || size > output.length - written) throw broken();
  const start = written - offset;
  // A call for a few bytes costs more than the bytes.
  if (size > 16 && offset >= size) {
    output.copyWithin(written, start, start + size);
    return;
  }
  // Both positions are within the buffer.
  for (let index = 0; index < size; index++) output[written + index] = output[start + index] ?? 0;
}
