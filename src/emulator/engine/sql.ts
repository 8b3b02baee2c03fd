import type { SqlValue } from '../store/database.ts';

/** A statement and the values of its parameters, `$1` first. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** Collects the parameters of a statement while its text is put together. */
export class Parameters {
  readonly #values: SqlValue[];

  constructor(...values: readonly SqlValue[]) {
    this.#values = [...values];
  }

  get values(): readonly SqlValue[] {
    return this.#values;
  }

  /** Adds a value and returns the placeholder that stands for it. */
  add(value: SqlValue): string {
    this.#values.push(value);
    return `$${this.#values.length}`;
  }
}

/** The name of a column, table or struct field. Only names of the project's own vocabularies may come here. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A literal, for the places in which a statement takes no parameter. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
