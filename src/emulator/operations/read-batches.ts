import { json, type Operation } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import { notFound } from './catalog-errors.ts';
import type { Predicate } from './catalog-filter.ts';
import {
  asMap,
  type CatalogQuery,
  integer,
  parseCatalogQuery,
  parseIds,
  parseProperties,
  runCatalogQuery,
} from './catalog-query.ts';
import { entityTag } from './entity-tag.ts';

/** Parameters of batches beside the shared ones. Bounds are exclusive Unix epoch milliseconds. */
const batchParameters = [
  'createdAfter',
  'createdBefore',
  'dataSet',
  'batch',
  'startAfter',
  'startBefore',
  'endAfter',
  'endBefore',
  'aggregate',
];

/** `GET /batches` */
export const listBatches: Operation = async ({ query, header, sandbox }, { store }) => {
  const parsed = parseCatalogQuery(query, header, batchParameters);
  const batches = await store.batches.list(sandbox, {
    datasetIds: commaList(query.get('dataSet')),
    createdAfter: integer('createdAfter', query.get('createdAfter')),
    createdBefore: integer('createdBefore', query.get('createdBefore')),
  });
  const ids = commaList(query.get('batch'));
  const named = ids === null ? batches : batches.filter(({ id }) => ids.includes(id));
  return json(runCatalogQuery(named, { ...parsed, predicates: [...parsed.predicates, ...timeBounds(query)] }));
};

/** `GET /batches/{id}` and `GET /batches/{id1},{id2},…`: a map, even for one. */
export const getBatches: Operation = async ({ parameters, query, sandbox }, { store, quirks }) => {
  const ids = parseIds(parameters['ids'] ?? '');
  const found = await store.batches.findMany(sandbox, ids);
  const missing = found.length < ids.length;
  if (found.length === 0 || (missing && quirks.unknownIdsInList === 'not-found')) throw notFound('Batch');
  const [only] = found;
  const tag = ids.length === 1 && only !== undefined ? entityTag(only.document) : null;
  return json(asMap(found, parseProperties(query)), tag === null ? {} : { 'e-tag': tag, etag: tag });
};

/** `GET /lastBatches`: keyed by dataset; its field names differ from those of the dataset itself. */
export const getLastBatches: Operation = async (call, { store }) => {
  const parsed = parseCatalogQuery(call.query, call.header, ['dataSetId']);
  const ids = commaList(call.query.get('dataSetId'));
  const datasets = await (ids === null
    ? store.datasets.list(call.sandbox)
    : store.datasets.findMany(call.sandbox, ids));
  const sandbox = await store.sandboxes.find(call.sandbox);
  return json(lastBatchesOf(datasets, parsed, sandbox?.id));
};

function lastBatchesOf(datasets: readonly Dataset[], query: CatalogQuery, sandboxId: string | undefined): JsonObject {
  const entries = datasets.flatMap(({ id, document }) => {
    if (document['lastBatchId'] === undefined) return [];
    return [
      {
        id,
        document: {
          lastBatchId: document['lastBatchId'],
          lastBatchStatus: document['lastBatchStatus'],
          lastSuccessfulBatchId: document['lastSuccessfulBatch'],
          lastFailedBatchId: document['lastFailedBatch'],
          imsOrg: document['imsOrg'],
          sandboxId,
          created: document['created'],
          updated: document['updated'],
        },
      },
    ];
  });
  return runCatalogQuery(entries, query);
}

function timeBounds(query: URLSearchParams): readonly Predicate[] {
  const bounds = [
    { name: 'startAfter', field: 'started', holds: (value: number, bound: number) => value > bound },
    { name: 'startBefore', field: 'started', holds: (value: number, bound: number) => value < bound },
    { name: 'endAfter', field: 'completed', holds: (value: number, bound: number) => value > bound },
    { name: 'endBefore', field: 'completed', holds: (value: number, bound: number) => value < bound },
  ];
  return bounds.flatMap(({ name, field, holds }) => {
    const bound = integer(name, query.get(name));
    if (bound === null) return [];
    return [
      (document: JsonObject) => {
        const value = document[field];
        return typeof value === 'number' && holds(value, bound);
      },
    ];
  });
}

function commaList(text: string | null): readonly string[] | null {
  return text === null || text === '' ? null : text.split(',').map((id) => id.trim());
}
