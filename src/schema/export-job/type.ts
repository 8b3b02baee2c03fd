import type { Batch, BatchState } from '../../domain/batch.ts';
import type {
  ExportBatch,
  ExportDestination,
  ExportFilter,
  ExportJob,
  ExportMetrics,
  JobType,
  ObservedBatches,
  SegmentSelection,
} from '../../domain/export-job.ts';
import { type BatchId, type ExportJobId, platformId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import { isPlatformNamespace } from '../../domain/segment-definition.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import { builder } from '../builder.ts';
import { connectionArgs, parsePage } from '../common/connection.ts';
import { describedEnum } from '../common/enum.ts';
import { globalId, parseId } from '../common/global-id.ts';
import {
  JobErrorRef,
  NamespaceCountRef,
  requestedByDescription,
  SegmentMembershipStatusRef,
  TimeSpanRef,
} from '../common/job.ts';
import { BatchRef, DatasetRef, ExportJobConnection, ExportJobRef, SegmentDefinitionRef } from '../common/refs.ts';
import { addRunFields, previousRunDescription } from '../common/run-fields.ts';
import { entityKeys, operational } from '../federation/directives.ts';
import { MergePolicyReferenceRef } from '../merge-policy/reference.ts';
import { Node, registerNode } from '../node.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './filter.ts';

const JobTypeRef = describedEnum<JobType>('JobType', 'Processing type of a job.', {
  BATCH: 'The job processes a batch of data.',
  STREAMING: 'The job processes a stream.',
  UNKNOWN: 'A type that the gateway does not know.',
});

const SchemaName = builder.objectRef<{ name: string }>('SchemaName').implement({
  description: 'A schema, identified by its short name.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Short name of the schema; `_xdm.context.profile` for profiles.' }),
  }),
});

const SegmentSelectionRef = builder.objectRef<SegmentSelection>('SegmentSelection').implement({
  description: 'The members of one segment.',
  fields: (t) => ({
    segmentId: t.exposeID('segmentId', { description: 'Id of the segment within its namespace.' }),
    segmentNs: t.exposeString('segmentNs', {
      description: 'Namespace of the segment; `ups` for segments of the platform.',
    }),
    statuses: t.expose('statuses', {
      type: [SegmentMembershipStatusRef],
      description: 'Only members with one of these statuses. An empty list means the default of the platform.',
    }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description:
        'Current definition of the segment. Null if the segment no longer exists, or if it belongs to another namespace than `ups`.',
      resolve: ({ segmentId, segmentNs }, _, ctx) =>
        isPlatformNamespace(segmentNs) ? ctx.loaders.segmentDefinition.load(segmentId) : null,
    }),
  }),
});

const TimeWindow = builder.objectRef<NonNullable<ExportFilter['segmentQualificationTime']>>('TimeWindow').implement({
  description: 'A period of time. It is open-ended on a side whose time is null.',
  fields: (t) => ({
    startTime: t.expose('startTime', {
      type: 'DateTime',
      nullable: true,
      description: 'Start of the period. Null if it has no start.',
    }),
    endTime: t.expose('endTime', {
      type: 'DateTime',
      nullable: true,
      description: 'End of the period. Null if it has no end.',
    }),
  }),
});

const ExportFilterRef = builder.objectRef<ExportFilter>('ExportFilter').implement({
  description: 'Conditions on the exported profiles; all of them must hold.',
  fields: (t) => ({
    segments: t.expose('segments', {
      type: [SegmentSelectionRef],
      extensions: { entries: 10 },
      description: 'Only members of these segments. An empty list means all profiles.',
    }),
    segmentQualificationTime: t.expose('segmentQualificationTime', {
      type: TimeWindow,
      nullable: true,
      description: 'Only members who qualified for the segment within this period. Null means no limit.',
    }),
    fromIngestTimestamp: t.expose('fromIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only profiles that changed after this time. Null means no limit.',
    }),
    emptyProfiles: t.exposeBoolean('emptyProfiles', {
      description: 'True if people who have events but no profile record are included.',
    }),
  }),
});

const EventListSelectionRef = builder.objectRef<NonNullable<ExportJob['eventList']>>('EventListSelection').implement({
  description: 'Selection of the events that are exported with the profiles.',
  fields: (t) => ({
    fields: t.expose('fields', {
      type: ['String'],
      nullable: true,
      description: 'Dotted XDM paths of the fields. Null means all fields.',
    }),
    fromIngestTimestamp: t.expose('fromIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only events that were ingested after this time. Null means no lower limit.',
    }),
    toIngestTimestamp: t.expose('toIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only events that were ingested before this time. Null means no upper limit.',
    }),
  }),
});

interface ShownBatch extends ExportBatch {
  /**
   * The status that the events of a subscription contain. Undefined if the batch is followed and was not read yet, or
   * Catalog did not have it. Null if no subscription follows the batch.
   */
  readonly observed: BatchState | undefined | null;
}

/**
 * The batch with the status that belongs to the event. The batch that is read while the event is sent may have a newer
 * status, which the next event would undo, or an older status from a lagging replica of the platform.
 */
const asObserved = (batch: Batch, observed: BatchState | null): Batch =>
  observed === null ? batch : { ...batch, status: observed.status, rawStatus: observed.rawStatus };

/** Null also if the changes of the batch are no longer awaited although it has not ended. */
function observedState(batchId: BatchId, observed: ObservedBatches | undefined): BatchState | undefined | null {
  if (observed === undefined) return null;
  const state = observed.states.get(batchId);
  return observed.settled && state?.isTerminal !== true ? null : state;
}

const ExportBatchRef = builder.objectRef<ShownBatch>('ExportBatch').implement({
  description: 'A batch that an export writes.',
  fields: (t) => ({
    batchId: t.exposeID('batchId', { description: 'The platform’s id of the batch.' }),
    batch: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: BatchRef,
      nullable: true,
      description:
        'The batch. Null while Catalog does not have it, and in events until the gateway has read it. A subscription that selects this field also receives each status change of the batch.',
      resolve: async ({ batchId, observed }, _, ctx) => {
        if (observed === undefined) return null;
        const batch = await ctx.loaders.batch.load(batchId);
        return batch === null ? null : asObserved(batch, observed);
      },
    }),
    segment: t.expose('segment', {
      type: SegmentSelectionRef,
      nullable: true,
      description: 'Segment whose members the batch contains. Null unless each segment has a separate batch.',
    }),
  }),
});

type ShownDestination = ExportDestination & Pick<ExportJob, 'observedBatches'>;

const ExportDestinationRef = builder.objectRef<ShownDestination>('ExportDestination').implement({
  description: 'The dataset and the batches that an export writes into.',
  fields: (t) => ({
    datasetId: t.exposeID('datasetId', { description: 'The platform’s id of the dataset.' }),
    dataset: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: DatasetRef,
      nullable: true,
      description: 'The dataset. Null if it was deleted.',
      resolve: ({ datasetId }, _, ctx) => ctx.loaders.dataset.load(datasetId),
    }),
    segmentPerBatch: t.exposeBoolean('segmentPerBatch', {
      description: 'True if each segment has a separate batch.',
    }),
    batches: t.field({
      type: [ExportBatchRef],
      extensions: { entries: 1 },
      description:
        'One entry, or one per segment if `segmentPerBatch` is true. Entries exist before the job ends. The files of a batch are readable when the batch is ACTIVE or SUCCESS, which can be later than the end of the job.',
      resolve: ({ batches, observedBatches }) =>
        batches.map((batch) => copyWith(batch, { observed: observedState(batch.batchId, observedBatches) })),
    }),
  }),
});

const ExportMetricsRef = builder.objectRef<ExportMetrics>('ExportMetrics').implement({
  description: 'Durations and counts of an export. A field is null until the platform reports it.',
  fields: (t) => ({
    totalTime: t.expose('totalTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Time of the whole job. Null if the platform does not report it.',
    }),
    profileExportTime: t.expose('profileExportTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Time for reading and selecting the profiles. Null if the platform does not report it.',
    }),
    datasetWriteTime: t.expose('datasetWriteTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Time for writing the profiles into the dataset. Null if the platform does not report it.',
    }),
    totalExportedProfiles: t.expose('totalExportedProfiles', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of profiles that were written, over all batches. Null if the platform does not report it.',
    }),
    exportedProfilesByNamespace: t.expose('exportedProfilesByNamespace', {
      type: [NamespaceCountRef],
      description: 'Number of these profiles that have an identity, per identity namespace.',
    }),
  }),
});

const ComputeJobs = builder.objectRef<NonNullable<ExportJob['computeJobs']>>('ComputeJobs').implement({
  description: 'The platform’s own compute jobs behind an export job, for support cases.',
  extensions: operational,
  fields: (t) => ({
    exportJob: t.exposeString('exportJob', {
      nullable: true,
      description: 'Id of the compute job that exports. Null if the platform does not report it.',
    }),
    pushJob: t.exposeString('pushJob', {
      nullable: true,
      description: 'Id of the compute job that pushes the result. Null if the platform does not report it.',
    }),
  }),
});

ExportJobRef.implement({
  description: 'One run of an export, with its selection, target and status.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'Global id, unique across all types.', resolve: (job) => globalId('ExportJob', job.id) }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    status: t.expose('status', { type: ExportJobStatusRef, description: 'Current status.' }),
    rawStatus: t.exposeString('rawStatus', { description: 'Status exactly as returned by the platform.' }),
    isTerminal: t.boolean({
      description:
        'True if the job has ended, so that its status does not change. A job of status UNKNOWN has ended if `metrics.totalTime.endedAt` is not null.',
      resolve: isTerminalJob,
    }),
    jobType: t.expose('jobType', { type: JobTypeRef, description: 'Processing type of the job.' }),
    fields: t.expose('fields', {
      type: ['String'],
      nullable: true,
      description:
        'Dotted XDM paths of the exported fields. Null means all fields, or that the platform did not report the fields. The platform often omits them from later responses.',
    }),
    schema: t.field({
      type: SchemaName,
      nullable: true,
      description: 'Schema of the exported records. Null if the platform does not report it.',
      resolve: ({ schemaName }) => (schemaName === null ? null : { name: schemaName }),
    }),
    mergePolicy: t.expose('mergePolicy', {
      type: MergePolicyReferenceRef,
      nullable: true,
      description:
        'Merge policy by which the fragments of a profile are merged. Null if the platform does not report it.',
    }),
    filter: t.expose('filter', {
      type: ExportFilterRef,
      nullable: true,
      description:
        'Selection of the profiles. Null means all profiles, or that the platform did not report the selection.',
    }),
    eventList: t.expose('eventList', {
      type: EventListSelectionRef,
      nullable: true,
      description:
        'Selection of the profiles’ events. Null means no events, or that the platform did not report the selection. The platform often omits it from later responses.',
    }),
    destination: t.field({
      type: ExportDestinationRef,
      description: 'The dataset and the batches that the job writes into.',
      resolve: ({ destination, observedBatches }) =>
        observedBatches === undefined ? destination : { ...destination, observedBatches },
    }),
    metrics: t.expose('metrics', { type: ExportMetricsRef, description: 'Durations and counts of the export.' }),
    errors: t.expose('errors', {
      type: [JobErrorRef],
      description: 'Errors of the job. A job that succeeded can have errors too.',
    }),
    computeJobs: t.expose('computeJobs', {
      extensions: operational,
      type: ComputeJobs,
      nullable: true,
      description:
        'The platform’s compute jobs behind this job, for support cases. Null if the platform does not report them.',
    }),
    profileInstanceId: t.exposeString('profileInstanceId', {
      extensions: operational,
      nullable: true,
      description: 'Id of the profile store, `ups`. Null if the platform does not report it.',
    }),
    requestId: t.exposeString('requestId', {
      extensions: operational,
      nullable: true,
      description: 'The platform’s id of the request that created this job. Null if the platform does not report it.',
    }),
    organizationId: t.exposeString('organizationId', {
      nullable: true,
      description: 'Id of the organization that the job belongs to. Null if the platform does not report it.',
    }),
    requestedBy: t.string({
      extensions: { access: 'read' },
      nullable: true,
      description: requestedByDescription,
      resolve: ({ id }, _, { loaders }) => loaders.requester({ type: 'ExportJob', id }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Time of creation.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'Time of the last change. The platform does not update it on every change.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'Time at which the gateway read this state from the platform.',
    }),
  }),
});

addRunFields(ExportJobRef, ({ loaders }) => loaders.runs.exportJobs());

builder.objectField(ExportJobRef, 'previousRun', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobRef,
    nullable: true,
    description: previousRunDescription,
    resolve: async (job, _, { loaders }) => {
      const previous = (await loaders.runs.exportJobs()).previous(job);
      return previous === null ? null : loaders.exportJob.load(platformId<ExportJobId>(previous.id));
    },
  }),
);

registerNode('ExportJob', (id, ctx) => ctx.loaders.exportJob.load(platformId<ExportJobId>(id)));

builder.queryFields((t) => ({
  exportJob: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobRef,
    nullable: true,
    description: 'The export job with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.exportJob.load(parseId<ExportJobId>('ExportJob', id)),
  }),
  exportJobs: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobConnection,
    nullable: true,
    description: 'Export jobs of the sandbox, newest first.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: ExportJobFilterInput, description: 'Conditions that the jobs meet.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.exportJobs(copyWith(parsePage(args), { filter: parseExportJobFilter(args.filter) })),
  }),
}));
