import type { SqlValue } from './values.ts';

/** A statement and its parameter values, `$1` first. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** Collects the parameters of a statement while its text is built. */
export class Parameters {
  readonly #values: SqlValue[];

  constructor(...values: readonly SqlValue[]) {
    this.#values = [...values];
  }

  get values(): readonly SqlValue[] {
    return this.#values;
  }

  /** Adds a value and returns its placeholder. */
  add(value: SqlValue): string {
    this.#values.push(value);
    return `$${this.#values.length}`;
  }
}

/** Quotes the name of a column, table or struct field. Pass only names from the project's own vocabularies. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Quotes a literal, for positions where a statement accepts no parameter. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
