import type { SegmentMembershipStatus } from './export-job.ts';
import type { ScheduleId, SegmentId, SegmentJobId } from './ids.ts';
import type { JobError, JobStatus, NamespaceCount, TimeSpan } from './job.ts';
import { isMarkedOverdue, type OverdueMark, type ReadingTimes } from './reading-times.ts';

export { jobStatuses as segmentJobStatuses } from './job.ts';
export type SegmentJobStatus = JobStatus;

/** One evaluation of segments, which determines their members. */
export interface SegmentJob extends ReadingTimes, OverdueMark {
  readonly id: SegmentJobId;
  readonly status: SegmentJobStatus;
  /** The status exactly as returned by the platform. */
  readonly rawStatus: string;
  /** `api`, `scheduler`, or another value of the platform. */
  readonly source: string | null;
  /** Id of the schedule that started the job; null: no schedule did. */
  readonly scheduleId: ScheduleId | null;
  readonly segments: readonly EvaluatedSegment[];
  readonly metrics: SegmentJobMetrics | null;
  readonly errors: readonly JobError[];
  readonly requestId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface EvaluatedSegment {
  /** `*` stands for every segment. */
  readonly segmentId: SegmentId;
  readonly profileCount: number | null;
  readonly profilesByNamespace: readonly NamespaceCount[];
  readonly profilesByStatus: readonly { readonly status: SegmentMembershipStatus; readonly count: number }[];
}

export interface SegmentJobMetrics {
  readonly totalTime: TimeSpan | null;
  readonly profileSegmentationTime: TimeSpan | null;
  readonly totalProfiles: number | null;
}

/** The id that stands for every segment. */
export const everySegment = '*';

export interface SegmentJobFilter {
  readonly statuses?: readonly SegmentJobStatus[] | undefined;
  readonly segmentId?: SegmentId | undefined;
  readonly isOverdue?: boolean | undefined;
}

/**
 * Whether a segment job meets all conditions. A job that evaluates every segment matches each segment.
 * @param isOverdue determines whether the job is overdue
 */
export function matchesSegmentJobFilter(
  job: SegmentJob,
  { statuses, segmentId, isOverdue: wanted }: SegmentJobFilter,
  isOverdue: (job: SegmentJob) => boolean = isMarkedOverdue,
): boolean {
  return (
    (wanted === undefined || isOverdue(job) === wanted) &&
    (statuses === undefined || statuses.includes(job.status)) &&
    (segmentId === undefined ||
      job.segments.some((segment) => segment.segmentId === segmentId || segment.segmentId === everySegment))
  );
}
