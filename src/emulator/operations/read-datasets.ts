import { json, type Operation } from '../http/operation.ts';
import { notFound } from './catalog-errors.ts';
import { asMap, parseCatalogQuery, parseIds, parseProperties, runCatalogQuery } from './catalog-query.ts';
import { datasetKind, inSandbox } from './catalog-records.ts';
import { entityTag } from './entity-tag.ts';

/** `GET /dataSets` */
export const listDatasets: Operation = async (call, platform) => {
  const parsed = parseCatalogQuery(call.query, call.header);
  const datasets = await inSandbox(await platform.store.datasets.list(call.sandbox), call, platform);
  return json(runCatalogQuery(datasets, parsed, datasetKind(platform.quirks)));
};

/**
 * `GET /dataSets/{id}` and `GET /dataSets/{id1},{id2},…`: returns a map, even for one id. The response for one id has
 * an entity tag.
 */
export const getDatasets: Operation = async (call, platform) => {
  const ids = parseIds(call.parameters['ids'] ?? '');
  const found = await platform.store.datasets.findMany(call.sandbox, ids);
  const missing = found.length < ids.length;
  if (found.length === 0 || (missing && platform.quirks.unknownIdsInList === 'not-found')) throw notFound('DataSet');
  const [only] = found;
  const tag = ids.length === 1 && only !== undefined ? entityTag(only.document) : null;
  const { show } = datasetKind(platform.quirks);
  const shown = (await inSandbox(found, call, platform)).map((each) => ({ id: each.id, document: show(each) }));
  return json(asMap(shown, parseProperties(call.query)), tag === null ? {} : { 'e-tag': tag, etag: tag });
};
