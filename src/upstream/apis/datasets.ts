import type { Dataset, DatasetField, NewDataset } from '../../domain/dataset.ts';
import type { DatasetId } from '../../domain/ids.ts';
import { UpstreamUnreadableError } from '../../errors.ts';
import { fitOfDataset } from '../creates/matches-create.ts';
import { createWithRecovery } from '../creates/with-recovery.ts';
import type { BoundClient, FindRejectedInput, WriteClient } from '../http/call.ts';
import { encodedSegment, isPathSegment } from '../http/path-segment.ts';
import { datasetProperties, decodeDataset, decodeDatasetReference, encodeNewDataset } from '../wire/dataset.ts';
import { asList } from '../wire/readers.ts';
import type { BulkResult } from './bulk-read.ts';
import { type CatalogReadOptions, getObject, getObjects, listObjects } from './catalog-objects.ts';
import type { CatalogPage } from './catalog-page.ts';
import { type CatalogOrder, catalogListQuery, isPlainText, newestFirst, type TimeBounds } from './catalog-query.ts';
import { decodeContextOf, nullIfNotFound, type PlatformClient } from './client.ts';
import { createOne, type WritableCollection } from './collection.ts';
import { rejectedInput, rejectedPart } from './rejected-input.ts';

export interface DatasetsApi {
  /** One upstream call. `limit` is 1 to 100. */
  list(options: DatasetListOptions): Promise<CatalogPage<Dataset>>;
  /** Reads datasets in chunks, with one upstream call per 100 ids of the usual length. */
  getMany(
    ids: readonly DatasetId[],
    options?: CatalogReadOptions<DatasetField>,
  ): Promise<BulkResult<DatasetId, Dataset>>;
  /** One upstream call. */
  get(id: DatasetId, options?: Pick<CatalogReadOptions<DatasetField>, 'fields'>): Promise<Dataset | null>;
  /**
   * Returns the new id, because the platform returns nothing else. If the outcome is unknown, a second call looks for a
   * new dataset of this name.
   */
  create(dataset: NewDataset): Promise<DatasetId>;
  /** False when the platform does not know the dataset. */
  delete(id: DatasetId): Promise<boolean>;
}

/** Catalog cannot filter by schema, because it filters by top-level fields only. */
export interface DatasetListOptions {
  readonly limit: number;
  /** Fields to request. The field of the order is requested too; all others are null. @default every field */
  readonly fields?: ReadonlySet<DatasetField> | undefined;
  /** Row offset. @default 0 */
  readonly start?: number;
  readonly orderBy?: CatalogOrder;
  /** The platform returns datasets of this name, and may return others, so that the caller must compare the names. */
  readonly name?: string | undefined;
  readonly created?: TimeBounds | undefined;
  readonly updated?: TimeBounds | undefined;
}

const root = '/data/foundation/catalog/dataSets';
const service = 'catalog';
/** Number of newest datasets of one name that are searched for the result of a lost create. */
const newestPageSize = 100;

/** Field of each order. Lists always request it, because they are ordered and paged by it. */
const orderFields = { created: 'createdAt', updated: 'updatedAt', name: 'name' } as const;

/** Datasets in the response to a create, which contains only their id. */
const references: WritableCollection<{ readonly id: DatasetId }> = {
  service,
  entity: 'Dataset',
  root,
  invalidEntityMessage: 'It names no dataset.',
  decode: (value) => {
    const id = decodeDatasetReference(value);
    return id === null ? null : { id };
  },
};

/** Datasets in Catalog. */
export function createDatasetsApi(client: PlatformClient): DatasetsApi {
  const context = decodeContextOf(client.metrics, 'Dataset');
  const decode = (id: string, value: unknown) => decodeDataset(id, value, context);
  const objectsWith = (fields?: ReadonlySet<DatasetField>) =>
    ({ type: 'dataSets', properties: datasetProperties(fields), decode, context }) as const;

  const list = (client: BoundClient, options: DatasetListOptions) => {
    const { limit, start, orderBy = newestFirst, name, created, updated, fields } = options;
    const properties = datasetProperties(fields && new Set([...fields, orderFields[orderBy.field]]));
    const query = catalogListQuery({ limit, start, orderBy, properties, created, updated });
    const isSent = name !== undefined && isPlainText(name);
    if (isSent) query.set('name', name);
    const input = isSent ? { input: rejectedPart([{ path: 'filter', values: [name], properties: ['name'] }]) } : {};
    return listObjects(client, { type: 'dataSets', query, orderBy, decode, context, ...input });
  };

  return {
    list: (options) => list(client, options),

    getMany: (ids, { fields, maxSplits } = {}) => getObjects(client, objectsWith(fields), ids, { maxSplits }),

    get: (id, { fields } = {}) => getObject(client, objectsWith(fields), id),

    create: async (dataset) => {
      const { name } = dataset;
      const body = encodeNewDataset(dataset);
      const { id } = await createWithRecovery(client, {
        service,
        entity: references.entity,
        group: name,
        body,
        send: (sender) => createOne(sender, references, body, rejectedDataset(dataset)),
        newest: async (lookups) => {
          const fields = new Set(['name', 'schemaRef'] as const);
          const { objects, rows } = await list(lookups, { limit: newestPageSize, name, fields });
          return { entities: objects, isAll: rows.length < newestPageSize, unusable: rows.length - objects.length };
        },
        fitOf: (candidate: Dataset) => fitOfDataset(dataset, candidate),
      });
      return id;
    },

    delete: async (id) => {
      if (!isPathSegment(id)) return false;
      return await client.write({ entity: references.entity, action: 'delete', id }, async (sender) => {
        const known = await deleteDataset(sender, id);
        return { result: known, id: known ? id : null, evidence: 'response' };
      });
    },
  };
}

/** @returns false if the platform does not have the dataset */
async function deleteDataset(sender: WriteClient, id: DatasetId): Promise<boolean> {
  const path = `${root}/${encodedSegment(id)}`;
  const request = { service, method: 'DELETE', path, effect: 'delete', subject: id } as const;
  try {
    const response = await nullIfNotFound(sender.send(request));
    // For a dataset that does not exist, the platform responds 404, or success with an empty list.
    return response !== null && !(Array.isArray(response.json) && asList(response.json).length === 0);
  } catch (error) {
    // The status of an unreadable response still means success.
    if (error instanceof UpstreamUnreadableError && typeof error.upstream?.status === 'number') return true;
    throw error;
  }
}

/** Finds the argument of a create that the platform rejected. A 404 is about the schema. */
const rejectedDataset = ({ name, description, schemaRef, fileFormat, tags }: NewDataset): FindRejectedInput =>
  rejectedInput({
    entities: [
      {
        word: /schema/i,
        list: 'input.schemaRef.id',
        properties: ['schemaRef'],
        named: [{ id: schemaRef.id, path: 'input.schemaRef.id' }],
      },
    ],
    parts: [
      { path: 'input.schemaRef.contentType', values: [schemaRef.contentType], properties: ['contentType'] },
      { path: 'input.name', values: [name], properties: ['name'] },
      { path: 'input.description', values: [description ?? ''], properties: ['description'] },
      { path: 'input.fileFormat', values: [fileFormat], properties: ['fileDescription', 'containerFormat', 'format'] },
      ...tags.map((tag, index) => ({ path: `input.tags.${index}`, values: [tag.name, ...tag.values] })),
      { path: 'input.tags', properties: ['tags'] },
    ],
    unknown: null,
  });
