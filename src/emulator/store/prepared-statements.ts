import type { DuckDBConnection, DuckDBMaterializedResult, DuckDBPreparedStatement } from '@duckdb/node-api';
import { type DuckDb, type SqlValue, toParameters } from './values.ts';

/** Maximum number of idle statements of a connection. It bounds their memory, as segment expressions become texts. */
const maxIdle = 128;

/**
 * Prepared statements of one connection, kept for the next use of the same text. Parsing and planning take a tenth
 * to a half of the time of a short statement. DuckDB plans a statement again after a change of the tables or of the types of its
 * parameters. Closing the connection destroys them.
 */
export class PreparedStatements {
  readonly #duckdb: DuckDb;
  readonly #connection: DuckDBConnection;
  /** By text, least recently used first. A running statement is not in here, because its parameters belong to the run. */
  readonly #idle = new Map<string, DuckDBPreparedStatement>();

  constructor(duckdb: DuckDb, connection: DuckDBConnection) {
    this.#duckdb = duckdb;
    this.#connection = connection;
  }

  /** Ends the running statement with an error. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  /** @param parameters as many as the text has. Without parameters it may consist of several statements. */
  async run(sql: string, parameters: readonly SqlValue[] = []): Promise<DuckDBMaterializedResult> {
    if (parameters.length === 0) return this.#connection.run(sql);
    const { values, types } = toParameters(this.#duckdb, parameters);
    const statement = this.#take(sql) ?? (await this.#connection.prepare(sql));
    try {
      statement.bind(values, types);
      const result = await statement.run();
      this.#keep(sql, statement);
      return result;
    } catch (error) {
      statement.destroySync();
      throw error;
    }
  }

  #take(sql: string): DuckDBPreparedStatement | undefined {
    const statement = this.#idle.get(sql);
    this.#idle.delete(sql);
    return statement;
  }

  #keep(sql: string, statement: DuckDBPreparedStatement): void {
    // Another run of the same text may have ended earlier.
    this.#idle.get(sql)?.destroySync();
    this.#idle.delete(sql);
    this.#idle.set(sql, statement);
    for (const [oldest, idle] of this.#idle) {
      if (this.#idle.size <= maxIdle) return;
      this.#idle.delete(oldest);
      idle.destroySync();
    }
  }
}
