import type { ListOrder } from '../../upstream/apis/list-order.ts';
import { isCount, isPageSize } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

/** A page of a list that the platform pages by number. */
export interface NumberedPlace {
  /** Number of the page, in the unit of the platform. */
  readonly start: number;
  /** Size of the page. The number of a page depends on it. Null at the head of the list. */
  readonly limit: number | null;
}

export interface NumberedListOptions<Node> {
  readonly name: string;
  readonly idOf: (node: Node) => string;
  readonly order?: ListOrder<Node> | undefined;
  readonly readRows: (options: { readonly start: number; readonly limit: number }) => Promise<{
    readonly rows: readonly Node[];
    readonly next: number | null;
    readonly total: number | null;
  }>;
}

/**
 * A list by page number. Added rows move others to later pages, so that a walk reads a page again until it knows all
 * its rows.
 */
export const numberedList = <Node>({
  name,
  idOf,
  order,
  readRows,
}: NumberedListOptions<Node>): UpstreamList<Node, NumberedPlace> => ({
  name,
  idOf,
  order,
  start: { start: 0, limit: null },
  read: async ({ start, limit: size }, wanted) => {
    const limit = size ?? wanted;
    const { rows, next, total } = await readRows({ start, limit });
    return { place: { start, limit }, rows, next: next === null ? null : { start: next, limit }, total };
  },
  reportsEnd: true,
  encodePlace: ({ start, limit }) => [start, ...(limit === null ? [] : [limit])],
  decodePlace: ([start, limit = null]) => (isCount(start) && isPageSize(limit) ? { start, limit } : null),
});
