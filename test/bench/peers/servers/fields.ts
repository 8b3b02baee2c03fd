/**
 * The fields of the contract whose value is not simply the property of that name in the platform's record, as functions of
 * the record. All GraphQL servers resolve by them, so that each computes what was asked for and nothing else.
 */
import { type Dataset, type Job, unionProfileSchema } from './platform.ts';

type Destination = Job['destination'];
type Metrics = Job['metrics'];
type Span = Metrics['totalTime'];
type Filter = NonNullable<Job['filter']>;
type Segment = Filter['segments'][number];
type EventList = NonNullable<Job['additionalFields']>['eventList'];

const iso = (value: number | string | undefined): string | null =>
  value === undefined ? null : new Date(value).toISOString();
const list = (text: string | undefined): string[] | null => (text === undefined ? null : text.split(','));
const spanOf = (span: Span | undefined): Span | null => (span?.startTimeInMs === undefined ? null : span);
/** The members of a record that hold a value; null if there is none. */
const orNull = <Value extends object>(value: Value): Value | null => (Object.keys(value).length === 0 ? null : value);

const terminal: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);

export const fieldsOf = {
  ExportJob: {
    id: (job: Job) => `ExportJob:${job.id}`,
    platformId: (job: Job) => String(job.id),
    rawStatus: (job: Job) => job.status,
    isTerminal: (job: Job) => terminal.has(job.status),
    fields: (job: Job) => list(job.fields),
    filter: (job: Job) => job.filter ?? null,
    eventList: (job: Job) => job.additionalFields?.eventList ?? null,
    errors: (job: Job) => job.errors ?? [],
    computeJobs: (job: Job) => orNull(job.computeGatewayJobId),
    organizationId: (job: Job) => job.imsOrgId,
    createdAt: (job: Job) => iso(job.creationTime) ?? '',
    updatedAt: (job: Job) => iso(job.updateTime) ?? '',
  },
  MergePolicyReference: { platformId: (policy: Job['mergePolicy']) => policy.id },
  ExportFilter: {
    fromIngestTimestamp: (filter: Filter) => iso(filter.fromIngestTimestamp),
    emptyProfiles: (filter: Filter) => filter.emptyProfiles ?? false,
  },
  TimeWindow: {
    startTime: (window: NonNullable<Filter['segmentQualificationTime']>) => iso(window.startTime),
    endTime: (window: NonNullable<Filter['segmentQualificationTime']>) => iso(window.endTime),
  },
  SegmentSelection: { statuses: (segment: Segment) => segment.status.map((status) => status.toUpperCase()) },
  EventListSelection: {
    fields: (events: EventList) => list(events.fields),
    fromIngestTimestamp: (events: EventList) => iso(events.filter.fromIngestTimestamp),
  },
  ExportDestination: {
    batches: ({ batches, batchId }: Destination) =>
      batches?.map((batch) => ({ batchId: batch.batchId, segment: batch })) ??
      (batchId === undefined ? [] : [{ batchId, segment: null }]),
  },
  ExportMetrics: {
    totalTime: (metrics: Metrics) => spanOf(metrics.totalTime),
    profileExportTime: (metrics: Metrics) => spanOf(metrics.profileExportTime),
    datasetWriteTime: (metrics: Metrics) => spanOf(metrics.aCPDatasetWriteTime),
    totalExportedProfiles: (metrics: Metrics) => metrics.totalExportedProfileCounter ?? null,
    exportedProfilesByNamespace: (metrics: Metrics) =>
      Object.entries(metrics.exportedProfileByNamespaceCounter ?? {}).map(([namespace, count]) => ({
        namespace,
        count,
      })),
  },
  TimeSpan: {
    startedAt: (span: Span) => iso(span.startTimeInMs),
    endedAt: (span: Span) => iso(span.endTimeInMs),
    durationMs: (span: Span) => span.totalTimeInMs ?? null,
  },
  JobError: { message: (error: NonNullable<Job['errors']>[number]) => error.msg },
  Dataset: {
    id: (dataset: Dataset) => `Dataset:${dataset.id}`,
    platformId: (dataset: Dataset) => dataset.id,
    fileFormat: (dataset: Dataset) => dataset.fileDescription.format,
    tags: (dataset: Dataset) => Object.entries(dataset.tags).map(([name, values]) => ({ name, values })),
    recordCount: (dataset: Dataset) => dataset.extensions.adobe_lakeHouse.metrics.rowCount,
    sizeBytes: (dataset: Dataset) => dataset.extensions.adobe_lakeHouse.metrics.storageSize,
    measuredAt: (dataset: Dataset) => iso(dataset.extensions.adobe_lakeHouse.metrics.asOf),
    lastSuccessfulBatchId: (dataset: Dataset) => dataset.lastSuccessfulBatch,
    createdAt: (dataset: Dataset) => iso(dataset.created),
    updatedAt: (dataset: Dataset) => iso(dataset.updated),
    isUnionProfileDataset: (dataset: Dataset) => dataset.schemaRef.id === unionProfileSchema,
  },
};
