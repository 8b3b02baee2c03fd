import { z } from 'zod';
import { platformId, type SegmentId } from '../domain/ids.ts';
import type { EvaluationMethod, SegmentDefinition } from '../domain/segment-definition.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { describedEnum } from './enum.ts';
import { entityKeys } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { nameInput, nullable, optional, parseInput } from './input.ts';
import { MergePolicyReferenceRef } from './merge-policy-reference.ts';
import { Node, registerNode } from './node.ts';
import { OrderDirectionRef, orderDirectionInput } from './order-direction.ts';
import { SegmentDefinitionConnection, SegmentDefinitionRef, SegmentJobConnection } from './refs.ts';

const EvaluationMethodRef = describedEnum<EvaluationMethod>('EvaluationMethod', 'When a segment is evaluated.', {
  BATCH: 'By segment jobs.',
  CONTINUOUS: 'As data streams in.',
  SYNCHRONOUS: 'On the edge, as it is asked for.',
});

const SegmentExpression = builder
  .objectRef<NonNullable<SegmentDefinition['expression']>>('SegmentExpression')
  .implement({
    description: 'Who belongs to a segment.',
    fields: (t) => ({
      type: t.exposeString('type', { description: 'Language: `PQL`.' }),
      format: t.exposeString('format', { description: 'Form of the language: `pql/text` or `pql/json`.' }),
      value: t.exposeString('value', { description: 'The expression itself.' }),
    }),
  });

SegmentDefinitionRef.implement({
  description: 'A segment: who belongs to it, as an expression over profiles.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (segment) => globalId('SegmentDefinition', segment.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    name: t.exposeString('name', { nullable: true, description: 'Its name.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    expression: t.expose('expression', { type: SegmentExpression, nullable: true, description: 'Who belongs to it.' }),
    mergePolicy: t.expose('mergePolicy', {
      type: MergePolicyReferenceRef,
      nullable: true,
      description: 'How fragments are merged before they are compared.',
    }),
    evaluation: t.expose('evaluation', { type: [EvaluationMethodRef], description: 'When it is evaluated.' }),
    jobs: t.field({
      extensions: { upstreamCalls: 'each' },
      type: SegmentJobConnection,
      nullable: true,
      description: 'The segment jobs that name it, newest first.',
      args: connectionArgs(t),
      resolve: ({ id }, args, ctx) =>
        ctx.loaders.segmentJobs({ ...parsePage(args), filter: { segmentId: id }, orderBy: null }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', nullable: true, description: 'When it last changed.' }),
  }),
});

registerNode('SegmentDefinition', (id, ctx) => ctx.loaders.segmentDefinition.load(platformId<SegmentId>(id)));

const SegmentDefinitionFilterInput = builder.inputType('SegmentDefinitionFilter', {
  description:
    'Conditions on segments. The gateway reads the list for them, up to 1,000 segments for one page, because the platform cannot search.',
  fields: (t) => ({
    nameContains: t.string({
      description: 'A part of the name, ignoring case. No character has a special meaning.',
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
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Direction of the order.' }),
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
    description: 'A segment by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.segmentDefinition.load(parseId<SegmentId>('SegmentDefinition', id)),
  }),
  segmentDefinitions: t.field({
    extensions: { upstreamCalls: 'each' },
    type: SegmentDefinitionConnection,
    nullable: true,
    description: 'Segments, newest first unless ordered otherwise.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: SegmentDefinitionFilterInput, description: 'Conditions that the segments meet.' }),
      orderBy: t.arg({ type: SegmentDefinitionOrderInput, description: 'Newest first by default.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.segmentDefinitions({ ...parsePage(args), ...parseInput(segmentDefinitionsInput, args) }),
  }),
}));
