import { asRecord, readInteger, type WireRecord } from './readers.ts';

/** An error that stands in the place of one thing within an answer about many. */
export interface EntryError {
  /** The HTTP status that it names; null when it names none. */
  readonly status: number | null;
  /** In any of the shapes that the body of an error answer may have. */
  readonly error: unknown;
}

type EntryKey = 'id' | 'errors' | 'error' | 'error_code' | 'status' | 'statusCode';

/**
 * The error in the place of an entity: `errors` keyed by status, an `error` with a `statusCode`, or any other error body.
 * An entity may have a list of errors and a status in words, which are its own. Null when the value is no error.
 */
export function readEntryError(value: unknown): EntryError | null {
  const entry = asRecord<EntryKey>(value);
  if (entry === null) return null;
  const nested = asRecord<EntryKey>(entry.error);
  if (nested !== null) return { status: statusOf(nested) ?? statusOf(entry), error: nested };
  const status = statusOf(entry);
  const isError = status !== null || asRecord(entry.errors) !== null || entry.error_code !== undefined;
  return isError ? { status, error: entry } : null;
}

const minStatus = 300;
const maxStatus = 599;

function statusOf({ errors, status, statusCode }: WireRecord<EntryKey>): number | null {
  const byStatus = asRecord<'status'>(errors);
  const named = [...Object.keys(byStatus ?? {}), byStatus?.status, statusCode, status];
  for (const candidate of named) {
    const number = readInteger(candidate);
    if (number !== null && number >= minStatus && number <= maxStatus) return number;
  }
  return null;
}
