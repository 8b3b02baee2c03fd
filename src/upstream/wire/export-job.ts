import type { EventListSelection, ExportFilter, ExportJob, SegmentSelection } from '../../domain/export-job.ts';
import { exportJobStatuses, jobTypes, wholeExportJob } from '../../domain/export-job.ts';
import type { OmittablePart, ReportedExportJob } from '../../domain/export-request.ts';
import { platformId } from '../../domain/ids.ts';
import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { DecodeContext } from './decode-context.ts';
import { LazyExportDestination } from './export-destination.ts';
import { LazyExportMetrics } from './export-metrics.ts';
import { jobStatusAliases, jobTimes } from './job.ts';
import { decodeJobErrors } from './job-errors.ts';
import { decodeMergePolicyRef } from './merge-policy-ref.ts';
import {
  asList,
  asRecord,
  readBoolean,
  readFieldList,
  readId,
  readString,
  readText,
  type WireRecord,
} from './readers.ts';
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

/** An export job. Null if the value has no id or no status. */
export function decodeExportJob(value: unknown, context: DecodeContext, reading: ReadingTimes): ExportJob | null {
  const job = lazyExportJob(value, context, reading);
  return job === null ? null : wholeExportJob(job);
}

/** An export job whose fields are decoded when they are read. Null if the value has no id or no status. */
export function lazyExportJob(value: unknown, context: DecodeContext, reading: ReadingTimes): LazyExportJob | null {
  const record = asRecord<ExportJobKey>(value);
  const id = decodeJobId(record?.id);
  const rawStatus = readText(record?.status);
  if (record !== null && id !== null && rawStatus !== null)
    return new LazyExportJob(platformId(id), rawStatus, record, context, reading);
  context.anomaly(record === null ? 'not-an-object' : id === null ? 'missing-id' : 'missing-status');
  return null;
}

/**
 * An export job whose fields are each decoded when they are first read, because few operations select all of them.
 * Anomalies of a field are counted once, when it is decoded.
 *
 * The fields are accessors of the class, so that a spread does not copy them; the compiler rejects a spread.
 * `wholeExportJob` copies them. A job holds its whole record in memory, so that subscriptions, which keep jobs, must
 * not use it.
 */
export class LazyExportJob implements ExportJob {
  readonly id: ExportJob['id'];
  readonly rawStatus: string;
  readonly #record: WireRecord<ExportJobKey>;
  readonly #context: DecodeContext;
  readonly #reading: ReadingTimes;
  #status: ExportJob['status'] | undefined;
  #jobType: ExportJob['jobType'] | undefined;
  #filter: ExportJob['filter'] | undefined;
  #eventList: ExportJob['eventList'] | undefined;
  #destination: ExportJob['destination'] | undefined;
  #metrics: ExportJob['metrics'] | undefined;
  #times: Pick<ExportJob, 'createdAt' | 'updatedAt'> | undefined;

  constructor(
    id: ExportJob['id'],
    rawStatus: string,
    record: WireRecord<ExportJobKey>,
    context: DecodeContext,
    reading: ReadingTimes,
  ) {
    this.id = id;
    this.rawStatus = rawStatus;
    this.#record = record;
    this.#context = context;
    this.#reading = reading;
  }

  get status(): ExportJob['status'] {
    this.#status ??= readStatus(this.rawStatus, exportJobStatuses, this.#context, jobStatusAliases);
    return this.#status;
  }

  get jobType(): ExportJob['jobType'] {
    this.#jobType ??= decodeJobType(this.#record.jobType, this.#context);
    return this.#jobType;
  }

  get fields(): ExportJob['fields'] {
    return readFieldList(this.#record.fields);
  }

  get schemaName(): ExportJob['schemaName'] {
    return readText(asRecord<'name'>(this.#record.schema)?.name);
  }

  get mergePolicy(): ExportJob['mergePolicy'] {
    return decodeMergePolicyRef(this.#record.mergePolicy);
  }

  get filter(): ExportJob['filter'] {
    if (this.#filter === undefined) this.#filter = decodeFilter(this.#record.filter, this.#context);
    return this.#filter;
  }

  get eventList(): ExportJob['eventList'] {
    if (this.#eventList === undefined) {
      const { eventList } = asRecord<'eventList'>(this.#record.additionalFields) ?? {};
      this.#eventList = decodeEventList(eventList, this.#context);
    }
    return this.#eventList;
  }

  get destination(): ExportJob['destination'] {
    this.#destination ??= new LazyExportDestination(this.#record.destination, this.#context);
    return this.#destination;
  }

  get metrics(): ExportJob['metrics'] {
    this.#metrics ??= new LazyExportMetrics(this.#record, this.#context);
    return this.#metrics;
  }

  get errors(): ExportJob['errors'] {
    return decodeJobErrors(this.#record);
  }

  get computeJobs(): ExportJob['computeJobs'] {
    return decodeComputeJobs(this.#record.computeGatewayJobId);
  }

  get profileInstanceId(): ExportJob['profileInstanceId'] {
    return readText(this.#record.profileInstanceId);
  }

  get requestId(): ExportJob['requestId'] {
    return readText(this.#record.requestId);
  }

  get organizationId(): ExportJob['organizationId'] {
    return readText(this.#record.imsOrgId);
  }

  get createdAt(): Date {
    this.#times ??= this.#decodeTimes();
    return this.#times.createdAt;
  }

  get updatedAt(): Date {
    this.#times ??= this.#decodeTimes();
    return this.#times.updatedAt;
  }

  get requestedAt(): Date {
    return this.#reading.requestedAt;
  }

  get observedAt(): Date {
    return this.#reading.observedAt;
  }

  #decodeTimes(): Pick<ExportJob, 'createdAt' | 'updatedAt'> {
    const createdAt = readTime(this.#record.creationTime, this.#context);
    // Almost all jobs have the time of their creation.
    const startedAt = createdAt === null ? (this.metrics.totalTime?.startedAt ?? null) : null;
    const updatedAt = readTime(this.#record.updateTime, this.#context);
    return jobTimes({ createdAt, startedAt, updatedAt }, this.#context);
  }
}

/**
 * An export job with all that its record shows of its request. No record is known to contain whether segments were
 * evaluated, and only the response to a create contains the selection of events.
 */
export function decodeReportedExportJob(
  value: unknown,
  context: DecodeContext,
  reading: ReadingTimes,
): ReportedExportJob | null {
  const job = decodeExportJob(value, context, reading);
  const record = asRecord<ExportJobKey | 'evaluationInfo' | 'properties'>(value);
  if (job === null || record === null) return null;
  const evaluateSegments = readBoolean(asRecord<'segmentation'>(record.evaluationInfo)?.segmentation);
  const properties = asRecord<'checkBatchStatusForSuccess'>(record.properties);
  const waitForBatch = readBoolean(properties?.checkBatchStatusForSuccess);
  const segmentPerBatch = readBoolean(asRecord<'segmentPerBatch'>(record.destination)?.segmentPerBatch);
  const omits = new Set<OmittablePart>(omittedConditions(record.filter));
  if (job.fields === null) omits.add('fields');
  if (job.schemaName === null) omits.add('schemaName');
  if (record.additionalFields === undefined) omits.add('eventList');
  if (segmentPerBatch === null) omits.add('destination.segmentPerBatch');
  if (evaluateSegments === null) omits.add('evaluateSegments');
  if (waitForBatch === null) omits.add('waitForBatch');
  return { ...job, omits, evaluateSegments: evaluateSegments ?? false, waitForBatch: waitForBatch ?? false };
}

/** Some revisions of the platform return only the segments of a filter, without their statuses. */
function omittedConditions(value: unknown): readonly OmittablePart[] {
  const filter = asRecord<FilterKey>(value);
  if (filter === null) return ['filter'];
  const omitted: OmittablePart[] = [];
  const isWhole = asList(filter.segments).every((entry) => {
    const { segmentNs, status } = asRecord<SegmentSelectionKey>(entry) ?? {};
    return segmentNs !== undefined && status !== undefined;
  });
  if (!isWhole) omitted.push('filter.segments');
  if (readBoolean(filter.emptyProfiles) !== null) return omitted;
  omitted.push('filter.emptyProfiles');
  if (filter.segmentQualificationTime === undefined) omitted.push('filter.segmentQualificationTime');
  if (filter.fromIngestTimestamp === undefined) omitted.push('filter.fromIngestTimestamp');
  return omitted;
}

const decimalId = /^(\d+)\.0+$/;

/** Ids of jobs can be numbers, which the API description shows as `100.0`. */
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

/** An object of two job ids, or a plain string for the first id. `{}` and `""` stand for a job without them. */
function decodeComputeJobs(value: unknown): ExportJob['computeJobs'] {
  const jobs = asRecord<'exportJob' | 'pushJob'>(value);
  const exportJob = readId(jobs === null ? value : jobs.exportJob);
  const pushJob = readId(jobs?.pushJob);
  return exportJob === null && pushJob === null ? null : { exportJob, pushJob };
}
