/** The part of the contract that the scenarios ask for, as a Pothos schema. */

import type { IncomingMessage } from 'node:http';
import SchemaBuilder from '@pothos/core';
import DataLoader from 'dataloader';
import { fieldsOf } from './fields.ts';
import { callerOf, createJob, type Dataset, getDatasets, getJob, type Job, platformIdOf } from './platform.ts';
import { type Context, pageOf, type Representation } from './sdl.ts';

export interface PothosContext extends Context {
  readonly datasets: DataLoader<string, Dataset | null>;
}

export function contextOf({ req }: { readonly req: IncomingMessage }): PothosContext {
  const caller = callerOf(req.headers);
  return { caller, datasets: new DataLoader((ids) => getDatasets(caller, ids)) };
}

interface Text {
  Input: string;
  Output: string;
}

const builder = new SchemaBuilder<{
  Context: PothosContext;
  Scalars: {
    DateTime: Text;
    URL: Text;
    SafeInt: { Input: number; Output: number };
    _Any: { Input: Representation; Output: Representation };
  };
}>({});
for (const name of ['DateTime', 'URL', 'SafeInt', '_Any'] as const) {
  builder.scalarType(name, { serialize: (value) => value });
}

const Status = builder.enumType('ExportJobStatus', {
  values: ['NEW', 'QUEUED', 'PROCESSING', 'CANCELLING', 'CANCELLED', 'SUCCEEDED', 'FAILED', 'UNKNOWN'],
});
const Type = builder.enumType('JobType', { values: ['BATCH', 'STREAMING', 'UNKNOWN'] });
const Membership = builder.enumType('SegmentMembershipStatus', {
  values: ['REALIZED', 'EXISTING', 'EXITED', 'UNKNOWN'],
});

type Filter = NonNullable<Job['filter']>;
type Batch = ReturnType<typeof fieldsOf.ExportDestination.batches>[number];
type PageInfo = Awaited<ReturnType<typeof pageOf>>['pageInfo'];

const SchemaName = builder.objectRef<Job['schema']>('SchemaName').implement({
  fields: (t) => ({ name: t.exposeString('name') }),
});
const MergePolicyReference = builder.objectRef<Job['mergePolicy']>('MergePolicyReference').implement({
  fields: (t) => ({
    platformId: t.id({ resolve: fieldsOf.MergePolicyReference.platformId }),
    version: t.exposeInt('version', { nullable: true }),
  }),
});
const SegmentSelection = builder.objectRef<Filter['segments'][number]>('SegmentSelection').implement({
  fields: (t) => ({
    segmentId: t.exposeID('segmentId'),
    segmentNs: t.exposeString('segmentNs'),
    // The records of the static upstream have no status beside those of the contract.
    statuses: t.field({
      type: [Membership],
      resolve: (segment) => fieldsOf.SegmentSelection.statuses(segment) as ('REALIZED' | 'EXISTING')[],
    }),
  }),
});
const TimeWindow = builder.objectRef<NonNullable<Filter['segmentQualificationTime']>>('TimeWindow').implement({
  fields: (t) => ({
    startTime: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.TimeWindow.startTime }),
    endTime: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.TimeWindow.endTime }),
  }),
});
const ExportFilter = builder.objectRef<Filter>('ExportFilter').implement({
  fields: (t) => ({
    segments: t.field({ type: [SegmentSelection], resolve: ({ segments }) => segments }),
    segmentQualificationTime: t.field({
      type: TimeWindow,
      nullable: true,
      resolve: ({ segmentQualificationTime }) => segmentQualificationTime,
    }),
    fromIngestTimestamp: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: fieldsOf.ExportFilter.fromIngestTimestamp,
    }),
    emptyProfiles: t.boolean({ resolve: fieldsOf.ExportFilter.emptyProfiles }),
  }),
});
const EventListSelection = builder
  .objectRef<NonNullable<Job['additionalFields']>['eventList']>('EventListSelection')
  .implement({
    fields: (t) => ({
      fields: t.stringList({ nullable: true, resolve: fieldsOf.EventListSelection.fields }),
      fromIngestTimestamp: t.field({
        type: 'DateTime',
        nullable: true,
        resolve: fieldsOf.EventListSelection.fromIngestTimestamp,
      }),
      toIngestTimestamp: t.field({ type: 'DateTime', nullable: true, resolve: () => null }),
    }),
  });
const TimeSpan = builder.objectRef<Job['metrics']['totalTime']>('TimeSpan').implement({
  fields: (t) => ({
    startedAt: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.TimeSpan.startedAt }),
    endedAt: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.TimeSpan.endedAt }),
    durationMs: t.field({ type: 'SafeInt', nullable: true, resolve: fieldsOf.TimeSpan.durationMs }),
  }),
});
const NamespaceCount = builder.objectRef<{ namespace: string; count: number }>('NamespaceCount').implement({
  fields: (t) => ({ namespace: t.exposeString('namespace'), count: t.expose('count', { type: 'SafeInt' }) }),
});
const ExportMetrics = builder.objectRef<Job['metrics']>('ExportMetrics').implement({
  fields: (t) => ({
    totalTime: t.field({ type: TimeSpan, nullable: true, resolve: fieldsOf.ExportMetrics.totalTime }),
    profileExportTime: t.field({ type: TimeSpan, nullable: true, resolve: fieldsOf.ExportMetrics.profileExportTime }),
    datasetWriteTime: t.field({ type: TimeSpan, nullable: true, resolve: fieldsOf.ExportMetrics.datasetWriteTime }),
    totalExportedProfiles: t.field({
      type: 'SafeInt',
      nullable: true,
      resolve: fieldsOf.ExportMetrics.totalExportedProfiles,
    }),
    exportedProfilesByNamespace: t.field({
      type: [NamespaceCount],
      resolve: fieldsOf.ExportMetrics.exportedProfilesByNamespace,
    }),
  }),
});
const JobError = builder.objectRef<NonNullable<Job['errors']>[number]>('JobError').implement({
  fields: (t) => ({
    code: t.exposeString('code'),
    message: t.string({ resolve: fieldsOf.JobError.message }),
    callStack: t.exposeString('callStack', { nullable: true }),
    recordCount: t.field({ type: 'SafeInt', nullable: true, resolve: () => null }),
  }),
});
const ComputeJobs = builder.objectRef<Job['computeGatewayJobId']>('ComputeJobs').implement({
  fields: (t) => ({
    exportJob: t.exposeString('exportJob', { nullable: true }),
    pushJob: t.exposeString('pushJob', { nullable: true }),
  }),
});
const SchemaRef = builder.objectRef<Dataset['schemaRef']>('SchemaRef').implement({
  fields: (t) => ({
    id: t.expose('id', { type: 'URL' }),
    contentType: t.exposeString('contentType', { nullable: true }),
  }),
});
const Tag = builder.objectRef<{ name: string; values: readonly string[] }>('Tag').implement({
  fields: (t) => ({ name: t.exposeString('name'), values: t.stringList({ resolve: ({ values }) => values }) }),
});
const DatasetRef = builder.objectRef<Dataset>('Dataset').implement({
  fields: (t) => ({
    id: t.id({ resolve: fieldsOf.Dataset.id }),
    platformId: t.id({ resolve: fieldsOf.Dataset.platformId }),
    name: t.exposeString('name', { nullable: true }),
    description: t.exposeString('description', { nullable: true }),
    schemaRef: t.field({ type: SchemaRef, nullable: true, resolve: ({ schemaRef }) => schemaRef }),
    fileFormat: t.string({ nullable: true, resolve: fieldsOf.Dataset.fileFormat }),
    version: t.exposeString('version', { nullable: true }),
    state: t.exposeString('state', { nullable: true }),
    tags: t.field({ type: [Tag], resolve: fieldsOf.Dataset.tags }),
    recordCount: t.field({ type: 'SafeInt', nullable: true, resolve: fieldsOf.Dataset.recordCount }),
    sizeBytes: t.field({ type: 'SafeInt', nullable: true, resolve: fieldsOf.Dataset.sizeBytes }),
    measuredAt: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.Dataset.measuredAt }),
    lastBatchId: t.exposeID('lastBatchId', { nullable: true }),
    lastSuccessfulBatchId: t.id({ nullable: true, resolve: fieldsOf.Dataset.lastSuccessfulBatchId }),
    createdAt: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.Dataset.createdAt }),
    updatedAt: t.field({ type: 'DateTime', nullable: true, resolve: fieldsOf.Dataset.updatedAt }),
    isUnionProfileDataset: t.boolean({ resolve: fieldsOf.Dataset.isUnionProfileDataset }),
  }),
});
const ExportBatch = builder.objectRef<Batch>('ExportBatch').implement({
  fields: (t) => ({
    batchId: t.exposeID('batchId'),
    segment: t.field({ type: SegmentSelection, nullable: true, resolve: ({ segment }) => segment }),
  }),
});
const ExportDestination = builder.objectRef<Job['destination']>('ExportDestination').implement({
  fields: (t) => ({
    datasetId: t.exposeID('datasetId'),
    segmentPerBatch: t.exposeBoolean('segmentPerBatch'),
    batches: t.field({ type: [ExportBatch], resolve: fieldsOf.ExportDestination.batches }),
    dataset: t.field({
      type: DatasetRef,
      nullable: true,
      resolve: ({ datasetId }, _, { datasets }) => datasets.load(datasetId),
    }),
  }),
});
const ExportJob = builder.objectRef<Job>('ExportJob').implement({
  fields: (t) => ({
    id: t.id({ resolve: fieldsOf.ExportJob.id }),
    platformId: t.id({ resolve: fieldsOf.ExportJob.platformId }),
    // The records of the static upstream have no status and no type beside those of the contract.
    status: t.field({ type: Status, resolve: ({ status }) => status as 'NEW' | 'SUCCEEDED' | 'FAILED' }),
    jobType: t.field({ type: Type, resolve: ({ jobType }) => jobType as 'BATCH' }),
    rawStatus: t.string({ resolve: fieldsOf.ExportJob.rawStatus }),
    isTerminal: t.boolean({ resolve: fieldsOf.ExportJob.isTerminal }),
    fields: t.stringList({ nullable: true, resolve: fieldsOf.ExportJob.fields }),
    schema: t.field({ type: SchemaName, nullable: true, resolve: ({ schema }) => schema }),
    mergePolicy: t.field({ type: MergePolicyReference, nullable: true, resolve: ({ mergePolicy }) => mergePolicy }),
    filter: t.field({ type: ExportFilter, nullable: true, resolve: fieldsOf.ExportJob.filter }),
    eventList: t.field({ type: EventListSelection, nullable: true, resolve: fieldsOf.ExportJob.eventList }),
    destination: t.field({ type: ExportDestination, resolve: ({ destination }) => destination }),
    metrics: t.field({ type: ExportMetrics, resolve: ({ metrics }) => metrics }),
    errors: t.field({ type: [JobError], resolve: fieldsOf.ExportJob.errors }),
    computeJobs: t.field({ type: ComputeJobs, nullable: true, resolve: fieldsOf.ExportJob.computeJobs }),
    profileInstanceId: t.exposeString('profileInstanceId', { nullable: true }),
    requestId: t.exposeString('requestId', { nullable: true }),
    organizationId: t.string({ nullable: true, resolve: fieldsOf.ExportJob.organizationId }),
    createdAt: t.field({ type: 'DateTime', resolve: fieldsOf.ExportJob.createdAt }),
    updatedAt: t.field({ type: 'DateTime', resolve: fieldsOf.ExportJob.updatedAt }),
    observedAt: t.expose('observedAt', { type: 'DateTime' }),
  }),
});
const PageInfoRef = builder.objectRef<PageInfo>('PageInfo').implement({
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage'),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage'),
  }),
});
const Connection = builder.objectRef<Awaited<ReturnType<typeof pageOf>>>('ExportJobConnection').implement({
  fields: (t) => ({
    nodes: t.field({ type: [ExportJob], resolve: ({ nodes }) => nodes }),
    pageInfo: t.field({ type: PageInfoRef, resolve: ({ pageInfo }) => pageInfo }),
    totalCount: t.field({ type: 'SafeInt', nullable: true, resolve: () => null }),
  }),
});
const Entity = builder.unionType('_Entity', { types: [DatasetRef, ExportJob], resolveType: () => 'Dataset' });

builder.queryType({
  fields: (t) => ({
    exportJobs: t.field({
      type: Connection,
      nullable: true,
      args: { first: t.arg.int({ required: true }) },
      resolve: (_, { first }, { caller }) => pageOf(caller, first),
    }),
    exportJob: t.field({
      type: ExportJob,
      nullable: true,
      args: { id: t.arg.id({ required: true }) },
      resolve: (_, { id }, { caller }) => getJob(caller, platformIdOf(id)),
    }),
    _entities: t.field({
      type: [Entity],
      nullable: { list: false, items: true },
      args: { representations: t.arg({ type: ['_Any'], required: true }) },
      resolve: (_, { representations }, { datasets }) =>
        representations.map(({ id }) => datasets.load(platformIdOf(id))),
    }),
  }),
});

const Target = builder.inputType('ExportTargetInput', {
  fields: (t) => ({ datasetId: t.id({ required: true }) }),
});
const Destination = builder.inputType('ExportDestinationInput', {
  fields: (t) => ({ target: t.field({ type: Target, required: true }) }),
});
const CreateInput = builder.inputType('CreateExportJobInput', {
  fields: (t) => ({
    fields: t.stringList({ required: true }),
    destination: t.field({ type: Destination, required: true }),
  }),
});
const Payload = builder.objectRef<{ exportJob: Job; replayed: boolean }>('CreateExportJobPayload').implement({
  fields: (t) => ({
    exportJob: t.field({ type: ExportJob, resolve: ({ exportJob }) => exportJob }),
    replayed: t.exposeBoolean('replayed'),
  }),
});
const Failure = builder.interfaceRef<{ code: string; message: string }>('Error').implement({
  fields: (t) => ({ code: t.exposeString('code'), message: t.exposeString('message') }),
});
const InvalidInput = builder.objectRef<{ code: string; message: string }>('InvalidInputError').implement({
  interfaces: [Failure],
});
const CreateResult = builder.unionType('CreateExportJobResult', {
  types: [Payload, InvalidInput],
  resolveType: (value) => ('exportJob' in value ? 'CreateExportJobPayload' : 'InvalidInputError'),
});
builder.mutationType({
  fields: (t) => ({
    createExportJob: t.field({
      type: CreateResult,
      nullable: true,
      args: { input: t.arg({ type: CreateInput, required: true }) },
      resolve: async (_, { input }, { caller }) => ({ exportJob: await createJob(caller, input), replayed: false }),
    }),
  }),
});

export const schema = builder.toSchema();
