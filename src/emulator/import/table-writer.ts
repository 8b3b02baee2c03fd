import type { Session } from '../store/connection.ts';
import { identifier } from '../store/sql.ts';
import type { ColumnValue } from './field-values.ts';

/** Number of rows that one statement inserts. */
const rowsAtOnce = 2_000;

export interface Column {
  readonly name: string;
  readonly sqlType: string;
}

/** Inserts rows into a table in batches, because one statement per row would take a hundred times as long. */
export class TableWriter {
  readonly #session: Session;
  readonly #statement: string;
  readonly #columns: readonly Column[];
  #rows: (ColumnValue | null)[][] = [];

  constructor(session: Session, table: string, columns: readonly Column[]) {
    this.#session = session;
    this.#columns = columns;
    const values = columns.map(({ sqlType }, index) => castOf(`entry[${index + 1}]`, sqlType));
    this.#statement = `INSERT INTO ${identifier(table)} (${columns.map(({ name }) => identifier(name)).join(', ')})
      SELECT ${values.join(', ')} FROM (SELECT unnest(from_json($1::JSON, '[["VARCHAR"]]')) AS entry)`;
  }

  /** Adds a row of values by column. Columns without a value are null. */
  async add(row: ReadonlyMap<string, ColumnValue>): Promise<void> {
    this.#rows.push(this.#columns.map(({ name }) => row.get(name) ?? null));
    if (this.#rows.length >= rowsAtOnce) await this.flush();
  }

  /** Inserts the buffered rows. */
  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    const json = JSON.stringify(this.#rows);
    this.#rows = [];
    await this.#session.run(this.#statement, [json]);
  }
}

/** Casts a text value to the column type. Lists need JSON parsing, because a cast from text does not read them. */
const castOf = (text: string, sqlType: string): string =>
  sqlType.endsWith('[]') ? `${text}::JSON::${sqlType}` : `${text}::${sqlType}`;
