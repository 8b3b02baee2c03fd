interface Listed {
  readonly id: string;
  readonly createdAt: string;
  readonly isTerminal: boolean;
}

/**
 * Rows of a list in its order, newest first. Older pages may not be loaded yet, although some rows of them are known from
 * another filter. Ended rows before the end of the loaded pages are omitted, so that the list has no gaps.
 * @param horizon time of creation of the last loaded row; null if the whole list is loaded
 */
export function visibleRows<Row extends Listed>(
  rows: readonly Row[],
  { matches, horizon }: { readonly matches: (row: Row) => boolean; readonly horizon: string | null },
): readonly Row[] {
  return rows
    .filter((row) => matches(row) && (horizon === null || row.createdAt >= horizon || !row.isTerminal))
    .toSorted((one, other) => other.createdAt.localeCompare(one.createdAt) || other.id.localeCompare(one.id));
}
