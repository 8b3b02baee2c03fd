import { PlatformError } from '../errors.ts';
import { type Call, json, type Operation, type Platform } from '../http/operation.ts';
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
      // The platform says so of good files too.
      isValid: false,
      _links: { self: { href: `${origin}/data/foundation/export/files/${encodeURIComponent(id)}` } },
    },
  }));
  return json(dataAccessPage({ ...call, origin }, entries));
};

/** `GET /batches/{id}/failed` and `/meta`: an export rejects no rows, so that there are never such files. */
export const listNoBatchFiles: Operation = async (call, platform) => {
  await findBatch(call, platform);
  const path = call.query.get('path');
  if (path) throw new PlatformError(404, 'DAS-1000-404', `There is no file ${path}.`);
  return json(dataAccessPage({ ...call, origin: linkOrigin(call.origin, platform.quirks) }, []));
};

async function findBatch({ parameters, sandbox }: Call, { store }: Platform): Promise<Batch> {
  const id = parameters['batchId'] ?? '';
  const batch = await store.batches.find(sandbox, id);
  if (batch === null) throw new PlatformError(404, 'DAS-1000-404', `Batch ${id} does not exist.`);
  return batch;
}
