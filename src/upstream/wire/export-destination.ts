import type { ExportDestination } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { DecodeContext } from './decode-context.ts';
import { asList, asRecord, readBoolean, readId, type WireRecord } from './readers.ts';
import { decodeSegmentSelection, type SegmentSelectionKey } from './segment-selection.ts';

type DestinationKey = 'datasetId' | 'dataSetId' | 'segmentPerBatch' | 'batches' | 'batchId';

/**
 * Target of an export. Each field is decoded when it is first read. If the platform does not name the dataset, its id
 * is empty, which no dataset has.
 */
export class LazyExportDestination implements ExportDestination {
  readonly #record: WireRecord<DestinationKey>;
  readonly #context: DecodeContext;
  #datasetId: ExportDestination['datasetId'] | undefined;
  #batches: ExportDestination['batches'] | undefined;

  constructor(value: unknown, context: DecodeContext) {
    this.#record = asRecord<DestinationKey>(value) ?? {};
    this.#context = context;
  }

  get datasetId(): ExportDestination['datasetId'] {
    if (this.#datasetId === undefined) {
      const { datasetId, dataSetId } = this.#record;
      // Both spellings occur, even within one response.
      const id = readId(datasetId) ?? readId(dataSetId);
      if (id === null) this.#context.anomaly('missing-field');
      this.#datasetId = platformId(id ?? '');
    }
    return this.#datasetId;
  }

  get segmentPerBatch(): boolean {
    return readBoolean(this.#record.segmentPerBatch) ?? false;
  }

  get batches(): ExportDestination['batches'] {
    const { batches, batchId } = this.#record;
    this.#batches ??= decodeBatches(batches, readId(batchId), this.#context);
    return this.#batches;
  }
}

/**
 * @param value a list, or a single object whose batch id may be in `singleBatchId`; absent unless there is one batch
 *   per segment
 */
function decodeBatches(
  value: unknown,
  singleBatchId: string | null,
  context: DecodeContext,
): ExportDestination['batches'] {
  if (value === undefined) return singleBatchId === null ? [] : [{ batchId: platformId(singleBatchId), segment: null }];
  const entries = asList(value).flatMap((entry) => asRecord<'batchId' | SegmentSelectionKey>(entry) ?? []);
  const lone = entries.length === 1 ? singleBatchId : null;
  const batches = entries.flatMap((entry): ExportDestination['batches'] => {
    const batchId = readId(entry.batchId) ?? lone;
    return batchId === null ? [] : [{ batchId: platformId(batchId), segment: decodeSegmentSelection(entry, context) }];
  });
  if (batches.length > 0 || singleBatchId === null) return batches;
  return [{ batchId: platformId(singleBatchId), segment: null }];
}
