import { stat } from 'node:fs/promises';
import { PlatformError } from '../errors.ts';
import { type Call, type Headers, json, type Operation, type Platform, type Reply } from '../http/operation.ts';
import type { BatchFile, FilePart } from '../store/platform-store-batch-files.ts';
import { parseByteRange } from './byte-range.ts';
import { dataAccessPage, linkOrigin } from './data-access-page.ts';

/**
 * `GET /files/{id}`: lists the parts of a file or, with `path`, returns the bytes of one part: all of them (200) or a
 * range (206).
 */
export const getDatasetFile: Operation = async (call, platform) => {
  const file = await findFile(call, platform);
  const path = call.query.get('path');
  if (!path) return json(partsPage(call, platform, file));

  const { headers, location, size } = await describePart(partOf(file, path), platform);
  const range = parseByteRange(call.header('range'), size);
  switch (range.kind) {
    case 'whole':
      return size === 0
        ? { kind: 'empty', status: 200, headers }
        : { kind: 'file', status: 200, path: location, start: 0, end: size - 1, headers };
    case 'part':
      return {
        kind: 'file',
        status: 206,
        path: location,
        start: range.start,
        end: range.end,
        headers: {
          ...headers,
          'content-length': String(range.end - range.start + 1),
          'content-range': `bytes ${range.start}-${range.end}/${size}`,
        },
      };
    case 'unsatisfiable':
      throw new PlatformError(416, 'DAS-1000-416', 'The range lies outside of the file.', {
        'content-range': `bytes */${size}`,
      });
  }
};

/** `HEAD /files/{id}?path=…` */
export const headDatasetFile: Operation = async (call, platform): Promise<Reply> => {
  const file = await findFile(call, platform);
  const path = call.query.get('path');
  if (!path) throw new PlatformError(400, 'DAS-1000-400', 'path is required');
  const { headers } = await describePart(partOf(file, path), platform);
  return { kind: 'empty', status: 200, headers };
};

function partsPage(call: Call, { quirks }: Platform, { id, parts }: BatchFile) {
  const origin = linkOrigin(call.origin, quirks);
  const entries = parts.map(({ name, sizeBytes }) => ({
    name,
    entry: {
      name,
      length: String(sizeBytes),
      _links: {
        self: {
          href: `${origin}/data/foundation/export/files/${encodeURIComponent(id)}?path=${encodeURIComponent(name)}`,
        },
      },
    },
  }));
  return dataAccessPage({ ...call, origin }, entries);
}

async function findFile({ parameters, sandbox }: Call, { store, pastBatchFiles }: Platform): Promise<BatchFile> {
  const id = parameters['fileId'] ?? '';
  await pastBatchFiles.provide(sandbox, id.replace(/-\d+$/, ''));
  const file = await store.batchFiles.find(sandbox, id);
  if (file === null) throw new PlatformError(404, 'DAS-1000-404', `File ${id} does not exist.`);
  return file;
}

function partOf({ parts }: BatchFile, path: string): FilePart {
  const part = parts.find(({ name }) => name === path);
  if (part === undefined) throw new PlatformError(404, 'DAS-1000-404', `There is no part ${path}.`);
  return part;
}

async function describePart(
  part: FilePart,
  { folders }: Platform,
): Promise<{ headers: Headers; location: string; size: number }> {
  const location = folders.resolve(part.path);
  const { size } = await stat(location);
  return {
    location,
    size,
    headers: { 'accept-ranges': 'bytes', 'content-length': String(size), 'content-type': 'application/parquet' },
  };
}
