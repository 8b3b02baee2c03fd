import type { ListOrder } from '../upstream/list-order.ts';

/**
 * A list of the platform as `readConnection` reads it. An implementation only translates a place in the list into a
 * request; which rows are left out is decided in one place, by `RowWalk`.
 */
export interface UpstreamList<Node, Place> {
  /** Name of the list and its order in cursors, so that a cursor of another list or order is rejected. */
  readonly name: string;
  readonly idOf: (node: Node) => string;
  /** The order that was requested from the platform. Absent if keys cannot be compared here, such as names. */
  readonly order?: ListOrder<Node> | undefined;
  /** Place of the first row. */
  readonly start: Place;
  /** Reads one page, with one platform call. `limit` is 1 to 100. */
  readonly read: (place: Place, limit: number) => Promise<UpstreamPage<Node, Place>>;
  /** Place behind the first `count` rows of a page. Absent if the platform can only begin where a page begins. */
  readonly behind?: (page: UpstreamPage<Node, Place>, count: number) => Place;
  /** Place `count` rows before another. Present for lists by row offset, whose rows shift when others come or go. */
  readonly before?: (place: Place, count: number) => Place;
  /** Place behind the first `skip` rows of a time. Present for lists that the platform can begin at a time. */
  readonly atTime?: (time: Date, skip: number) => Place;
  /** False if the platform does not report whether there is a next page, so that `next` may lead to an empty page. */
  readonly reportsEnd: boolean;
  readonly encodePlace: (place: Place) => readonly (string | number)[];
  /** Null if the parts are no place of this list. */
  readonly decodePlace: (parts: readonly unknown[]) => Place | null;
}

export interface UpstreamPage<Node, Place> {
  /** Place at which the page was read. */
  readonly place: Place;
  readonly rows: readonly Node[];
  /** Place of the next page; null on the last page. */
  readonly next: Place | null;
  /** Rows of the whole list as the platform reports them; null if it reports no such count. */
  readonly total: number | null;
}
