import type { SegmentId } from './ids.ts';
import { everySegment, type SegmentJob, type SegmentJobStatus } from './segment-job.ts';

export interface SegmentJobFilter {
  readonly statuses?: readonly SegmentJobStatus[] | undefined;
  readonly segmentId?: SegmentId | undefined;
}

/** Whether a segment job meets all conditions. A job that evaluates every segment matches each segment. */
export function matchesSegmentJobFilter(job: SegmentJob, { statuses, segmentId }: SegmentJobFilter): boolean {
  return (
    (statuses === undefined || statuses.includes(job.status)) &&
    (segmentId === undefined ||
      job.segments.some((segment) => segment.segmentId === segmentId || segment.segmentId === everySegment))
  );
}
