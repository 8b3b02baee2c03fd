import type { OwnField, XdmFields } from '../xdm/own-fields.ts';
import type { SqlValue } from './values.ts';

/** Runs statements on one connection. Values are passed as parameters (`$1`, `$2`, … or `?`), never inside the text. */
export interface SqlExecutor {
  /**
   * Returns the rows of a statement as plain objects. Safe integers are numbers (other integers are bigint), timestamps
   * are `Date`, dates are `YYYY-MM-DD`, lists are arrays, structs and maps are objects. `Row` is the caller's claim
   * about the selected columns; it is not checked.
   */
  all<Row>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** Runs one statement and ignores its rows. */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<void>;
}

/** A connection reserved for one long task, with its own temporary tables and transactions. */
export interface Session extends SqlExecutor {
  /**
   * Runs `work` in a transaction: all its reads use one snapshot, and all its writes are rolled back when it throws.
   */
  transaction<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * The platform's database. Disposing it interrupts running statements, waits for them to end, and writes everything to
 * the file.
 */
export interface Database extends AsyncDisposable, SqlExecutor {
  /** Runs a read. Reads run concurrently with other reads and with writes, each on the last committed state. */
  all<Row>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** Runs one write, serialized with the other writes. Do not await it inside the `work` of a transaction. */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<void>;
  /**
   * Runs several statements as one write, serialized with the other writes and rolled back when `work` throws. Inside
   * `work` use `tx`, because `run` and `transaction` of the database would wait for this transaction to end.
   */
  transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T>;
  /**
   * Opens a separate connection for long statements (seeding, exports). The number of open sessions is limited; further
   * callers wait.
   * @throws the signal's reason when `signal` aborts, after the running statement was interrupted.
   */
  session<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Fields of profiles and events: the standard fields and the added fields. */
  readonly fields: XdmFields;
  /** Adds fields with a column for each. Existing fields do not change. */
  addFields(own: readonly OwnField[]): Promise<void>;
}
