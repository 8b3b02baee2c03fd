import { hash } from 'node:crypto';
import { badCursor, decodeCursor, encodeCursor, isCount, isMoment, isTextList } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

/** Maximum number of returned rows that a cursor names, so that they are not returned again. */
export const maxNamed = 100;

/** The state of a client's walk over a list, which its cursor contains. */
export interface WalkState<Position> {
  /** Position from which the platform is read. */
  readonly position: Position;
  /** Number of rows of the page at `position` that were read. 0 if the page is new. */
  readonly index: number;
  /** Time of the last row that was read, in epoch milliseconds. Null before the first row, or if it is not known. */
  readonly key: number | null;
  /** Number of consecutive rows with this time that were read. */
  readonly ties: number;
  /** Whether the platform has kept the requested order so far. */
  readonly isOrdered: boolean;
  /** Whether the list is read from its head a second time, because rows may have been missed. */
  readonly isSecondPass: boolean;
  /** Whether more rows were returned than `returned` names. */
  readonly hasMore: boolean;
  /** Number of rows of the whole list at the start of the walk; null if the platform reports no count. */
  readonly total: number | null;
  /** Mark of the last row that was read, returned or not. Empty before the first row. */
  readonly last: string;
  /** Marks of the rows that were returned last, in the order of their return. */
  readonly returned: readonly string[];
}

/** Length of a mark in characters: 48 bits, so that two of a hundred rows have the same mark once in 10^10 lists. */
const markLength = 8;

/** A short name of a row in cursors: its id, or a digest of a long id. */
export const markOf = (id: string): string =>
  id.length <= markLength ? id : hash('sha1', id, 'base64url').slice(0, markLength);

export function encodeWalkState<Position>(
  list: Pick<UpstreamList<unknown, Position>, 'name' | 'encodePosition'>,
  state: WalkState<Position>,
): string {
  const { position, index, key, ties, isOrdered, hasMore, isSecondPass, total, last, returned } = state;
  const flags = (isOrdered ? 1 : 0) + (hasMore ? 2 : 0) + (isSecondPass ? 4 : 0);
  // The last row that was read is usually the last returned row.
  const tail = returned.at(-1) === last ? '' : last;
  return encodeCursor(list.name, [
    list.encodePosition(position),
    index,
    key ?? '',
    ties,
    flags,
    tail,
    returned,
    total ?? '',
  ]);
}

/** @throws {InvalidInputError} `cursor` is not a cursor of this list in this order */
export function decodeWalkState<Position>(
  list: Pick<UpstreamList<unknown, Position>, 'name' | 'decodePosition'>,
  cursor: string,
): WalkState<Position> {
  const [parts, index, key, ties, flags, tail, returned, total] = decodeCursor(list.name, cursor);
  const position = Array.isArray(parts) ? list.decodePosition(parts) : null;
  if (position === null || !isCount(index) || !isCount(ties) || !isCount(flags)) throw badCursor();
  if (key !== '' && !isMoment(key)) throw badCursor();
  if (total !== '' && !isCount(total)) throw badCursor();
  if (typeof tail !== 'string' || tail.length > markLength || !isTextList(returned, maxNamed)) throw badCursor();
  return {
    position,
    index,
    key: key === '' ? null : key,
    ties,
    isOrdered: (flags & 1) !== 0,
    hasMore: (flags & 2) !== 0,
    isSecondPass: (flags & 4) !== 0,
    total: total === '' ? null : total,
    last: tail === '' ? (returned.at(-1) ?? '') : tail,
    returned,
  };
}
