import type { Batch, BatchField, BatchFile } from '../domain/batch.ts';
import type { BatchId, DatasetId } from '../domain/ids.ts';
import type { BatchesApi, FilesApi } from '../upstream/platform-api.ts';
import { catalogList } from './catalog-list.ts';
import { type Connection, readConnection } from './connection.ts';
import { isCount } from './cursor.ts';
import type { UpstreamList } from './upstream-list.ts';

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
  const list = catalogList<Batch>({
    name: 'batches',
    idOf: ({ id }) => id,
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    readRows: ({ from, start, limit }) =>
      api.list({ datasetId, limit, start, fields, created: from === null ? undefined : { to: from } }),
  });
  return readConnection(list, { first, after });
}

export interface FileConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly batchId: BatchId;
}

/** A page of the entries of a batch. An entry may hold many files, so that a page is read again until all are returned. */
interface FilePlace {
  /** Row offset of the first entry. */
  readonly entry: number;
  /** Entries on the page; null at the head of the list. */
  readonly limit: number | null;
}

/**
 * The files of a batch, in the platform's order.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readFiles(
  api: Pick<FilesApi, 'list'>,
  { first, after, batchId }: FileConnectionOptions,
): Promise<Connection<BatchFile>> {
  const list: UpstreamList<BatchFile, FilePlace> = {
    name: 'files',
    idOf: ({ fileId, name }) => JSON.stringify([fileId, name]),
    start: { entry: 0, limit: null },
    read: async ({ entry, limit: size }, wanted) => {
      const limit = size ?? wanted;
      const { files, next } = await api.list({ batchId, start: entry, limit });
      const place = { entry, limit };
      return { place, rows: files, next: next === null ? null : { entry: next, limit }, total: null };
    },
    reportsEnd: true,
    encodePlace: ({ entry, limit }) => [entry, ...(limit === null ? [] : [limit])],
    decodePlace: ([entry, limit]) =>
      isCount(entry) && isCount(limit) && limit >= 1 && limit <= 100 ? { entry, limit } : null,
  };
  return readConnection(list, { first, after });
}
