import { PlatformError } from '../errors.ts';
import { type Call, json, type Operation, type Platform } from '../http/operation.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Batch } from '../store/platform-store-batches.ts';
import { dataAccessPage, linkOrigin } from './data-access-page.ts';

/** `GET /batches/{id}/files` */
export const listBatchFiles: Operation = async (call, platform) => {
  const batch = await findBatch(call, platform);
  await platform.pastBatchFiles.provide(call.sandbox, batch.id);
  const origin = linkOrigin(call.origin, platform.quirks);
  const files = await platform.store.batchFiles.list(call.sandbox, batch.id);
  const entries = files.map(({ id, dataSetViewId, created, parts }) => ({
    name: id,
    entry: {
      dataSetFileId: id,
      dataSetViewId,
      version: '1.0.0',
      created: String(created),
      updated: String(created),
      records: String(parts.reduce((sum, { rows }) => sum + rows, 0)),
      size: String(parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
      // The platform returns false for valid files, too.
      isValid: false,
      _links: { self: { href: `${origin}/data/foundation/export/files/${encodeURIComponent(id)}` } },
    },
  }));
  return json(dataAccessPage({ ...call, origin }, entries));
};

/** `GET /batches/{id}/failed`: for a failed batch, the folder with the file of its rejected rows. */
export const listFailedFiles: Operation = (call, platform) =>
  listEntriesOfFailed(call, platform, ['_rejected', '_rejected/part-00000.json']);

/** `GET /batches/{id}/meta`: for a failed batch, two empty folders and a sample of the rejected rows. */
export const listMetaFiles: Operation = (call, platform) =>
  listEntriesOfFailed(call, platform, ['row_errors', 'input_files', 'row_errors_sample.json']);

/**
 * Lists the entries of the root, or of the folder `path`. Folders have no file extension and length 0. An export is
 * rejected as a whole, so that a file has an entry for each error of the batch.
 */
async function listEntriesOfFailed(call: Call, platform: Platform, names: readonly string[]) {
  const { document } = await findBatch(call, platform);
  const present = document.status === 'failed' || document.status === 'failure' ? names : [];
  const path = call.query.get('path');
  const origin = linkOrigin(call.origin, platform.quirks);
  const content = rejectionsOf(document['errors']);
  if (path !== null && !present.includes(path))
    throw new PlatformError(404, 'DAS-1000-404', `There is no file ${path}.`);
  if (path !== null && isFile(path)) return json(content);
  const inFolder = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('/'))) === (path ?? '');
  const entries = present.filter(inFolder).map((name) => ({
    name,
    entry: {
      name,
      length: isFile(name) ? String(Buffer.byteLength(JSON.stringify(content))) : '0',
      _links: { self: { href: `${origin}${call.path}?path=${encodeURIComponent(name)}` } },
    },
  }));
  return json(dataAccessPage({ ...call, origin }, entries));
}

/** The rejected rows with their reasons, from the `errors` of a batch. */
function rejectionsOf(errors: JsonValue | undefined): JsonObject[] {
  if (!Array.isArray(errors)) return [];
  return errors.map((error) => ({ _errors: [error], _filename: 'part-00000.parquet' }));
}

function isFile(name: string): boolean {
  return name.includes('.');
}

async function findBatch({ parameters, sandbox }: Call, { store }: Platform): Promise<Batch> {
  const id = parameters['batchId'] ?? '';
  const batch = await store.batches.find(sandbox, id);
  if (batch === null) throw new PlatformError(404, 'DAS-1000-404', `Batch ${id} does not exist.`);
  return batch;
}
