import type { Batch, BatchField, BatchFile } from '../domain/batch.ts';
import type { BatchId, DatasetId } from '../domain/ids.ts';
import type { BatchesApi, FilesApi } from '../upstream/platform-api.ts';
import { readCatalogConnection } from './catalog-connection.ts';
import { type Connection, readConnection } from './connection.ts';
import { badCursor, decodeCursor, encodeCursor, isCount } from './cursor.ts';

export interface BatchConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly datasetId: DatasetId;
}

/**
 * The batches of a dataset, newest first.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readBatches(
  api: Pick<BatchesApi, 'list'>,
  options: BatchConnectionOptions,
  fields?: ReadonlySet<BatchField>,
): Promise<Connection<Batch>> {
  const { first, after, datasetId } = options;
  return readCatalogConnection<Batch>({
    list: 'batches',
    first,
    after,
    idOf: (batch) => batch.id,
    keyOf: (batch) => batch.createdAt,
    readRows: ({ from, start, limit }) =>
      api.list({ datasetId, limit, start, fields, created: from === null ? undefined : { to: from } }),
  });
}

export interface FileConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly batchId: BatchId;
}

const fileList = 'files';

/**
 * The files of a batch, in the platform's order.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export async function readFiles(
  api: Pick<FilesApi, 'list'>,
  options: FileConnectionOptions,
): Promise<Connection<BatchFile>> {
  const { first, batchId } = options;
  return readConnection<BatchFile, FilePosition>({
    first,
    after: options.after === null ? null : decodeFilePosition(options.after),
    idOf: ({ fileId, name }) => JSON.stringify([fileId, name]),
    encode: ({ entry, part }) => encodeCursor(fileList, [entry, part]),
    readPage: async (after, limit) => {
      // An entry of the batch may hold many parts, so a page can end within one: the entry is then read again.
      const entry = after?.entry ?? 0;
      const given = after?.part ?? 0;
      const { files, next } = await api.list({ batchId, start: entry, limit });
      // Behind the last part of a page stands the next page, so that going on from there does not read this one again.
      const behind = (part: number) =>
        next !== null && part === files.length ? { entry: next, part: 0 } : { entry, part };
      return {
        rows: files.map((node, index) => ({ node, position: behind(index + 1) })).slice(given),
        // A smaller page than the one before it may end among parts that were given already.
        next: next === null ? null : { entry: next, part: Math.max(0, given - files.length) },
      };
    },
  });
}

interface FilePosition {
  /** Row offset of the upstream page. */
  readonly entry: number;
  /** How many parts of that page were given. */
  readonly part: number;
}

function decodeFilePosition(cursor: string): FilePosition {
  const [entry, part] = decodeCursor(fileList, cursor);
  if (!isCount(entry) || !isCount(part)) throw badCursor();
  return { entry, part };
}
