import { tooLarge } from './parquet-error.ts';

/** Counts the bytes that the reader of a row group holds. */
export class MemoryMeter {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws {ParquetError} the limit is exceeded */
  add(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#limit)
      throw tooLarge(`Reading a row group of the file needs more than ${this.#limit} bytes of memory.`);
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}
