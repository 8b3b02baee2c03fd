import type { SegmentId } from './ids.ts';
import { everySegment, type SegmentJob, type SegmentJobStatus } from './segment-job.ts';

export interface SegmentJobFilter {
  readonly statuses?: readonly SegmentJobStatus[] | undefined;
  readonly segmentId?: SegmentId | undefined;
}

/** Whether a segment job is one that a filter asks for. A job that evaluates every segment evaluates each of them. */
export function matchesSegmentJobFilter(job: SegmentJob, { statuses, segmentId }: SegmentJobFilter): boolean {
  return (
    (statuses === undefined || statuses.includes(job.status)) &&
    (segmentId === undefined ||
      job.segments.some((segment) => segment.segmentId === segmentId || segment.segmentId === everySegment))
  );
}
