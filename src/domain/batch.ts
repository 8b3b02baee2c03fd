import type { BatchId, DataSetFileId, DatasetId } from './ids.ts';
import type { JobError } from './job.ts';

export const batchStatuses = [
  'LOADING',
  'LOADED',
  'QUEUED',
  'PROCESSING',
  'STAGING',
  'STAGED',
  'RETRYING',
  'STALLED',
  'ACTIVE',
  'SUCCESS',
  'FAILED',
  'ABORTED',
  'ABANDONED',
  'INACTIVE',
  'ARCHIVED',
  'RETAINED',
  'DELETED',
  'UNKNOWN',
] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/**
 * Whether no further status is expected. A stalled batch can still be promoted. A batch of an unknown status has ended if
 * the platform reports the time of its end.
 */
export const isTerminalBatch = ({ status, completedAt }: Pick<Batch, 'status' | 'completedAt'>): boolean =>
  isTerminalBatchStatus(status) || (status === 'UNKNOWN' && completedAt !== null);

/** Whether a status is final. */
function isTerminalBatchStatus(status: BatchStatus): boolean {
  switch (status) {
    case 'ACTIVE':
    case 'SUCCESS':
    case 'FAILED':
    case 'ABORTED':
    case 'ABANDONED':
    case 'INACTIVE':
    case 'ARCHIVED':
    case 'RETAINED':
    case 'DELETED':
      return true;
    case 'LOADING':
    case 'LOADED':
    case 'QUEUED':
    case 'PROCESSING':
    case 'STAGING':
    case 'STAGED':
    case 'RETRYING':
    case 'STALLED':
    case 'UNKNOWN':
      return false;
  }
}

/** A unit of data in a dataset, which an export has written or is writing. */
export interface Batch {
  readonly id: BatchId;
  readonly status: BatchStatus;
  /** The status exactly as returned by the platform. */
  readonly rawStatus: string;
  readonly datasetId: DatasetId | null;
  readonly recordCount: number | null;
  readonly failedRecordCount: number | null;
  readonly sizeBytes: number | null;
  readonly errors: readonly JobError[];
  /** Batches that this one replaces. The platform no longer has them. */
  readonly predecessorIds: readonly BatchId[];
  /** The batch that replaces this one; null: there is none. */
  readonly successorId: BatchId | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

/** The part of a batch that a live view keeps. */
export interface BatchState extends Pick<Batch, 'status' | 'rawStatus'> {
  /** See isTerminalBatch. */
  readonly isTerminal: boolean;
  /** `updatedAt` of the batch when this status was first read. */
  readonly updatedAt: Date | null;
}

/**
 * Parts of a batch that can be requested separately. Its id is always returned, and `rawStatus` together with `status`.
 */
export type BatchField = Exclude<keyof Batch, 'id' | 'rawStatus'>;

/** Form in which a file is downloaded: with its unchanged bytes, or converted from Parquet. */
export const downloadFormats = ['ORIGINAL', 'CSV', 'NDJSON'] as const;
export type DownloadFormat = (typeof downloadFormats)[number];

/** One file of a batch. Reading its bytes requires both file id and name. */
export interface BatchFile {
  /** For a file of rejected rows, the id of its batch. */
  readonly fileId: DataSetFileId;
  readonly name: string;
  readonly sizeBytes: number | null;
  /** Present for a file of rejected rows, which is read at its batch. */
  readonly place?: 'failed' | undefined;
}

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
