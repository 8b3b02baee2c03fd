import { type BatchFile, isTerminalBatch } from '../domain/batch.ts';
import { type BatchId, platformId } from '../domain/ids.ts';
import { BatchFilterInput, BatchStatusRef, parseBatchFilter } from './batch-filter.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType, parsePage } from './connection.ts';
import { entityKeys } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { JobErrorRef } from './job.ts';
import { Node, registerNode } from './node.ts';
import { BatchConnection, BatchRef, DatasetRef } from './refs.ts';

const BatchFileRef = builder.objectRef<BatchFile>('BatchFile').implement({
  description: 'One file of a batch.',
  fields: (t) => ({
    platformId: t.exposeID('fileId', {
      description: 'The platform’s id of the file; a file of several parts has one id.',
    }),
    name: t.exposeString('name', {
      description:
        'Name within `platformId`, unique there. It may be a path; a client saves the file under its last part.',
    }),
    sizeBytes: t.expose('sizeBytes', { type: 'SafeInt', nullable: true, description: 'Length in bytes.' }),
    downloadUrl: t.field({
      type: 'URL',
      description:
        'Link on this gateway that streams the bytes and supports Range. It needs no credential and expires at `downloadUrlExpiresAt`. INVALID_INPUT when the caller’s token is too long to be part of a URL (about 9,000 characters).',
      resolve: (file, _, ctx) => ctx.downloads.linkTo(file).url(),
    }),
    downloadUrlExpiresAt: t.field({
      type: 'DateTime',
      description: 'When `downloadUrl` stops working. Read the file again for a new link.',
      resolve: (file, _, ctx) => ctx.downloads.linkTo(file).expiresAt,
    }),
  }),
});
const BatchFileConnection = connectionType('BatchFile', BatchFileRef);

BatchRef.implement({
  description: 'A unit of data in a dataset: what an export has written, or is writing.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (batch) => globalId('Batch', batch.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    status: t.expose('status', { type: BatchStatusRef, description: 'Where it is.' }),
    rawStatus: t.exposeString('rawStatus', {
      extensions: { reads: ['status'] },
      description: 'What the platform said, letter by letter.',
    }),
    isTerminal: t.boolean({
      extensions: { reads: ['status', 'completedAt'] },
      description:
        'True if no further status change is expected. A stalled batch is not terminal. A batch of status UNKNOWN is terminal if `completedAt` is known.',
      resolve: isTerminalBatch,
    }),
    dataset: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['datasetId'] },
      type: DatasetRef,
      nullable: true,
      description: 'The dataset that it belongs to. Null if that was deleted; `datasetId` keeps the id.',
      resolve: ({ datasetId }, _, ctx) => (datasetId === null ? null : ctx.loaders.dataset.load(datasetId)),
    }),
    datasetId: t.exposeID('datasetId', {
      nullable: true,
      description: 'The platform’s id of the dataset that it belongs to. Needs no further read.',
    }),
    recordCount: t.expose('recordCount', { type: 'SafeInt', nullable: true, description: 'Records written.' }),
    failedRecordCount: t.expose('failedRecordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Records that could not be written.',
    }),
    sizeBytes: t.expose('sizeBytes', {
      type: 'SafeInt',
      nullable: true,
      description:
        'Size in bytes of the data that was written; of the data that was read, if the platform reports only that.',
    }),
    errors: t.expose('errors', {
      type: [JobErrorRef],
      description: 'Errors, and the reason of a failure if the platform reports it.',
    }),
    predecessorIds: t.exposeIDList('predecessorIds', {
      description:
        'The platform’s ids of the batches that this one replaces, as after a consolidation. The platform no longer has them.',
    }),
    successorId: t.exposeID('successorId', {
      nullable: true,
      description: 'The platform’s id of the batch that replaces this one. Null if none does.',
    }),
    files: t.field({
      extensions: { upstreamCalls: 'each', opensEntries: true, entries: 1 },
      type: BatchFileConnection,
      nullable: true,
      description: 'Its files. Readable once the batch is ACTIVE or SUCCESS.',
      args: connectionArgs(t),
      resolve: (batch, args, ctx) => ctx.loaders.files({ ...parsePage(args), batchId: batch.id }),
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it began to be processed.',
    }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true, description: 'When that ended.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', nullable: true, description: 'When it last changed.' }),
  }),
});

registerNode('Batch', (id, ctx) => ctx.loaders.batch.load(platformId<BatchId>(id)));

builder.queryFields((t) => ({
  batch: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: BatchRef,
    nullable: true,
    description: 'A batch by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.batch.load(parseId<BatchId>('Batch', id)),
  }),
  batches: t.field({
    extensions: { upstreamCalls: 'each' },
    type: BatchConnection,
    nullable: true,
    description: 'All batches of the sandbox, newest first.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: BatchFilterInput, description: 'Conditions that the batches meet.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.batches({ ...parsePage(args), filter: parseBatchFilter(args.filter), of: null }),
  }),
}));
