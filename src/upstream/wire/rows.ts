import { type EntryError, readEntryError } from './entry-error.ts';

/** The rows of a list as far as they can be used. */
export interface DecodedRows<Entity> {
  readonly entities: readonly Entity[];
  /** Number of rows of the response, including unusable rows. */
  readonly rows: number;
  /** Number of rows that are omitted, because they cannot be used. */
  readonly unusable: number;
  /** The first error in place of a row, if no row can be used. Null if a row can be used, or if there is no error. */
  readonly error: EntryError | null;
}

const notFound = 404;

/**
 * Decodes the rows of a list. A row that cannot be used is omitted, so that one bad record does not hide the others.
 * @param decode null if the row cannot be used. It counts the anomaly.
 * @param recordOf the record of the row. @default the row itself
 */
export function decodeRows<Row, Entity>(
  rows: readonly Row[],
  decode: (row: Row) => Entity | null,
  recordOf: (row: Row) => unknown = (row) => row,
): DecodedRows<Entity> {
  const entities: Entity[] = [];
  for (const row of rows) {
    const entity = decode(row);
    if (entity !== null) entities.push(entity);
  }
  return {
    entities,
    rows: rows.length,
    unusable: rows.length - entities.length,
    error: entities.length > 0 ? null : firstError(rows.map(recordOf)),
  };
}

/** A 404 is an object that no longer exists, which is no failure of its list. */
function firstError(values: readonly unknown[]): EntryError | null {
  for (const value of values) {
    const error = readEntryError(value);
    if (error !== null && error.status !== notFound) return error;
  }
  return null;
}
