import { type EncodeCursor, RowWalk } from './row-walk.ts';
import type { UpstreamList } from './upstream-list.ts';

/** A connection as Relay means it, before the schema layer names its fields. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[];
  readonly nodes: readonly Node[];
  readonly pageInfo: PageInfo;
  /** Rows of the whole list. Null if the platform reports no count, and if the gateway filters. */
  readonly totalCount: number | null;
}

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

export interface Edge<Node> {
  readonly node: Node;
  readonly cursor: string;
}

export interface ReadConnectionOptions<Node> {
  readonly first: number;
  /** The client's cursor; null at the beginning. */
  readonly after: string | null;
  /** Conditions that the platform cannot apply. Absent: every row is wanted, and the first page has enough of them. */
  readonly matches?: ((node: Node) => boolean) | undefined;
  /** Conditions that the platform has applied already, checked again because it ignores parameters that it does not know. */
  readonly verify?: ((node: Node) => boolean) | undefined;
  /** True if no row behind this one can match, in the order that was requested. */
  readonly isPast?: ((node: Node) => boolean) | undefined;
}

/** An edge whose cursor is computed when it is read. */
class LazyEdge<Node> implements Edge<Node> {
  readonly node: Node;
  readonly #edges: readonly Edge<Node>[];
  readonly #index: number;
  readonly #encode: EncodeCursor;

  constructor(edges: readonly Edge<Node>[], index: number, node: Node, encode: EncodeCursor) {
    this.node = node;
    this.#edges = edges;
    this.#index = index;
    this.#encode = encode;
  }

  get cursor(): string {
    return this.#encode({ isEnd: this.#index === this.#edges.length - 1 });
  }
}

/** Conditions as `readConnection` takes them: to be checked again if the platform applies them, else to be filtered by. */
export const conditions = <Node>(
  isApplied: boolean,
  matches: (node: Node) => boolean,
): Pick<ReadConnectionOptions<Node>, 'matches' | 'verify'> => (isApplied ? { verify: matches } : { matches });

/** Upstream pages of `scanPageSize` rows that one request reads at most. */
const maxScanPages = 10;
const scanPageSize = 100;

/**
 * Reads one page of a connection. A row that exists during a whole walk is returned exactly once, in whatever order the
 * platform returns its rows.
 *
 * A scan for a filter is bounded. If the bound ends it, `hasNextPage` is true and `endCursor` continues there, so that
 * nothing is cut silently.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export async function readConnection<Node, Place>(
  list: UpstreamList<Node, Place>,
  { first, after, matches, verify, isPast }: ReadConnectionOptions<Node>,
): Promise<Connection<Node>> {
  const walk = new RowWalk(list, after, { scans: matches !== undefined });
  const edges: Edge<Node>[] = [];
  let isFiltered = matches !== undefined;

  const connection = (hasNextPage: boolean, endCursor: () => string | null): Connection<Node> => ({
    edges,
    nodes: edges.map(({ node }) => node),
    totalCount: isFiltered ? null : walk.total,
    // Cursors are computed when they are read, because few operations select them all.
    pageInfo: {
      hasNextPage,
      hasPreviousPage: after !== null,
      get startCursor() {
        return edges[0]?.cursor ?? null;
      },
      get endCursor() {
        return endCursor();
      },
    },
  });
  const endOfEdges = () => edges.at(-1)?.cursor ?? null;

  while (walk.pagesRead < maxScanPages) {
    const isFull = edges.length === first;
    // One row beyond those that are wanted shows whether there is a next page, if the platform cannot report it.
    const wanted = isFiltered ? scanPageSize : isFull ? 1 : first - edges.length + (isPast === undefined ? 0 : 1);
    for (const row of await walk.readPage(wanted, maxScanPages)) {
      if (walk.isOrdered && isPast?.(row.node)) return connection(false, endOfEdges);
      const isVerified = verify?.(row.node) ?? true;
      // The platform ignores the filter, so the list is scanned from here on.
      if (!isVerified) isFiltered = true;
      if (!isVerified || !(matches?.(row.node) ?? true)) {
        walk.pass(row);
        continue;
      }
      if (edges.length === first) return connection(true, endOfEdges);
      edges.push(new LazyEdge(edges, edges.length, row.node, walk.take(row)));
    }
    if (walk.hasEnded) return connection(false, endOfEdges);
    if (edges.length === first && !isFiltered && list.reportsEnd && isPast === undefined)
      return connection(true, endOfEdges);
  }
  return connection(true, () => walk.cursorHere());
}
