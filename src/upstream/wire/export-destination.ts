import type { ExportDestination } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { DecodeContext } from './decode-context.ts';
import { asList, asRecord, readBoolean, readId } from './readers.ts';
import { decodeSegmentSelection, type SegmentSelectionKey } from './segment-selection.ts';

type DestinationKey = 'datasetId' | 'dataSetId' | 'segmentPerBatch' | 'batches' | 'batchId';

/** Where an export goes. A dataset that the platform did not name becomes the empty id, which no dataset has. */
export function decodeExportDestination(value: unknown, context: DecodeContext): ExportDestination {
  const destination = asRecord<DestinationKey>(value) ?? {};
  // Both spellings occur, even within one answer.
  const datasetId = readId(destination.datasetId) ?? readId(destination.dataSetId);
  if (datasetId === null) context.anomaly('missing-field');
  return {
    datasetId: platformId(datasetId ?? ''),
    segmentPerBatch: readBoolean(destination.segmentPerBatch) ?? false,
    batches: decodeBatches(destination.batches, readId(destination.batchId), context),
  };
}

/**
 * @param value a list, or a single object, which may leave its batch id to `singleBatchId`; absent unless there is one
 *   batch per segment
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
