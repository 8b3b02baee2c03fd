import { platformId, type SegmentId } from '../../domain/ids.ts';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';
import { segmentJobStatuses } from '../../domain/segment-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { identified } from './identified.ts';
import { jobStatusAliases, jobTimes } from './job.ts';
import { decodeJobErrors } from './job-errors.ts';
import { asRecord, readId, readText, type WireRecord } from './readers.ts';
import { decodeEvaluatedSegments, decodeSegmentJobMetrics } from './segment-metrics.ts';
import { readStatus } from './status.ts';
import { readTime } from './time.ts';

type SegmentJobKey =
  | 'status'
  | 'source'
  | 'segments'
  | 'metrics'
  | 'errors'
  | 'requestId'
  | 'properties'
  | 'creationTime'
  | 'createEpoch'
  | 'updateTime'
  | 'updateEpoch';

/** A segment job. Null if the value has no id or no status. */
export function decodeSegmentJob(value: unknown, context: DecodeContext, reading: ReadingTimes): SegmentJob | null {
  const found = identified<SegmentJobKey>(value, context);
  if (found === null) return null;
  const { record, id } = found;
  const rawStatus = readText(record.status);
  if (rawStatus === null) {
    context.anomaly('missing-status');
    return null;
  }
  const metrics = decodeSegmentJobMetrics(record, context);
  const times = {
    createdAt: readTime(record.creationTime, context) ?? readTime(record.createEpoch, context),
    startedAt: metrics?.totalTime?.startedAt ?? null,
    updatedAt: readTime(record.updateTime, context) ?? readTime(record.updateEpoch, context),
  };
  const scheduleId = decodeScheduleId(record);
  return {
    id: platformId(id),
    status: readStatus(rawStatus, segmentJobStatuses, context, jobStatusAliases),
    rawStatus,
    source: readText(record.source),
    scheduleId: scheduleId === null ? null : platformId(scheduleId),
    segments: decodeEvaluatedSegments(record, context),
    metrics,
    errors: decodeJobErrors(record),
    requestId: readText(record.requestId),
    ...jobTimes(times, context),
    ...reading,
  };
}

/** `{scheduleId}-{milliseconds since 1970}`; the milliseconds have 13 digits. */
const scheduledRequest = /^(.+)-\d{13}$/s;

/** The schedule that started a job. Its id is in the properties of the job, else at the start of its request id. */
function decodeScheduleId({ properties, source, requestId }: WireRecord<SegmentJobKey>): string | null {
  const named = readId(asRecord<'scheduleId'>(properties)?.scheduleId);
  if (named !== null || readText(source)?.trim().toLowerCase() !== 'scheduler') return named;
  return scheduledRequest.exec(readText(requestId) ?? '')?.[1] ?? null;
}

/** The request body that creates a segment job. */
export const encodeNewSegmentJob = (segmentIds: readonly SegmentId[]): readonly object[] =>
  segmentIds.map((segmentId) => ({ segmentId }));
