import { z } from 'zod';
import { platformId, type SegmentId, type SegmentJobId } from '../../domain/ids.ts';
import { isTerminalJob } from '../../domain/job.ts';
import {
  type EvaluatedSegment,
  everySegment,
  type SegmentJobFilter,
  type SegmentJobMetrics,
  type SegmentJobStatus,
  segmentJobStatuses,
} from '../../domain/segment-job.ts';
import type { SegmentJobOrder } from '../../loaders/lists/segment-jobs.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import { builder } from '../builder.ts';
import { connectionArgs, parsePage } from '../common/connection.ts';
import { describedEnum } from '../common/enum.ts';
import { globalId, idInput, parseId } from '../common/global-id.ts';
import { listInput, nullable, optional, parseInput } from '../common/input.ts';
import {
  JobErrorRef,
  NamespaceCountRef,
  requestedByDescription,
  SegmentMembershipStatusRef,
  TimeSpanRef,
} from '../common/job.ts';
import { OrderDirectionRef, orderDirectionInput } from '../common/order-direction.ts';
import { ScheduleRef, SegmentDefinitionRef, SegmentJobConnection, SegmentJobRef } from '../common/refs.ts';
import { addRunFields, isOverdueDescription, previousRunDescription } from '../common/run-fields.ts';
import { entityKeys, operational } from '../federation/directives.ts';
import { Node, registerNode } from '../node.ts';

export const SegmentJobStatusRef = describedEnum<SegmentJobStatus>('SegmentJobStatus', 'Status of a segment job.', {
  NEW: 'The job is accepted and has not started.',
  QUEUED: 'Waiting for a worker of the platform.',
  PROCESSING: 'The evaluation is running.',
  CANCELLING: 'The job is marked for cancelling and has not stopped yet.',
  CANCELLED: 'The job was cancelled before it was done. Terminal.',
  SUCCEEDED: 'The evaluation is done, so that memberships are up to date. Terminal.',
  FAILED: 'The job failed; `errors` contains the reasons. Terminal.',
  UNKNOWN:
    'A status that the gateway does not know; `rawStatus` contains it. Terminal only if `metrics.totalTime.endedAt` is not null.',
});

const MembershipCount = builder.objectRef<EvaluatedSegment['profilesByStatus'][number]>('MembershipCount').implement({
  description: 'Number of profiles with a membership status.',
  fields: (t) => ({
    status: t.expose('status', {
      type: SegmentMembershipStatusRef,
      description: 'Membership status of these profiles.',
    }),
    count: t.expose('count', { type: 'SafeInt', description: 'Number of profiles.' }),
  }),
});

const EvaluatedSegmentRef = builder.objectRef<EvaluatedSegment>('EvaluatedSegment').implement({
  description: 'A segment that a job evaluates, or all segments if `segmentId` is `*`.',
  fields: (t) => ({
    segmentId: t.exposeID('segmentId', { description: 'The platform’s id of the segment, or `*` for all segments.' }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description: 'Current definition of the segment. Null if the segment no longer exists, or if `segmentId` is `*`.',
      resolve: ({ segmentId }, _, ctx) =>
        segmentId === everySegment ? null : ctx.loaders.segmentDefinition.load(segmentId),
    }),
    profileCount: t.expose('profileCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of profiles in the segment. Null until the platform reports it.',
    }),
    profilesByNamespace: t.expose('profilesByNamespace', {
      type: [NamespaceCountRef],
      description: 'Number of these profiles that have an identity, per identity namespace.',
    }),
    profilesByStatus: t.expose('profilesByStatus', {
      type: [MembershipCount],
      description: 'Number of profiles per membership status.',
    }),
  }),
});

const SegmentJobMetricsRef = builder.objectRef<SegmentJobMetrics>('SegmentJobMetrics').implement({
  description: 'Durations and number of profiles of an evaluation.',
  fields: (t) => ({
    totalTime: t.expose('totalTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Time of the whole job. Null if the platform does not report it.',
    }),
    profileSegmentationTime: t.expose('profileSegmentationTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'Time of the evaluation of the profiles. Null if the platform does not report it.',
    }),
    totalProfiles: t.expose('totalProfiles', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of profiles that were evaluated. Null if the platform does not report it.',
    }),
  }),
});

SegmentJobRef.implement({
  description: 'One evaluation of segments. It updates the memberships of profiles.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'Global id, unique across all types.', resolve: (job) => globalId('SegmentJob', job.id) }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    status: t.expose('status', { type: SegmentJobStatusRef, description: 'Current status.' }),
    rawStatus: t.exposeString('rawStatus', { description: 'Status exactly as returned by the platform.' }),
    isTerminal: t.boolean({
      description:
        'True if the job has ended, so that its status does not change. A job of status UNKNOWN has ended if `metrics.totalTime.endedAt` is not null.',
      resolve: isTerminalJob,
    }),
    source: t.exposeString('source', {
      nullable: true,
      description: 'Origin of the job: `api` or `scheduler`. Null if the platform does not report it.',
    }),
    schedule: t.field({
      extensions: { upstreamCalls: 'each' },
      type: ScheduleRef,
      nullable: true,
      description:
        'Schedule that started the job. Null if no schedule started it, or if the schedule no longer exists; `scheduleId` then keeps its id.',
      resolve: ({ scheduleId }, _, ctx) => (scheduleId === null ? null : ctx.loaders.schedule.load(scheduleId)),
    }),
    scheduleId: t.exposeID('scheduleId', {
      nullable: true,
      description:
        'The platform’s id of the schedule that started the job. Null if no schedule started it. Selecting it causes no further call to the platform.',
    }),
    segments: t.expose('segments', {
      type: [EvaluatedSegmentRef],
      extensions: { entries: 10 },
      description: 'The evaluated segments with their counts.',
    }),
    metrics: t.expose('metrics', {
      type: SegmentJobMetricsRef,
      nullable: true,
      description: 'Durations and counts. Null before the job runs.',
    }),
    errors: t.expose('errors', { type: [JobErrorRef], description: 'Errors of the job.' }),
    requestId: t.exposeString('requestId', {
      extensions: operational,
      nullable: true,
      description: 'The platform’s id of the request that created this job. Null if the platform does not report it.',
    }),
    requestedBy: t.string({
      extensions: { access: 'read' },
      nullable: true,
      description: requestedByDescription,
      resolve: ({ id }, _, { loaders }) => loaders.requester({ type: 'SegmentJob', id }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Time of creation.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'Time of the last change.' }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'Time at which the gateway read this state from the platform.',
    }),
  }),
});

addRunFields(SegmentJobRef, ({ loaders }) => loaders.runs.segmentJobs());

builder.objectField(SegmentJobRef, 'previousRun', (t) =>
  t.field({
    extensions: { upstreamCalls: 'batched' },
    type: SegmentJobRef,
    nullable: true,
    description: previousRunDescription,
    resolve: async (job, _, { loaders }) => {
      const previous = (await loaders.runs.segmentJobs()).previous(job);
      return previous === null ? null : loaders.segmentJob.load(platformId<SegmentJobId>(previous.id));
    },
  }),
);

registerNode('SegmentJob', (id, ctx) => ctx.loaders.segmentJob.load(platformId<SegmentJobId>(id)));

export const SegmentJobFilterInput = builder.inputType('SegmentJobFilter', {
  description:
    'Conditions on segment jobs; all of them must hold. For several statuses, and for CANCELLED, CANCELLING and UNKNOWN, the gateway filters the list itself and reads up to 1,000 jobs for one page.',
  fields: (t) => ({
    statuses: t.field({ type: [SegmentJobStatusRef], description: 'Only entries with one of these statuses.' }),
    segmentId: t.id({ description: 'Only jobs that evaluate the segment with this global id or platform id.' }),
    isOverdue: t.boolean({ description: isOverdueDescription }),
  }),
});

const SegmentJobOrderFieldRef = describedEnum<'CREATED_AT' | 'UPDATED_AT'>(
  'SegmentJobOrderField',
  'Field by which segment jobs are ordered.',
  { CREATED_AT: 'Time of creation.', UPDATED_AT: 'Time of the last change.' },
);

const SegmentJobOrderInput = builder.inputType('SegmentJobOrder', {
  description: 'Order of segment jobs.',
  fields: (t) => ({
    field: t.field({ type: SegmentJobOrderFieldRef, required: true, description: 'Field to order by.' }),
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Sort direction.' }),
  }),
});

const segmentJobFilterInput = z.object({
  filter: nullable(
    z.object({
      statuses: optional(
        listInput(z.enum(segmentJobStatuses), { maximum: 20, empty: 'must name at least one status' }),
      ),
      segmentId: optional(idInput<SegmentId>('SegmentDefinition')),
      isOverdue: optional(z.boolean()),
    }),
  ),
});

/** @throws {InvalidInputError} on paths below `filter` */
export const parseSegmentJobFilter = (filter: unknown): SegmentJobFilter | null =>
  parseInput(segmentJobFilterInput, { filter }).filter;

const segmentJobOrderInput = nullable(
  z.object({
    field: z
      .enum(['CREATED_AT', 'UPDATED_AT'])
      .transform((field): SegmentJobOrder['field'] => (field === 'CREATED_AT' ? 'creationTime' : 'updateTime')),
    direction: orderDirectionInput,
  }),
);

builder.queryFields((t) => ({
  segmentJob: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: SegmentJobRef,
    nullable: true,
    description: 'The segment job with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.segmentJob.load(parseId<SegmentJobId>('SegmentJob', id)),
  }),
  segmentJobs: t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentJobConnection,
    nullable: true,
    description: 'Segment jobs of the sandbox, newest first by default.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: SegmentJobFilterInput, description: 'Conditions that the jobs meet.' }),
      orderBy: t.arg({ type: SegmentJobOrderInput, description: 'Order of the jobs; newest first by default.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.segmentJobs(
        copyWith(parsePage(args), {
          filter: parseSegmentJobFilter(args.filter),
          orderBy: parseInput(segmentJobOrderInput, args.orderBy, 'orderBy'),
        }),
      ),
  }),
}));
