import { type Dataset, type DatasetField, type DatasetFilter, matchesDatasetFilter } from '../../domain/dataset.ts';
import { type CatalogOrder, isPlainText } from '../../upstream/apis/catalog-query.ts';
import type { DatasetsApi } from '../../upstream/apis/datasets.ts';
import { readAfterSortKey, type SortKeyListOptions } from '../pagination/after-sort-key.ts';
import { type Connection, conditions, type PageOptions } from '../pagination/connection.ts';

export interface DatasetConnectionOptions extends PageOptions {
  readonly filter: DatasetFilter | null;
  readonly orderBy: CatalogOrder | null;
}

const newestFirst: CatalogOrder = { field: 'created', direction: 'desc' };

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
  const { name, nameContains, schemaId, createdAfter, createdBefore, updatedAfter } = filter ?? {};
  const keyOf = ({ createdAt, updatedAt }: Pick<Dataset, 'createdAt' | 'updatedAt'>) =>
    field === 'created' ? createdAt : updatedAt;
  const list: SortKeyListOptions<Dataset> = {
    name: `datasets:${field}:${direction}`,
    order: field === 'name' ? undefined : { direction, keyOf },
    readPage: ({ from, ...page }) => {
      const bounds = from === null ? {} : direction === 'desc' ? { to: from } : { from };
      return api.list({
        ...page,
        orderBy: { field, direction },
        // The filter compares these fields, whether or not they are selected.
        fields: fields && new Set([...fields, ...comparedFields(filter ?? {})]),
        name,
        created: { after: createdAfter, before: createdBefore, ...(field === 'created' ? bounds : {}) },
        updated: { after: updatedAfter, ...(field === 'updated' ? bounds : {}) },
      });
    },
  };
  // Catalog filters by top-level fields only, so not by the id of the schema. It compares names with their case.
  const isApplied = schemaId === undefined && nameContains === undefined && (name === undefined || isPlainText(name));
  const end = endOf(field, direction, filter ?? {});
  return readAfterSortKey(list, {
    first,
    after,
    ...(filter === null ? {} : conditions(isApplied, (dataset) => matchesDatasetFilter(dataset, filter))),
    isPast:
      end === undefined
        ? undefined
        : (dataset) => {
            const key = keyOf(dataset);
            return key !== null && (direction === 'desc' ? key <= end : key >= end);
          },
  });
}

/** The time of the filter at which a list in an order ends; undefined if there is none. */
function endOf(
  field: CatalogOrder['field'],
  direction: CatalogOrder['direction'],
  { createdAfter, createdBefore, updatedAfter }: DatasetFilter,
): Date | undefined {
  switch (field) {
    case 'created':
      return direction === 'desc' ? createdAfter : createdBefore;
    case 'updated':
      return direction === 'desc' ? updatedAfter : undefined;
    case 'name':
      return undefined;
  }
}

const comparedFields = (filter: DatasetFilter): readonly DatasetField[] => [
  ...(filter.name === undefined && filter.nameContains === undefined ? [] : (['name'] as const)),
  ...(filter.schemaId === undefined ? [] : (['schemaRef'] as const)),
  ...(filter.createdAfter === undefined && filter.createdBefore === undefined ? [] : (['createdAt'] as const)),
  ...(filter.updatedAfter === undefined ? [] : (['updatedAt'] as const)),
];
