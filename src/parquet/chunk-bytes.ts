import type { ColumnChunk } from './footer.ts';
import type { MemoryMeter } from './memory-meter.ts';
import { malformed } from './parquet-error.ts';
import { type RangeReader, readRange } from './range-reader.ts';

export interface ChunkBytesOptions {
  readonly file: RangeReader;
  readonly chunk: ColumnChunk;
  /** Number of bytes that one call to the file reads, if the page is not longer. */
  readonly windowBytes: number;
  readonly meter: MemoryMeter;
}

/** The bytes of a column chunk, from its start to its end. A window of them is in memory. */
export class ChunkBytes {
  readonly #options: ChunkBytesOptions;
  #window: Buffer = Buffer.alloc(0);
  /** Offset in the file after the window. */
  #fetched: number;

  constructor(options: ChunkBytesOptions) {
    this.#options = options;
    this.#fetched = options.chunk.start;
  }

  /** Number of bytes that were not taken yet. */
  get left(): number {
    return this.#window.length + this.#options.chunk.end - this.#fetched;
  }

  /** Sets the first window, which was read together with those of other columns. */
  startWith(bytes: Buffer): void {
    this.#options.meter.add(bytes.length);
    this.#window = bytes;
    this.#fetched += bytes.length;
  }

  /** Returns the next `length` bytes, or all that are left. They are not taken. */
  async peek(length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.left);
    if (this.#window.length < wanted) await this.#fetch(wanted);
    return this.#window.subarray(0, wanted);
  }

  async take(length: number): Promise<Buffer> {
    if (length > this.left) throw malformed('A page is longer than its column.');
    const bytes = await this.peek(length);
    this.skip(length);
    return bytes;
  }

  /** Takes bytes without reading those that are not in memory. */
  skip(length: number): void {
    if (length > this.left) throw malformed('A page is longer than its column.');
    const known = Math.min(length, this.#window.length);
    this.#window = this.#window.subarray(known);
    this.#options.meter.release(known);
    this.#fetched += length - known;
  }

  async #fetch(length: number): Promise<void> {
    const { file, chunk, windowBytes, meter } = this.#options;
    const missing = length - this.#window.length;
    const end = Math.min(chunk.end, this.#fetched + Math.max(missing, windowBytes));
    // Counted before the bytes exist.
    meter.add(end - this.#fetched);
    const bytes = await readRange(file, this.#fetched, end);
    this.#window = this.#window.length === 0 ? bytes : Buffer.concat([this.#window, bytes]);
    this.#fetched = end;
  }
}

/** Maximum distance of two ranges that are read by one call, in bytes. A call costs more than these bytes. */
const maxGap = 64 * 1024;
/** Maximum length of a range that is read by one call for several columns, in bytes. */
const maxRun = 8 * 1024 * 1024;

/**
 * Reads the first window of each column. Columns that are near each other share a call, so that a file with a thousand
 * small columns needs few calls.
 */
export async function readFirstWindows(
  file: RangeReader,
  columns: readonly { readonly bytes: ChunkBytes; readonly chunk: ColumnChunk }[],
  windowBytes: number,
): Promise<void> {
  const wanted = columns
    .map(({ bytes, chunk }) => ({ bytes, first: chunk.start, end: Math.min(chunk.end, chunk.start + windowBytes) }))
    .filter(({ first, end }) => end > first)
    .sort((left, right) => left.first - right.first);
  for (let index = 0; index < wanted.length; ) {
    const start = wanted[index];
    if (start === undefined) return;
    let end = start.end;
    const run = [start];
    for (index += 1; index < wanted.length; index++) {
      const next = wanted[index];
      if (next === undefined || next.first - end > maxGap || next.end - start.first > maxRun) break;
      end = Math.max(end, next.end);
      run.push(next);
    }
    const bytes = await readRange(file, start.first, end);
    for (const column of run)
      column.bytes.startWith(bytes.subarray(column.first - start.first, column.end - start.first));
  }
}

/** The longest window with which the first windows of all columns together need at most `budget` bytes. */
export function windowFor(chunks: readonly ColumnChunk[], budget: number): number {
  const lengths = chunks.map(({ start, end }) => end - start).sort((left, right) => left - right);
  let left = budget;
  for (const [index, length] of lengths.entries()) {
    const share = Math.floor(left / (lengths.length - index));
    if (length > share) return Math.max(1, share);
    left -= length;
  }
  return Math.max(1, lengths.at(-1) ?? 1);
}
