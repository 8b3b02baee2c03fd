import { z } from 'zod';
import { type Dataset, isUnionProfileDataset } from '../domain/dataset.ts';
import { type DatasetId, platformId } from '../domain/ids.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { sendWrite } from './after-write.ts';
import { BatchFilterInput, parseBatchFilter } from './batch-filter.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { CreateDatasetInput, createDataset, createDatasetInput } from './create-dataset.ts';
import { describedEnum } from './enum.ts';
import { mutationErrors } from './errors.ts';
import { ExportJobFilterInput, parseExportJobFilter } from './export-job-filter.ts';
import { entityKeys, operational } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { dateInput, nameInput, nullable, optional, parseInput, uriInput } from './input.ts';
import { Node, registerNode } from './node.ts';
import { OrderDirectionRef, orderDirectionInput } from './order-direction.ts';
import { BatchConnection, BatchRef, DatasetConnection, DatasetRef, ExportJobConnection } from './refs.ts';

const SchemaRef = builder.objectRef<NonNullable<Dataset['schemaRef']>>('SchemaRef').implement({
  description: 'The XDM schema of a dataset.',
  fields: (t) => ({
    id: t.expose('id', { type: 'URL', description: 'URI of the schema.' }),
    contentType: t.exposeString('contentType', {
      nullable: true,
      description: 'Media type with the schema’s version.',
    }),
  }),
});

const TagRef = builder.objectRef<Dataset['tags'][number]>('Tag').implement({
  description: 'A tag with its values.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the tag.' }),
    values: t.expose('values', { type: ['String'], description: 'Its values, possibly none.' }),
  }),
});

DatasetRef.implement({
  description: 'A place in the data lake that batches are written to.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (dataset) => globalId('Dataset', dataset.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    name: t.exposeString('name', { nullable: true, description: 'Its name.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    schemaRef: t.expose('schemaRef', {
      type: SchemaRef,
      nullable: true,
      description: 'The schema that its records follow.',
    }),
    fileFormat: t.exposeString('fileFormat', {
      nullable: true,
      description: 'Format of its files, `parquet` for exports.',
    }),
    isUnionProfileDataset: t.boolean({
      extensions: { reads: ['schemaRef'] },
      description: 'Whether profiles can be exported into it: it follows the union profile schema.',
      resolve: isUnionProfileDataset,
    }),
    version: t.exposeString('version', {
      extensions: operational,
      nullable: true,
      description: 'Version of its description.',
    }),
    state: t.exposeString('state', {
      nullable: true,
      description: 'The platform’s word for its state, such as `DRAFT`.',
    }),
    tags: t.expose('tags', { type: [TagRef], description: 'Its tags.' }),
    recordCount: t.expose('recordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of rows at `measuredAt`. Null if the platform does not report it.',
    }),
    sizeBytes: t.expose('sizeBytes', {
      type: 'SafeInt',
      nullable: true,
      description: 'Size in bytes at `measuredAt`. Null if the platform does not report it.',
    }),
    measuredAt: t.expose('measuredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time at which the platform last counted `recordCount` and `sizeBytes`.',
    }),
    lastBatch: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['lastBatchId'] },
      type: BatchRef,
      nullable: true,
      description:
        'Latest batch, regardless of its status. Null without a batch, and null if the platform no longer has the batch; `lastBatchId` keeps the id.',
      resolve: ({ lastBatchId }, _, ctx) => (lastBatchId === null ? null : ctx.loaders.batch.load(lastBatchId)),
    }),
    lastBatchId: t.exposeID('lastBatchId', {
      nullable: true,
      description: 'The platform’s id of the latest batch. Needs no further read.',
    }),
    lastSuccessfulBatch: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['lastSuccessfulBatchId'] },
      type: BatchRef,
      nullable: true,
      description:
        'Latest successful batch. Null without one, and null if the platform no longer has it; `lastSuccessfulBatchId` keeps the id.',
      resolve: ({ lastSuccessfulBatchId }, _, ctx) =>
        lastSuccessfulBatchId === null ? null : ctx.loaders.batch.load(lastSuccessfulBatchId),
    }),
    lastSuccessfulBatchId: t.exposeID('lastSuccessfulBatchId', {
      nullable: true,
      description: 'The platform’s id of the latest successful batch. Needs no further read.',
    }),
    batches: t.field({
      extensions: { upstreamCalls: 'each' },
      type: BatchConnection,
      nullable: true,
      description: 'Batches of this dataset, newest first.',
      args: {
        ...connectionArgs(t),
        filter: t.arg({ type: BatchFilterInput, description: 'Conditions that the batches meet.' }),
      },
      resolve: (dataset, args, ctx) =>
        ctx.loaders.batches({ ...parsePage(args), filter: parseBatchFilter(args.filter), of: dataset.id }),
    }),
    exportJobs: t.field({
      extensions: { upstreamCalls: 'each' },
      type: ExportJobConnection,
      nullable: true,
      description: 'The export jobs that write into it, newest first.',
      args: {
        ...connectionArgs(t),
        filter: t.arg({ type: ExportJobFilterInput, description: 'Only these.' }),
      },
      resolve: (dataset, args, ctx) =>
        ctx.loaders.exportJobs({ ...parsePage(args), filter: parseExportJobFilter(args.filter), of: dataset.id }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', nullable: true, description: 'When it last changed.' }),
  }),
});

registerNode('Dataset', (id, ctx) => ctx.loaders.dataset.load(platformId<DatasetId>(id)));

const DatasetFilterInput = builder.inputType('DatasetFilter', {
  description:
    'Conditions on datasets; all of them must hold. No character has a special meaning in a name. For `nameContains`, `schemaId` and names with other characters than letters, digits, spaces, dots, hyphens and underscores, the gateway reads the list, up to 1,000 datasets for one page.',
  fields: (t) => ({
    name: t.string({ description: 'Exactly this name, in the same case.' }),
    nameContains: t.string({ description: 'A part of the name, ignoring case.' }),
    schemaId: t.field({ type: 'URL', description: 'URI of the schema, without its version.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created after this time.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this time.' }),
    updatedAfter: t.field({ type: 'DateTime', description: 'Changed after this time.' }),
  }),
});

const DatasetOrderFieldRef = describedEnum<'CREATED_AT' | 'UPDATED_AT' | 'NAME'>(
  'DatasetOrderField',
  'What datasets are ordered by.',
  { CREATED_AT: 'Time of creation.', UPDATED_AT: 'Time of the last change.', NAME: 'Name.' },
);

const DatasetOrderInput = builder.inputType('DatasetOrder', {
  description: 'Order of datasets.',
  fields: (t) => ({
    field: t.field({ type: DatasetOrderFieldRef, required: true, description: 'By what.' }),
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Which end first.' }),
  }),
});

const orderFields = { CREATED_AT: 'created', UPDATED_AT: 'updated', NAME: 'name' } as const;

const datasetsInput = z.object({
  filter: nullable(
    z.object({
      name: optional(nameInput),
      nameContains: optional(nameInput),
      schemaId: optional(uriInput),
      createdAfter: optional(dateInput),
      createdBefore: optional(dateInput),
      updatedAfter: optional(dateInput),
    }),
  ),
  orderBy: nullable(
    z.object({
      field: z.enum(['CREATED_AT', 'UPDATED_AT', 'NAME']).transform((field) => orderFields[field]),
      direction: orderDirectionInput,
    }),
  ),
});

builder.queryFields((t) => ({
  dataset: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: DatasetRef,
    nullable: true,
    description: 'A dataset by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.dataset.load(parseId<DatasetId>('Dataset', id)),
  }),
  datasets: t.field({
    extensions: { upstreamCalls: 'each' },
    type: DatasetConnection,
    nullable: true,
    description: 'Datasets, newest first unless ordered otherwise.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: DatasetFilterInput, description: 'Only these.' }),
      orderBy: t.arg({ type: DatasetOrderInput, description: 'Newest first by default.' }),
    },
    resolve: (_, args, ctx) => ctx.loaders.datasets({ ...parsePage(args), ...parseInput(datasetsInput, args) }),
  }),
}));

const CreateDatasetPayload = builder.objectRef<{ dataset: Dataset }>('CreateDatasetPayload').implement({
  description: 'The dataset was created.',
  fields: (t) => ({ dataset: t.expose('dataset', { type: DatasetRef, description: 'The new dataset.' }) }),
});

const DeleteDatasetPayload = builder.objectRef<{ deletedId: DatasetId }>('DeleteDatasetPayload').implement({
  description: 'The dataset was deleted.',
  fields: (t) => ({
    deletedId: t.id({ description: 'Its global id.', resolve: ({ deletedId }) => globalId('Dataset', deletedId) }),
  }),
});

builder.mutationFields((t) => ({
  createDataset: t.field({
    extensions: { upstreamCalls: 'each' },
    type: CreateDatasetPayload,
    nullable: true,
    description: 'Creates a dataset that exports can be written into.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateDatasetInput, required: true, description: 'What to create.' }) },
    resolve: async (_, { input }, ctx) => ({
      dataset: await createDataset(ctx, parseInput(createDatasetInput, input, 'input')),
    }),
  }),
  deleteDataset: t.field({
    extensions: { upstreamCalls: 'each' },
    type: DeleteDatasetPayload,
    nullable: true,
    description: 'Deletes a dataset. Jobs that still write into it will fail.',
    errors: mutationErrors(NotFoundError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, ctx) => {
      const id = parseId<DatasetId>('Dataset', args.id);
      const { datasets } = ctx.writes;
      const isGone = async () => (await datasets.getMany([id], new Set(['name']))).length === 0;
      if (!(await sendWrite(() => datasets.delete(id), isGone))) {
        throw new NotFoundError(args.id, { message: `There is no dataset ${id}.` });
      }
      return { deletedId: id };
    },
  }),
}));
