import { isMoment } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

/** The time of a row in epoch milliseconds, and its id. Together they are unique, and no other row changes them. */
export interface RowKey<Id extends string> {
  readonly createdAtMs: number;
  readonly id: Id;
}

/** The key as parts of a cursor. */
export const encodeRowKey = ({ createdAtMs, id }: RowKey<string>): readonly [number, string] => [createdAtMs, id];

/** Returns null if the parts are no key. */
export const decodeRowKey = ([createdAtMs, id]: readonly unknown[]): RowKey<string> | null =>
  isMoment(createdAtMs) && typeof id === 'string' ? { createdAtMs, id } : null;

/** The row after which the list continues; null at its head. */
export interface RowPosition<Id extends string> {
  readonly cursor: RowKey<Id> | null;
}

/**
 * The paging of a list that continues after any row by its key, so that added rows do not shift it.
 * @param options.toId brands an id from a cursor
 */
export const pagingAfterRow = <Node, Id extends string>({
  keyOf,
  toId,
}: {
  readonly keyOf: (node: Node) => RowKey<Id>;
  readonly toId: (id: string) => Id;
}): Pick<UpstreamList<Node, RowPosition<Id>>, 'behind' | 'reportsEnd' | 'encodePosition' | 'decodePosition'> => ({
  behind: ({ position, rows }, count) => {
    const row = rows[count - 1];
    return row === undefined ? position : { cursor: keyOf(row) };
  },
  reportsEnd: true,
  encodePosition: ({ cursor }) => (cursor === null ? [] : encodeRowKey(cursor)),
  decodePosition: (parts) => {
    if (parts.length === 0) return { cursor: null };
    const key = decodeRowKey(parts);
    return key === null ? null : { cursor: { createdAtMs: key.createdAtMs, id: toId(key.id) } };
  },
});
