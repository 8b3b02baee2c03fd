import type { Dataset, DatasetField } from '../domain/dataset.ts';
import type { DatasetListOptions, DatasetsApi, TimeBounds } from '../upstream/platform-api.ts';
import { readAnchoredConnection } from './anchored-connection.ts';
import { readCatalogConnection } from './catalog-connection.ts';
import type { Connection } from './connection.ts';

export interface DatasetFilter {
  readonly name?: string | undefined;
  readonly schemaId?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly updatedAfter?: Date | undefined;
}

export type DatasetOrder = NonNullable<DatasetListOptions['orderBy']>;

export interface DatasetConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly filter: DatasetFilter | null;
  readonly orderBy: DatasetOrder | null;
}

const newestFirst: DatasetOrder = { field: 'created', direction: 'desc' };

/**
 * Datasets over Catalog's paging, newest first unless ordered otherwise.
 * @throws {InvalidInputError} `after` is not a cursor of this connection in this order
 */
export async function readDatasets(
  api: Pick<DatasetsApi, 'list'>,
  options: DatasetConnectionOptions,
  fields?: ReadonlySet<DatasetField>,
): Promise<Connection<Dataset>> {
  const { first, after, filter } = options;
  const orderBy = options.orderBy ?? newestFirst;
  const schemaId = filter?.schemaId;
  const common = {
    list: `datasets:${orderBy.field}:${orderBy.direction}`,
    first,
    after,
    idOf: ({ id }: Dataset) => id,
    // Catalog filters top-level fields only, and the schema's id is not one.
    matches: schemaId === undefined ? undefined : (dataset: Dataset) => dataset.schemaRef?.id === schemaId,
  };
  const read = (page: { readonly start: number; readonly limit: number }, created: TimeBounds, updated: TimeBounds) =>
    api.list({
      ...page,
      orderBy,
      // The filter looks at the schema, whether or not it is selected.
      fields: fields && schemaId !== undefined ? new Set([...fields, 'schemaRef']) : fields,
      name: filter?.name,
      created: { after: filter?.createdAfter, ...created },
      updated: { after: filter?.updatedAfter, ...updated },
    });

  const { field, direction } = orderBy;
  if (field === 'name') return readAnchoredConnection({ ...common, readRows: (page) => read(page, {}, {}) });
  return readCatalogConnection({
    ...common,
    keyOf: field === 'created' ? ({ createdAt }) => createdAt : ({ updatedAt }) => updatedAt,
    readRows: ({ from, ...page }) => {
      const bounds = from === null ? {} : direction === 'desc' ? { to: from } : { from };
      return field === 'created' ? read(page, bounds, {}) : read(page, {}, bounds);
    },
  });
}
