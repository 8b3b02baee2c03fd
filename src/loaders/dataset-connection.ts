import type { Dataset, DatasetField } from '../domain/dataset.ts';
import type { ListOrder } from '../upstream/list-order.ts';
import type { DatasetListOptions, DatasetsApi } from '../upstream/platform-api.ts';
import { catalogList } from './catalog-list.ts';
import { type Connection, readConnection } from './connection.ts';

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
  const { field, direction } = options.orderBy ?? newestFirst;
  const schemaId = filter?.schemaId;
  const order: ListOrder<Dataset> | undefined =
    field === 'name'
      ? undefined
      : { direction, keyOf: ({ createdAt, updatedAt }) => (field === 'created' ? createdAt : updatedAt) };
  const list = catalogList<Dataset>({
    name: `datasets:${field}:${direction}`,
    idOf: ({ id }) => id,
    order,
    readRows: ({ from, ...page }) => {
      const bounds = from === null ? {} : direction === 'desc' ? { to: from } : { from };
      return api.list({
        ...page,
        orderBy: { field, direction },
        // The filter reads the schema, whether or not it is selected.
        fields: fields && schemaId !== undefined ? new Set([...fields, 'schemaRef']) : fields,
        name: filter?.name,
        created: { after: filter?.createdAfter, ...(field === 'created' ? bounds : {}) },
        updated: { after: filter?.updatedAfter, ...(field === 'updated' ? bounds : {}) },
      });
    },
  });
  return readConnection(list, {
    first,
    after,
    // Catalog filters top-level fields only, and the schema's id is not one.
    matches: schemaId === undefined ? undefined : (dataset) => dataset.schemaRef?.id === schemaId,
  });
}
