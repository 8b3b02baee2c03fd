import type { ListOrder } from '../../upstream/apis/list-order.ts';
import { isCount, isPageSize } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

/**
 * A page of a list that the platform pages by its own marker: the number of the page, the row offset of its first
 * entry, or an opaque text.
 */
export interface PagePosition<Start extends number | string> {
  readonly start: Start;
  /** Size of the page. The meaning of `start` depends on it. Null at the head of the list. */
  readonly limit: number | null;
}

export interface PagedListOptions<Node, Start extends number | string> {
  readonly name: string;
  readonly idOf: (node: Node) => string;
  readonly order?: ListOrder<Node> | undefined;
  /** Marker of the first page. */
  readonly first: Start;
  readonly isStart: (value: unknown) => value is Start;
  readonly readRows: (options: { readonly start: Start; readonly limit: number }) => Promise<{
    readonly rows: readonly Node[];
    /** Marker of the next page; null on the last page. */
    readonly next: Start | null;
    readonly total: number | null;
  }>;
}

/**
 * A list that continues after a page. Added rows move others to later pages, so that a walk reads a page again until it
 * knows all its rows.
 */
export const listAfterPage = <Node, Start extends number | string>({
  name,
  idOf,
  order,
  first,
  isStart,
  readRows,
}: PagedListOptions<Node, Start>): UpstreamList<Node, PagePosition<Start>> => ({
  name,
  idOf,
  order,
  start: { start: first, limit: null },
  read: async ({ start, limit: size }, wanted) => {
    const limit = size ?? wanted;
    const { rows, next, total } = await readRows({ start, limit });
    return { position: { start, limit }, rows, next: next === null ? null : { start: next, limit }, total };
  },
  reportsEnd: true,
  encodePosition: ({ start, limit }) => [start, ...(limit === null ? [] : [limit])],
  decodePosition: ([start, limit = null]) => (isStart(start) && isPageSize(limit) ? { start, limit } : null),
});

/** A list whose pages the platform numbers, in its own unit. */
export const listAfterNumberedPage = <Node>(
  options: Omit<PagedListOptions<Node, number>, 'first' | 'isStart'>,
): UpstreamList<Node, PagePosition<number>> => listAfterPage({ ...options, first: 0, isStart: isCount });
