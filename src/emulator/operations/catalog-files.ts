import { type Call, json, type Operation, type Platform } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import { credential } from '../options.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import { notFound } from './catalog-errors.ts';
import { type CatalogKind, type CatalogObject, parseCatalogQuery, runCatalogQuery } from './catalog-query.ts';
import { inSandbox } from './catalog-records.ts';
import { commaList } from './comma-list.ts';

/**
 * `GET /dataSetFiles`: the files of all batches, or those selected by `dataSetId` or `batchId`. Each of these may be a
 * list.
 */
export const listDatasetFiles: Operation = async (call, platform) =>
  filesReply(call, platform, commaList(call.query.get('dataSetId')));

/** `GET /dataSets/{id}/views`. Each dataset has one view. */
export const listDatasetViews: Operation = async (call, platform) => {
  const view = viewOf(await findDataset(call, platform));
  const parsed = parseCatalogQuery(call.query, call.header);
  return json(runCatalogQuery(await inSandbox([view], call, platform), parsed, wholeObjects));
};

/** `GET /dataSets/{id}/views/{viewId}` */
export const getDatasetView: Operation = async (call, platform) => {
  const view = await findView(call, platform);
  const [shown] = await inSandbox([view], call, platform);
  return json({ [view.id]: shown?.document });
};

/** `GET /dataSets/{id}/views/{viewId}/files` */
export const listViewFiles: Operation = async (call, platform) => {
  await findView(call, platform);
  return filesReply(call, platform, [call.parameters['datasetId'] ?? '']);
};

const wholeObjects: CatalogKind = { fields: ['batchId', 'dataSetViewId'], show: ({ document }) => document };

async function filesReply(call: Call, platform: Platform, datasetIds: readonly string[] | null) {
  const parsed = parseCatalogQuery(call.query, call.header, ['dataSetId']);
  const named = commaList(call.query.get('batchId'));
  const batches = await platform.store.batches.list(call.sandbox, {
    datasetIds,
    createdAfter: null,
    createdBefore: null,
  });
  const files: CatalogObject[] = [];
  for (const { id } of batches.filter((batch) => named?.includes(batch.id) ?? true)) {
    await platform.pastBatchFiles.provide(call.sandbox, id);
    for (const file of await platform.store.batchFiles.list(call.sandbox, id)) {
      files.push({ id: file.id, document: fileDocument(file) });
    }
  }
  return json(runCatalogQuery(files, parsed, wholeObjects));
}

function fileDocument(file: {
  readonly id: string;
  readonly batchId: string;
  readonly dataSetViewId: string;
  readonly created: number;
}): JsonObject {
  return {
    id: file.id,
    batchId: file.batchId,
    dataSetViewId: file.dataSetViewId,
    imsOrg: credential.organization,
    availableDates: {},
    createdUser: `${credential.clientId}@techacct.adobe.com`,
    createdClient: credential.clientId,
    updatedUser: `${credential.clientId}@techacct.adobe.com`,
    version: '1.0.0',
    created: file.created,
    updated: file.created,
  };
}

function viewOf({ id, document }: Dataset): CatalogObject {
  return {
    id: String(document['viewId'] ?? ''),
    document: {
      version: '1.0.0',
      imsOrg: document['imsOrg'],
      dataSetId: id,
      status: 'enabled',
      schemaRef: document['schemaRef'],
      fileDescription: document['fileDescription'],
      created: document['created'],
      createdClient: document['createdClient'],
      createdUser: document['createdUser'],
      updated: document['created'],
      updatedUser: document['createdUser'],
      files: `@/dataSets/${id}/views/${document['viewId']}/files`,
    },
  };
}

async function findDataset({ parameters, sandbox }: Call, { store }: Platform): Promise<Dataset> {
  const dataset = await store.datasets.find(sandbox, parameters['datasetId'] ?? '');
  if (dataset === null) throw notFound('DataSet');
  return dataset;
}

async function findView(call: Call, platform: Platform): Promise<CatalogObject> {
  const view = viewOf(await findDataset(call, platform));
  if (view.id !== call.parameters['viewId']) throw notFound('DataSetView');
  return view;
}
