import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';

/** Values that a statement accepts. Dates are stored as UTC timestamps, arrays of strings as `VARCHAR[]`. */
export type SqlValue = string | number | bigint | boolean | Date | null | readonly string[];

/** Type of the module, which is loaded only when a database is opened. */
export type DuckDb = typeof import('@duckdb/node-api');

const microsecondsPerMillisecond = 1000n;
const millisecondsPerDay = 86_400_000;

/**
 * Converts the parameters of a statement to DuckDB values with explicit types, because DuckDB infers a wrong type for a
 * bigint or an empty list.
 */
export function toParameters(
  duckdb: DuckDb,
  values: readonly SqlValue[],
): { values: DuckDBValue[]; types: DuckDBType[] } {
  const typed = values.map((value) => toTypedValue(duckdb, value));
  return { values: typed.map(([value]) => value), types: typed.map(([, type]) => type) };
}

function toTypedValue(duckdb: DuckDb, value: SqlValue): readonly [DuckDBValue, DuckDBType] {
  if (value === null) return [null, duckdb.SQLNULL];
  if (isStringList(value)) return [duckdb.listValue([...value]), duckdb.LIST(duckdb.VARCHAR)];
  switch (typeof value) {
    case 'string':
      return [value, duckdb.VARCHAR];
    case 'boolean':
      return [value, duckdb.BOOLEAN];
    case 'bigint':
      return [value, duckdb.BIGINT];
    case 'number':
      return Number.isSafeInteger(value) ? [BigInt(value), duckdb.BIGINT] : [value, duckdb.DOUBLE];
    default: {
      const microseconds = BigInt(value.getTime()) * microsecondsPerMillisecond;
      return [new duckdb.DuckDBTimestampValue(microseconds), duckdb.TIMESTAMP];
    }
  }
}

// Array.isArray does not narrow to a readonly array.
function isStringList(value: SqlValue): value is readonly string[] {
  return Array.isArray(value);
}

/**
 * Converts to a plain JavaScript value. Safe integers become numbers (other integers are bigint), timestamps become
 * `Date`, dates become `YYYY-MM-DD`, lists become arrays, structs and maps become objects (map keys as text).
 */
export function toPlainValue(duckdb: DuckDb, value: DuckDBValue): unknown {
  if (typeof value === 'bigint') return toSafeNumber(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof duckdb.DuckDBTimestampValue || value instanceof duckdb.DuckDBTimestampTZValue) {
    return new Date(Number(value.micros / microsecondsPerMillisecond));
  }
  if (value instanceof duckdb.DuckDBDateValue) {
    return new Date(value.days * millisecondsPerDay).toISOString().slice(0, 'YYYY-MM-DD'.length);
  }
  if (value instanceof duckdb.DuckDBDecimalValue) return value.toDouble();
  if (value instanceof duckdb.DuckDBListValue || value instanceof duckdb.DuckDBArrayValue) {
    return value.items.map((item) => toPlainValue(duckdb, item));
  }
  if (value instanceof duckdb.DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([key, entry]) => [key, toPlainValue(duckdb, entry)]));
  }
  if (value instanceof duckdb.DuckDBMapValue) {
    return Object.fromEntries(value.entries.map(({ key, value: entry }) => [String(key), toPlainValue(duckdb, entry)]));
  }
  if (value instanceof duckdb.DuckDBBlobValue) return value.bytes;
  return String(value);
}

function toSafeNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
