import { malformed } from './parquet-error.ts';

/** Maximum length of a run header: runs have at most 2^31 values. */
const maxHeaderBytes = 5;

/**
 * Reads the hybrid of run-length encoding and bit packing (Encodings.md of apache/parquet-format), in which levels and
 * indices into a dictionary are written. One value is decoded at a time, so that a run that states a billion values
 * costs no memory.
 */
export class HybridReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #width: number;
  #position: number;
  /** Values of the current run that were not read yet. */
  #left = 0;
  #isPacked = false;
  #repeated = 0;
  #bits = 0;
  #bitCount = 0;

  /** @param width number of bits of a value, 0 to 32 */
  constructor(bytes: Buffer, start: number, end: number, width: number) {
    if (width > 32) throw malformed('A page has values of more than 32 bits.');
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.#width = width;
  }

  next(): number {
    if (this.#width === 0) return 0;
    while (this.#left === 0) this.#startRun();
    this.#left -= 1;
    return this.#isPacked ? this.#unpack() : this.#repeated;
  }

  #startRun(): void {
    let header = 0;
    let factor = 1;
    for (let length = 0; ; length++) {
      if (length === maxHeaderBytes) throw malformed('A run of a page is too long.');
      const byte = this.#byte();
      header += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 128;
    }
    this.#isPacked = header % 2 === 1;
    const size = Math.floor(header / 2);
    if (this.#isPacked) {
      this.#left = size * 8;
      this.#bits = 0;
      this.#bitCount = 0;
      return;
    }
    this.#left = size;
    this.#repeated = 0;
    for (let shift = 0; shift < this.#width; shift += 8) this.#repeated += this.#byte() * 2 ** shift;
  }

  #unpack(): number {
    const width = this.#width;
    if (width > 24) return this.#unpackWide();
    while (this.#bitCount < width) {
      this.#bits |= this.#byte() << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << width) - 1);
    this.#bits >>>= width;
    this.#bitCount -= width;
    return value;
  }

  /** 32 bits do not hold the bits of a wide value together with the rest of its last byte. */
  #unpackWide(): number {
    const width = this.#width;
    let bits = this.#bits;
    let count = this.#bitCount;
    while (count < width) {
      bits += this.#byte() * 2 ** count;
      count += 8;
    }
    const rest = Math.floor(bits / 2 ** width);
    this.#bits = rest;
    this.#bitCount = count - width;
    return bits - rest * 2 ** width;
  }

  #byte(): number {
    // The last group of packed values may be cut off, because its values do not exist.
    const byte = this.#position < this.#end ? this.#bytes[this.#position] : undefined;
    if (byte === undefined) throw malformed('A page is cut off.');
    this.#position += 1;
    return byte;
  }
}

/** Number of bits that hold the values from 0 to `maximum`. */
export const bitWidth = (maximum: number): number => 32 - Math.clz32(maximum);
