import type { DecodeContext } from '../wire/decode-context.ts';

/** The order of a list by a time. */
export interface ListOrder<Row> {
  readonly direction: 'asc' | 'desc';
  /** Null if the time of a row is not known. Such a row can be at any position. */
  readonly keyOf: (row: Row) => Date | null;
}

/** Counts an anomaly if the platform has not returned rows in the order that was requested. */
export function countDisorder<Row>(rows: readonly Row[], order: ListOrder<Row>, context: DecodeContext): void {
  if (!isInOrder(rows, order)) context.anomaly('out-of-order');
}

/** Negative if `a` comes before `b` in a direction, 0 if they are equal. Both are epoch milliseconds. */
export const compareKeys = (a: number, b: number, direction: ListOrder<unknown>['direction']): number =>
  direction === 'asc' ? a - b : b - a;

/** Whether rows are in an order. Rows without a known time are ignored. */
export function isInOrder<Row>(rows: readonly Row[], { direction, keyOf }: ListOrder<Row>): boolean {
  let last: number | null = null;
  for (const row of rows) {
    const key = keyOf(row)?.getTime() ?? null;
    if (key === null) continue;
    if (last !== null && compareKeys(key, last, direction) < 0) return false;
    last = key;
  }
  return true;
}
