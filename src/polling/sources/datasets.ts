import type { Dataset } from '../../domain/dataset.ts';
import { platformId } from '../../domain/ids.ts';
import type { DatasetsApi } from '../../upstream/apis/datasets.ts';
import { watchKind } from '../watch-kind.ts';
import { type CatalogObjects, catalogSource } from './catalog.ts';

/**
 * Source of datasets. A search finds the 1,000 newest ones. An older dataset is followed while a subscriber names it.
 * The list is not sorted by the time of the last update, because Catalog does not document which changes count as updates.
 */
export const datasetSource = catalogSource<Dataset>({
  kind: 'datasets',
  isTerminal: () => false,
  mayFollow: () => true,
  endedAt: () => null,
  searchFindsAll: false,
});

export const datasetObjects = (api: Pick<DatasetsApi, 'list' | 'getMany'>): CatalogObjects<Dataset> => ({
  list: (page) => api.list(page),
  getMany: (ids, limits) =>
    api.getMany(
      ids.map((id) => platformId(id)),
      limits,
    ),
});

export const datasets = watchKind({
  source: datasetSource,
  reader: (connect, proof) => ({ proof, objects: (calls) => datasetObjects(connect(calls).datasets) }),
  proof: {
    list: (api) => api.datasets.list({ limit: 1, fields: new Set() }),
    get: (api, id) => api.datasets.get(platformId(id), { fields: new Set() }),
  },
});
