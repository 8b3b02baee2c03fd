import { type BatchFile, type DownloadFormat, isTerminalBatch } from '../../domain/batch.ts';
import { type BatchId, platformId } from '../../domain/ids.ts';
import type { Connection } from '../../loaders/pagination/connection.ts';
import type { ParquetColumn } from '../../parquet/columns.ts';
import { copyWith } from '../../runtime/copy-with.ts';
import { builder } from '../builder.ts';
import { connectionArgs, connectionType, parsePage } from '../common/connection.ts';
import { describedEnum } from '../common/enum.ts';
import { globalId, parseId } from '../common/global-id.ts';
import { JobErrorRef } from '../common/job.ts';
import { BatchConnection, BatchRef, DatasetRef } from '../common/refs.ts';
import { entityKeys } from '../federation/directives.ts';
import { Node, registerNode } from '../node.ts';
import { BatchFilterInput, BatchStatusRef, parseBatchFilter } from './filter.ts';
import { type BatchPreview, previewOf } from './preview.ts';

const DownloadFormatRef = describedEnum('DownloadFormat', 'Form in which a file is downloaded.', {
  ORIGINAL: 'The unchanged bytes. The link supports Range.',
  CSV: 'Comma-separated values (RFC 4180) with a header line. Converted while it is streamed, without Range. Nested values are JSON, a null is empty, and a text that a spreadsheet program would execute begins with an apostrophe.',
  NDJSON:
    'One JSON object in each line. Converted while it is streamed, without Range. Numbers have all their digits, also beyond 2^53.',
} satisfies Record<DownloadFormat, string>);

const PreviewColumnRef = builder.objectRef<ParquetColumn>('PreviewColumn').implement({
  description: 'A column of a Parquet file.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'Dotted XDM path of the value, as in the `fields` of an export, for example `person.name.lastName`.',
    }),
    type: t.exposeString('type', {
      description:
        'Type of the value, for example `string`, `long` or `date-time`. In a list it is `array<TYPE>`, in a map `map<TYPE>`, from the outside to the inside.',
    }),
    nullable: t.exposeBoolean('nullable', {
      description: 'True if the value or an object around it can be null.',
    }),
  }),
});

const BatchPreviewRef = builder.objectRef<BatchPreview>('BatchPreview').implement({
  description: 'Columns and first rows of a batch. They are personal data.',
  fields: (t) => ({
    columns: t.expose('columns', { type: [PreviewColumnRef], description: 'Columns of the first file.' }),
    rows: t.expose('rows', {
      type: ['JSONObject'],
      description:
        'First rows. Each is an object with the structure of the schema. A number that a double does not represent is a string with its digits. Fewer rows than requested are returned if more would exceed 1 MiB or 100,000 values.',
    }),
    rowCount: t.expose('rowCount', {
      type: 'SafeInt',
      nullable: true,
      description:
        'Number of rows of the batch: its `recordCount`, or else the count of its only file. Null if neither is known.',
    }),
  }),
});

const BatchFileRef = builder.objectRef<BatchFile>('BatchFile').implement({
  description: 'One file of a batch.',
  fields: (t) => ({
    platformId: t.exposeID('fileId', {
      description: 'The platform’s id of the file. The parts of a file in several parts share one id.',
    }),
    name: t.exposeString('name', {
      description:
        'Name of the file, unique within `platformId`. It can be a path; then save the file under the last part of the path.',
    }),
    sizeBytes: t.expose('sizeBytes', {
      type: 'SafeInt',
      nullable: true,
      description: 'Size in bytes. Null if the platform does not report it.',
    }),
    rowCount: t.field({
      extensions: { upstreamCalls: 'each' },
      type: 'SafeInt',
      nullable: true,
      description:
        'Number of rows, from the file itself: one call to the platform. Null for a format other than Parquet.',
      resolve: async (file, _, ctx) => (await ctx.contents.summary(file))?.rowCount ?? null,
    }),
    columns: t.field({
      extensions: { upstreamCalls: 'each' },
      type: [PreviewColumnRef],
      nullable: true,
      description:
        'Columns, from the file itself. Reading them together with `rowCount` causes one call. Null for a format other than Parquet.',
      resolve: async (file, _, ctx) => (await ctx.contents.summary(file))?.columns ?? null,
    }),
    downloadUrl: t.field({
      extensions: { access: 'data' },
      type: 'URL',
      description:
        'Link on this gateway that streams the file. It needs no credential and expires at `downloadUrlExpiresAt`. Fails with INVALID_INPUT if the caller’s token is too long to be part of a URL (about 9,000 characters), and with FORBIDDEN without the scope `exports:data`, if the gateway verifies tokens itself.',
      args: {
        format: t.arg({
          type: DownloadFormatRef,
          defaultValue: 'ORIGINAL',
          description: 'Form of the download. Only Parquet files can be converted.',
        }),
      },
      resolve: (file, { format }, ctx) => ctx.downloads.linkTo(file).url(format ?? 'ORIGINAL'),
    }),
    downloadUrlExpiresAt: t.field({
      type: 'DateTime',
      description: 'Time at which `downloadUrl` expires. Read the file again for a new link.',
      resolve: (file, _, ctx) => ctx.downloads.linkTo(file).expiresAt,
    }),
  }),
});
const BatchFileConnection = connectionType('BatchFile', BatchFileRef);

interface BatchFailures {
  readonly files: Connection<BatchFile>;
  readonly sample: readonly Readonly<Record<string, unknown>>[];
}

const BatchFailuresRef = builder.objectRef<BatchFailures>('BatchFailures').implement({
  description: 'Rows of a batch that could not be written. They are personal data.',
  fields: (t) => ({
    files: t.expose('files', {
      type: BatchFileConnection,
      description: 'Files with the rejected rows. They have no ids of their own: `platformId` is the id of the batch.',
    }),
    sample: t.expose('sample', {
      type: ['JSONObject'],
      description:
        'Sample of the errors as the platform returns it, usually with the row and the reasons: at most 100 entries of its first MiB.',
    }),
  }),
});

BatchRef.implement({
  description: 'A unit of data that is written to a dataset, for example by an export.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'Global id, unique across all types.', resolve: (batch) => globalId('Batch', batch.id) }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    status: t.expose('status', { type: BatchStatusRef, description: 'Current status.' }),
    rawStatus: t.exposeString('rawStatus', {
      extensions: { reads: ['status'] },
      description: 'Status exactly as returned by the platform.',
    }),
    isTerminal: t.boolean({
      extensions: { reads: ['status', 'completedAt'] },
      description:
        'True if no further status change is expected. A stalled batch is not terminal. A batch of status UNKNOWN is terminal if `completedAt` is not null.',
      resolve: isTerminalBatch,
    }),
    dataset: t.field({
      extensions: { upstreamCalls: 'batched', reads: ['datasetId'] },
      type: DatasetRef,
      nullable: true,
      description: 'Dataset that the batch belongs to. Null if the dataset was deleted; `datasetId` keeps its id.',
      resolve: ({ datasetId }, _, ctx) => (datasetId === null ? null : ctx.loaders.dataset.load(datasetId)),
    }),
    datasetId: t.exposeID('datasetId', {
      nullable: true,
      description:
        'The platform’s id of the dataset that the batch belongs to. Null if the platform does not report it. Selecting it causes no further call to the platform.',
    }),
    recordCount: t.expose('recordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of records that were written. Null if the platform does not report it.',
    }),
    failedRecordCount: t.expose('failedRecordCount', {
      type: 'SafeInt',
      nullable: true,
      description: 'Number of records that could not be written. Null if the platform does not report it.',
    }),
    sizeBytes: t.expose('sizeBytes', {
      type: 'SafeInt',
      nullable: true,
      description:
        'Size of the written data in bytes. If the platform reports only the size of the data that was read, that size. Null if it reports neither.',
    }),
    errors: t.expose('errors', {
      type: [JobErrorRef],
      description: 'Errors of the batch, with the reason of a failure if the platform reports it.',
    }),
    predecessorIds: t.exposeIDList('predecessorIds', {
      description:
        'The platform’s ids of the batches that this batch replaced, for example in a consolidation. The platform no longer has those batches.',
    }),
    successorId: t.exposeID('successorId', {
      nullable: true,
      description: 'The platform’s id of the batch that replaced this batch. Null if it was not replaced.',
    }),
    files: t.field({
      extensions: { upstreamCalls: 'each', opensEntries: true, entries: 1 },
      type: BatchFileConnection,
      nullable: true,
      description: 'Files of the batch. They are readable when the batch is ACTIVE or SUCCESS.',
      args: connectionArgs(t),
      resolve: (batch, args, ctx) => ctx.loaders.files(copyWith(parsePage(args), { batchId: batch.id })),
    }),
    preview: t.field({
      extensions: {
        upstreamCalls: 'each',
        opensEntries: true,
        entries: 4,
        access: 'data',
        reads: ['status', 'recordCount'],
      },
      type: BatchPreviewRef,
      nullable: true,
      description:
        'Columns and first rows, read from the file by ranges, without a download: 8 MiB at most. Null until the batch is ACTIVE or SUCCESS, and null if it has no Parquet file. Fails with FILE_UNREADABLE if the file cannot be decoded within the limits, and with FORBIDDEN without the scope `exports:data`, if the gateway verifies tokens itself.',
      args: { first: t.arg.int({ description: 'Maximum number of rows: 1 to 100, 20 by default.' }) },
      resolve: (batch, { first }, ctx) => previewOf(batch, parsePage({ first }).first, ctx),
    }),
    failures: t.field({
      extensions: { upstreamCalls: 'each', opensEntries: true, entries: 2, access: 'data' },
      type: BatchFailuresRef,
      nullable: true,
      description:
        'Files with the rows that could not be written, and a sample of the errors. Null if the platform has none. Fails with FORBIDDEN without the scope `exports:data`, if the gateway verifies tokens itself.',
      args: connectionArgs(t),
      resolve: async ({ id }, args, { loaders }) => {
        const page = parsePage(args);
        const [files, sample] = await Promise.all([
          loaders.failedFiles({ ...page, batchId: id }),
          loaders.errorSample(id),
        ]);
        return page.after === null && files.nodes.length === 0 && sample.length === 0 ? null : { files, sample };
      },
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time at which processing started. Null before it, and if the platform does not report it.',
    }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time at which processing ended. Null before it, and if the platform does not report it.',
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

registerNode('Batch', (id, ctx) => ctx.loaders.batch.load(platformId<BatchId>(id)));

builder.queryFields((t) => ({
  batch: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: BatchRef,
    nullable: true,
    description: 'The batch with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.batch.load(parseId<BatchId>('Batch', id)),
  }),
  batches: t.field({
    extensions: { upstreamCalls: 'each' },
    type: BatchConnection,
    nullable: true,
    description: 'Batches of the sandbox, newest first.',
    args: {
      ...connectionArgs(t),
      filter: t.arg({ type: BatchFilterInput, description: 'Conditions that the batches meet.' }),
    },
    resolve: (_, args, ctx) =>
      ctx.loaders.batches(copyWith(parsePage(args), { filter: parseBatchFilter(args.filter), of: null })),
  }),
}));
