import type { BatchesApi } from '../platform-api.ts';
import { decodeContextOf, type PlatformClient } from '../platform-client.ts';
import { batchProperties, decodeBatch, encodeBatchStatus } from '../wire/batch.ts';
import { getObjects, listObjects } from './catalog-objects.ts';
import { catalogListQuery, newestFirst } from './catalog-query.ts';
import { refusedPart } from './rejected-input.ts';

/** Batches in Catalog. */
export function createBatchesApi({ call, metrics }: PlatformClient): BatchesApi {
  const context = decodeContextOf(metrics, 'Batch');
  const decode = (id: string, value: unknown) => decodeBatch(id, value, context);

  return {
    list: ({ datasetId, statuses, createdAfter, limit, start, created, fields }) => {
      const orderBy = newestFirst;
      const properties = batchProperties(fields && new Set([...fields, 'createdAt']));
      const query = catalogListQuery({ limit, start, orderBy, properties, created });
      if (datasetId !== undefined) query.set('dataSet', datasetId);
      if (statuses !== undefined) query.set('status', statuses.flatMap(encodeBatchStatus).join(','));
      if (createdAfter !== undefined) query.set('createdAfter', String(createdAfter.getTime()));
      const names = ['status', 'dataSet', 'createdAfter'].filter((name) => query.has(name));
      const values = [datasetId ?? '', ...(statuses ?? [])];
      const input = refusedPart([{ path: 'filter', values, properties: names }]);
      return listObjects({ call }, { type: 'batches', query, orderBy, input, decode, context });
    },

    getMany: (ids, fields) =>
      getObjects({ call }, { type: 'batches', ids, properties: batchProperties(fields), decode }),
  };
}
