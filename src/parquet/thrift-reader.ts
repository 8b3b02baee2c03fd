import { malformed, tooLarge } from './parquet-error.ts';

/** Types of the compact protocol of Thrift. */
const stop = 0;
const booleanTrue = 1;
const booleanFalse = 2;
const int8 = 3;
const int16 = 4;
const int32 = 5;
const int64 = 6;
const double = 7;
const binary = 8;
const list = 9;
const set = 10;
const map = 11;
const struct = 12;
const uuid = 13;

/** Maximum depth of structs and lists. Parquet itself needs about 10. */
const maxDepth = 32;
/** Maximum length of a variable-length integer, in bytes. */
const maxVarintBytes = 10;

/**
 * Reads the compact protocol of Thrift, in which Parquet writes its metadata. Only the fields that a caller visits are
 * decoded. All others are skipped without an allocation, so that the memory depends on the caller and not on the
 * bytes.
 */
export class ThriftReader {
  readonly #bytes: Buffer;
  #depth = 0;
  /** Type of the value at `offset`. */
  #type = stop;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  /**
   * Reads a struct. `visit` receives the id of each field, reads its value and returns true, or returns false to skip
   * it.
   */
  struct(visit: (field: number) => boolean): void {
    this.#expect(struct);
    this.#readFields(visit);
  }

  /** Reads the struct at the begin of the bytes. */
  rootStruct(visit: (field: number) => boolean): void {
    this.#readFields(visit);
  }

  /**
   * Reads a list. Calls `item` for each element, which it must read.
   * @param maximum largest number of elements
   */
  list(maximum: number, item: () => void): void {
    this.#expect(list);
    const { size, type } = this.#listHeader();
    if (size > maximum) throw tooLarge(`A list of the metadata has more than ${maximum} elements.`);
    this.#deeper(() => {
      for (let index = 0; index < size; index++) {
        this.#type = type;
        item();
      }
    });
  }

  boolean(): boolean {
    if (this.#type === booleanTrue) return true;
    if (this.#type === booleanFalse) return false;
    throw malformed('A value of the metadata has another type.');
  }

  /** An integer of any width. Parquet has no larger numbers than 2^53 in the fields that are read. */
  integer(): number {
    if (this.#type === int8) return this.#byte();
    if (this.#type !== int16 && this.#type !== int32 && this.#type !== int64)
      throw malformed('A value of the metadata has another type.');
    const zigzag = this.#varint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  text(): string {
    this.#expect(binary);
    const length = this.#varint();
    const start = this.offset;
    this.#advance(length);
    return this.#bytes.toString('utf8', start, this.offset);
  }

  #readFields(visit: (field: number) => boolean): void {
    this.#deeper(() => {
      let field = 0;
      for (;;) {
        const header = this.#byte();
        const type = header & 0x0f;
        if (type === stop) return;
        const step = header >> 4;
        if (step === 0) {
          const zigzag = this.#varint();
          field = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
        } else field += step;
        this.#type = type;
        if (!visit(field)) this.#skip(type, false);
      }
    });
  }

  #listHeader(): { readonly size: number; readonly type: number } {
    const header = this.#byte();
    const short = header >> 4;
    const size = short === 15 ? this.#varint() : short;
    // Each element has at least one byte.
    if (size > this.#bytes.length - this.offset) throw malformed('A list of the metadata is longer than its bytes.');
    return { size, type: header & 0x0f };
  }

  #skip(type: number, inList: boolean): void {
    switch (type) {
      case booleanTrue:
      case booleanFalse:
        // Only in a list does a boolean have a byte of its own.
        if (inList) this.#advance(1);
        return;
      case int8:
        this.#advance(1);
        return;
      case int16:
      case int32:
      case int64:
        this.#skipVarint();
        return;
      case double:
        this.#advance(8);
        return;
      case binary:
        this.#advance(this.#varint());
        return;
      case uuid:
        this.#advance(16);
        return;
      case list:
      case set: {
        const { size, type: itemType } = this.#listHeader();
        this.#deeper(() => {
          for (let index = 0; index < size; index++) this.#skip(itemType, true);
        });
        return;
      }
      case map: {
        const size = this.#varint();
        if (size === 0) return;
        const types = this.#byte();
        this.#deeper(() => {
          for (let index = 0; index < size; index++) {
            this.#skip(types >> 4, true);
            this.#skip(types & 0x0f, true);
          }
        });
        return;
      }
      case struct:
        this.#readFields(() => false);
        return;
      default:
        throw malformed('The metadata contains an unknown type.');
    }
  }

  #deeper(read: () => void): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformed('The metadata is nested too deeply.');
    read();
    this.#depth -= 1;
  }

  #expect(type: number): void {
    if (this.#type !== type) throw malformed('A value of the metadata has another type.');
  }

  #advance(length: number): void {
    if (length > this.#bytes.length - this.offset) throw malformed('The metadata is cut off.');
    this.offset += length;
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw malformed('The metadata is cut off.');
    this.offset += 1;
    return byte;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let length = 0; length < maxVarintBytes; length++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw malformed('A number of the metadata is too large.');
        return value;
      }
      factor *= 128;
    }
    throw malformed('A number of the metadata is too long.');
  }

  /** A number that is not read may have 64 bits, for example a hash. */
  #skipVarint(): void {
    for (let length = 0; length < maxVarintBytes; length++) if (this.#byte() < 0x80) return;
    throw malformed('A number of the metadata is too long.');
  }
}
