import type { BatchFile } from '../../domain/batch.ts';
import type { BatchId } from '../../domain/ids.ts';
import type { FilesApi } from '../../upstream/apis/files.ts';
import { listAfterNumberedPage } from '../pagination/after-page.ts';
import { type Connection, type PageOptions, readConnection } from '../pagination/connection.ts';

export interface FileConnectionOptions extends PageOptions {
  readonly batchId: BatchId;
}

/**
 * The files of a batch, in the platform's order.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export const readFiles = (
  api: Pick<FilesApi, 'list'>,
  options: FileConnectionOptions,
): Promise<Connection<BatchFile>> => readFileList('files', api.list, options);

/**
 * The files of the rows of a batch that could not be written, in the platform's order.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export const readFailedFiles = (
  api: Pick<FilesApi, 'listFailed'>,
  options: FileConnectionOptions,
): Promise<Connection<BatchFile>> => readFileList('failedFiles', api.listFailed, options);

function readFileList(
  name: string,
  readPage: FilesApi['list'],
  { first, after, batchId }: FileConnectionOptions,
): Promise<Connection<BatchFile>> {
  // An entry may contain many files, so that a page of entries is read again until all its files are returned.
  const list = listAfterNumberedPage<BatchFile>({
    name,
    idOf: ({ fileId, name }) => JSON.stringify([fileId, name]),
    readRows: async ({ start, limit }) => {
      const { files, next } = await readPage({ batchId, start, limit });
      return { rows: files, next, total: null };
    },
  });
  return readConnection(list, { first, after });
}
