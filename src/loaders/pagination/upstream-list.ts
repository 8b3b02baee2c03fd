import type { ListOrder } from '../../upstream/apis/list-order.ts';

/**
 * A list of the platform that `readConnection` can read. An implementation only translates a position in the list into
 * a request. Only `RowWalk` decides which rows are omitted. There is one implementation for each form of paging:
 *
 * | Module | The list continues after | Lists |
 * |---|---|---|
 * | after-row.ts | the key of any row | export jobs |
 * | after-sort-key.ts | a time and a number of rows, or a row offset | datasets, batches (Catalog) |
 * | after-page.ts | a page with a number, an offset or an opaque marker | segment jobs, segment definitions, files, merge policies |
 *
 * Schedules are read at once, so that lists/schedules.ts needs no walk.
 */
export interface UpstreamList<Node, Position> {
  /** Name of the list and its order in cursors, so that a cursor of another list or order is rejected. */
  readonly name: string;
  readonly idOf: (node: Node) => string;
  /**
   * The order that is requested from the platform. Absent if the gateway cannot compare its keys, for example names.
   */
  readonly order?: ListOrder<Node> | undefined;
  /** Position of the first row. */
  readonly start: Position;
  /** Reads one page, with one platform call. `limit` is 1 to 100. */
  readonly read: (position: Position, limit: number) => Promise<UpstreamPage<Node, Position>>;
  /** Position after the first `count` rows of a page. Absent if the platform can only read whole pages. */
  readonly behind?: (page: UpstreamPage<Node, Position>, count: number) => Position;
  /**
   * Position `count` rows before another position. Present for lists by row offset, whose rows shift when others are
   * added or removed.
   */
  readonly before?: (position: Position, count: number) => Position;
  /** Position after the first `skip` rows of a time. Present for lists that can start at a time. */
  readonly atTime?: (time: Date, skip: number) => Position;
  /** False if the platform does not report whether there is a next page, so that `next` may lead to an empty page. */
  readonly reportsEnd: boolean;
  readonly encodePosition: (position: Position) => readonly (string | number)[];
  /** Returns null if the parts are no position of this list. */
  readonly decodePosition: (parts: readonly unknown[]) => Position | null;
}

export interface UpstreamPage<Node, Position> {
  /** Position at which the page was read. */
  readonly position: Position;
  readonly rows: readonly Node[];
  /** Position of the next page; null on the last page. */
  readonly next: Position | null;
  /** Rows of the whole list as the platform reports them; null if it reports no such count. */
  readonly total: number | null;
}
