import type { Clock } from '../../runtime/clock.ts';
import { exportProfiles } from '../engine/export-profiles.ts';
import { isJsonObject } from '../json.ts';
import { changedBatch } from '../store/catalog-documents.ts';
import type { Database } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { BatchFolders } from './batch-folder.ts';
import { planBatches } from './export-selection.ts';

/**
 * Writes the files of seeded exports on first access, because the seeded jobs succeeded before the emulator was
 * started. Such a batch is recognized by the status `success` without a file, because every real export writes at least
 * one file.
 */
export class PastBatchFiles {
  readonly #database: Database;
  readonly #store: PlatformStore;
  readonly #folders: BatchFolders;
  readonly #clock: Clock;
  readonly #writing = new Map<string, Promise<void>>();

  constructor(database: Database, store: PlatformStore, folders: BatchFolders, clock: Clock) {
    this.#database = database;
    this.#store = store;
    this.#folders = folders;
    this.#clock = clock;
  }

  /** Resolves when the batch has its files. An unknown or unfinished batch has none. */
  async provide(sandbox: string, batchId: string): Promise<void> {
    const key = JSON.stringify([sandbox, batchId]);
    const running = this.#writing.get(key) ?? this.#write(sandbox, batchId).finally(() => this.#writing.delete(key));
    this.#writing.set(key, running);
    await running;
  }

  async #write(sandbox: string, batchId: string): Promise<void> {
    const batch = await this.#store.batches.find(sandbox, batchId);
    if (batch === null || batch.document.status !== 'success') return;
    if ((await this.#store.batchFiles.list(sandbox, batchId)).length > 0) return;
    const job = await this.#store.exportJobs.findByBatch(sandbox, batchId);
    const plan = job === null ? undefined : planBatches(job).find((each) => each.batchId === batchId);
    if (plan === undefined) return;

    await this.#folders.remove([batchId]);
    const result = await exportProfiles(this.#database, plan.selection, this.#folders.pathOf(batchId));
    const dataset = await this.#store.datasets.find(sandbox, batch.datasetId);
    const files = this.#folders.filesOf(
      { batchId, dataSetViewId: String(dataset?.document['viewId'] ?? ''), created: batch.created },
      result.parts,
    );
    const sizeBytes = result.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    const { metrics } = batch.document;
    await this.#store.transaction(async ({ batches, batchFiles }) => {
      await batchFiles.replace(sandbox, batchId, files);
      await batches.update(
        sandbox,
        batchId,
        changedBatch(batch.document, this.#clock.now().getTime(), {
          status: 'success',
          recordCount: result.profiles,
          size: sizeBytes,
          metrics: { ...(isJsonObject(metrics) && metrics), outputByteSize: sizeBytes },
        }),
      );
    });
  }
}
