import { lastMomentMs } from '../runtime/clock.ts';
import { type Connection, readConnection, type UpstreamPage } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount, isIdList } from './cursor.ts';

/**
 * A place in a Catalog list. Catalog pages by row offset only, under which rows shift while others are added or deleted.
 * So a list in order of time is read by its key instead: rows from `key` on, without those of the same key that were
 * given already. The offset is for rows at the head that have no time.
 */
type CatalogPosition =
  | {
      readonly by: 'key';
      readonly key: number;
      /** Rows of this key that were given, by id. */
      readonly given: readonly string[];
      /** Rows of this key that were given before those, by number: more than a cursor should name. */
      readonly skip: number;
    }
  | { readonly by: 'offset'; readonly start: number };

export interface CatalogConnectionOptions<Node> {
  /** Names the list and its order, so that a cursor of another order is refused. */
  readonly list: string;
  readonly first: number;
  readonly after: string | null;
  readonly idOf: (node: Node) => string;
  /** The time that the list is ordered by. */
  readonly keyOf: (node: Node) => Date | null;
  /** One upstream page; `from` is a time of `keyOf`, inclusive, in the order of the list. */
  readonly readRows: (options: {
    readonly from: Date | null;
    readonly start: number;
    readonly limit: number;
  }) => Promise<readonly Node[]>;
  readonly matches?: ((node: Node) => boolean) | undefined;
}

/** Rows that Catalog gives in one answer at most. */
const maxLimit = 100;
/** Rows of one key that a cursor names. */
const maxGiven = 40;

/**
 * A connection over a Catalog list.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export async function readCatalogConnection<Node>(options: CatalogConnectionOptions<Node>): Promise<Connection<Node>> {
  const { list, first, after, idOf, keyOf, readRows, matches } = options;

  const readPage = async (
    from: CatalogPosition | null,
    wanted: number,
  ): Promise<UpstreamPage<Node, CatalogPosition>> => {
    const given = from?.by === 'key' ? from.given : [];
    const start = from === null ? 0 : from.by === 'key' ? from.skip : from.start;
    // Catalog never says whether there is more: one row beyond the page tells it, where the answer has room for one.
    const limit = Math.min(maxLimit, wanted + given.length + 1);
    const answer = await readRows({ from: from?.by === 'key' ? new Date(from.key) : null, start, limit });

    const rows: { node: Node; position: CatalogPosition }[] = [];
    let position = from;
    for (const [index, node] of answer.entries()) {
      if (given.includes(idOf(node))) continue;
      position = following(position, keyOf(node), idOf(node), start + index + 1);
      rows.push({ node, position });
    }
    return { rows, next: answer.length < limit ? null : position };
  };

  return readConnection<Node, CatalogPosition>({
    first,
    after: after === null ? null : decode(list, after),
    idOf,
    readPage,
    nextIsCertain: false,
    encode: (position) =>
      encodeCursor(list, position.by === 'key' ? [position.key, position.given, position.skip] : [position.start]),
    matches,
  });
}

/** The position behind a row. A row without a key stands where the one before it stands; `start` is for those at the head. */
function following(previous: CatalogPosition | null, rowKey: Date | null, id: string, start: number): CatalogPosition {
  const last = previous?.by === 'key' ? previous : null;
  const key = rowKey?.getTime() ?? last?.key;
  if (key === undefined) return { by: 'offset', start };
  if (last?.key !== key) return { by: 'key', key, given: [id], skip: 0 };
  if (last.given.length < maxGiven) return { ...last, given: [...last.given, id] };
  return { by: 'key', key, given: [id], skip: last.skip + last.given.length };
}

function decode(list: string, cursor: string): CatalogPosition {
  const [place, given, skip] = decodeCursor(list, cursor);
  if (!isCount(place)) throw badCursor();
  if (given === undefined) return { by: 'offset', start: place };
  if (!isIdList(given, maxGiven) || !isCount(skip) || place > lastMomentMs) {
    throw badCursor();
  }
  return { by: 'key', key: place, given, skip };
}
