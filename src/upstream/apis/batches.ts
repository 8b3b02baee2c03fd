import type { Batch, BatchField } from '../../domain/batch.ts';
import type { BatchId, DatasetId } from '../../domain/ids.ts';
import { batchProperties, decodeBatch, encodeBatchStatus } from '../wire/batch.ts';
import type { BulkResult } from './bulk-read.ts';
import { type CatalogReadOptions, getObject, getObjects, listObjects } from './catalog-objects.ts';
import type { CatalogPage } from './catalog-page.ts';
import { catalogListQuery, newestFirst, type TimeBounds } from './catalog-query.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { rejectedPart } from './rejected-input.ts';

export interface BatchesApi {
  /** One upstream call. Batches are sorted newest first. */
  list(options: {
    /** Batches of this dataset. @default batches of all datasets */
    readonly datasetId?: DatasetId | undefined;
    /** Batches with one of these statuses of the platform. */
    readonly statuses?: readonly ListedBatchStatus[] | undefined;
    /** Exclusive. */
    readonly createdAfter?: Date | undefined;
    readonly limit: number;
    readonly start?: number;
    readonly created?: TimeBounds | undefined;
    /** Fields to request. `createdAt` is requested too; all others are null. @default every field */
    readonly fields?: ReadonlySet<BatchField> | undefined;
  }): Promise<CatalogPage<Batch>>;
  /** Reads batches in chunks, with one upstream call per 100 ids of the usual length. */
  getMany(ids: readonly BatchId[], options?: CatalogReadOptions<BatchField>): Promise<BulkResult<BatchId, Batch>>;
  /** One upstream call. */
  get(id: BatchId, options?: Pick<CatalogReadOptions<BatchField>, 'fields'>): Promise<Batch | null>;
}

/** A status by which the platform can filter batches. */
export type ListedBatchStatus = Exclude<Batch['status'], 'UNKNOWN'>;

/** Batches in Catalog. */
export function createBatchesApi(client: PlatformClient): BatchesApi {
  const context = decodeContextOf(client.metrics, 'Batch');
  const decode = (id: string, value: unknown) => decodeBatch(id, value, context);
  const objectsWith = (fields?: ReadonlySet<BatchField>) =>
    ({ type: 'batches', properties: batchProperties(fields), decode, context }) as const;

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
      const input = rejectedPart([{ path: 'filter', values, properties: names }]);
      return listObjects(client, { type: 'batches', query, orderBy, input, decode, context });
    },

    getMany: (ids, { fields, maxSplits } = {}) => getObjects(client, objectsWith(fields), ids, { maxSplits }),

    get: (id, { fields } = {}) => getObject(client, objectsWith(fields), id),
  };
}
