import { type Batch, type BatchField, type BatchStatus, batchStatuses } from '../../domain/batch.ts';
import { type BatchId, platformId } from '../../domain/ids.ts';
import type { DecodeContext } from './decode-context.ts';
import { figuresOf } from './figures.ts';
import { decodeJobErrors } from './job-errors.ts';
import { propertiesOf } from './properties.ts';
import { asList, asRecord, readCount, readId, readString, readText } from './readers.ts';
import { readStatus } from './status.ts';
import { readTime } from './time.ts';

/** The Catalog properties that each field is decoded from. */
const propertiesOfField = {
  status: ['status'],
  datasetId: ['relatedObjects'],
  recordCount: ['recordCount', 'metrics'],
  failedRecordCount: ['failedRecordCount', 'metrics'],
  sizeBytes: ['size', 'metrics'],
  errors: ['errors', 'metrics'],
  predecessorIds: ['replay'],
  successorId: ['tags'],
  startedAt: ['started', 'metrics'],
  completedAt: ['completed', 'metrics'],
  createdAt: ['created'],
  updatedAt: ['updated'],
} as const satisfies Record<BatchField, readonly string[]>;
type BatchProperty = (typeof propertiesOfField)[BatchField][number];

/**
 * The Catalog properties to request for some fields, or for all fields that `decodeBatch` reads. The status is always
 * requested, because a batch without a status is an anomaly.
 */
export const batchProperties = (fields?: ReadonlySet<BatchField>): readonly BatchProperty[] =>
  propertiesOf<BatchField, BatchProperty>(propertiesOfField, fields && new Set([...fields, 'status']));

/** A second documented word of Catalog for the same status. A filter contains both words. */
const documentedAliases = { FAILURE: 'FAILED' } as const;
/** Words of other APIs of the platform with the same meaning. */
const statusAliases = {
  ...documentedAliases,
  ERROR: 'FAILED',
  SUCCEEDED: 'SUCCESS',
  COMPLETED: 'SUCCESS',
  CANCELED: 'ABORTED',
  CANCELLED: 'ABORTED',
  KILLED: 'ABORTED',
  IN_PROGRESS: 'PROCESSING',
  QUEUEING: 'QUEUED',
  QUEUING: 'QUEUED',
} as const satisfies Record<string, BatchStatus>;

/**
 * The words for a status in a filter of the platform: all documented words, and no others, because Catalog may reject a
 * filter with an unknown word.
 */
export const encodeBatchStatus = (status: BatchStatus): readonly string[] => [
  status.toLowerCase(),
  ...Object.entries(documentedAliases).flatMap(([alias, meaning]) => (meaning === status ? [alias.toLowerCase()] : [])),
];

/**
 * Decodes a batch. Its id is the key in the response, because the object itself does not contain it. A batch without a
 * status is UNKNOWN with an empty raw status. It is not omitted, because a shorter page would look like the last page.
 */
export function decodeBatch(id: string, value: unknown, context: DecodeContext): Batch {
  const record = asRecord<BatchProperty>(value) ?? {};
  const rawStatus = readText(record.status);
  if (rawStatus === null) context.anomaly('missing-status');
  const datasetId = decodeDatasetId(record.relatedObjects);
  const figure = figuresOf(record);
  const time = (each: unknown) => readTime(each, context);
  return {
    id: platformId(id),
    status: rawStatus === null ? 'UNKNOWN' : readStatus(rawStatus, batchStatuses, context, statusAliases),
    rawStatus: rawStatus ?? '',
    datasetId: datasetId === null ? null : platformId(datasetId),
    recordCount: figure(readCount, 'recordCount', 'outputRecordCount', 'recordsWritten'),
    failedRecordCount: figure(readCount, 'failedRecordCount', 'recordsFailed'),
    // Many batches report only the size of their input.
    sizeBytes: figure(readCount, 'size', 'outputByteSize', 'inputByteSize'),
    errors: decodeJobErrors(record),
    predecessorIds: decodeIds(asRecord<'predecessors'>(record.replay)?.predecessors),
    successorId: decodeIds(asRecord<'acp_successor'>(record.tags)?.acp_successor)[0] ?? null,
    startedAt: figure(time, 'started', 'startTime'),
    completedAt: figure(time, 'completed', 'endTime'),
    createdAt: time(record.created),
    updatedAt: time(record.updated),
  };
}

/** The dataset of a batch, which is one of its related objects, in any order. */
function decodeDatasetId(relatedObjects: unknown): string | null {
  for (const entry of asList(relatedObjects)) {
    const related = asRecord<'type' | 'id'>(entry);
    if (readString(related?.type)?.toLowerCase() !== 'dataset') continue;
    const id = readId(related?.id);
    if (id !== null) return id;
  }
  return null;
}

const decodeIds = (value: unknown): readonly BatchId[] =>
  asList(value).flatMap((entry) => {
    const id = readId(entry);
    return id === null ? [] : [platformId<BatchId>(id)];
  });
