export type EventQueryErrorCode = 'INVALID_START' | 'INVALID_PROPERTY';

/** Thrown when a query of events has a start that no page gave, or a condition on a property that cannot be evaluated. */
export class EventQueryError extends Error {
  override readonly name = 'EventQueryError';
  readonly code: EventQueryErrorCode;

  constructor(code: EventQueryErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Where a page of events ended: opaque and fit for a URL. @param micros timestamp of its last event, in microseconds since 1970 */
export const writeCursor = (micros: number, id: string): string => Buffer.from(`${micros}_${id}`).toString('base64url');

/** @throws {EventQueryError} when `writeCursor` has not made it. */
export function readCursor(cursor: string): { readonly micros: number; readonly id: string } {
  const match = /^(-?\d{1,16})_(.+)$/s.exec(Buffer.from(cursor, 'base64url').toString());
  const [, micros = '', id = ''] = match ?? [];
  if (!Number.isSafeInteger(Number(micros)) || id === '' || writeCursor(Number(micros), id) !== cursor) {
    throw new EventQueryError('INVALID_START', 'The start of the page is not one that a page of events has given.');
  }
  return { micros: Number(micros), id };
}
