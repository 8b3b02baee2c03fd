import { type Connection, readConnection, type UpstreamPage } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount } from './cursor.ts';

/**
 * A place in a list that is paged by row offset and whose order cannot be compared here, such as names in the platform's
 * collation. Rows added before the place move it back, so it is the last row given: reading looks for that row from
 * where it was, and goes on behind it.
 */
interface AnchoredPosition {
  /** Where the row behind the last one given was. */
  readonly start: number;
  /** The last row given. */
  readonly anchor: string;
  /** Where the search for the anchor has got to; null when it is not under way. */
  readonly searching: number | null;
}

export interface AnchoredConnectionOptions<Node> {
  /** Names the list and its order, so that a cursor of another order is refused. */
  readonly list: string;
  readonly first: number;
  readonly after: string | null;
  readonly idOf: (node: Node) => string;
  readonly readRows: (options: { readonly start: number; readonly limit: number }) => Promise<readonly Node[]>;
  readonly matches?: ((node: Node) => boolean) | undefined;
}

/** Rows that the platform gives in one answer at most. */
const maxLimit = 100;

/**
 * A connection over such a list. While rows are added, no row is lost or given twice; when the last row given is deleted
 * between two pages, reading goes on by number.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export async function readAnchoredConnection<Node>(
  options: AnchoredConnectionOptions<Node>,
): Promise<Connection<Node>> {
  const { list, first, after, idOf, readRows, matches } = options;

  const readPage = async (
    from: AnchoredPosition | null,
    wanted: number,
  ): Promise<UpstreamPage<Node, AnchoredPosition>> => {
    // From the anchor itself on, and one row beyond the page, which tells whether there is more.
    const start = from === null ? 0 : (from.searching ?? from.start - 1);
    const limit = Math.min(maxLimit, wanted + 2);
    const answer = await readRows({ start, limit });
    const found = from === null ? -1 : answer.findIndex((node) => idOf(node) === from.anchor);
    const ended = answer.length < limit;
    if (from !== null && found < 0) {
      if (!ended) return { rows: [], next: { ...from, searching: start + answer.length } };
      return byNumber(from.start, wanted);
    }
    return placed(answer, start, found + 1, ended);
  };

  /** The anchor is gone: what stands where it stood is the best that is left. */
  const byNumber = async (start: number, wanted: number): Promise<UpstreamPage<Node, AnchoredPosition>> => {
    const limit = Math.min(maxLimit, wanted + 1);
    const answer = await readRows({ start, limit });
    return placed(answer, start, 0, answer.length < limit);
  };

  const placed = (
    answer: readonly Node[],
    start: number,
    skip: number,
    ended: boolean,
  ): UpstreamPage<Node, AnchoredPosition> => {
    const rows = answer.slice(skip).map((node, index) => ({
      node,
      position: { start: start + skip + index + 1, anchor: idOf(node), searching: null },
    }));
    const last = answer.at(-1);
    const behind = last === undefined ? null : { start: start + answer.length, anchor: idOf(last), searching: null };
    return { rows, next: ended ? null : behind };
  };

  return readConnection<Node, AnchoredPosition>({
    first,
    after: after === null ? null : decode(list, after),
    idOf,
    readPage,
    nextIsCertain: false,
    encode: ({ start, anchor, searching }) =>
      encodeCursor(list, [start, anchor, ...(searching === null ? [] : [searching])]),
    matches,
  });
}

function decode(list: string, cursor: string): AnchoredPosition {
  const [start, anchor, searching = null] = decodeCursor(list, cursor);
  if (!isCount(start) || start === 0 || typeof anchor !== 'string') throw badCursor();
  if (searching !== null && !isCount(searching)) throw badCursor();
  return { start, anchor, searching };
}
