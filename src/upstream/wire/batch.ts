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
 * The Catalog properties to ask for: of some fields, or of all that `decodeBatch` reads. The status is always one of
 * them, because a batch without one is an anomaly.
 */
export const batchProperties = (fields?: ReadonlySet<BatchField>): readonly BatchProperty[] =>
  propertiesOf<BatchField, BatchProperty>(propertiesOfField, fields && new Set([...fields, 'status']));

/** A second word that Catalog documents for the same end, so that a filter names both. */
const documentedAliases = { FAILURE: 'FAILED' } as const;
/** Words of sibling APIs, whose meaning is clear. */
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
 * A status as the platform filters by it: a word for each of its documented forms. Catalog may reject a filter with a
 * word that it does not know.
 */
export const encodeBatchStatus = (status: BatchStatus): readonly string[] => [
  status.toLowerCase(),
  ...Object.entries(documentedAliases).flatMap(([alias, meaning]) => (meaning === status ? [alias.toLowerCase()] : [])),
];

/**
 * A batch under its key in the answer, which is the only place that names its id. One without a status is UNKNOWN with
 * an empty raw status rather than left out: a list that shrinks would look like the last page.
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
    // The size of the input is all that many batches report.
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

/** A batch is related to several things, in any order; one of them is its dataset. */
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
