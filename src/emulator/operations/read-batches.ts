import { json, type Operation } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import { notFound } from './catalog-errors.ts';
import type { Predicate } from './catalog-filter.ts';
import {
  asMap,
  type CatalogObject,
  integer,
  parseCatalogQuery,
  parseIds,
  parseProperties,
  runCatalogQuery,
} from './catalog-query.ts';
import { batchKind, inSandbox, lastBatchKind } from './catalog-records.ts';
import { commaList } from './comma-list.ts';
import { entityTag } from './entity-tag.ts';

/** Parameters that only batches have. Bounds are exclusive Unix epoch milliseconds. */
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
export const listBatches: Operation = async (call, platform) => {
  const { query, header, sandbox } = call;
  const parsed = parseCatalogQuery(query, header, batchParameters);
  const batches = await platform.store.batches.list(sandbox, {
    datasetIds: commaList(query.get('dataSet')),
    createdAfter: integer('createdAfter', query.get('createdAfter')),
    createdBefore: integer('createdBefore', query.get('createdBefore')),
  });
  const ids = commaList(query.get('batch'));
  const named = ids === null ? batches : batches.filter(({ id }) => ids.includes(id));
  const bounded = { ...parsed, predicates: [...parsed.predicates, ...timeBounds(query)] };
  return json(runCatalogQuery(await inSandbox(named, call, platform), bounded, batchKind(platform.quirks)));
};

/** `GET /batches/{id}` and `GET /batches/{id1},{id2},…`: returns a map, even for one id. */
export const getBatches: Operation = async (call, platform) => {
  const ids = parseIds(call.parameters['ids'] ?? '');
  const found = await platform.store.batches.findMany(call.sandbox, ids);
  const missing = found.length < ids.length;
  if (found.length === 0 || (missing && platform.quirks.unknownIdsInList === 'not-found')) throw notFound('Batch');
  const [only] = found;
  const tag = ids.length === 1 && only !== undefined ? entityTag(only.document) : null;
  const { show } = batchKind(platform.quirks);
  const shown = (await inSandbox(found, call, platform)).map((each) => ({ id: each.id, document: show(each) }));
  return json(asMap(shown, parseProperties(call.query)), tag === null ? {} : { 'e-tag': tag, etag: tag });
};

/** `GET /lastBatches`: a map by dataset id. Its field names differ from those of the dataset. */
export const getLastBatches: Operation = async (call, platform) => {
  const { datasets } = platform.store;
  const parsed = parseCatalogQuery(call.query, call.header, ['dataSetId']);
  const ids = commaList(call.query.get('dataSetId'));
  const found = await (ids === null ? datasets.list(call.sandbox) : datasets.findMany(call.sandbox, ids));
  return json(runCatalogQuery(await inSandbox(lastBatchesOf(found), call, platform), parsed, lastBatchKind()));
};

function lastBatchesOf(datasets: readonly Dataset[]): CatalogObject[] {
  return datasets
    .filter(({ document }) => document['lastBatchId'] !== undefined)
    .map(({ id, document }) => ({
      id,
      document: {
        lastBatchId: document['lastBatchId'],
        lastBatchStatus: document['lastBatchStatus'],
        lastSuccessfulBatchId: document['lastSuccessfulBatch'],
        lastFailedBatchId: document['lastFailedBatch'],
        imsOrg: document['imsOrg'],
        created: document['created'],
        updated: document['updated'],
      },
    }));
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
