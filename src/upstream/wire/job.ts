/** What export jobs and segment jobs have in common. */
import type { JobError, NamespaceCount, TimeSpan } from '../../domain/job.ts';
import type { DecodeContext } from './decode-context.ts';
import { asList, asRecord, readCount, readId, readMillis, readString, readText } from './readers.ts';

/** The documentation's prose says `SUCCESS`, its samples `SUCCEEDED`. */
export const jobStatusAliases = { SUCCESS: 'SUCCEEDED' } as const;

/** May hold entries on a job that succeeded, and none on one that failed: the status alone tells how a job ended. */
export function decodeJobErrors(value: unknown): readonly JobError[] {
  return asList(value).flatMap((entry) => {
    const error = asRecord<'code' | 'msg' | 'message' | 'callStack'>(entry);
    if (error === null) return [];
    const message = readString(error.msg) ?? readString(error.message) ?? '';
    return [{ code: readId(error.code) ?? '', message, callStack: readText(error.callStack) }];
  });
}

/** Null when nothing is said of it, `{}` included. */
export function decodeTimeSpan(value: unknown): TimeSpan | null {
  const span = asRecord<'startTimeInMs' | 'endTimeInMs' | 'totalTimeInMs'>(value);
  if (span === null) return null;
  const startedAt = readMillis(span.startTimeInMs);
  const endedAt = readMillis(span.endTimeInMs);
  const durationMs = readCount(span.totalTimeInMs);
  return startedAt === null && endedAt === null && durationMs === null ? null : { startedAt, endedAt, durationMs };
}

/** A map from namespace to count. */
export function decodeNamespaceCounts(value: unknown): readonly NamespaceCount[] {
  return Object.entries(asRecord(value) ?? {}).flatMap(([namespace, counter]) => {
    const count = readCount(counter);
    return count === null ? [] : [{ namespace, count }];
  });
}

/**
 * The times of a job. The platform always says when it was created; should it ever not, the job is as old as its first
 * metric or its last change, else it counts as the oldest of all.
 */
export function jobTimes(
  known: { readonly createdAt: Date | null; readonly startedAt: Date | null; readonly updatedAt: Date | null },
  context: DecodeContext,
): { readonly createdAt: Date; readonly updatedAt: Date } {
  const createdAt = known.createdAt ?? known.startedAt ?? known.updatedAt;
  if (createdAt === null) context.anomaly('missing-field');
  return { createdAt: createdAt ?? new Date(0), updatedAt: known.updatedAt ?? createdAt ?? new Date(0) };
}
