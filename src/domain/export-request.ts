import type { ExportJob, NewExportJob } from './export-job.ts';

/**
 * A part of the request of an export job that the platform's record of the job can omit. The name is the path in the
 * input of `createExportJob`.
 */
export type OmittablePart =
  | 'fields'
  | 'schemaName'
  | 'filter'
  | 'filter.segments'
  | 'filter.segmentQualificationTime'
  | 'filter.fromIngestTimestamp'
  | 'filter.emptyProfiles'
  | 'eventList'
  | 'destination.segmentPerBatch'
  | 'evaluateSegments'
  | 'waitForBatch';

/** An export job with all that its record shows of the request. */
export interface ReportedExportJob extends ExportJob {
  /** Parts that the record omits, so that the job has their defaults. */
  readonly omits: ReadonlySet<OmittablePart>;
  readonly evaluateSegments: boolean;
  readonly waitForBatch: boolean;
}

/** Schema of the exported records, if a request names none. */
export const defaultSchemaName = '_xdm.context.profile';

/**
 * The request that created a job, as its record shows it. Parts in `omits` have their defaults. A merge policy that the
 * platform chose is part of the request.
 */
export const requestOf = ({ filter, destination, ...job }: ReportedExportJob): NewExportJob => ({
  fields: job.fields,
  schemaName: job.schemaName ?? defaultSchemaName,
  mergePolicy: job.mergePolicy,
  filter: filter === null ? null : { ...filter, segments: filter.segments.length === 0 ? null : filter.segments },
  eventList: job.eventList,
  datasetId: destination.datasetId,
  segmentPerBatch: destination.segmentPerBatch,
  evaluateSegments: job.evaluateSegments,
  waitForBatch: job.waitForBatch,
});
