import type { ColumnReader } from './column-reader.ts';
import type { ParquetLimits } from './limits.ts';
import { malformed, tooLarge } from './parquet-error.ts';
import type { RowGroupReader } from './row-group-reader.ts';
import type { Field, Leaf, Shape } from './schema.ts';
import { ExactNumber, type Value } from './value.ts';

export interface RowTextOptions {
  readonly fields: readonly Field[];
  readonly limits: Pick<ParquetLimits, 'rowBytes'>;
  /**
   * How a number is written that a double does not represent: with its digits, which every parser of JSON accepts but
   * not each keeps, or as a string.
   */
  readonly exactNumbers: 'digits' | 'string';
}

/**
 * Writes rows as text, directly from the columns. Objects are not built, because most values are only copied. A null
 * has the text `null` in JSON and is empty in CSV.
 */
export class RowText {
  readonly #options: RowTextOptions;
  #group: RowGroupReader | null = null;
  /** Approximate length of the current row. */
  #length = 0;
  /** Number of scalar values of all rows that were written. */
  cells = 0;

  constructor(options: RowTextOptions) {
    this.#options = options;
  }

  /** Sets the row group from which the following rows are taken. */
  useGroup(group: RowGroupReader): void {
    this.#group = group;
  }

  /** The next row as a JSON object without line breaks. */
  json(): string {
    return this.#row(() => this.#object(this.#options.fields));
  }

  /** The next row as a line of CSV, without its end. */
  csv(): string {
    return this.#row(() => this.#options.fields.map(({ shape }) => this.#cell(shape)).join(','));
  }

  #row(read: () => string): string {
    if (this.#group === null) throw new Error('No row group is open.');
    this.#length = 0;
    return this.#group.readRow(read);
  }

  #column(leaf: Leaf): ColumnReader {
    if (this.#group === null) throw new Error('No row group is open.');
    return this.#group.column(leaf);
  }

  #cell(shape: Shape): string {
    const first = this.#column(shape.first);
    if (shape.kind !== 'scalar') {
      const isNull = first.definition < shape.definition;
      const text = this.#json(shape);
      return isNull ? '' : csvText(text);
    }
    const value = this.#take(first);
    if (value === null) return '';
    return typeof value === 'string' ? csvText(value) : numberOrBooleanText(value);
  }

  #take(column: ColumnReader): Value | null {
    const value = column.take();
    this.cells += 1;
    this.#grow(typeof value === 'string' ? value.length : 8);
    return value;
  }

  #grow(length: number): void {
    this.#length += length;
    if (this.#length > this.#options.limits.rowBytes)
      throw tooLarge(`A row is longer than ${this.#options.limits.rowBytes} bytes.`);
  }

  #object(fields: readonly Field[]): string {
    let text = '{';
    for (const { key, shape } of fields) {
      this.#grow(key.length);
      text += `${text.length > 1 ? ',' : ''}${key}${this.#json(shape)}`;
    }
    return `${text}}`;
  }

  #json(shape: Shape): string {
    const first = this.#column(shape.first);
    if (shape.kind !== 'scalar' && first.definition < shape.definition) return this.#skip(shape.leaves, 'null');
    switch (shape.kind) {
      case 'scalar':
        return this.#jsonScalar(this.#take(first));
      case 'struct':
        return this.#object(shape.fields);
      case 'list': {
        if (first.definition < shape.itemDefinition) return this.#skip(shape.leaves, '[]');
        let text = '[';
        do {
          text += `${text.length > 1 ? ',' : ''}${this.#json(shape.item)}`;
        } while (first.repetition === shape.repetition);
        return `${text}]`;
      }
      case 'map': {
        if (first.definition < shape.itemDefinition) return this.#skip(shape.leaves, '{}');
        let text = '{';
        do {
          text += `${text.length > 1 ? ',' : ''}${this.#mapKey(shape.key)}${this.#json(shape.value)}`;
        } while (first.repetition === shape.repetition);
        return `${text}}`;
      }
    }
  }

  /** Takes the one value that each column has for a null or an empty list. */
  #skip(leaves: readonly Leaf[], text: string): string {
    for (const leaf of leaves) this.#take(this.#column(leaf));
    return text;
  }

  #mapKey(shape: Shape): string {
    const value = this.#take(this.#column(shape.first));
    if (value === null) throw malformed('A map has an entry without a key.');
    return `${JSON.stringify(typeof value === 'string' ? value : numberOrBooleanText(value))}:`;
  }

  #jsonScalar(value: Value | null): string {
    if (value === null) return 'null';
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'number') return Number.isFinite(value) ? numberText(value) : 'null';
    if (typeof value === 'boolean') return value ? 'true' : 'false';
    if (typeof value === 'bigint') return this.#exact(String(value));
    return isExactAsDouble(value.text) ? value.text : this.#exact(value.text);
  }

  #exact(digits: string): string {
    return this.#options.exactNumbers === 'digits' ? digits : `"${digits}"`;
  }
}

/** Number of decimal digits that a double always keeps. */
const exactDigits = 15;

const isExactAsDouble = (text: string): boolean => text.replaceAll(/\D/g, '').length <= exactDigits;

function numberOrBooleanText(value: Exclude<Value, string>): string {
  if (value instanceof ExactNumber) return value.text;
  return typeof value === 'number' ? numberText(value) : String(value);
}

const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/**
 * First characters with which spreadsheet programs begin a formula, or after which they look for one (CSV Injection,
 * OWASP).
 */
const formulaStart = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;

/**
 * A text as a field of CSV (RFC 4180). An empty text is quoted, which distinguishes it from a null. A text that a
 * spreadsheet program would execute begins with an apostrophe.
 */
export function csvText(text: string): string {
  const safe = formulaStart.test(text) ? `'${text}` : text;
  return safe === '' || /[",\r\n]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}
