import { z } from 'zod';
import { type Dataset, isUnionProfileDataset } from '../../domain/dataset.ts';
import { type DatasetId, platformId } from '../../domain/ids.ts';
import { ConflictError, NotFoundError } from '../../errors.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import { BatchFilterInput, parseBatchFilter } from '../batch/filter.ts';
import { builder } from '../builder.ts';
import { sendWrite } from '../common/after-write.ts';
import { writes } from '../common/audit.ts';
import { connectionArgs, parsePage } from '../common/connection.ts';
import { describedEnum } from '../common/enum.ts';
import { mutationErrors } from '../common/errors.ts';
import { globalId, parseId } from '../common/global-id.ts';
import { dateInput, nameInput, nullable, optional, parseInput, uriInput } from '../common/input.ts';
import { OrderDirectionRef, orderDirectionInput } from '../common/order-direction.ts';
import { BatchConnection, BatchRef, DatasetConnection, DatasetRef, ExportJobConnection } from '../common/refs.ts';
import { ExportJobFilterInput, parseExportJobFilter } from '../export-job/filter.ts';
import { entityKeys, operational } from '../federation/directives.ts';
import { Node, registerNode } from '../node.ts';
import { CreateDatasetInput, createDataset, createDatasetInput } from './create-input.ts';

const SchemaRef = builder.objectRef<NonNullable<Dataset['schemaRef']>>('SchemaRef').implement({
  description: 'The XDM schema of a dataset.',
  fields: (t) => ({
    id: t.expose('id', { type: 'URL', description: 'URI of the schema.' }),
    contentType: t.exposeString('contentType', {
      nullable: true,
      description: 'Media type with the version of the schema. Null if the platform does not report it.',
    }),
  }),
});

const TagRef = builder.objectRef<Dataset['tags'][number]>('Tag').implement({
  description: 'A tag and its values.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the tag.' }),
    values: t.expose('values', { type: ['String'], description: 'Values of the tag; can be empty.' }),
  }),
});

DatasetRef.implement({
  description: 'A dataset in the data lake. Batches of data are written to it.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({
      description: 'Global id, unique across all types.',
      resolve: (dataset) => globalId('Dataset', dataset.id),
    }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Name of the dataset. Null if the platform does not report it.',
    }),
    description: t.exposeString('description', {
      nullable: true,
      description: 'Purpose of the dataset, in words. Null without a description.',
    }),
    schemaRef: t.expose('schemaRef', {
      type: SchemaRef,
      nullable: true,
      description: 'Schema of the records. Null if the platform does not report it.',
    }),
    fileFormat: t.exposeString('fileFormat', {
      nullable: true,
      description: 'Format of the files; `parquet` for exports. Null if the platform does not report it.',
    }),
    isUnionProfileDataset: t.boolean({
      extensions: { reads: ['schemaRef'] },
      description: 'True if the dataset follows the union profile schema, so that profiles can be exported into it.',
      resolve: isUnionProfileDataset,
    }),
    version: t.exposeString('version', {
      extensions: operational,
      nullable: true,
      description: 'Version of the dataset’s definition in the platform. Null if the platform does not report it.',
    }),
    state: t.exposeString('state', {
      nullable: true,
      description:
        'State exactly as returned by the platform, for example `DRAFT`. Null if the platform does not report it.',
    }),
    tags: t.expose('tags', { type: [TagRef], description: 'Tags of the dataset.' }),
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
      description:
        'Time at which the platform last counted `recordCount` and `sizeBytes`. Null if the platform does not report it.',
    }),
    lastBatch: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['lastBatchId'] },
      type: BatchRef,
      nullable: true,
      description:
        'Latest batch, regardless of its status. Null if there is none, or if the platform no longer has it; `lastBatchId` then keeps its id.',
      resolve: ({ lastBatchId }, _, ctx) => (lastBatchId === null ? null : ctx.loaders.batch.load(lastBatchId)),
    }),
    lastBatchId: t.exposeID('lastBatchId', {
      nullable: true,
      description:
        'The platform’s id of the latest batch. Null if there is none. Selecting it causes no further call to the platform.',
    }),
    lastSuccessfulBatch: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['lastSuccessfulBatchId'] },
      type: BatchRef,
      nullable: true,
      description:
        'Latest successful batch. Null if there is none, or if the platform no longer has it; `lastSuccessfulBatchId` then keeps its id.',
      resolve: ({ lastSuccessfulBatchId }, _, ctx) =>
        lastSuccessfulBatchId === null ? null : ctx.loaders.batch.load(lastSuccessfulBatchId),
    }),
    lastSuccessfulBatchId: t.exposeID('lastSuccessfulBatchId', {
      nullable: true,
      description:
        'The platform’s id of the latest successful batch. Null if there is none. Selecting it causes no further call to the platform.',
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
        ctx.loaders.batches(copyWith(parsePage(args), { filter: parseBatchFilter(args.filter), of: dataset.id })),
    }),
    exportJobs: t.field({
      extensions: { upstreamCalls: 'each' },
      type: ExportJobConnection,
      nullable: true,
      description: 'Export jobs that write into this dataset, newest first.',
      args: {
        ...connectionArgs(t),
        filter: t.arg({ type: ExportJobFilterInput, description: 'Conditions that the jobs meet.' }),
      },
      resolve: (dataset, args, ctx) =>
        ctx.loaders.exportJobs(
          copyWith(parsePage(args), { filter: parseExportJobFilter(args.filter), of: dataset.id }),
        ),
    }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description:
        'The platform’s id of the user or technical account that created the dataset. For a dataset that the gateway created in `service` mode, this is the account of the gateway. Null if the platform does not report it.',
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

registerNode('Dataset', (id, ctx) => ctx.loaders.dataset.load(platformId<DatasetId>(id)));

const DatasetFilterInput = builder.inputType('DatasetFilter', {
  description:
    'Conditions on datasets; all of them must hold. Names are compared verbatim, without wildcards. The gateway filters the list itself, and reads up to 1,000 datasets for one page, for `nameContains`, for `schemaId`, and for a `name` with characters other than letters, digits, spaces, dots, hyphens and underscores.',
  fields: (t) => ({
    name: t.string({ description: 'The whole name, in the same case.' }),
    nameContains: t.string({ description: 'Part of the name, ignoring case.' }),
    schemaId: t.field({ type: 'URL', description: 'URI of the schema, without a version.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Only entries that were created after this time.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Only entries that were created before this time.' }),
    updatedAfter: t.field({ type: 'DateTime', description: 'Only entries whose last change is after this time.' }),
  }),
});

const DatasetOrderFieldRef = describedEnum<'CREATED_AT' | 'UPDATED_AT' | 'NAME'>(
  'DatasetOrderField',
  'Field by which datasets are ordered.',
  { CREATED_AT: 'Time of creation.', UPDATED_AT: 'Time of the last change.', NAME: 'Name.' },
);

const DatasetOrderInput = builder.inputType('DatasetOrder', {
  description: 'Order of datasets.',
  fields: (t) => ({
    field: t.field({ type: DatasetOrderFieldRef, required: true, description: 'Field to order by.' }),
    direction: t.field({ type: OrderDirectionRef, required: true, description: 'Sort direction.' }),
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
    description: 'The dataset with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.dataset.load(parseId<DatasetId>('Dataset', id)),
  }),
  datasets: t.field({
    extensions: { upstreamCalls: 'each' },
    type: DatasetConnection,
    nullable: true,
    description: 'Datasets of the sandbox, newest first by default.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: DatasetFilterInput, description: 'Conditions that the datasets meet.' }),
      orderBy: t.arg({ type: DatasetOrderInput, description: 'Order of the datasets; newest first by default.' }),
    },
    resolve: (_, args, ctx) => ctx.loaders.datasets(copyWith(parsePage(args), parseInput(datasetsInput, args))),
  }),
}));

const CreateDatasetPayload = builder.objectRef<{ dataset: Dataset }>('CreateDatasetPayload').implement({
  description: 'The dataset was created.',
  fields: (t) => ({ dataset: t.expose('dataset', { type: DatasetRef, description: 'The created dataset.' }) }),
});

const DeleteDatasetPayload = builder.objectRef<{ deletedId: DatasetId }>('DeleteDatasetPayload').implement({
  description: 'The dataset was deleted.',
  fields: (t) => ({
    deletedId: t.id({
      description: 'Global id of the deleted dataset.',
      resolve: ({ deletedId }) => globalId('Dataset', deletedId),
    }),
  }),
});

builder.mutationFields((t) => ({
  createDataset: t.field({
    extensions: { ...writes('Dataset', 'create'), upstreamCalls: 'each' },
    type: CreateDatasetPayload,
    nullable: true,
    description: 'Creates a dataset.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateDatasetInput, required: true, description: 'The dataset to create.' }) },
    resolve: async (_, { input }, ctx) => ({
      dataset: await createDataset(ctx, parseInput(createDatasetInput, input, 'input')),
    }),
  }),
  deleteDataset: t.field({
    extensions: { ...writes('Dataset', 'delete'), upstreamCalls: 'each' },
    type: DeleteDatasetPayload,
    nullable: true,
    description: 'Deletes a dataset. Jobs that still write into it fail.',
    errors: mutationErrors(NotFoundError),
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: async (_, args, ctx) => {
      const id = parseId<DatasetId>('Dataset', args.id);
      const { datasets } = ctx.writes;
      const isGone = async () => (await datasets.get(id, { fields: new Set(['name']) })) === null;
      try {
        if (await sendWrite(() => datasets.delete(id), isGone)) return { deletedId: id };
      } finally {
        ctx.watch('datasets').nudge();
      }
      throw new NotFoundError(args.id, { message: `There is no dataset ${id}.` });
    },
  }),
}));
