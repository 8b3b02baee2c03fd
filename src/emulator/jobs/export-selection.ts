import type { ExportSelection } from '../engine/export-profiles.ts';
import type { SegmentFilter } from '../store/export-request.ts';
import type { ExportJob } from '../store/platform-store-export-jobs.ts';
import { fieldPaths } from './export-request.ts';

/** A batch that a job writes, and the selection of its profiles. */
export interface BatchSelectionPlan {
  readonly batchId: string;
  readonly selection: ExportSelection;
}

/** Plans the batches of a job: one batch for all segments, or one batch per segment. */
export function planBatches(job: ExportJob): readonly BatchSelectionPlan[] {
  const { output, request } = job;
  if (output.kind === 'single') return [{ batchId: output.batchId, selection: selectionFor(job, request.segments) }];
  return output.batches.map(({ batchId }, index) => {
    // With one batch per segment, batches have the order of the segments.
    const segment = request.segments?.[index];
    return { batchId, selection: selectionFor(job, segment === undefined ? null : [segment]) };
  });
}

function selectionFor(
  { sandbox, request, mergePolicy }: ExportJob,
  segments: readonly SegmentFilter[] | null,
): ExportSelection {
  const { segmentQualificationTime, events } = request;
  return {
    sandbox,
    fields: fieldPaths(request.fields),
    mergePolicyId: mergePolicy.id,
    segments,
    segmentQualificationTime: segmentQualificationTime && {
      startTime: dateOrNull(segmentQualificationTime.startTime),
      endTime: dateOrNull(segmentQualificationTime.endTime),
    },
    fromIngestTimestamp: dateOrNull(request.fromIngestTimestamp),
    emptyProfiles: request.emptyProfiles,
    events: events && {
      fields: fieldPaths(events.fields),
      fromIngestTimestamp: dateOrNull(events.fromIngestTimestamp),
      toIngestTimestamp: dateOrNull(events.toIngestTimestamp),
    },
  };
}

function dateOrNull(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
