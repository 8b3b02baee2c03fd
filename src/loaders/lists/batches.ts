import { type Batch, type BatchField, type BatchFilter, matchesBatchFilter } from '../../domain/batch.ts';
import type { DatasetId } from '../../domain/ids.ts';
import type { BatchesApi } from '../../upstream/apis/batches.ts';
import { catalogPage } from '../../upstream/apis/catalog-page.ts';
import { isPlainText } from '../../upstream/apis/catalog-query.ts';
import { readAfterSortKey, type SortKeyListOptions } from '../pagination/after-sort-key.ts';
import { type Connection, conditions, type PageOptions } from '../pagination/connection.ts';

export interface BatchConnectionOptions extends PageOptions {
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
  const list: SortKeyListOptions<Batch> = {
    name: 'batches',
    order: { direction: 'desc', keyOf: ({ createdAt }) => createdAt },
    readPage: async ({ from, start, limit }) => {
      if (isOfOther) return catalogPage([]);
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
  };
  return readAfterSortKey(list, {
    first,
    after,
    ...(filter === null ? {} : conditions(isApplied, (batch) => matchesBatchFilter(batch, filter))),
    isPast: createdAfter === undefined ? undefined : ({ createdAt }) => createdAt !== null && createdAt <= createdAfter,
  });
}
