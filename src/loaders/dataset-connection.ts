import type { Dataset } from '../domain/dataset.ts';
import type { DatasetListOptions, DatasetsApi } from '../upstream/platform-api.ts';
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
export function readDatasets(
  api: Pick<DatasetsApi, 'list'>,
  options: DatasetConnectionOptions,
): Promise<Connection<Dataset>> {
  const { first, after, filter } = options;
  const orderBy = options.orderBy ?? newestFirst;
  const schemaId = filter?.schemaId;
  return readCatalogConnection<Dataset>({
    list: `datasets:${orderBy.field}:${orderBy.direction}`,
    first,
    after,
    idOf: (dataset) => dataset.id,
    keyOf: keyOf(orderBy.field),
    readRows: ({ from, start, limit }) => {
      const bound = from === null ? {} : orderBy.direction === 'desc' ? { to: from } : { from };
      return api.list({
        limit,
        start,
        orderBy,
        name: filter?.name,
        created: { after: filter?.createdAfter, ...(orderBy.field === 'created' ? bound : {}) },
        updated: { after: filter?.updatedAfter, ...(orderBy.field === 'updated' ? bound : {}) },
      });
    },
    // Catalog filters top-level fields only, and the schema's id is not one.
    matches: schemaId === undefined ? undefined : (dataset) => dataset.schemaRef?.id === schemaId,
  });
}

function keyOf(field: DatasetOrder['field']): ((dataset: Dataset) => Date | null) | null {
  switch (field) {
    case 'created':
      return (dataset) => dataset.createdAt;
    case 'updated':
      return (dataset) => dataset.updatedAt;
    case 'name':
      return null;
  }
}
