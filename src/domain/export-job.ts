import type { BatchState } from './batch.ts';
import type { BatchId, DatasetId, ExportJobId, MergePolicyId, SegmentId } from './ids.ts';
import type { JobError, JobStatus, NamespaceCount, TimeSpan } from './job.ts';
import { isMarkedOverdue, type OverdueMark, type ReadingTimes } from './reading-times.ts';

export { jobStatuses as exportJobStatuses } from './job.ts';
export type ExportJobStatus = JobStatus;

export const jobTypes = ['BATCH', 'STREAMING', 'UNKNOWN'] as const;
export type JobType = (typeof jobTypes)[number];

export const segmentMembershipStatuses = ['REALIZED', 'EXISTING', 'EXITED', 'UNKNOWN'] as const;
export type SegmentMembershipStatus = (typeof segmentMembershipStatuses)[number];

/** One run of an export: its request, its destination and its progress. */
export interface ExportJob extends ReadingTimes, OverdueMark {
  readonly id: ExportJobId;
  readonly status: ExportJobStatus;
  /** The status exactly as returned by the platform. */
  readonly rawStatus: string;
  readonly jobType: JobType;
  /** Dotted XDM paths. Null means every field, or that the platform did not report the fields. */
  readonly fields: readonly string[] | null;
  readonly schemaName: string | null;
  readonly mergePolicy: MergePolicyRef | null;
  readonly filter: ExportFilter | null;
  /** Null means that events are not exported, or that the platform did not report the selection. */
  readonly eventList: EventListSelection | null;
  readonly destination: ExportDestination;
  readonly metrics: ExportMetrics;
  /** May contain errors even if the job succeeded. */
  readonly errors: readonly JobError[];
  readonly computeJobs: { readonly exportJob: string | null; readonly pushJob: string | null } | null;
  readonly profileInstanceId: string | null;
  readonly requestId: string | null;
  readonly organizationId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Absent outside of live views, and while no subscriber of a live view selects batches. */
  readonly observedBatches?: ObservedBatches;
}

/** A copy of a job that holds all fields itself, so that it can be changed, kept and serialized. */
export const wholeExportJob = (job: ExportJob): ExportJob => ({
  id: job.id,
  status: job.status,
  rawStatus: job.rawStatus,
  jobType: job.jobType,
  fields: job.fields,
  schemaName: job.schemaName,
  mergePolicy: job.mergePolicy,
  filter: job.filter,
  eventList: job.eventList,
  destination: wholeDestination(job.destination),
  metrics: wholeMetrics(job.metrics),
  errors: job.errors,
  computeJobs: job.computeJobs,
  profileInstanceId: job.profileInstanceId,
  requestId: job.requestId,
  organizationId: job.organizationId,
  createdAt: job.createdAt,
  updatedAt: job.updatedAt,
  requestedAt: job.requestedAt,
  observedAt: job.observedAt,
  ...(job.observedBatches === undefined ? {} : { observedBatches: job.observedBatches }),
  ...(job.overdueAt === undefined ? {} : { overdueAt: job.overdueAt }),
});

const wholeDestination = ({ datasetId, segmentPerBatch, batches }: ExportDestination): ExportDestination => ({
  datasetId,
  segmentPerBatch,
  batches,
});

const wholeMetrics = (metrics: ExportMetrics): ExportMetrics => ({
  totalTime: metrics.totalTime,
  profileExportTime: metrics.profileExportTime,
  datasetWriteTime: metrics.datasetWriteTime,
  totalExportedProfiles: metrics.totalExportedProfiles,
  exportedProfilesByNamespace: metrics.exportedProfilesByNamespace,
});

/** The batches of a job, as a live view has read them. */
export interface ObservedBatches {
  /** The last status of each batch that Catalog has returned. */
  readonly states: ReadonlyMap<BatchId, BatchState>;
  /** Number of consecutive readings in which Catalog did not return a batch that it had returned before. */
  readonly absences: ReadonlyMap<BatchId, number>;
  /**
   * Whether no further change of a batch is awaited after the end of the job, because all batches are readable, ended
   * or removed, or took too long.
   */
  readonly settled: boolean;
}

/** No batch of the job has been read yet. */
export const unreadBatches: ObservedBatches = { states: new Map(), absences: new Map(), settled: false };

export interface MergePolicyRef {
  readonly id: MergePolicyId;
  readonly version: number | null;
}

export interface ExportFilter {
  readonly segments: readonly SegmentSelection[];
  readonly segmentQualificationTime: { readonly startTime: Date | null; readonly endTime: Date | null } | null;
  readonly fromIngestTimestamp: Date | null;
  readonly emptyProfiles: boolean;
}

export interface SegmentSelection {
  readonly segmentId: SegmentId;
  /** `ups` if the platform returned no namespace. */
  readonly segmentNs: string;
  readonly statuses: readonly SegmentMembershipStatus[];
}

export interface EventListSelection {
  readonly fields: readonly string[] | null;
  readonly fromIngestTimestamp: Date | null;
  readonly toIngestTimestamp: Date | null;
}

export interface ExportDestination {
  readonly datasetId: DatasetId;
  readonly segmentPerBatch: boolean;
  /** One batch, one per segment, or none if the job failed before it had a batch. */
  readonly batches: readonly ExportBatch[];
}

export interface ExportBatch {
  readonly batchId: BatchId;
  /** Segment whose members the batch contains; null: the segments share one batch. */
  readonly segment: SegmentSelection | null;
}

export interface ExportMetrics {
  readonly totalTime: TimeSpan | null;
  readonly profileExportTime: TimeSpan | null;
  readonly datasetWriteTime: TimeSpan | null;
  readonly totalExportedProfiles: number | null;
  readonly exportedProfilesByNamespace: readonly NamespaceCount[];
}

/** Input of a new export job. The platform's defaults apply to absent parts. */
export interface NewExportJob {
  readonly fields: readonly string[] | null;
  readonly schemaName: string;
  readonly mergePolicy: MergePolicyRef | null;
  readonly filter: NewExportFilter | null;
  readonly eventList: EventListSelection | null;
  readonly datasetId: DatasetId;
  readonly segmentPerBatch: boolean;
  /** Whether to run segmentation as part of the export. */
  readonly evaluateSegments: boolean;
  /** Whether the job ends only when its batches are readable or have ended. */
  readonly waitForBatch: boolean;
}

export interface NewExportFilter extends Omit<ExportFilter, 'segments'> {
  /** Null: all profiles. */
  readonly segments: readonly SegmentSelection[] | null;
}

export interface ExportJobFilter {
  readonly statuses?: readonly ExportJobStatus[] | undefined;
  readonly datasetId?: DatasetId | undefined;
  readonly segmentId?: SegmentId | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  readonly updatedAfter?: Date | undefined;
  readonly mergePolicyId?: MergePolicyId | undefined;
  readonly isOverdue?: boolean | undefined;
}

/**
 * Whether a job meets all conditions. The times are exclusive.
 * @param isOverdue determines whether the job is overdue
 */
export function matchesExportJobFilter(
  job: ExportJob,
  filter: ExportJobFilter,
  isOverdue: (job: ExportJob) => boolean = isMarkedOverdue,
): boolean {
  const { statuses, datasetId, segmentId, createdAfter, createdBefore, updatedAfter, mergePolicyId } = filter;
  return (
    (statuses === undefined || statuses.includes(job.status)) &&
    (datasetId === undefined || job.destination.datasetId === datasetId) &&
    (segmentId === undefined || (job.filter?.segments.some((segment) => segment.segmentId === segmentId) ?? false)) &&
    (createdAfter === undefined || job.createdAt > createdAfter) &&
    (createdBefore === undefined || job.createdAt < createdBefore) &&
    (updatedAfter === undefined || job.updatedAt > updatedAfter) &&
    (mergePolicyId === undefined || job.mergePolicy?.id === mergePolicyId) &&
    (filter.isOverdue === undefined || isOverdue(job) === filter.isOverdue)
  );
}
