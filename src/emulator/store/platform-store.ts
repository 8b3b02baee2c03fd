import type { Database, SqlExecutor } from './connection.ts';
import { type BatchFileStore, createBatchFileStore } from './platform-store-batch-files.ts';
import { type BatchStore, createBatchStore } from './platform-store-batches.ts';
import { createDatasetStore, type DatasetStore } from './platform-store-datasets.ts';
import { createExportJobStore, type ExportJobStore } from './platform-store-export-jobs.ts';
import { createSandboxStore, type SandboxStore } from './platform-store-sandboxes.ts';
import { createScheduleStore, type ScheduleStore } from './platform-store-schedules.ts';
import { createSegmentDefinitionStore, type SegmentDefinitionStore } from './platform-store-segment-definitions.ts';
import { createSegmentJobStore, type SegmentJobStore } from './platform-store-segment-jobs.ts';

/** State of the platform other than profiles. Every read and write names its sandbox. */
export interface PlatformRecords {
  readonly sandboxes: SandboxStore;
  readonly datasets: DatasetStore;
  readonly batches: BatchStore;
  readonly batchFiles: BatchFileStore;
  readonly exportJobs: ExportJobStore;
  readonly segmentDefinitions: SegmentDefinitionStore;
  readonly segmentJobs: SegmentJobStore;
  readonly schedules: ScheduleStore;
}

export interface PlatformStore extends PlatformRecords {
  /**
   * Runs reads and writes as one transaction, and rolls back when `work` throws. Transactions run one after the other.
   */
  transaction<T>(work: (records: PlatformRecords) => Promise<T>): Promise<T>;
}

export function createPlatformStore(database: Database): PlatformStore {
  return {
    ...recordsOver(database),
    transaction: (work) => database.transaction((executor) => work(recordsOver(executor))),
  };
}

function recordsOver(executor: SqlExecutor): PlatformRecords {
  return {
    sandboxes: createSandboxStore(executor),
    datasets: createDatasetStore(executor),
    batches: createBatchStore(executor),
    batchFiles: createBatchFileStore(executor),
    exportJobs: createExportJobStore(executor),
    segmentDefinitions: createSegmentDefinitionStore(executor),
    segmentJobs: createSegmentJobStore(executor),
    schedules: createScheduleStore(executor),
  };
}
