import type { Batch, BatchFile } from '../domain/batch.ts';
import type { Dataset } from '../domain/dataset.ts';
import type { ExportJob } from '../domain/export-job.ts';
import type { BatchId, DatasetId, ExportJobId } from '../domain/ids.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import type { PlatformApi } from '../upstream/platform-api.ts';
import { type BatchConnectionOptions, type FileConnectionOptions, readBatches, readFiles } from './batch-connection.ts';
import type { Connection } from './connection.ts';
import { createLoader, type Loader, loadEach } from './create-loader.ts';
import { type DatasetConnectionOptions, readDatasets } from './dataset-connection.ts';
import { type ExportJobConnectionOptions, readExportJobs } from './export-job-connection.ts';

/** Loaders of one operation, bound to its tenant and credential. */
export interface Loaders {
  readonly exportJob: Loader<ExportJobId, ExportJob>;
  readonly dataset: Loader<DatasetId, Dataset>;
  readonly batch: Loader<BatchId, Batch>;
  exportJobs(options: ExportJobConnectionOptions): Promise<Connection<ExportJob>>;
  datasets(options: DatasetConnectionOptions): Promise<Connection<Dataset>>;
  batches(options: BatchConnectionOptions): Promise<Connection<Batch>>;
  files(options: FileConnectionOptions): Promise<Connection<BatchFile>>;
  /** The sandboxes that the caller may use. */
  sandboxes(): Promise<readonly Sandbox[]>;
  /** Forgets everything. Called before each event of a subscription, whose context lives as long as it does. */
  clear(): void;
}

export function createLoaders(api: PlatformApi): Loaders {
  // The platform has no call for many export jobs: each one costs a call of its own.
  const exportJob = createLoader<ExportJobId, ExportJob>({
    idOf: (job) => job.id,
    loadMany: loadEach((id) => api.exportJobs.get(id)),
  });
  const dataset = createLoader<DatasetId, Dataset>({
    idOf: ({ id }) => id,
    loadMany: (ids) => api.datasets.getMany(ids),
  });
  const batch = createLoader<BatchId, Batch>({ idOf: ({ id }) => id, loadMany: (ids) => api.batches.getMany(ids) });
  let sandboxes: Promise<readonly Sandbox[]> | undefined;

  return {
    exportJob,
    dataset,
    batch,
    exportJobs: async (options) => primed(exportJob, await readExportJobs(api.exportJobs, options)),
    datasets: async (options) => primed(dataset, await readDatasets(api.datasets, options)),
    batches: async (options) => primed(batch, await readBatches(api.batches, options)),
    files: (options) => readFiles(api.files, options),
    sandboxes: () => {
      sandboxes ??= api.sandboxes.available();
      return sandboxes;
    },
    clear: () => {
      exportJob.clear();
      dataset.clear();
      batch.clear();
      sandboxes = undefined;
    },
  };
}

/** What a list has given need not be read again by its id. */
function primed<Id extends string, Entity>(loader: Loader<Id, Entity>, page: Connection<Entity>): Connection<Entity> {
  for (const node of page.nodes) loader.prime(node);
  return page;
}
