import type { ExportSelection } from '../engine/export-profiles.ts';
import type { ExportJob } from '../store/platform-store-export-jobs.ts';
import { fieldPaths, type SegmentFilter } from './export-request.ts';

/** A batch that a job writes and the profiles that belong into it. */
export interface BatchSelectionPlan {
  readonly batchId: string;
  readonly selection: ExportSelection;
}

/** What each batch of a job is to hold: one batch for all segments, or one for each. */
export function planBatches(job: ExportJob): readonly BatchSelectionPlan[] {
  const { output, request } = job;
  if (output.kind === 'single') return [{ batchId: output.batchId, selection: selectionFor(job, request.segments) }];
  return output.batches.map(({ batchId }, index) => {
    // The batches were made from the segments, one for one.
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
