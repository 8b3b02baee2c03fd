import type { Dataset, NewDataset } from '../../domain/dataset.ts';
import type { EventListSelection, MergePolicyRef, NewExportJob, SegmentSelection } from '../../domain/export-job.ts';
import type { ReportedExportJob } from '../../domain/export-request.ts';
import type { SegmentId } from '../../domain/ids.ts';
import type { NewSchedule, Schedule } from '../../domain/schedule.ts';
import type { SegmentJob } from '../../domain/segment-job.ts';

/**
 * Whether a create may have created a candidate, according to the platform's record. `same`: every part is equal.
 * `possible`: all parts that the record contains are equal, and the record omits the others.
 */
export type Fit = 'same' | 'possible' | 'different';

/**
 * Compares an export job with a create. Parts that the create leaves to the platform's defaults may have any value.
 * Order, spaces, the case of namespaces and the notation of times do not matter. Lists omit the events of every job.
 */
export const fitOfExportJob = (requested: NewExportJob, job: ReportedExportJob): Fit =>
  fitBy((mayOmit) => {
    const { mergePolicy } = requested;
    return (
      job.destination.datasetId === requested.datasetId &&
      ((mayOmit && job.omits.has('destination.segmentPerBatch')) ||
        job.destination.segmentPerBatch === requested.segmentPerBatch) &&
      ((mayOmit && job.omits.has('waitForBatch')) || job.waitForBatch === requested.waitForBatch) &&
      ((mayOmit && job.schemaName === null) || job.schemaName === requested.schemaName) &&
      sameNames(job.fields, requested.fields, mayOmit) &&
      (mergePolicy === null || samePolicy(job.mergePolicy, mergePolicy, mayOmit)) &&
      sameFilter(job, requested.filter, mayOmit) &&
      (job.eventList === null || sameEvents(job.eventList, requested.eventList, mayOmit))
    );
  });

/** Compares a segment job with a create of these segments. A job that a schedule started is different. */
export const fitOfSegmentJob = (segmentIds: readonly SegmentId[], job: SegmentJob): Fit =>
  fitBy((mayOmit) => {
    const bySchedule = job.scheduleId !== null || job.source?.trim().toLowerCase() === 'scheduler';
    const ids = job.segments.map(({ segmentId }) => segmentId);
    return !bySchedule && sameIds(ids, segmentIds, mayOmit);
  });

/** Compares a schedule with a create. Its state does not matter, because it can be changed at any time. */
export const fitOfSchedule = (requested: NewSchedule, schedule: Schedule): Fit =>
  fitBy(
    (mayOmit) =>
      schedule.name === requested.name &&
      ((mayOmit && schedule.type === 'UNKNOWN') || schedule.type === requested.type) &&
      ((mayOmit && schedule.schedule === '') || plainCron(schedule.schedule) === plainCron(requested.schedule)) &&
      sameIds(schedule.segmentIds, requested.segmentIds, mayOmit),
  );

/** Compares a dataset with a create. Datasets of equal names may have different schemas. */
export const fitOfDataset = ({ name, schemaRef }: NewDataset, dataset: Dataset): Fit =>
  fitBy(
    (mayOmit) =>
      dataset.name === name && ((mayOmit && dataset.schemaRef === null) || dataset.schemaRef?.id === schemaRef.id),
  );

/** @param isSame compares; `mayOmit` states whether an omitted part is equal to anything */
function fitBy(isSame: (mayOmit: boolean) => boolean): Fit {
  if (isSame(false)) return 'same';
  return isSame(true) ? 'possible' : 'different';
}

function samePolicy(found: MergePolicyRef | null, requested: MergePolicyRef, mayOmit: boolean): boolean {
  if (found === null) return mayOmit;
  const { version } = requested;
  return (
    found.id === requested.id && (version === null || found.version === version || (mayOmit && found.version === null))
  );
}

function sameFilter(
  { filter: found, omits }: ReportedExportJob,
  requested: NewExportJob['filter'],
  mayOmit: boolean,
): boolean {
  // A filter without a condition may be omitted. Every revision of the platform's records contains the segments.
  const emptyProfiles = (found?.emptyProfiles ?? false) === (requested?.emptyProfiles ?? false);
  const [foundTime, requestedTime] = [found?.segmentQualificationTime, requested?.segmentQualificationTime];
  return (
    sameSegments(found?.segments ?? [], requested?.segments ?? []) &&
    (emptyProfiles || (mayOmit && (omits.has('filter') || omits.has('filter.emptyProfiles')))) &&
    sameTime(found?.fromIngestTimestamp, requested?.fromIngestTimestamp, mayOmit) &&
    sameTime(foundTime?.startTime, requestedTime?.startTime, mayOmit) &&
    sameTime(foundTime?.endTime, requestedTime?.endTime, mayOmit)
  );
}

const sameIds = (found: readonly SegmentId[], requested: readonly SegmentId[], mayOmit: boolean): boolean =>
  (mayOmit && found.length === 0) || sameSet(found, requested);

function sameSegments(found: readonly SegmentSelection[], requested: readonly SegmentSelection[]): boolean {
  const keyOf = ({ segmentNs, segmentId }: SegmentSelection) => JSON.stringify([segmentNs.toLowerCase(), segmentId]);
  const byKey = new Map(found.map((segment) => [keyOf(segment), segment]));
  return (
    found.length === requested.length &&
    byKey.size === new Set(requested.map(keyOf)).size &&
    requested.every((segment) => {
      const statuses = byKey.get(keyOf(segment))?.statuses;
      if (statuses === undefined) return false;
      return statuses.length === 0 || segment.statuses.length === 0 || sameSet(statuses, segment.statuses);
    })
  );
}

function sameEvents(found: EventListSelection, requested: EventListSelection | null, mayOmit: boolean): boolean {
  return (
    requested !== null &&
    sameNames(found.fields, requested.fields, mayOmit) &&
    sameTime(found.fromIngestTimestamp, requested.fromIngestTimestamp, mayOmit) &&
    sameTime(found.toIngestTimestamp, requested.toIngestTimestamp, mayOmit)
  );
}

/** Null means every field. */
function sameNames(found: readonly string[] | null, requested: readonly string[] | null, mayOmit: boolean): boolean {
  if (found === null && mayOmit) return true;
  const names = (requested ?? []).map((name) => name.trim());
  return sameSet(found ?? [], names);
}

function sameTime(found: Date | null | undefined, requested: Date | null | undefined, mayOmit: boolean): boolean {
  const [foundMs, requestedMs] = [found?.getTime() ?? null, requested?.getTime() ?? null];
  return foundMs === requestedMs || (mayOmit && foundMs === null);
}

/** Names of months and days have any case; the number of spaces does not matter. */
const plainCron = (expression: string): string => expression.trim().toUpperCase().split(/\s+/).join(' ');

function sameSet<Item>(left: readonly Item[], right: readonly Item[]): boolean {
  const [a, b] = [new Set(left), new Set(right)];
  return a.size === b.size && [...a].every((item) => b.has(item));
}
