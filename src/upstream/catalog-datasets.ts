import { getObjects, listObjects } from './catalog-objects.ts';
import { catalogListQuery, filterByName, newestFirst } from './catalog-query.ts';
import { unreadable } from './errors.ts';
import { isPathSegment } from './path-segment.ts';
import type { DatasetsApi } from './platform-api.ts';
import { decodeContextOf, orNull, type PlatformClient } from './platform-client.ts';
import { datasetProperties, decodeDataset, decodeDatasetReference, encodeNewDataset } from './wire/dataset.ts';
import { asList } from './wire/readers.ts';

const root = '/data/foundation/catalog/dataSets';
const service = 'catalog';

/** What a list is ordered by, as a field: a list comes with it, to be ordered and paged by. */
const orderFields = { created: 'createdAt', updated: 'updatedAt', name: 'name' } as const;

/** Datasets in Catalog. */
export function createDatasetsApi({ call, metrics }: PlatformClient): DatasetsApi {
  const context = decodeContextOf(metrics, 'Dataset');
  const decode = (id: string, value: unknown) => decodeDataset(id, value, context);

  return {
    list: ({ limit, start, orderBy = newestFirst, name, created, updated, fields }) => {
      const properties = datasetProperties(fields && new Set([...fields, orderFields[orderBy.field]]));
      const query = catalogListQuery({ limit, start, orderBy, properties, created, updated });
      if (name !== undefined) filterByName(query, name);
      const input = name === undefined ? {} : { input: 'filter' };
      return listObjects({ call }, { type: 'dataSets', query, orderBy, decode, ...input });
    },

    getMany: (ids, fields) =>
      getObjects({ call }, { type: 'dataSets', ids, properties: datasetProperties(fields), decode }),

    create: async (dataset) => {
      const request = {
        service,
        method: 'POST',
        path: root,
        body: JSON.stringify(encodeNewDataset(dataset)),
        effect: 'create',
        input: 'input',
      } as const;
      const answer = await call(request);
      const id = decodeDatasetReference(answer.json);
      if (id === null) throw unreadable(request, answer, 'It names no dataset.');
      return id;
    },

    delete: async (id) => {
      if (!isPathSegment(id)) return false;
      const path = `${root}/${encodeURIComponent(id)}`;
      const request = { service, method: 'DELETE', path, effect: 'delete', subject: id } as const;
      const answer = await orNull(call(request));
      // A dataset that is not there is a 404, or a success with an empty list.
      return answer !== null && !(Array.isArray(answer.json) && asList(answer.json).length === 0);
    },
  };
}
