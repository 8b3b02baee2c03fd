import { json, type Operation } from '../http/operation.ts';
import { notFound } from './catalog-errors.ts';
import { asMap, parseCatalogQuery, parseIds, parseProperties, runCatalogQuery } from './catalog-query.ts';
import { entityTag } from './entity-tag.ts';

/** `GET /dataSets` */
export const listDatasets: Operation = async ({ query, header, sandbox }, { store }) => {
  const parsed = parseCatalogQuery(query, header);
  return json(runCatalogQuery(await store.datasets.list(sandbox), parsed));
};

/** `GET /dataSets/{id}` and `GET /dataSets/{id1},{id2},…`: a map, even for one; a single object comes with its tag. */
export const getDatasets: Operation = async ({ parameters, query, sandbox }, { store, quirks }) => {
  const ids = parseIds(parameters['ids'] ?? '');
  const found = await store.datasets.findMany(sandbox, ids);
  const missing = found.length < ids.length;
  if (found.length === 0 || (missing && quirks.unknownIdsInList === 'not-found')) throw notFound('DataSet');
  const [only] = found;
  const tag = ids.length === 1 && only !== undefined ? entityTag(only.document) : null;
  return json(asMap(found, parseProperties(query)), tag === null ? {} : { 'e-tag': tag, etag: tag });
};
