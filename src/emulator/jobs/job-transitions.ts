import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import { failedBatchFields, writtenMetrics } from '../store/batch-metrics.ts';
import { changedBatch, changedDataset } from '../store/catalog-documents.ts';
import { withBatch } from '../store/dataset-documents.ts';
import type { PlatformRecords, PlatformStore } from '../store/platform-store.ts';
import type { WrittenBatch } from '../store/platform-store-batch-files.ts';
import type { BatchStatus } from '../store/platform-store-batches.ts';
import {
  batchIdsOf,
  type ExportJob,
  type ExportJobStatus,
  type MetricSpan,
} from '../store/platform-store-export-jobs.ts';
import { waitsForBatches } from './export-request.ts';

export interface JobError {
  readonly code: string;
  readonly msg: string;
  readonly callStack: string;
}

/**
 * State transitions of an export job. Each transition changes the job, its batches and its dataset in one transaction.
 * If the job is no longer in a state from which the transition may start, it changes nothing and returns null.
 */
export class JobTransitions {
  readonly #store: PlatformStore;
  readonly #now: () => number;

  /** @param now returns Unix epoch milliseconds */
  constructor(store: PlatformStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** NEW → PROCESSING. A job that was already PROCESSING when the emulator stopped repeats this transition. */
  startExporting(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['NEW', 'PROCESSING'], async (job, records, now) => {
      await this.#changeBatches(job, records, now, { status: 'processing', started: now });
      return {
        ...job,
        status: 'PROCESSING',
        computeGatewayJobId: { exportJob: job.computeGatewayJobId.exportJob ?? randomUUID() },
        metrics: {
          ...job.metrics,
          profileExportTime: { startTimeInMs: job.metrics.profileExportTime?.startTimeInMs ?? now },
        },
      };
    });
  }

  /** PROCESSING: the segments are evaluated, and the profiles are being exported. */
  finishSegmentation(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['PROCESSING'], (job, _records, now) =>
      Promise.resolve({ ...job, segmentedAt: now }),
    );
  }

  /** PROCESSING: the profiles are exported, and the dataset is being written. */
  startWriting(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['PROCESSING'], (job, _records, now) =>
      Promise.resolve({
        ...job,
        metrics: {
          ...job.metrics,
          ...(job.metrics.profileExportTime && { profileExportTime: ended(job.metrics.profileExportTime, now) }),
          aCPDatasetWriteTime: { startTimeInMs: now },
        },
      }),
    );
  }

  /** PROCESSING, with `loaded` batches. The job becomes SUCCEEDED unless it waits for its batches. */
  load(id: number, sandbox: string, written: readonly WrittenBatch[]): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['PROCESSING'], async (job, records, now) => {
      await this.#changeBatches(job, records, now, { status: 'loaded' });
      const loaded = { ...job, unpromoted: written };
      return waitsForBatches(job) ? loaded : succeeded(loaded, written, now);
    });
  }

  /** Marks the batches of a job as being promoted. */
  startPromoting(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['PROCESSING', 'SUCCEEDED'], async (job, records, now) => {
      await this.#changeBatches(job, records, now, { status: 'staging' });
      return job;
    });
  }

  /** Promotes the batches: registers and counts their files. The job becomes SUCCEEDED if it is not yet. */
  promote(id: number, sandbox: string, written: readonly WrittenBatch[]): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['PROCESSING', 'SUCCEEDED'], async ({ unpromoted: _, ...job }, records, now) => {
      for (const batch of written) await this.#completeBatch(job, batch, records, now);
      return job.status === 'SUCCEEDED' ? job : succeeded(job, written, now);
    });
  }

  /** NEW or PROCESSING → FAILED. */
  fail(id: number, sandbox: string, errors: readonly JobError[]): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['NEW', 'PROCESSING'], async ({ unpromoted: _, ...job }, records, now) => {
      await this.#changeBatches(job, records, now, {
        status: 'failed',
        ...failedBatchFields(errors, { startTime: job.metrics.profileExportTime?.startTimeInMs, endTime: now }),
      });
      return {
        ...job,
        status: 'FAILED',
        errors,
        metrics: {
          ...job.metrics,
          totalTime: ended(job.metrics.totalTime, now),
          ...(job.metrics.profileExportTime && { profileExportTime: ended(job.metrics.profileExportTime, now) }),
        },
      };
    });
  }

  /** NEW or PROCESSING → CANCELLING. */
  startCancelling(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['NEW', 'PROCESSING'], (job) =>
      Promise.resolve({ ...job, status: 'CANCELLING', hanging: false }),
    );
  }

  /** CANCELLING → CANCELLED. */
  cancel(id: number, sandbox: string): Promise<ExportJob | null> {
    return this.#step(id, sandbox, ['CANCELLING'], async ({ unpromoted: _, ...job }, records, now) => {
      await this.#changeBatches(job, records, now, { status: 'aborted', completed: now });
      return {
        ...job,
        status: 'CANCELLED',
        metrics: { ...job.metrics, totalTime: ended(job.metrics.totalTime, now) },
      };
    });
  }

  #step(
    id: number,
    sandbox: string,
    from: readonly ExportJobStatus[],
    change: (job: ExportJob, records: PlatformRecords, now: number) => Promise<ExportJob>,
  ): Promise<ExportJob | null> {
    return this.#store.transaction(async (records) => {
      const job = await records.exportJobs.find(sandbox, id);
      if (job === null || !from.includes(job.status)) return null;
      const now = this.#now();
      const after = await change(job, records, now);
      // Promotion of an ended job's batches does not change the job.
      const changed = job.status === 'SUCCEEDED' ? after : { ...after, updateTime: now };
      await records.exportJobs.update(changed);
      return changed;
    });
  }

  async #changeBatches(
    job: ExportJob,
    records: PlatformRecords,
    now: number,
    changes: JsonObject & { readonly status: BatchStatus },
  ): Promise<void> {
    for (const batchId of batchIdsOf(job)) await this.#changeBatch(job, batchId, records, now, changes);
  }

  async #completeBatch(job: ExportJob, written: WrittenBatch, records: PlatformRecords, now: number): Promise<void> {
    const { batchId, result, files } = written;
    await records.batchFiles.replace(job.sandbox, batchId, files);
    const size = result.parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await this.#addRows(job, { rows: result.profiles, sizeBytes: size, now }, records);
    await this.#changeBatch(job, batchId, records, now, {
      status: 'success',
      completed: now,
      recordCount: result.profiles,
      failedRecordCount: 0,
      size,
      metrics: writtenMetrics({ rows: result.profiles, sizeBytes: size, files: result.parts.length }),
      relatedObjects: [
        { type: 'dataSet', id: job.request.datasetId },
        ...files.map(({ id }) => ({ type: 'dataSetFile', id })),
      ],
    });
  }

  async #addRows(
    { sandbox, request }: ExportJob,
    batch: { readonly rows: number; readonly sizeBytes: number; readonly now: number },
    { datasets }: PlatformRecords,
  ): Promise<void> {
    const dataset = await datasets.find(sandbox, request.datasetId);
    if (dataset !== null) await datasets.update(sandbox, dataset.id, withBatch(dataset.document, batch));
  }

  async #changeBatch(
    job: ExportJob,
    batchId: string,
    records: PlatformRecords,
    now: number,
    changes: JsonObject & { readonly status: BatchStatus },
  ): Promise<void> {
    const batch = await records.batches.find(job.sandbox, batchId);
    if (batch === null) throw new Error(`Export job ${job.id} has lost its batch ${batchId}.`);
    await records.batches.update(job.sandbox, batchId, changedBatch(batch.document, now, changes));

    const dataset = await records.datasets.find(job.sandbox, job.request.datasetId);
    // The dataset may have been deleted while the job wrote to it.
    if (dataset === null) return;
    const isLast = dataset.document['lastBatchId'] === batchId;
    await records.datasets.update(
      job.sandbox,
      dataset.id,
      changedDataset(dataset.document, now, {
        ...(isLast && { lastBatchStatus: changes.status }),
        ...(changes.status === 'success' && { lastSuccessfulBatch: batchId }),
        ...(changes.status === 'failed' && { lastFailedBatch: batchId }),
      }),
    );
  }
}

function succeeded(job: ExportJob, written: readonly WrittenBatch[], now: number): ExportJob {
  return {
    ...job,
    status: 'SUCCEEDED',
    computeGatewayJobId: { ...job.computeGatewayJobId, pushJob: randomUUID() },
    metrics: {
      ...job.metrics,
      totalTime: ended(job.metrics.totalTime, now),
      ...(job.metrics.aCPDatasetWriteTime && { aCPDatasetWriteTime: ended(job.metrics.aCPDatasetWriteTime, now) }),
      totalExportedProfileCounter: written.reduce((sum, { result }) => sum + result.profiles, 0),
      exportedProfileByNamespaceCounter: sumByNamespace(written),
    },
  };
}

function ended({ startTimeInMs }: MetricSpan, endTimeInMs: number): MetricSpan {
  return { startTimeInMs, endTimeInMs, totalTimeInMs: endTimeInMs - startTimeInMs };
}

function sumByNamespace(written: readonly WrittenBatch[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { result } of written) {
    for (const [namespace, profiles] of Object.entries(result.profilesByNamespace)) {
      sums[namespace] = (sums[namespace] ?? 0) + profiles;
    }
  }
  return sums;
}
