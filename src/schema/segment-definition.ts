import { z } from 'zod';
import { platformId, type SegmentId } from '../domain/ids.ts';
import type { EvaluationMethod, SegmentDefinition } from '../domain/segment-definition.ts';
import { copyWith } from '../runtime/copy-with.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './common/connection.ts';
import { describedEnum } from './common/enum.ts';
import { globalId, parseId } from './common/global-id.ts';
import { nameInput, nullable, optional, parseInput } from './common/input.ts';
import { OrderDirectionRef, orderDirectionInput } from './common/order-direction.ts';
import { SegmentDefinitionConnection, SegmentDefinitionRef, SegmentJobConnection } from './common/refs.ts';
import { entityKeys } from './federation/directives.ts';
import { MergePolicyReferenceRef } from './merge-policy/reference.ts';
import { Node, registerNode } from './node.ts';

const EvaluationMethodRef = describedEnum<EvaluationMethod>(
  'EvaluationMethod',
  'Method by which a segment is evaluated.',
  {
    BATCH: 'Segment jobs evaluate the segment.',
    CONTINUOUS: 'The platform evaluates the segment as data streams in.',
    SYNCHRONOUS: 'The platform evaluates the segment on the edge for each request.',
  },
);

const SegmentExpression = builder
  .objectRef<NonNullable<SegmentDefinition['expression']>>('SegmentExpression')
  .implement({
    description: 'Expression that selects the members of a segment.',
    fields: (t) => ({
      type: t.exposeString('type', { description: 'Language of the expression, `PQL`.' }),
      format: t.exposeString('format', { description: 'Format of the expression: `pql/text` or `pql/json`.' }),
      value: t.exposeString('value', { description: 'The expression.' }),
    }),
  });

SegmentDefinitionRef.implement({
  description: 'A segment, defined by an expression over profiles.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({
      description: 'Global id, unique across all types.',
      resolve: (segment) => globalId('SegmentDefinition', segment.id),
    }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Name of the segment. Null if the platform does not report it.',
    }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'Purpose of the segment, in words. Null without a description.',
    }),
    expression: t.expose('expression', {
      type: SegmentExpression,
      nullable: true,
      description: 'Expression that selects the members. Null if the platform does not report it.',
    }),
    mergePolicy: t.expose('mergePolicy', {
      type: MergePolicyReferenceRef,
      nullable: true,
      description:
        'Merge policy of the profiles to which the expression is applied. Null if the platform does not report it.',
    }),
    evaluation: t.expose('evaluation', {
      type: [EvaluationMethodRef],
      description: 'Methods by which the segment is evaluated.',
    }),
    jobs: t.field({
      extensions: { upstreamCalls: 'each' },
      type: SegmentJobConnection,
      nullable: true,
      description: 'Segment jobs that name this segment, newest first.',
      args: connectionArgs(t),
      resolve: ({ id }, args, ctx) =>
        ctx.loaders.segmentJobs(copyWith(parsePage(args), { filter: { segmentId: id }, orderBy: null })),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of creation. Null if the platform does not report it.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the last change. Null if the platform does not report it.',
    }),
  }),
});

registerNode('SegmentDefinition', (id, ctx) => ctx.loaders.segmentDefinition.load(platformId<SegmentId>(id)));

const SegmentDefinitionFilterInput = builder.inputType('SegmentDefinitionFilter', {
  description:
    'Conditions on segments. The platform cannot search, so that the gateway filters the list and reads up to 1,000 segments for one page.',
  fields: (t) => ({
    nameContains: t.string({
      description: 'Part of the name, ignoring case. No character has a special meaning.',
    }),
  }),
});

const SegmentDefinitionOrderFieldRef = describedEnum<'CREATED_AT' | 'UPDATED_AT' | 'NAME'>(
  'SegmentDefinitionOrderField',
  'Field by which segments are ordered.',
  {
    CREATED_AT: 'Time of creation.',
    UPDATED_AT: 'Time of the last change.',
    NAME: 'Name, in the collation of the platform.',
  },
);

const SegmentDefinitionOrderInput = builder.inputType('SegmentDefinitionOrder', {
  description: 'Order of segments.',
  fields: (t) => ({
    field: t.field({ type: SegmentDefinitionOrderFieldRef, required: true, description: 'Field to order by.' }),
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Sort direction.' }),
  }),
});

const orderFields = { CREATED_AT: 'creationTime', UPDATED_AT: 'updateTime', NAME: 'name' } as const;

const segmentDefinitionsInput = z.object({
  filter: nullable(z.object({ nameContains: optional(nameInput) })),
  orderBy: nullable(
    z.object({
      field: z.enum(['CREATED_AT', 'UPDATED_AT', 'NAME']).transform((field) => orderFields[field]),
      direction: orderDirectionInput,
    }),
  ),
});

builder.queryFields((t) => ({
  segmentDefinition: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: SegmentDefinitionRef,
    nullable: true,
    description: 'The segment with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.segmentDefinition.load(parseId<SegmentId>('SegmentDefinition', id)),
  }),
  segmentDefinitions: t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentDefinitionConnection,
    nullable: true,
    description: 'Segments of the sandbox, newest first by default.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: SegmentDefinitionFilterInput, description: 'Conditions that the segments meet.' }),
      orderBy: t.arg({
        type: SegmentDefinitionOrderInput,
        description: 'Order of the segments; newest first by default.',
      }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.segmentDefinitions(copyWith(parsePage(args), parseInput(segmentDefinitionsInput, args))),
  }),
}));
