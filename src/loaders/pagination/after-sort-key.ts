import type { CatalogPage } from '../../upstream/apis/catalog-objects.ts';
import type { ListOrder } from '../../upstream/apis/list-order.ts';
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

export interface SortKeyListOptions<Node> {
  readonly name: string;
  readonly idOf: (node: Node) => string;
  readonly order?: ListOrder<Node> | undefined;
  /** Reads one upstream page. `from` is a time in the order of the list, inclusive. */
  readonly readPage: (options: {
    readonly from: Date | null;
    readonly start: number;
    readonly limit: number;
  }) => Promise<CatalogPage<Node>>;
}

/** A Catalog list, which reports neither its end nor its length. */
export const listAfterSortKey = <Node>({
  name,
  idOf,
  order,
  readPage,
}: SortKeyListOptions<Node>): UpstreamList<Node, SortKeyPosition> => ({
  name,
  idOf,
  order,
  start: { from: null, start: 0 },
  read: async (position, limit) => {
    const { from, start } = position;
    const { objects, rows } = await readPage({ from: from === null ? null : new Date(from), start, limit });
    const next = rows < limit ? null : { from, start: start + rows };
    return { position, rows: objects, next, total: null };
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
