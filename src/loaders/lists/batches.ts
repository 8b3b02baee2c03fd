import {
  type Batch,
  type BatchField,
  type BatchFile,
  type BatchFilter,
  matchesBatchFilter,
} from '../../domain/batch.ts';
import type { BatchId, DatasetId } from '../../domain/ids.ts';
import type { BatchesApi } from '../../upstream/apis/batches.ts';
import { isPlainText } from '../../upstream/apis/catalog-query.ts';
import type { FilesApi } from '../../upstream/apis/files.ts';
import { catalogList } from '../pagination/after-sort-key.ts';
import { type Connection, conditions, readConnection } from '../pagination/connection.ts';
import { isCount, isPageSize } from '../pagination/cursor.ts';
import type { UpstreamList } from '../pagination/upstream-list.ts';

export interface BatchConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly filter: BatchFilter | null;
  /** The dataset whose batches are listed; null for all datasets. */
  readonly of: DatasetId | null;
}

/**
 * Batches, newest first.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readBatches(
  api: Pick<BatchesApi, 'list'>,
  { first, after, filter, of }: BatchConnectionOptions,
  fields?: ReadonlySet<BatchField>,
): Promise<Connection<Batch>> {
  const { datasetId: named, createdAfter } = filter ?? {};
  const statuses = [...new Set(filter?.statuses)];
  // The platform has no status UNKNOWN. The id of a dataset is not sent if the platform would read it as a list.
  const known = statuses.filter((status) => status !== 'UNKNOWN');
  const isApplied = known.length === statuses.length && (named === undefined || isPlainText(named));
  const isOfOther = of !== null && named !== undefined && named !== of;
  const wanted = fields && named !== undefined ? new Set<BatchField>([...fields, 'datasetId']) : fields;
  const list = catalogList<Batch>({
    name: 'batches',
    idOf: ({ id }) => id,
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    readRows: async ({ from, start, limit }) => {
      if (isOfOther) return [];
      return api.list({
        datasetId: of ?? (named !== undefined && isPlainText(named) ? named : undefined),
        statuses: known.length === 0 || known.length < statuses.length ? undefined : known,
        createdAfter,
        limit,
        start,
        fields: wanted,
        created: from === null ? undefined : { to: from },
      });
    },
  });
  return readConnection(list, {
    first,
    after,
    ...(filter === null ? {} : conditions(isApplied, (batch) => matchesBatchFilter(batch, filter))),
    isPast: createdAfter === undefined ? undefined : ({ createdAt }) => createdAt !== null && createdAt <= createdAfter,
  });
}

export interface FileConnectionOptions {
  readonly first: number;
  readonly after: string | null;
  readonly batchId: BatchId;
}

/**
 * A page of the entries of a batch. An entry may contain many files, so that a page is read again until all are
 * returned.
 */
interface FilePlace {
  /** Row offset of the first entry. */
  readonly entry: number;
  /** Number of entries on the page; null at the head of the list. */
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
    decodePlace: ([entry, limit = null]) => (isCount(entry) && isPageSize(limit) ? { entry, limit } : null),
  };
  return readConnection(list, { first, after });
}
