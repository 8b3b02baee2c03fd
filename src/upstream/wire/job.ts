/** Common parts of export jobs and segment jobs. */
import type { JobStatus, NamespaceCount, TimeSpan } from '../../domain/job.ts';
import type { DecodeContext } from './decode-context.ts';
import type { ReadFigure } from './figures.ts';
import { asRecord, readCount } from './readers.ts';
import { readTime } from './time.ts';

/**
 * Other words of the platform for a status. Some occur in responses (KILLED), some in translations of the documentation
 * (CANCELED, CANCELING), some in its prose (SUCCESS), and the others in other APIs and in the code of their clients.
 */
export const jobStatusAliases = {
  SUCCESS: 'SUCCEEDED',
  COMPLETED: 'SUCCEEDED',
  PROCESSED: 'SUCCEEDED',
  FAILURE: 'FAILED',
  ERROR: 'FAILED',
  CANCELED: 'CANCELLED',
  KILLED: 'CANCELLED',
  ABORTED: 'CANCELLED',
  CANCELING: 'CANCELLING',
  IN_PROGRESS: 'PROCESSING',
  RUNNING: 'PROCESSING',
  QUEUEING: 'QUEUED',
  QUEUING: 'QUEUED',
} as const satisfies Record<string, JobStatus>;

/** Null if it has no part that can be read, as for `{}`. */
export function decodeTimeSpan(value: unknown, context: DecodeContext): TimeSpan | null {
  const span = asRecord<'startTimeInMs' | 'endTimeInMs' | 'totalTimeInMs'>(value);
  if (span === null) return null;
  return timeSpan(
    readTime(span.startTimeInMs, context),
    readTime(span.endTimeInMs, context),
    readCount(span.totalTimeInMs),
  );
}

/** The time of the whole job: its own time span, else the two times that batches have. */
export function decodeTotalTime(figure: ReadFigure, context: DecodeContext): TimeSpan | null {
  const time = (value: unknown) => readTime(value, context);
  return (
    figure((value) => decodeTimeSpan(value, context), 'totalTime') ??
    timeSpan(figure(time, 'startTime'), figure(time, 'endTime'), null)
  );
}

const timeSpan = (startedAt: Date | null, endedAt: Date | null, durationMs: number | null): TimeSpan | null =>
  startedAt === null && endedAt === null && durationMs === null ? null : { startedAt, endedAt, durationMs };

/** A map from namespace to count; null if the value is no map. */
export function decodeNamespaceCounts(value: unknown): readonly NamespaceCount[] | null {
  const counters = asRecord(value);
  if (counters === null) return null;
  const counts: NamespaceCount[] = [];
  for (const namespace of Object.keys(counters)) {
    const count = readCount(counters[namespace]);
    if (count !== null) counts.push({ namespace, count });
  }
  return counts;
}

/**
 * The times of a job. The platform always reports its creation; without it, the time of its first metric or its last
 * change is used, else 1970.
 */
export function jobTimes(
  known: { readonly createdAt: Date | null; readonly startedAt: Date | null; readonly updatedAt: Date | null },
  context: DecodeContext,
): { readonly createdAt: Date; readonly updatedAt: Date } {
  const createdAt = known.createdAt ?? known.startedAt ?? known.updatedAt;
  if (createdAt === null) context.anomaly('missing-field');
  return { createdAt: createdAt ?? new Date(0), updatedAt: known.updatedAt ?? createdAt ?? new Date(0) };
}
