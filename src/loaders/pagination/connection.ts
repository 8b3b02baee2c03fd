import { type FoundRow, RowWalk, type TakenRow } from './row-walk.ts';
import type { UpstreamList } from './upstream-list.ts';

/** A connection as defined by Relay. The schema layer maps it to the types of the schema. */
export interface Connection<Node> {
  readonly edges: readonly Edge<Node>[];
  readonly nodes: readonly Node[];
  readonly pageInfo: PageInfo;
  /** Number of rows of the whole list. Null if the platform reports no count, or if the gateway filters. */
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

/** Arguments of every connection. */
export interface PageOptions {
  /** Maximum number of rows. */
  readonly first: number;
  /** The client's cursor; null for the first page. */
  readonly after: string | null;
}

export interface ReadConnectionOptions<Node> extends PageOptions {
  /**
   * Conditions that the platform cannot apply. If absent, every row matches, so that the first page has enough rows.
   */
  readonly matches?: ((node: Node) => boolean) | undefined;
  /**
   * Conditions that the platform has applied. They are checked again, because it ignores parameters that it does not
   * know.
   */
  readonly verify?: ((node: Node) => boolean) | undefined;
  /** True if no row after this row can match, in the requested order. */
  readonly isPast?: ((node: Node) => boolean) | undefined;
}

/**
 * A connection, to which rows are added while it is read. Edges and cursors are computed when they are read, because
 * few operations select them all. Their accessors belong to classes, because accessors of an object literal cost
 * microseconds per object.
 */
class LazyConnection<Node, Position> implements Connection<Node> {
  readonly nodes: Node[] = [];
  readonly pageInfo: LazyPageInfo;
  totalCount: number | null = null;
  readonly #walk: RowWalk<Node, Position>;
  readonly #taken: TakenRow<Node, Position>[] = [];
  #edges: readonly Edge<Node>[] | undefined;

  constructor(walk: RowWalk<Node, Position>, { hasPreviousPage }: { readonly hasPreviousPage: boolean }) {
    this.#walk = walk;
    this.pageInfo = new LazyPageInfo(this, hasPreviousPage);
  }

  take(row: FoundRow<Node, Position>): void {
    this.#taken.push(this.#walk.take(row));
    this.nodes.push(row.node);
  }

  get edges(): readonly Edge<Node>[] {
    this.#edges ??= this.#taken.map((row, index) => new LazyEdge(this, row.found.node, index));
    return this.#edges;
  }

  /** The cursor of the row at an index; null if there is no such row. */
  cursorOf(index: number): string | null {
    const row = this.#taken[index];
    return row === undefined ? null : this.#walk.cursorBehind(row, { isEnd: index === this.#taken.length - 1 });
  }

  /** The cursor of the last row; null if there is none. */
  cursorOfLast(): string | null {
    return this.cursorOf(this.#taken.length - 1);
  }

  /** The cursor after the last page of the platform that was read. */
  cursorHere(): string | null {
    return this.#walk.cursorHere();
  }
}

type Cursors = Pick<LazyConnection<unknown, unknown>, 'cursorOf' | 'cursorOfLast' | 'cursorHere'>;

class LazyEdge<Node> implements Edge<Node> {
  readonly node: Node;
  readonly #cursors: Cursors;
  readonly #index: number;

  constructor(cursors: Cursors, node: Node, index: number) {
    this.node = node;
    this.#cursors = cursors;
    this.#index = index;
  }

  get cursor(): string {
    return this.#cursors.cursorOf(this.#index) ?? '';
  }
}

class LazyPageInfo implements PageInfo {
  readonly hasPreviousPage: boolean;
  hasNextPage = false;
  /** Whether a scan ended before the page was full, so that `endCursor` is after the last row that was read. */
  isCut = false;
  readonly #cursors: Cursors;

  constructor(cursors: Cursors, hasPreviousPage: boolean) {
    this.#cursors = cursors;
    this.hasPreviousPage = hasPreviousPage;
  }

  get startCursor(): string | null {
    return this.#cursors.cursorOf(0);
  }

  get endCursor(): string | null {
    return this.isCut ? this.#cursors.cursorHere() : this.#cursors.cursorOfLast();
  }
}

/**
 * Conditions as options of `readConnection`. They are verified if the platform applies them, and filtered by otherwise.
 */
export const conditions = <Node>(
  isApplied: boolean,
  matches: (node: Node) => boolean,
): Pick<ReadConnectionOptions<Node>, 'matches' | 'verify'> => (isApplied ? { verify: matches } : { matches });

/** Maximum number of upstream pages of `scanPageSize` rows that one request reads. */
const maxScanPages = 10;
const scanPageSize = 100;

/**
 * Reads one page of a connection. A row that exists during a whole walk is returned exactly once, regardless of
 * the order in which the platform returns its rows.
 *
 * A scan for a filter is bounded. If the bound ends it, `hasNextPage` is true and `endCursor` continues there, so that
 * no row is omitted silently.
 * @throws {InvalidInputError} `after` is not a cursor of this list in this order
 */
export async function readConnection<Node, Position>(
  list: UpstreamList<Node, Position>,
  { first, after, matches, verify, isPast }: ReadConnectionOptions<Node>,
): Promise<Connection<Node>> {
  const walk = new RowWalk(list, after, { scans: matches !== undefined });
  const page = new LazyConnection(walk, { hasPreviousPage: after !== null });
  const { nodes } = page;
  let isFiltered = matches !== undefined;

  const end = (hasNextPage: boolean): Connection<Node> => {
    page.totalCount = isFiltered ? null : walk.total;
    page.pageInfo.hasNextPage = hasNextPage;
    return page;
  };

  while (walk.pagesRead < maxScanPages) {
    const isFull = nodes.length === first;
    // One row more than wanted shows whether there is a next page, if the platform cannot report it.
    const wanted = isFiltered ? scanPageSize : isFull ? 1 : first - nodes.length + (isPast === undefined ? 0 : 1);
    for (const row of await walk.readPage(wanted, maxScanPages)) {
      if (walk.isOrdered && isPast?.(row.node)) return end(false);
      const isVerified = verify?.(row.node) ?? true;
      // The platform ignores the filter, so that the list is scanned from here on.
      if (!isVerified) isFiltered = true;
      if (!isVerified || !(matches?.(row.node) ?? true)) {
        walk.pass(row);
        continue;
      }
      if (nodes.length === first) return end(true);
      page.take(row);
    }
    if (walk.hasEnded) return end(false);
    if (nodes.length === first && !isFiltered && list.reportsEnd && isPast === undefined) return end(true);
  }
  page.pageInfo.isCut = true;
  return end(true);
}
