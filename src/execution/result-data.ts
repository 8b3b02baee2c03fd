import type { ExecutionResult } from 'graphql';
import type { Segment } from './json-writer.ts';

/** The data of a result, as JSON text. Nothing but its text is kept. */
export class ResultData {
  readonly #fields: readonly Segment[];

  /** @param fields the text of each field, from the brace or comma before its key on */
  constructor(fields: readonly Segment[]) {
    this.#fields = fields;
  }

  /** The text in UTF-8, between two other texts of ASCII characters. */
  toBytes(before = '', after = ''): Buffer {
    const end = `${this.#fields.length === 0 ? '{}' : '}'}${after}`;
    let size = before.length + end.length;
    for (const field of this.#fields) size += field.size();
    const bytes = Buffer.allocUnsafe(size);
    let at = bytes.write(before, 'latin1');
    for (const field of this.#fields) at = field.copyTo(bytes, at);
    bytes.write(end, at, 'latin1');
    return bytes;
  }

  toString(): string {
    return this.toBytes().toString('utf8');
  }

  /** Called by `JSON.stringify`. Only results that are rarely sent are serialized by it. */
  toJSON(): unknown {
    return JSON.parse(this.toString());
  }
}

/** Text of a result, as by `JSON.stringify`. */
export function resultText(result: ExecutionResult): string {
  const members = Object.entries(result).flatMap(([name, value]) => {
    const text = value instanceof ResultData ? value.toString() : JSON.stringify(value);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${members.join()}}`;
}
