import { type Batch, type BatchField, type BatchStatus, batchStatuses } from '../../domain/batch.ts';
import { platformId } from '../../domain/ids.ts';
import type { JobError } from '../../domain/job.ts';
import type { DecodeContext } from './decode-context.ts';
import { propertiesOf } from './properties.ts';
import { asList, asRecord, readCount, readId, readMillis, readString, readText } from './readers.ts';
import { readStatus } from './status.ts';

/** The Catalog property that each field is decoded from. */
const propertyOf = {
  status: 'status',
  datasetId: 'relatedObjects',
  recordCount: 'recordCount',
  failedRecordCount: 'failedRecordCount',
  sizeBytes: 'size',
  errors: 'errors',
  startedAt: 'started',
  completedAt: 'completed',
  createdAt: 'created',
  updatedAt: 'updated',
} as const satisfies Record<BatchField, string>;
type BatchProperty = (typeof propertyOf)[BatchField];

/**
 * The Catalog properties to ask for: of some fields, or of all that `decodeBatch` reads. The status is always one of
 * them, because a batch without one is an anomaly.
 */
export const batchProperties = (fields?: ReadonlySet<BatchField>): readonly BatchProperty[] =>
  propertiesOf(propertyOf, fields === undefined ? undefined : new Set([...fields, 'status']));

/** Two words for the same end. */
const statusAliases = { FAILURE: 'FAILED' } as const;

/** A status as the platform filters by it: a word for each of its forms. */
export const encodeBatchStatus = (status: BatchStatus): readonly string[] => [
  status.toLowerCase(),
  ...Object.entries(statusAliases).flatMap(([alias, meaning]) => (meaning === status ? [alias.toLowerCase()] : [])),
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
  return {
    id: platformId(id),
    status: rawStatus === null ? 'UNKNOWN' : readStatus(rawStatus, batchStatuses, context, statusAliases),
    rawStatus: rawStatus ?? '',
    datasetId: datasetId === null ? null : platformId(datasetId),
    recordCount: readCount(record.recordCount),
    failedRecordCount: readCount(record.failedRecordCount),
    sizeBytes: readCount(record.size),
    errors: decodeErrors(record.errors),
    startedAt: readMillis(record.started),
    completedAt: readMillis(record.completed),
    createdAt: readMillis(record.created),
    updatedAt: readMillis(record.updated),
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

function decodeErrors(value: unknown): readonly JobError[] {
  return asList(value).flatMap((entry) => {
    const error = asRecord<'code' | 'description' | 'message'>(entry);
    if (error === null) return [];
    const message = readString(error.description) ?? readString(error.message) ?? '';
    return [{ code: readId(error.code) ?? '', message, callStack: null }];
  });
}
