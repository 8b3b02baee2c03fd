/** Common fields of the objects in Catalog. */
export interface CatalogObject {
  readonly id: string;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
  readonly name?: string | null;
}

/** A row of a list that is an error or no object. It counts in row offsets. */
export class UnusableRow {
  readonly id: string;
  readonly createdAt = null;
  readonly updatedAt = null;

  constructor(id: string) {
    this.id = id;
  }
}

/** A page of a list. */
export interface CatalogPage<Value extends CatalogObject> {
  /** The usable rows. */
  readonly objects: readonly Value[];
  /** All rows of the response. A page with fewer rows than requested is the last one. */
  readonly rows: readonly (Value | UnusableRow)[];
}

export const isUsable = <Value extends CatalogObject>(row: Value | UnusableRow): row is Value =>
  !(row instanceof UnusableRow);

/** Creates a page from its rows. */
export const catalogPage = <Value extends CatalogObject>(
  rows: readonly (Value | UnusableRow)[],
): CatalogPage<Value> => ({
  objects: rows.filter(isUsable),
  rows,
});
