export type EventQueryErrorCode = 'INVALID_START' | 'INVALID_PROPERTY';

/** Thrown when an event query has an invalid page start, or a property condition that cannot be evaluated. */
export class EventQueryError extends Error {
  override readonly name = 'EventQueryError';
  readonly code: EventQueryErrorCode;

  constructor(code: EventQueryErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Encodes the last event of a page as an opaque, URL-safe cursor. @param micros timestamp of the event, in microseconds
 * since 1970
 */
export const writeCursor = (micros: number, id: string): string => Buffer.from(`${micros}_${id}`).toString('base64url');

/** @throws {EventQueryError} when `writeCursor` did not create the cursor. */
export function readCursor(cursor: string): { readonly micros: number; readonly id: string } {
  const match = /^(-?\d{1,16})_(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString());
  const [, micros = '', id = ''] = match ?? [];
  if (!Number.isSafeInteger(Number(micros)) || id === '' || writeCursor(Number(micros), id) !== cursor) {
    throw new EventQueryError(
      'INVALID_START',
      'The start of the page is not a value that an earlier page of events returned.',
    );
  }
  return { micros: Number(micros), id };
}
