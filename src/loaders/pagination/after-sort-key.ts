import { type CatalogObject, type CatalogPage, isUsable, type UnusableRow } from '../../upstream/apis/catalog-page.ts';
import type { ListOrder } from '../../upstream/apis/list-order.ts';
import { type Connection, type ReadConnectionOptions, readConnection } from './connection.ts';
import { isCount, isMoment } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

/**
 * A position in a Catalog list. Catalog pages by row offset only, and rows shift when others are added or removed. A
 * list in order of time can instead be read from a time on, which does not shift.
 */
export interface SortKeyPosition {
  /** Time at which the list begins, in epoch milliseconds; null at its head. */
  readonly from: number | null;
  /** Row offset in the list that begins there. */
  readonly start: number;
}

export interface SortKeyListOptions<Node extends CatalogObject> {
  readonly name: string;
  readonly order?: ListOrder<Pick<CatalogObject, 'createdAt' | 'updatedAt'>> | undefined;
  /** Reads one upstream page. `from` is a time in the order of the list, inclusive. */
  readonly readPage: (options: {
    readonly from: Date | null;
    readonly start: number;
    readonly limit: number;
  }) => Promise<CatalogPage<Node>>;
}

/**
 * A Catalog list, which reports neither its end nor its length. It contains unusable rows too, because they count in
 * row offsets.
 */
const listAfterSortKey = <Node extends CatalogObject>({
  name,
  order,
  readPage,
}: SortKeyListOptions<Node>): UpstreamList<Node | UnusableRow, SortKeyPosition> => ({
  name,
  idOf: ({ id }) => id,
  order,
  start: { from: null, start: 0 },
  read: async (position, limit) => {
    const { from, start } = position;
    const { rows } = await readPage({ from: from === null ? null : new Date(from), start, limit });
    const next = rows.length < limit ? null : { from, start: start + rows.length };
    return { position, rows, next, total: null };
  },
  behind: ({ position: { from, start } }, count) => ({ from, start: start + count }),
  before: ({ from, start }, count) => ({ from, start: Math.max(0, start - count) }),
  ...(order === undefined ? {} : { atTime: (time, skip) => ({ from: time.getTime(), start: skip }) }),
  reportsEnd: false,
  encodePosition: ({ from, start }) => [start, ...(from === null ? [] : [from])],
  decodePosition: ([start, from = null]) => {
    if (!isCount(start) || (from !== null && !isMoment(from))) return null;
    return { from, start };
  },
});

/**
 * Reads one page of a connection over a Catalog list, without its unusable rows.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export async function readAfterSortKey<Node extends CatalogObject>(
  list: SortKeyListOptions<Node>,
  { matches, verify, isPast, ...page }: ReadConnectionOptions<Node>,
): Promise<Connection<Node>> {
  const connection = await readConnection(listAfterSortKey(list), {
    ...page,
    ...(matches === undefined ? {} : { matches: (row) => isUsable(row) && matches(row) }),
    verify: (row) => isUsable(row) && (verify?.(row) ?? true),
    ...(isPast === undefined ? {} : { isPast: (row) => isUsable(row) && isPast(row) }),
  });
  // The cast is safe, because a connection contains only verified rows.
  return connection as Connection<Node>;
}
