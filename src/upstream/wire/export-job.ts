import type { EventListSelection, ExportFilter, ExportJob, SegmentSelection } from '../../domain/export-job.ts';
import { exportJobStatuses, jobTypes } from '../../domain/export-job.ts';
import { platformId } from '../../domain/ids.ts';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeExportDestination } from './export-destination.ts';
import { decodeExportMetrics } from './export-metrics.ts';
import { jobStatusAliases, jobTimes } from './job.ts';
import { decodeJobErrors } from './job-errors.ts';
import { decodeMergePolicyRef } from './merge-policy-ref.ts';
import { asList, asRecord, readBoolean, readFieldList, readId, readString, readText } from './readers.ts';
import { decodeSegmentSelection, type SegmentSelectionKey } from './segment-selection.ts';
import { readStatus } from './status.ts';
import { readTime } from './time.ts';

type ExportJobKey =
  | 'id'
  | 'status'
  | 'jobType'
  | 'fields'
  | 'schema'
  | 'mergePolicy'
  | 'filter'
  | 'additionalFields'
  | 'destination'
  | 'metrics'
  | 'errors'
  | 'computeGatewayJobId'
  | 'profileInstanceId'
  | 'requestId'
  | 'imsOrgId'
  | 'creationTime'
  | 'updateTime';
type FilterKey = 'segments' | 'segmentQualificationTime' | 'fromIngestTimestamp' | 'emptyProfiles';

/** An export job. Null when the value has no id or no status, without which it is not one. */
export function decodeExportJob(value: unknown, context: DecodeContext, reading: ReadingTimes): ExportJob | null {
  const record = asRecord<ExportJobKey>(value);
  const id = decodeJobId(record?.id);
  const rawStatus = readText(record?.status);
  if (record === null || id === null || rawStatus === null) {
    context.anomaly(record === null ? 'not-an-object' : id === null ? 'missing-id' : 'missing-status');
    return null;
  }
  const metrics = decodeExportMetrics(record, context);
  const times = {
    createdAt: readTime(record.creationTime, context),
    startedAt: metrics.totalTime?.startedAt ?? null,
    updatedAt: readTime(record.updateTime, context),
  };
  const { createdAt, updatedAt } = jobTimes(times, context);
  // Properties one by one: to spread objects costs as much as to decode a quarter of a job.
  return {
    id: platformId(id),
    status: readStatus(rawStatus, exportJobStatuses, context, jobStatusAliases),
    rawStatus,
    jobType: decodeJobType(record.jobType, context),
    fields: readFieldList(record.fields),
    schemaName: readText(asRecord<'name'>(record.schema)?.name),
    mergePolicy: decodeMergePolicyRef(record.mergePolicy),
    filter: decodeFilter(record.filter, context),
    eventList: decodeEventList(asRecord<'eventList'>(record.additionalFields)?.eventList, context),
    destination: decodeExportDestination(record.destination, context),
    metrics,
    errors: decodeJobErrors(record),
    computeJobs: decodeComputeJobs(record.computeGatewayJobId),
    profileInstanceId: readText(record.profileInstanceId),
    requestId: readText(record.requestId),
    organizationId: readText(record.imsOrgId),
    createdAt,
    updatedAt,
    requestedAt: reading.requestedAt,
    observedAt: reading.observedAt,
  };
}

/** Whether the job waits for its batches; null if the record omits it. */
export function readWaitForBatch(value: unknown): boolean | null {
  const properties = asRecord<'properties'>(value)?.properties;
  return readBoolean(asRecord<'checkBatchStatusForSuccess'>(properties)?.checkBatchStatusForSuccess);
}

/** Parts that `decodeExportJob` reads as false although the record omits them. */
export function omissionsOf(value: unknown): ReadonlySet<'segmentPerBatch' | 'emptyProfiles'> {
  const record = asRecord<ExportJobKey>(value);
  const segmentPerBatch = readBoolean(asRecord<'segmentPerBatch'>(record?.destination)?.segmentPerBatch);
  const emptyProfiles = readBoolean(asRecord<FilterKey>(record?.filter)?.emptyProfiles);
  return new Set([
    ...(segmentPerBatch === null ? (['segmentPerBatch'] as const) : []),
    ...(emptyProfiles === null ? (['emptyProfiles'] as const) : []),
  ]);
}

const decimalId = /^(\d+)\.0+$/;

/** Jobs have numbers for ids, which the API description shows as `100.0`. */
function decodeJobId(value: unknown): string | null {
  if (typeof value === 'number') return readId(value);
  const id = readText(value)?.trim() ?? null;
  return id === null ? null : (decimalId.exec(id)?.[1] ?? id);
}

function decodeJobType(value: unknown, context: DecodeContext): ExportJob['jobType'] {
  const known = jobTypeOf(value) ?? jobTypeOf(readString(value)?.trim().toUpperCase());
  if (known !== undefined) return known;
  context.anomaly('unknown-value');
  return 'UNKNOWN';
}

function jobTypeOf(value: unknown): ExportJob['jobType'] | undefined {
  for (const name of jobTypes) if (name === value) return name;
  return undefined;
}

function decodeFilter(value: unknown, context: DecodeContext): ExportFilter | null {
  const filter = asRecord<FilterKey>(value);
  if (filter === null || Object.keys(filter).length === 0) return null;
  const time = asRecord<'startTime' | 'endTime'>(filter.segmentQualificationTime);
  const startTime = readTime(time?.startTime, context);
  const endTime = readTime(time?.endTime, context);
  return {
    segments: decodeSegments(filter.segments, context),
    segmentQualificationTime: startTime === null && endTime === null ? null : { startTime, endTime },
    fromIngestTimestamp: readTime(filter.fromIngestTimestamp, context),
    emptyProfiles: readBoolean(filter.emptyProfiles) ?? false,
  };
}

function decodeSegments(value: unknown, context: DecodeContext): readonly SegmentSelection[] {
  const segments: SegmentSelection[] = [];
  for (const entry of asList(value)) {
    const segment = asRecord<SegmentSelectionKey>(entry);
    const selection = segment === null ? null : decodeSegmentSelection(segment, context);
    if (selection === null) context.anomaly('missing-field');
    else segments.push(selection);
  }
  return segments;
}

function decodeEventList(value: unknown, context: DecodeContext): EventListSelection | null {
  const list = asRecord<'fields' | 'filter'>(value);
  if (list === null) return null;
  const filter = asRecord<'fromIngestTimestamp' | 'fromTimestamp' | 'toIngestTimestamp'>(list.filter) ?? {};
  return {
    fields: readFieldList(list.fields),
    // `fromTimestamp` is its older name.
    fromIngestTimestamp: readTime(filter.fromIngestTimestamp, context) ?? readTime(filter.fromTimestamp, context),
    toIngestTimestamp: readTime(filter.toIngestTimestamp, context),
  };
}

/** An object of two job ids, or a bare string for the first; `{}` and `""` on a job that has none yet. */
function decodeComputeJobs(value: unknown): ExportJob['computeJobs'] {
  const jobs = asRecord<'exportJob' | 'pushJob'>(value);
  const exportJob = readId(jobs === null ? value : jobs.exportJob);
  const pushJob = readId(jobs?.pushJob);
  return exportJob === null && pushJob === null ? null : { exportJob, pushJob };
}
