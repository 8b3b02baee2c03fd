import { type Batch, batchStatuses, isTerminalBatch } from '../../domain/batch.ts';
import { platformId } from '../../domain/ids.ts';
import type { BatchesApi, ListedBatchStatus } from '../../upstream/apis/batches.ts';
import { watchKind } from '../watch-kind.ts';
import { type CatalogObjects, catalogSource } from './catalog.ts';

/** The statuses of batches that have not ended. */
const runningStatuses = batchStatuses.filter(
  (status): status is ListedBatchStatus => status !== 'UNKNOWN' && !isTerminalBatch({ status, completedAt: null }),
);

/** Source of batches. A search finds the 1,000 newest batches that have not ended. */
export const batchSource = catalogSource<Batch>({
  kind: 'batches',
  isTerminal: isTerminalBatch,
  // A readable batch can be archived or deleted later, but an ended batch does not run again. The status UNKNOWN does
  // not replace a known outcome.
  mayFollow: (known, batch) =>
    !isTerminalBatch(known) || (isTerminalBatch(batch) && (batch.status !== 'UNKNOWN' || known.status === 'UNKNOWN')),
  endedAt: (batch) => (isTerminalBatch(batch) ? (batch.completedAt ?? batch.updatedAt) : null),
});

export const batchObjects = (api: Pick<BatchesApi, 'list' | 'getMany'>): CatalogObjects<Batch> => ({
  list: (page) => api.list(page),
  listRunning: (page) => api.list({ ...page, statuses: runningStatuses }),
  getMany: (ids, limits) =>
    api.getMany(
      ids.map((id) => platformId(id)),
      limits,
    ),
});

export const batches = watchKind({
  source: batchSource,
  reader: (connect, proof) => ({ proof, objects: (calls) => batchObjects(connect(calls).batches) }),
  proof: {
    list: (api) => api.batches.list({ limit: 1, fields: new Set() }),
    get: (api, id) => api.batches.get(platformId(id), { fields: new Set() }),
  },
});
