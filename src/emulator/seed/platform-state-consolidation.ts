import { consolidatedMetrics } from '../store/batch-metrics.ts';
import { newBatchDocument } from '../store/catalog-documents.ts';
import type { Batch } from '../store/platform-store-batches.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import { bytesPerRow } from './platform-state-datasets.ts';
import type { Draws } from './platform-state-draws.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** Age of the consolidation of a dataset's batches, in days. */
const ageDays = 3;

/**
 * Gives a dataset a batch that replaced its last one, as the platform does occasionally. The dataset still names the
 * old batch, whose id no longer exists. The new batch lists no files, because its rows were never exported.
 */
export function consolidated(
  dataset: Dataset,
  rows: number,
  draws: Draws,
  now: Date,
): { readonly dataset: Dataset; readonly batch: Batch } {
  const predecessor = draws.hex(`batch of ${dataset.id}`, 32);
  const created = now.getTime() - ageDays * dayMs;
  const completed = created + 5 * minuteMs;
  const document = {
    ...newBatchDocument(dataset.id, created),
    createdClient: 'acp_foundation_push',
    createdUser: 'acp_foundation_push@AdobeID',
    status: 'success',
    updated: completed,
    started: created + minuteMs,
    completed,
    replay: { predecessors: [predecessor], reason: 'consolidation', predecessorListingType: 'IMMEDIATE' },
    recordCount: rows,
    metrics: consolidatedMetrics(rows, rows * bytesPerRow),
  } as const;
  return {
    batch: { id: draws.hex(`successor of ${predecessor}`, 32), datasetId: dataset.id, created, document },
    dataset: {
      ...dataset,
      document: {
        ...dataset.document,
        lastBatchId: predecessor,
        lastBatchStatus: 'replay',
        lastSuccessfulBatch: predecessor,
      },
    },
  };
}
