import { InvalidInputError } from '../../errors.ts';
import { lastMomentMs } from '../../runtime/clock.ts';

/** A part of a position in a list. */
export type CursorPart = string | number | readonly (string | number)[];

/**
 * Cursors of connections are opaque to clients. They contain the name of the list, so that another list rejects the
 * cursor, and a position in the list.
 */
export function encodeCursor(list: string, position: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url');
}

/**
 * The position in a cursor. Only the name of the list is checked.
 * @throws {InvalidInputError} on the path `after` if it is not a cursor of this list
 */
export function decodeCursor(list: string, cursor: string): readonly unknown[] {
  if (cursor.length <= maxCursorLength) {
    try {
      const [name, ...position]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
      if (name === list) return position;
    } catch {
      // A text that is not JSON is rejected below, like every other text that is not a cursor of this list.
    }
  }
  throw badCursor();
}

export const badCursor = (): InvalidInputError =>
  new InvalidInputError([{ path: 'after', message: 'is not a cursor of this connection' }]);

/** Maximum length of a cursor. Generated cursors are shorter. */
const maxCursorLength = 8_192;

/** Whether a part of a position is a time in epoch milliseconds. A platform may report a time before 1970. */
export const isMoment = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) <= lastMomentMs;

/** Whether a part of a position is a number of rows or an offset. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Whether a part of a position is the size of a page; null if none was chosen yet. */
export const isPageSize = (value: unknown): value is number | null =>
  value === null || (isCount(value) && value >= 1 && value <= 100);

/** Whether a part of a position is a list of at most `maximum` texts. */
export const isTextList = (value: unknown, maximum: number): value is readonly string[] =>
  Array.isArray(value) && value.length <= maximum && value.every((text) => typeof text === 'string');
