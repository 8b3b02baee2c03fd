import type { SegmentId } from './ids.ts';
import { isMarkedOverdue } from './reading-times.ts';
import { everySegment, type SegmentJob, type SegmentJobStatus } from './segment-job.ts';

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
