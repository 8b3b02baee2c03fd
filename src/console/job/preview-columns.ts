interface Column {
  readonly name: string;
  readonly type: string;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Columns of a preview as a person reads them. Columns within one list or map of the rows become one, because their
 * values belong together.
 */
export function shownColumns(columns: readonly Column[], rows: readonly Row[]): readonly string[] {
  return [...new Set(columns.map(({ name, type }) => (/^(array|map)</.test(type) ? outermost(name, rows) : name)))];
}

/** The longest beginning of a path that leads to a value in one of the rows. */
function outermost(path: string, rows: readonly Row[]): string {
  const names = path.split('.');
  for (let length = names.length; length > 1; length -= 1) {
    const beginning = names.slice(0, length).join('.');
    if (rows.some((row) => valueAt(row, beginning) !== undefined)) return beginning;
  }
  return names[0] ?? path;
}

/** The value at a dotted path; undefined without one. */
export function valueAt(row: Row, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? Object.getOwnPropertyDescriptor(value, name)?.value
          : undefined,
      row,
    );
}

/** The text of a cell. Lists and objects are JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
