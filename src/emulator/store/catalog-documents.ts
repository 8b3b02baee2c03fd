import { isJsonObject, type JsonObject } from '../json.ts';
import { credential } from '../options.ts';
import type { Batch, BatchStatus } from './platform-store-batches.ts';

/** Client that Catalog reports as creator and last editor of an object. */
export const exportServiceClient = 'acp_core_unifiedProfile_exports';
export const exportServiceUser = 'export-service@techacct.adobe.com';

/** Document of a batch whose export has been requested. */
export function newBatchDocument(datasetId: string, created: number): Batch['document'] {
  return {
    imsOrg: credential.organization,
    created,
    createdClient: exportServiceClient,
    createdUser: exportServiceUser,
    updatedUser: exportServiceUser,
    updated: created,
    status: 'loading',
    version: '1.0.0',
    relatedObjects: [{ type: 'dataSet', id: datasetId }],
    tags: {},
    inputFormat: { format: 'parquet' },
  };
}

/** A batch document with changes and an incremented version. */
export function changedBatch(
  document: Batch['document'],
  updated: number,
  changes: JsonObject & { readonly status: BatchStatus },
): Batch['document'] {
  return { ...document, ...changes, updated, version: nextVersion(document['version']) };
}

/** A dataset document with changes and an incremented version. */
export function changedDataset(document: JsonObject, updated: number, changes: JsonObject): JsonObject {
  return { ...document, ...changes, updated, version: nextVersion(document['version']) };
}

/** `1.0.3` becomes `1.0.4`. Any other text restarts the numbering. */
function nextVersion(version: unknown): string {
  const [, prefix, patch] = /^(\d+\.\d+\.)(\d+)$/.exec(String(version)) ?? [];
  return prefix === undefined ? '1.0.0' : `${prefix}${Number(patch) + 1}`;
}

/** Union view of XDM Individual Profile. Profiles can be exported only to a dataset with this schema. */
export const unionSchemaId = 'https://ns.adobe.com/xdm/context/profile__union';

export function isOnUnionSchema(document: JsonObject): boolean {
  const schemaRef = document['schemaRef'];
  return isJsonObject(schemaRef) && schemaRef['id'] === unionSchemaId;
}
