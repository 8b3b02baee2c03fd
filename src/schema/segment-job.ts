import { z } from 'zod';
import { platformId, type SegmentId, type SegmentJobId } from '../domain/ids.ts';
import { isTerminalJob } from '../domain/job.ts';
import {
  type EvaluatedSegment,
  everySegment,
  type SegmentJobMetrics,
  type SegmentJobStatus,
  segmentJobStatuses,
} from '../domain/segment-job.ts';
import type { SegmentJobFilter } from '../domain/segment-job-filter.ts';
import type { SegmentJobOrder } from '../loaders/segmentation-connection.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { describedEnum } from './enum.ts';
import { entityKeys, operational } from './federation-directives.ts';
import { globalId, idInput, parseId } from './global-id.ts';
import { listInput, nullable, optional, parseInput } from './input.ts';
import { JobErrorRef, NamespaceCountRef, SegmentMembershipStatusRef, TimeSpanRef } from './job.ts';
import { Node, registerNode } from './node.ts';
import { OrderDirectionRef, orderDirectionInput } from './order-direction.ts';
import { ScheduleRef, SegmentDefinitionRef, SegmentJobConnection, SegmentJobRef } from './refs.ts';

export const SegmentJobStatusRef = describedEnum<SegmentJobStatus>('SegmentJobStatus', 'How far a segment job is.', {
  NEW: 'Accepted, not begun.',
  QUEUED: 'Waiting for a worker.',
  PROCESSING: 'Evaluating.',
  CANCELLING: 'Marked for cancelling, not stopped yet.',
  CANCELLED: 'Stopped before its end. Terminal.',
  SUCCEEDED: 'Done: memberships are up to date. Terminal.',
  FAILED: 'Ended without result; see its errors. Terminal.',
  UNKNOWN:
    'A status that the gateway does not know; `rawStatus` holds it. Terminal only if `metrics.totalTime.endedAt` is known.',
});

const MembershipCount = builder.objectRef<EvaluatedSegment['profilesByStatus'][number]>('MembershipCount').implement({
  description: 'How many profiles stand how to a segment.',
  fields: (t) => ({
    status: t.expose('status', { type: SegmentMembershipStatusRef, description: 'How they stand to it.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'Number of profiles.' }),
  }),
});

const EvaluatedSegmentRef = builder.objectRef<EvaluatedSegment>('EvaluatedSegment').implement({
  description: '"*" stands for every segment; then `definition` is null.',
  fields: (t) => ({
    segmentId: t.exposeID('segmentId', { description: 'The platform’s id of the segment, or `*`.' }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description: 'The segment as it is now; null when it no longer exists.',
      resolve: ({ segmentId }, _, ctx) =>
        segmentId === everySegment ? null : ctx.loaders.segmentDefinition.load(segmentId),
    }),
    profileCount: t.expose('profileCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Profiles in the segment; null before it is known.',
    }),
    profilesByNamespace: t.expose('profilesByNamespace', {
      type: [NamespaceCountRef],
      description: 'Of those, how many have an identity in each namespace.',
    }),
    profilesByStatus: t.expose('profilesByStatus', {
      type: [MembershipCount],
      description: 'How many entered, stayed and left.',
    }),
  }),
});

const SegmentJobMetricsRef = builder.objectRef<SegmentJobMetrics>('SegmentJobMetrics').implement({
  description: 'How long an evaluation took and how many profiles it looked at.',
  fields: (t) => ({
    totalTime: t.expose('totalTime', { type: TimeSpanRef, nullable: true, description: 'The whole job.' }),
    profileSegmentationTime: t.expose('profileSegmentationTime', {
      type: TimeSpanRef,
      nullable: true,
      description: 'The evaluation itself.',
    }),
    totalProfiles: t.expose('totalProfiles', {
      type: 'SafeInt',
      nullable: true,
      description: 'Profiles that were looked at.',
    }),
  }),
});

SegmentJobRef.implement({
  description: 'One evaluation of segments: who is in, who has left.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (job) => globalId('SegmentJob', job.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    status: t.expose('status', { type: SegmentJobStatusRef, description: 'How far it is.' }),
    rawStatus: t.exposeString('rawStatus', { description: 'What the platform said, letter by letter.' }),
    isTerminal: t.boolean({
      description:
        'True if the job has ended, so that its status does not change. A job of status UNKNOWN has ended if `metrics.totalTime.endedAt` is known.',
      resolve: isTerminalJob,
    }),
    source: t.exposeString('source', { nullable: true, description: 'Who started it: `api` or `scheduler`.' }),
    schedule: t.field({
      extensions: { upstreamCalls: 'each' },
      type: ScheduleRef,
      nullable: true,
      description:
        'The schedule that started it. Null when none did, and null if it no longer exists; `scheduleId` keeps the id.',
      resolve: ({ scheduleId }, _, ctx) => (scheduleId === null ? null : ctx.loaders.schedule.load(scheduleId)),
    }),
    scheduleId: t.exposeID('scheduleId', {
      nullable: true,
      description:
        'The platform’s id of the schedule that started it; null when none did. Kept when `schedule` is null because the schedule no longer exists. Needs no further read.',
    }),
    segments: t.expose('segments', {
      type: [EvaluatedSegmentRef],
      extensions: { entries: 10 },
      description: 'The segments with their counts.',
    }),
    metrics: t.expose('metrics', { type: SegmentJobMetricsRef, nullable: true, description: 'Null before it runs.' }),
    errors: t.expose('errors', { type: [JobErrorRef], description: 'What went wrong.' }),
    requestId: t.exposeString('requestId', {
      extensions: operational,
      nullable: true,
      description: 'The platform’s id of the request that made it.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    observedAt: t.expose('observedAt', {
      type: 'DateTime',
      description: 'When the gateway read this state from the platform.',
    }),
  }),
});

registerNode('SegmentJob', (id, ctx) => ctx.loaders.segmentJob.load(platformId<SegmentJobId>(id)));

export const SegmentJobFilterInput = builder.inputType('SegmentJobFilter', {
  description:
    'Conditions on segment jobs; all of them must hold. For several statuses, and for CANCELLED, CANCELLING and UNKNOWN, the gateway reads the list, up to 1,000 jobs for one page.',
  fields: (t) => ({
    statuses: t.field({ type: [SegmentJobStatusRef], description: 'One of these statuses.' }),
    segmentId: t.id({ description: 'Jobs that evaluate this segment. Global id or platform id.' }),
  }),
});

const SegmentJobOrderFieldRef = describedEnum<'CREATED_AT' | 'UPDATED_AT'>(
  'SegmentJobOrderField',
  'What segment jobs are ordered by.',
  { CREATED_AT: 'Time of creation.', UPDATED_AT: 'Time of the last change.' },
);

const SegmentJobOrderInput = builder.inputType('SegmentJobOrder', {
  description: 'Order of segment jobs.',
  fields: (t) => ({
    field: t.field({ type: SegmentJobOrderFieldRef, required: true, description: 'By what.' }),
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Which end first.' }),
  }),
});

const segmentJobFilterInput = z.object({
  filter: nullable(
    z.object({
      statuses: optional(
        listInput(z.enum(segmentJobStatuses), { maximum: 20, empty: 'must name at least one status' }),
      ),
      segmentId: optional(idInput<SegmentId>('SegmentDefinition')),
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
    description: 'A segment job by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.segmentJob.load(parseId<SegmentJobId>('SegmentJob', id)),
  }),
  segmentJobs: t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentJobConnection,
    nullable: true,
    description: 'Segment jobs, newest first unless ordered otherwise.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: SegmentJobFilterInput, description: 'Only these.' }),
      orderBy: t.arg({ type: SegmentJobOrderInput, description: 'Newest first by default.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.segmentJobs({
        ...parsePage(args),
        filter: parseSegmentJobFilter(args.filter),
        orderBy: parseInput(segmentJobOrderInput, args.orderBy, 'orderBy'),
      }),
  }),
}));
