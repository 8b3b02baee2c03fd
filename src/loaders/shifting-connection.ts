import { type Connection, readConnection, type UpstreamPage } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount, isIdList } from './cursor.ts';

/**
 * A place in a list that the platform pages by number and orders by time. While rows are added at its head, all others
 * move back, over the edges of pages. So the place is the last row given, not a number: reading goes on from the page on
 * which that row was, and leaves out what comes before it.
 */
interface ShiftingPosition {
  /** The number of the page, in whatever the platform counts. */
  readonly start: number;
  /** The page's size, without which its number means nothing. */
  readonly limit: number;
  /** Time of the last row given, epoch milliseconds. */
  readonly key: number;
  /** Rows of that time that were given. */
  readonly given: readonly string[];
}

export interface ShiftingConnectionOptions<Node> {
  /** Names the list and its order, so that a cursor of another order is refused. */
  readonly list: string;
  readonly first: number;
  readonly after: string | null;
  readonly direction: 'asc' | 'desc';
  readonly idOf: (node: Node) => string;
  /** The time that the list is ordered by; null where it is not known, which the platform takes for the beginning of time. */
  readonly keyOf: (node: Node) => Date | null;
  readonly readRows: (options: {
    readonly start: number;
    readonly limit: number;
  }) => Promise<{ readonly rows: readonly Node[]; readonly next: number | null }>;
  readonly matches?: ((node: Node) => boolean) | undefined;
}

/** Rows that a cursor names at most. */
const maxGiven = 100;

/**
 * A connection over such a list. While rows are added, no row is lost or given twice.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export function readShiftingConnection<Node>(options: ShiftingConnectionOptions<Node>): Promise<Connection<Node>> {
  const { list, first, after, direction, idOf, keyOf, readRows, matches } = options;
  const keyOfRow = (node: Node): number => keyOf(node)?.getTime() ?? 0;
  const comesBefore = (key: number, position: ShiftingPosition): boolean =>
    direction === 'desc' ? key > position.key : key < position.key;

  const readPage = async (
    from: ShiftingPosition | null,
    wanted: number,
  ): Promise<UpstreamPage<Node, ShiftingPosition>> => {
    const start = from?.start ?? 0;
    const limit = from?.limit ?? wanted;
    const page = await readRows({ start, limit });
    const rows: { node: Node; position: ShiftingPosition }[] = [];
    let position = from;
    for (const node of page.rows) {
      const [id, key] = [idOf(node), keyOfRow(node)];
      if (position !== null && (comesBefore(key, position) || position.given.includes(id))) continue;
      const sameTime = position?.key === key ? position.given : [];
      position = { start, limit, key, given: [...sameTime, id].slice(-maxGiven) };
      rows.push({ node, position });
    }
    return { rows, next: page.next === null || position === null ? null : { ...position, start: page.next } };
  };

  return readConnection<Node, ShiftingPosition>({
    first,
    after: after === null ? null : decode(list, after),
    idOf,
    readPage,
    encode: ({ start, limit, key, given }) => encodeCursor(list, [start, limit, key, given]),
    matches,
  });
}

function decode(list: string, cursor: string): ShiftingPosition {
  const [start, limit, key, given] = decodeCursor(list, cursor);
  if (!isCount(start) || !isCount(limit) || limit < 1 || limit > 100 || !isCount(key)) throw badCursor();
  if (!isIdList(given, maxGiven)) throw badCursor();
  return { start, limit, key, given };
}
