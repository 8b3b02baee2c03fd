import type { JsonObject } from '../json.ts';

/** Data written into a batch. */
export interface WrittenData {
  readonly rows: number;
  /** Size in bytes; null when it is unknown. */
  readonly sizeBytes: number | null;
  readonly files: number | null;
}

/** Catalog's value for an unknown number. */
const unknown = -1;

/** Counts of a batch in the newer form, in which the times are at the top level. */
export function writtenMetrics({ rows, sizeBytes, files }: WrittenData): JsonObject {
  return {
    partitionCount: files ?? 1,
    inputFileCount: unknown,
    inputRecordCount: rows,
    inputByteSize: unknown,
    outputFileCount: files ?? unknown,
    outputRecordCount: rows,
    outputByteSize: sizeBytes ?? unknown,
    failedRecordCount: 0,
  };
}

/** Counts of a batch in the older form. Times are Unix epoch milliseconds. */
export function olderMetrics(rows: number, startTime: number | undefined, endTime: number | undefined): JsonObject {
  return { recordsRead: rows, recordsWritten: rows, recordsFailed: 0, startTime, endTime };
}

/** Fields of a failed batch. Times are Unix epoch milliseconds. */
export function failedBatchFields(
  errors: readonly { readonly code: string; readonly msg: string }[],
  { startTime, endTime }: { readonly startTime: number | undefined; readonly endTime: number | undefined },
): JsonObject {
  return {
    completed: endTime,
    errors: errors.map(({ code, msg }) => ({ code, description: msg, recordCount: 0, rows: [] })),
    metrics: { ...olderMetrics(0, startTime, endTime), failureReason: errors[0]?.msg },
  };
}

/** Counts of a batch that replaced other batches. The size of its input is unknown. */
export function consolidatedMetrics(rows: number, sizeBytes: number): JsonObject {
  return {
    ...writtenMetrics({ rows, sizeBytes, files: 1 }),
    inputRecordCount: unknown,
    failedRecordCount: unknown,
  };
}
