import type { Batch, BatchState } from '../domain/batch.ts';
import type {
  ExportBatch,
  ExportDestination,
  ExportFilter,
  ExportJob,
  ExportMetrics,
  JobType,
  ObservedBatches,
  SegmentSelection,
} from '../domain/export-job.ts';
import { type BatchId, type ExportJobId, platformId } from '../domain/ids.ts';
import { isTerminalJob } from '../domain/job.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { describedEnum } from './enum.ts';
import { ExportJobFilterInput, ExportJobStatusRef, parseExportJobFilter } from './export-job-filter.ts';
import { entityKeys, operational } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { JobErrorRef, NamespaceCountRef, SegmentMembershipStatusRef, TimeSpanRef } from './job.ts';
import { MergePolicyReferenceRef } from './merge-policy-reference.ts';
import { Node, registerNode } from './node.ts';
import { BatchRef, DatasetRef, ExportJobConnection, ExportJobRef, SegmentDefinitionRef } from './refs.ts';
import { isPlatformNamespace } from './segment-namespace.ts';

const JobTypeRef = describedEnum<JobType>('JobType', 'How a job runs.', {
  BATCH: 'Over a batch of data.',
  STREAMING: 'Over a stream.',
  UNKNOWN: 'A type that the gateway does not know.',
});

const SchemaName = builder.objectRef<{ name: string }>('SchemaName').implement({
  description: 'A schema by its short name.',
  fields: (t) => ({ name: t.exposeString('name', { description: '`_xdm.context.profile` for profiles.' }) }),
});

const SegmentSelectionRef = builder.objectRef<SegmentSelection>('SegmentSelection').implement({
  description: 'Members of a segment.',
  fields: (t) => ({
    segmentId: t.exposeID('segmentId', { description: 'Id of the segment within its namespace.' }),
    segmentNs: t.exposeString('segmentNs', { description: 'Namespace of the segment; `ups` for the platform’s own.' }),
    statuses: t.expose('statuses', {
      type: [SegmentMembershipStatusRef],
      description: 'Members of which status. None means the platform’s default.',
    }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description: 'The segment as it is now; null when it no longer exists, and for those of other namespaces.',
      resolve: ({ segmentId, segmentNs }, _, ctx) =>
        isPlatformNamespace(segmentNs) ? ctx.loaders.segmentDefinition.load(segmentId) : null,
    }),
  }),
});

const TimeWindow = builder.objectRef<NonNullable<ExportFilter['segmentQualificationTime']>>('TimeWindow').implement({
  description: 'A span of time. A missing end is open.',
  fields: (t) => ({
    startTime: t.expose('startTime', { type: 'DateTime', nullable: true, description: 'Its beginning.' }),
    endTime: t.expose('endTime', { type: 'DateTime', nullable: true, description: 'Its end.' }),
  }),
});

const ExportFilterRef = builder.objectRef<ExportFilter>('ExportFilter').implement({
  description: 'Which profiles are exported.',
  fields: (t) => ({
    segments: t.expose('segments', {
      type: [SegmentSelectionRef],
      extensions: { entries: 10 },
      description: 'Members of these; none means everybody.',
    }),
    segmentQualificationTime: t.expose('segmentQualificationTime', {
      type: TimeWindow,
      nullable: true,
      description: 'Only members who qualified in this time.',
    }),
    fromIngestTimestamp: t.expose('fromIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only profiles that changed later than this.',
    }),
    emptyProfiles: t.exposeBoolean('emptyProfiles', {
      description: 'Whether people are included who have events but no profile record.',
    }),
  }),
});

const EventListSelectionRef = builder.objectRef<NonNullable<ExportJob['eventList']>>('EventListSelection').implement({
  description: 'Which events are exported with their profiles.',
  fields: (t) => ({
    fields: t.expose('fields', {
      type: ['String'],
      nullable: true,
      description: 'Dotted XDM paths; null means every field.',
    }),
    fromIngestTimestamp: t.expose('fromIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only events ingested later than this.',
    }),
    toIngestTimestamp: t.expose('toIngestTimestamp', {
      type: 'DateTime',
      nullable: true,
      description: 'Only events ingested before this.',
    }),
  }),
});

interface ShownBatch extends ExportBatch {
  /** As the events of a live view show it; null: no live view follows it. */
  readonly observed: BatchState | null;
}

/**
 * The status that belongs to an event. A newer one, read while the event is sent, would be taken back by the event after
 * it, and an older one of a lagging replica of the platform would take back what was emitted before.
 */
const asObserved = (batch: Batch, observed: BatchState | null): Batch =>
  observed === null ? batch : { ...batch, status: observed.status, rawStatus: observed.rawStatus };

/** Null also for a batch whose changes are no longer awaited although it has not ended. */
function observedState(batchId: BatchId, observed: ObservedBatches | undefined): BatchState | null {
  const state = observed?.states.get(batchId) ?? null;
  return observed?.settled === true && state?.isTerminal !== true ? null : state;
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
        'The batch; null while Catalog does not have it. A subscription that selects it also receives the changes of its status.',
      resolve: async ({ batchId, observed }, _, ctx) => {
        const batch = await ctx.loaders.batch.load(batchId);
        return batch === null ? null : asObserved(batch, observed);
      },
    }),
    segment: t.expose('segment', {
      type: SegmentSelectionRef,
      nullable: true,
      description: 'Whose members it holds, when each segment has a batch of its own.',
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
      description: 'The dataset; null when it has been deleted.',
      resolve: ({ datasetId }, _, ctx) => ctx.loaders.dataset.load(datasetId),
    }),
    segmentPerBatch: t.exposeBoolean('segmentPerBatch', {
      description: 'Whether each segment has a batch of its own.',
    }),
    batches: t.field({
      type: [ExportBatchRef],
      extensions: { entries: 1 },
      description:
        'One entry, or one per segment if segmentPerBatch is true. Entries exist before the job ends. The files of a batch are readable when the batch is ACTIVE or SUCCESS, which can be later than the end of the job.',
      resolve: ({ batches, observedBatches }) =>
        batches.map((batch) => ({ ...batch, observed: observedState(batch.batchId, observedBatches) })),
    }),
  }),
});

const ExportMetricsRef = builder.objectRef<ExportMetrics>('ExportMetrics').implement({
  description: 'How long an export took and how much it wrote, as far as it is known.',
  fields: (t) => ({
    totalTime: t.expose('totalTime', { type: TimeSpanRef, nullable: true, description: 'The whole job.' }),
    profileExportTime: t.expose('profileExportTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Reading and selecting profiles.',
    }),
    datasetWriteTime: t.expose('datasetWriteTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Writing them into the dataset.',
    }),
    totalExportedProfiles: t.expose('totalExportedProfiles', {
      type: 'SafeInt',
      nullable: true,
      description: 'Profiles written, over all batches.',
    }),
    exportedProfilesByNamespace: t.expose('exportedProfilesByNamespace', {
      type: [NamespaceCountRef],
      description: 'Of those, how many have an identity in each namespace.',
    }),
  }),
});

const ComputeJobs = builder.objectRef<NonNullable<ExportJob['computeJobs']>>('ComputeJobs').implement({
  description: 'The platform’s own compute jobs behind an export job, for support cases.',
  extensions: operational,
  fields: (t) => ({
    exportJob: t.exposeString('exportJob', { nullable: true, description: 'Job that exports.' }),
    pushJob: t.exposeString('pushJob', { nullable: true, description: 'Job that pushes the result.' }),
  }),
});

ExportJobRef.implement({
  description: 'One run of an export: what was asked for, where it goes, how far it is.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (job) => globalId('ExportJob', job.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    status: t.expose('status', { type: ExportJobStatusRef, description: 'How far it is.' }),
    rawStatus: t.exposeString('rawStatus', { description: 'What the platform said, letter by letter.' }),
    isTerminal: t.boolean({
      description:
        'True if the job has ended, so that its status does not change. A job of status UNKNOWN has ended if `metrics.totalTime.endedAt` is known.',
      resolve: isTerminalJob,
    }),
    jobType: t.expose('jobType', { type: JobTypeRef, description: 'How it runs.' }),
    fields: t.expose('fields', {
      type: ['String'],
      nullable: true,
      description:
        'Dotted XDM paths that are exported. Null means every field, or that the platform did not report the fields. The platform often omits them from later responses.',
    }),
    schema: t.field({
      type: SchemaName,
      nullable: true,
      description: 'What is exported.',
      resolve: ({ schemaName }) => (schemaName === null ? null : { name: schemaName }),
    }),
    mergePolicy: t.expose('mergePolicy', {
      type: MergePolicyReferenceRef,
      nullable: true,
      description: 'How fragments of a profile are merged.',
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
    metrics: t.expose('metrics', { type: ExportMetricsRef, description: 'Times and counts.' }),
    errors: t.expose('errors', { type: [JobErrorRef], description: 'What went wrong. May hold entries on a success.' }),
    computeJobs: t.expose('computeJobs', {
      extensions: operational,
      type: ComputeJobs,
      nullable: true,
      description: 'For support cases.',
    }),
    profileInstanceId: t.exposeString('profileInstanceId', {
      extensions: operational,
      nullable: true,
      description: 'The profile store, `ups`.',
    }),
    requestId: t.exposeString('requestId', {
      extensions: operational,
      nullable: true,
      description: 'The platform’s id of the request that made it.',
    }),
    organizationId: t.exposeString('organizationId', {
      nullable: true,
      description: 'The organization that it belongs to.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When it last changed. The platform does not move it on every change.',
    }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'When the gateway read this state from the platform.',
    }),
  }),
});

registerNode('ExportJob', (id, ctx) => ctx.loaders.exportJob.load(platformId<ExportJobId>(id)));

builder.queryFields((t) => ({
  exportJob: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobRef,
    nullable: true,
    description: 'An export job by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.exportJob.load(parseId<ExportJobId>('ExportJob', id)),
  }),
  exportJobs: t.field({
    extensions: { upstreamCalls: 'each' },
    type: ExportJobConnection,
    nullable: true,
    description: 'Export jobs, newest first.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: ExportJobFilterInput, description: 'Only these.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.exportJobs({ ...parsePage(args), filter: parseExportJobFilter(args.filter) }),
  }),
}));
