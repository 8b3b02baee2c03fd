import { systemClock } from '../../runtime/clock.ts';
import type { Session } from './connection.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { type DuckDb, type SqlValue, toPlainValue } from './values.ts';

/**
 * Interval for repeating an interrupt, in milliseconds. An interrupt that arrives before a statement has begun is lost,
 * so it is repeated until the statement has ended.
 */
const interruptIntervalMs = 20;

/** Statements on one connection, interrupted when the signal aborts. */
export class Statements implements Session {
  readonly #duckdb: DuckDb;
  readonly #connection: PreparedStatements;
  readonly #signal: AbortSignal | undefined;

  constructor(duckdb: DuckDb, connection: PreparedStatements, signal?: AbortSignal) {
    this.#duckdb = duckdb;
    this.#connection = connection;
    this.#signal = signal;
  }

  async all<Row>(sql: string, parameters: readonly SqlValue[] = []): Promise<Row[]> {
    const result = await this.#execute(sql, parameters);
    const rows = await result.getRowObjects();
    const plain = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([column, value]) => [column, toPlainValue(this.#duckdb, value)])),
    );
    // The caller declares the type of the selected rows, which cannot be checked here.
    return plain as Row[];
  }

  async run(sql: string, parameters: readonly SqlValue[] = []): Promise<void> {
    await this.#execute(sql, parameters);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run('BEGIN TRANSACTION');
    try {
      const result = await work();
      await this.run('COMMIT');
      return result;
    } catch (error) {
      await this.#rollback(error);
      throw error;
    }
  }

  async #rollback(cause: unknown): Promise<void> {
    try {
      await this.#connection.run('ROLLBACK');
    } catch (error) {
      // A failed COMMIT has already ended the transaction, so there is nothing to roll back.
      if (error instanceof Error && error.message.includes('no transaction is active')) return;
      throw new AggregateError([cause, error], 'A transaction failed and could not be rolled back.');
    }
  }

  async #execute(sql: string, parameters: readonly SqlValue[]) {
    this.#signal?.throwIfAborted();
    const running = this.#connection.run(sql, parameters);
    using _ = this.#interruptOnAbort();
    try {
      return await running;
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw error;
    }
  }

  #interruptOnAbort(): Disposable {
    const settled = new AbortController();
    const onAbort = async () => {
      while (!settled.signal.aborted) {
        this.#connection.interrupt();
        await systemClock.sleep(interruptIntervalMs, settled.signal).catch(() => undefined);
      }
    };
    this.#signal?.addEventListener('abort', onAbort, { once: true });
    return {
      [Symbol.dispose]: () => {
        settled.abort();
        this.#signal?.removeEventListener('abort', onAbort);
      },
    };
  }
}
