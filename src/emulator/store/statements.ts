import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { Session } from './connection.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { type DuckDb, type SqlValue, toPlainValue } from './values.ts';

/**
 * Interval for repeating an interrupt, in milliseconds. An interrupt that arrives before a statement has begun is lost,
 * so it is repeated until the statement has ended.
 */
const interruptIntervalMs = 20;

export interface StatementOptions {
  /** Interrupts the running statement when it aborts. @default statements are not interrupted */
  readonly signal?: AbortSignal;
  /** @default the clock of the machine */
  readonly clock?: Pick<Clock, 'alarm'>;
}

/** Statements on one connection. */
export class Statements implements Session {
  readonly #duckdb: DuckDb;
  readonly #connection: Pick<PreparedStatements, 'run' | 'interrupt'>;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Pick<Clock, 'alarm'>;

  constructor(
    duckdb: DuckDb,
    connection: Pick<PreparedStatements, 'run' | 'interrupt'>,
    { signal, clock = systemClock }: StatementOptions = {},
  ) {
    this.#duckdb = duckdb;
    this.#connection = connection;
    this.#signal = signal;
    this.#clock = clock;
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
    let next: Disposable | null = null;
    const interrupt = () => {
      this.#connection.interrupt();
      next = this.#clock.alarm(interruptIntervalMs, interrupt);
    };
    this.#signal?.addEventListener('abort', interrupt, { once: true });
    return {
      [Symbol.dispose]: () => {
        next?.[Symbol.dispose]();
        this.#signal?.removeEventListener('abort', interrupt);
      },
    };
  }
}
