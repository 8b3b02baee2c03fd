/** JSON text of one value, in UTF-8, with parts that are added or replaced later. */
export class Segment {
  /** Contains the own text, which begins at `#start`. */
  #bytes: Uint8Array = noBytes;
  #start = 0;
  #length = 0;
  /** Null if there are none. In the order of `at`, except for those of `cut`. */
  gaps: Gap[] | null = null;
  #hasCuts = false;

  /** Sets the own text, which is a part of `bytes`. */
  fill(bytes: Uint8Array, start: number, length: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#length = length;
  }

  /** Replaces a part of the text by null. */
  cut(at: number, end: number): void {
    this.gaps ??= [];
    this.gaps.push({ at, end, segment: null });
    this.#hasCuts = true;
  }

  /** Length of the complete text, in bytes. */
  size(): number {
    return this.#visit(
      (from, to) => to - from,
      (segment) => segment?.size() ?? nullBytes.length,
    );
  }

  /**
   * Writes the complete text.
   * @returns the position after it
   */
  copyTo(target: Uint8Array, position: number): number {
    let at = position;
    this.#visit(
      (from, to) => {
        copyBytes(this.#bytes, this.#start + from, this.#start + to, target, at);
        at += to - from;
        return 0;
      },
      (segment) => {
        if (segment === null) target.set(nullBytes, at);
        at = segment === null ? at + nullBytes.length : segment.copyTo(target, at);
        return 0;
      },
    );
    return at;
  }

  /** Sums up the results of `own`, for each part of the own text that remains, and of `other`, for each gap. */
  #visit(own: (from: number, to: number) => number, other: (segment: Segment | null) => number): number {
    if (this.gaps === null) return own(0, this.#length);
    // A part that is cut begins before the gaps in it.
    if (this.#hasCuts) this.gaps.sort((left, right) => left.at - right.at);
    this.#hasCuts = false;
    let sum = 0;
    let from = 0;
    for (const { at, end, segment } of this.gaps) {
      // The part around it was cut.
      if (at < from) continue;
      sum += own(from, at) + other(segment);
      from = end;
    }
    return sum + own(from, this.#length);
  }
}

/** A part of a segment's own text that another text replaces. */
export interface Gap {
  readonly at: number;
  readonly end: number;
  /** Null: the text is `null`. */
  segment: Segment | null;
}

const encoder = new TextEncoder();
const noBytes = new Uint8Array();
const nullBytes = encoder.encode('null');

const [quote, backslash, space, lastAscii] = [0x22, 0x5c, 0x20, 0x7e];

/** Length of a text from which V8's own function is faster than the loop below. */
const longText = 200;
/** Size of the buffer, in bytes. It grows for a longer text, and is replaced after a text above the second size. */
const usualSize = 64 * 1024;
const keptSize = 1024 * 1024;
/** Size of a store of several segments, and maximum length of a text in it, in bytes. */
const storeSize = 8 * 1024;
const maxStored = 2 * 1024;
/** Length from which copying by V8 takes less time than the loop, because it needs a view of the bytes. */
const longCopy = 128;

function copyBytes(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  if (to - from >= longCopy) {
    target.set(source.subarray(from, to), at);
    return;
  }
  for (let index = from, next = at; index < to; index += 1, next += 1) {
    // The range is within the bytes.
    target[next] = source[index] as number;
  }
}

/**
 * Writes JSON into one buffer, which all executions share. A segment is written synchronously, and then copied out. The
 * bytes are those that `JSON.stringify` returns for the same values. Objects for the values would take several times
 * the memory of their text while an operation waits.
 */
class JsonWriter {
  #buffer = Buffer.allocUnsafeSlow(usualSize);
  #at = 0;
  /** Start of the current segment. */
  #base = 0;
  #segment = new Segment();
  /** Texts of short segments, up to `#stored`. A new store follows when it is full. */
  #store = Buffer.allocUnsafeSlow(storeSize);
  #stored = 0;

  /** The segment that is written. */
  get segment(): Segment {
    return this.#segment;
  }

  /** Position in the segment. */
  get position(): number {
    return this.#at - this.#base;
  }

  /**
   * Writes a segment. Segments may be nested, because a resolver may begin another execution.
   * @throws the error of `write`, after which nothing is written
   */
  write(write: () => void): Segment {
    const [outer, outerBase, start] = [this.#segment, this.#base, this.#at];
    const segment = new Segment();
    this.#segment = segment;
    this.#base = start;
    try {
      write();
      this.#keep(segment, start, this.#at);
      return segment;
    } finally {
      this.#segment = outer;
      this.#base = outerBase;
      this.#at = start;
      if (start === 0 && this.#buffer.length > keptSize) this.#buffer = Buffer.allocUnsafeSlow(usualSize);
    }
  }

  /** Copies the text of a segment out of the buffer. */
  #keep(segment: Segment, from: number, to: number): void {
    const length = to - from;
    if (length > maxStored) {
      const own = Buffer.allocUnsafeSlow(length);
      this.#buffer.copy(own, 0, from, to);
      segment.fill(own, 0, length);
      return;
    }
    if (this.#stored + length > this.#store.length) {
      this.#store = Buffer.allocUnsafeSlow(storeSize);
      this.#stored = 0;
    }
    copyBytes(this.#buffer, from, to, this.#store, this.#stored);
    segment.fill(this.#store, this.#stored, length);
    this.#stored += length;
  }

  /** Leaves a gap for a text that is not known yet. */
  gap(): Gap {
    const at = this.position;
    const gap: Gap = { at, end: at, segment: null };
    this.#segment.gaps ??= [];
    this.#segment.gaps.push(gap);
    return gap;
  }

  /** Removes the text and the gaps behind a position. */
  rewind(position: number): void {
    this.#at = this.#base + position;
    const { gaps } = this.#segment;
    while (gaps !== null && (gaps.at(-1)?.at ?? -1) >= position) gaps.pop();
  }

  /** Writes a text of ASCII characters as it is. */
  ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const buffer = this.#buffer;
    let at = this.#at;
    for (let index = 0; index < length; index += 1) {
      buffer[at] = text.charCodeAt(index);
      at += 1;
    }
    this.#at = at;
  }

  null(): void {
    this.ascii('null');
  }

  /** Writes a value that a scalar or an enum has serialized. A value that JSON does not have is null. */
  leaf(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.#string(value);
        return;
      case 'number':
        this.ascii(Number.isFinite(value) ? String(value) : 'null');
        return;
      case 'boolean':
        this.ascii(value ? 'true' : 'false');
        return;
      default:
        // Its declared type does not include undefined, which it returns for a function or a symbol.
        this.#unicode((JSON.stringify(value) as string | undefined) ?? 'null');
    }
  }

  #string(text: string): void {
    const { length } = text;
    if (length >= longText) {
      this.#unicode(JSON.stringify(text));
      return;
    }
    this.#reserve(length + 2);
    const buffer = this.#buffer;
    let at = this.#at;
    buffer[at] = quote;
    at += 1;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code < space || code > lastAscii || code === quote || code === backslash) {
        this.#unicode(JSON.stringify(text));
        return;
      }
      buffer[at] = code;
      at += 1;
    }
    buffer[at] = quote;
    this.#at = at + 1;
  }

  #unicode(text: string): void {
    // A UTF-16 code unit has at most three bytes in UTF-8.
    this.#reserve(3 * text.length);
    this.#at += this.#buffer.write(text, this.#at, 'utf8');
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * needed);
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

export const writer = new JsonWriter();
