import type { Batch, BatchStatus } from './batch.ts';
import type { DatasetId } from './ids.ts';

export interface BatchFilter {
  readonly statuses?: readonly BatchStatus[] | undefined;
  readonly datasetId?: DatasetId | undefined;
  readonly createdAfter?: Date | undefined;
}

/** Whether a batch meets all conditions. The time is exclusive. */
export const matchesBatchFilter = (batch: Batch, { statuses, datasetId, createdAfter }: BatchFilter): boolean =>
  (statuses === undefined || statuses.includes(batch.status)) &&
  (datasetId === undefined || batch.datasetId === datasetId) &&
  (createdAfter === undefined || (batch.createdAt !== null && batch.createdAt > createdAfter));
