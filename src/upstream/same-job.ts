import type {
  EventListSelection,
  ExportFilter,
  ExportJob,
  NewExportJob,
  SegmentSelection,
} from '../domain/export-job.ts';
import type { SegmentId } from '../domain/ids.ts';
import type { SegmentJob } from '../domain/segment-job.ts';

/**
 * Whether an export job is what a create asked for. What was left to the platform's defaults may be anything. What the
 * platform's records leave out (the events in lists, statuses of segments in some answers) cannot contradict; all else
 * must be there and the same. Order, blanks, case of namespaces and the notation of times do not count.
 */
export function isExportJobOf(asked: NewExportJob, job: ExportJob): boolean {
  const { mergePolicy } = asked;
  return (
    job.destination.datasetId === asked.datasetId &&
    job.destination.segmentPerBatch === asked.segmentPerBatch &&
    job.schemaName === asked.schemaName &&
    sameNames(job.fields, asked.fields) &&
    (mergePolicy === null ||
      (job.mergePolicy?.id === mergePolicy.id &&
        (mergePolicy.version === null || job.mergePolicy.version === mergePolicy.version))) &&
    sameFilter(job.filter, asked.filter) &&
    (job.eventList === null || sameEvents(job.eventList, asked.eventList))
  );
}

/** Whether a segment job evaluates just these segments, and was not started by a schedule. */
export function isSegmentJobOf(segmentIds: readonly SegmentId[], job: SegmentJob): boolean {
  const bySchedule = job.scheduleId !== null || job.source?.trim().toLowerCase() === 'scheduler';
  return (
    !bySchedule &&
    sameSet(
      job.segments.map(({ segmentId }) => segmentId),
      segmentIds,
    )
  );
}

function sameFilter(found: ExportFilter | null, asked: NewExportJob['filter']): boolean {
  // A filter that filters nothing may be left out.
  const emptyProfiles = (found?.emptyProfiles ?? false) === (asked?.emptyProfiles ?? false);
  return (
    emptyProfiles &&
    sameTime(found?.fromIngestTimestamp, asked?.fromIngestTimestamp) &&
    sameTime(found?.segmentQualificationTime?.startTime, asked?.segmentQualificationTime?.startTime) &&
    sameTime(found?.segmentQualificationTime?.endTime, asked?.segmentQualificationTime?.endTime) &&
    sameSegments(found?.segments ?? [], asked?.segments ?? [])
  );
}

function sameSegments(found: readonly SegmentSelection[], asked: readonly SegmentSelection[]): boolean {
  const keyOf = ({ segmentNs, segmentId }: SegmentSelection) => JSON.stringify([segmentNs.toLowerCase(), segmentId]);
  const byKey = new Map(found.map((segment) => [keyOf(segment), segment]));
  return (
    found.length === asked.length &&
    byKey.size === new Set(asked.map(keyOf)).size &&
    asked.every((segment) => {
      const statuses = byKey.get(keyOf(segment))?.statuses;
      if (statuses === undefined) return false;
      return statuses.length === 0 || segment.statuses.length === 0 || sameSet(statuses, segment.statuses);
    })
  );
}

function sameEvents(found: EventListSelection, asked: EventListSelection | null): boolean {
  return (
    asked !== null &&
    sameNames(found.fields, asked.fields) &&
    sameTime(found.fromIngestTimestamp, asked.fromIngestTimestamp) &&
    sameTime(found.toIngestTimestamp, asked.toIngestTimestamp)
  );
}

/** Null stands for every field. */
const sameNames = (found: readonly string[] | null, asked: readonly string[] | null): boolean =>
  found === null || asked === null
    ? (found ?? []).length === (asked ?? []).length
    : sameSet(
        found,
        asked.map((name) => name.trim()),
      );

const sameTime = (found: Date | null | undefined, asked: Date | null | undefined): boolean =>
  (found?.getTime() ?? null) === (asked?.getTime() ?? null);

function sameSet<Item>(left: readonly Item[], right: readonly Item[]): boolean {
  const [a, b] = [new Set(left), new Set(right)];
  return a.size === b.size && [...a].every((item) => b.has(item));
}
