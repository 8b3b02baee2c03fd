import type { ExportJob, ExportJobStatus } from './export-job.ts';
import type { DatasetId, MergePolicyId, SegmentId } from './ids.ts';
import { isMarkedOverdue } from './reading-times.ts';

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
