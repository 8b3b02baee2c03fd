/** A file whose bytes can be read in ranges. */
export interface RangeReader {
  /** Length of the file in bytes. */
  readonly byteLength: number;
  /**
   * Returns the bytes from `first` to `end`, without `end`.
   * @throws any error; it is passed on unchanged
   */
  read(first: number, end: number): Promise<Uint8Array>;
}

/** The bytes of a range as a Buffer over the same memory. A reader that returns another number of bytes is rejected. */
export async function readRange(file: RangeReader, first: number, end: number): Promise<Buffer> {
  const bytes = await file.read(first, end);
  if (bytes.length !== end - first) throw new Error('The range reader returned another number of bytes.');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
