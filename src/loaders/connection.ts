/** A connection as Relay means it, before the schema layer names its fields. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[];
  readonly nodes: readonly Node[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

export interface Edge<Node> {
  readonly node: Node;
  readonly cursor: string;
}

/** One page of an upstream list, whatever its style of paging. */
export interface UpstreamPage<Node, Position> {
  readonly rows: readonly { readonly node: Node; readonly position: Position }[];
  /** Where the list goes on; null at its end. */
  readonly next: Position | null;
}

export interface ReadConnectionOptions<Node, Position> {
  readonly first: number;
  /** Where the reader left off; null at the beginning. */
  readonly after: Position | null;
  /** `limit` is 1 to 100. */
  readonly readPage: (after: Position | null, limit: number) => Promise<UpstreamPage<Node, Position>>;
  readonly idOf: (node: Node) => string;
  readonly encode: (position: Position) => string;
  /** False where the platform never says whether there is more: then `next` may lead to an empty page. @default true */
  readonly nextIsCertain?: boolean;
  /** What the platform cannot filter by itself. Absent: every row is wanted, and the first page holds enough. */
  readonly matches?: ((node: Node) => boolean) | undefined;
  /** Rows are ordered so that after this one no more can match. */
  readonly isPast?: ((node: Node) => boolean) | undefined;
}

/** Upstream pages of `scanPageSize` rows that one request may read at most, when it filters here. */
const maxScanPages = 10;
const scanPageSize = 100;

/**
 * Reads a page of a connection from a list that the platform pages in its own way, filtering here what it cannot filter.
 *
 * The scan is bounded. When the bound ends it, `hasNextPage` is true and `endCursor` continues exactly there, so that a
 * client which goes on sees every row once; nothing is silently cut.
 */
export async function readConnection<Node, Position>({
  first,
  after,
  readPage,
  idOf,
  encode,
  nextIsCertain = true,
  matches,
  isPast,
}: ReadConnectionOptions<Node, Position>): Promise<Connection<Node>> {
  const pageSize = matches === undefined ? first : scanPageSize;
  const seen = new Set<string>();
  const edges: Edge<Node>[] = [];
  let position = after;

  const connection = (hasNextPage: boolean, endCursor: string | null): Connection<Node> => ({
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: {
      hasNextPage,
      hasPreviousPage: after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor,
    },
  });

  for (let page = 0; page < maxScanPages; page += 1) {
    // When all that was asked for is there, one row tells whether there is a next page.
    const limit = edges.length === first && matches === undefined ? 1 : pageSize;
    const { rows, next } = await readPage(position, limit);
    for (const row of rows) {
      if (isPast?.(row.node)) return connection(false, edges.at(-1)?.cursor ?? null);
      // Lists that are paged by offset shift while rows are added, and then show a row twice.
      if (seen.has(idOf(row.node))) continue;
      seen.add(idOf(row.node));
      if (matches !== undefined && !matches(row.node)) continue;
      // One more than asked for: there is a next page, and it begins after the last one taken.
      if (edges.length === first) return connection(true, edges.at(-1)?.cursor ?? null);
      edges.push({ node: row.node, cursor: encode(row.position) });
    }
    if (next === null) return connection(false, edges.at(-1)?.cursor ?? null);
    if (edges.length === first && matches === undefined && nextIsCertain)
      return connection(true, edges.at(-1)?.cursor ?? null);
    position = next;
  }
  return connection(true, position === null ? null : encode(position));
}
