import { z } from 'zod';
import type { GatewayContext } from '../context/context.ts';
import { unionProfileSchema } from '../domain/dataset.ts';
import { type ExportJob, type NewExportJob, segmentMembershipStatuses } from '../domain/export-job.ts';
import { type DatasetId, type ExportJobId, type MergePolicyId, platformId, type SegmentId } from '../domain/ids.ts';
import { ConflictError, InvalidInputError, mayHaveHappened, OutcomeUnknownError } from '../errors.ts';
import { builder } from './builder.ts';
import { datasetCheck, mergePolicyCheck, runChecks, segmentsCheck } from './create-checks.ts';
import { CreateDatasetInput, createDataset, createDatasetInput } from './create-dataset.ts';
import { mutationErrors } from './errors.ts';
import { idInput } from './global-id.ts';
import { createOnce, idempotencyKeyInput } from './idempotency.ts';
import {
  dateInput,
  fieldPathsInput,
  listInput,
  maxSegments,
  nonEmpty,
  nullable,
  optional,
  parseInput,
} from './input.ts';
import { SegmentMembershipStatusRef } from './job.ts';
import { ExportJobRef } from './refs.ts';

const MergePolicyReferenceInput = builder.inputType('MergePolicyReferenceInput', {
  description: 'A merge policy.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Global id or platform id.' }),
    version: t.int({ description: 'The latest by default.' }),
  }),
});

const SegmentSelectionInput = builder.inputType('SegmentSelectionInput', {
  description: 'Members of a segment.',
  fields: (t) => ({
    segmentId: t.id({ required: true, description: 'Global id or platform id of the segment.' }),
    segmentNs: t.string({ description: '`ups` by default.' }),
    statuses: t.field({
      type: [SegmentMembershipStatusRef],
      description: 'Members of which status; REALIZED and EXISTING by default: who is in the segment.',
    }),
  }),
});

const TimeWindowInput = builder.inputType('TimeWindowInput', {
  description: 'A span of time. A missing end is open.',
  fields: (t) => ({
    startTime: t.field({ type: 'DateTime', description: 'Its beginning.' }),
    endTime: t.field({ type: 'DateTime', description: 'Its end.' }),
  }),
});

const ExportFilterInput = builder.inputType('ExportFilterInput', {
  description: 'Which profiles to export.',
  fields: (t) => ({
    segments: t.field({ type: [SegmentSelectionInput], description: 'Members of these; everybody by default.' }),
    segmentQualificationTime: t.field({
      type: TimeWindowInput,
      description: 'Only members who qualified in this time.',
    }),
    fromIngestTimestamp: t.field({ type: 'DateTime', description: 'Only profiles that changed later than this.' }),
    emptyProfiles: t.boolean({
      description: 'Include people who have events but no profile record; false by default.',
    }),
  }),
});

const EventListInput = builder.inputType('EventListInput', {
  description: 'Which events to export with the profiles.',
  fields: (t) => ({
    fields: t.stringList({ description: 'Dotted XDM paths; every field by default.' }),
    fromIngestTimestamp: t.field({ type: 'DateTime', description: 'Only events ingested later than this.' }),
    toIngestTimestamp: t.field({ type: 'DateTime', description: 'Only events ingested before this.' }),
  }),
});

const ExportTargetInput = builder.inputType('ExportTargetInput', {
  description: 'An existing dataset, or a new one made for this export.',
  isOneOf: true,
  fields: (t) => ({
    datasetId: t.id({ description: 'Global id or platform id of a dataset on the union profile schema.' }),
    newDataset: t.field({ type: CreateDatasetInput, description: 'The dataset to create first.' }),
  }),
});

const ExportDestinationInput = builder.inputType('ExportDestinationInput', {
  description: 'Where the export goes.',
  fields: (t) => ({
    target: t.field({ type: ExportTargetInput, required: true, description: 'The dataset.' }),
    segmentPerBatch: t.boolean({ description: 'A batch for each segment; false by default, which is faster.' }),
  }),
});

const CreateExportJobInput = builder.inputType('CreateExportJobInput', {
  description: 'What to export, and where to.',
  fields: (t) => ({
    fields: t.stringList({
      description:
        'Dotted XDM paths; every field by default. `identityMap` alone, with an event list, exports events only.',
    }),
    mergePolicy: t.field({
      type: MergePolicyReferenceInput,
      description: 'How fragments are merged. Name it when several segments are exported.',
    }),
    filter: t.field({ type: ExportFilterInput, description: 'Which profiles; all of them by default.' }),
    eventList: t.field({ type: EventListInput, description: 'Leave out to export profiles without their events.' }),
    destination: t.field({
      type: ExportDestinationInput,
      required: true,
      description: 'The dataset that the export writes into.',
    }),
    schemaName: t.string({ description: '`_xdm.context.profile` by default.' }),
    evaluateSegments: t.boolean({ description: 'Run segmentation as part of the export; false by default.' }),
    waitForBatch: t.boolean({
      description:
        'True lets the job end only when its batches are readable, or have failed. By default a job can be SUCCEEDED before; `exportJobChanged` then reports the batches.',
    }),
    idempotencyKey: t.string({
      description:
        'The same key with the same input returns the first job and creates nothing, for 24 hours. At most 200 characters.',
    }),
    skipChecks: t.boolean({
      description:
        'True sends the create without checks. By default the gateway checks that the dataset is on the union profile schema, and that the merge policy and the first 100 segments exist: one call for each of the three that the input names. A check that the platform does not allow or cannot answer does not stop the create.',
    }),
  }),
});

/** An end before its beginning selects nothing: certainly a mistake. */
const ordered =
  <Window extends object>(start: keyof Window & string, end: keyof Window & string) =>
  (window: Window, ctx: z.core.$RefinementCtx): void => {
    const [from, to] = [window[start], window[end]];
    if (from instanceof Date && to instanceof Date && from >= to) {
      ctx.addIssue({ code: 'custom', path: [end], message: `must be later than ${start}` });
    }
  };

interface QualificationTime {
  startTime: Date | null;
  endTime: Date | null;
}
interface IngestWindow {
  fields: string[] | null;
  fromIngestTimestamp: Date | null;
  toIngestTimestamp: Date | null;
}

const createExportJobInput = z.object({
  fields: nullable(fieldPathsInput),
  mergePolicy: nullable(
    z.object({
      id: idInput<MergePolicyId>('MergePolicy'),
      version: nullable(z.number().int().min(0, 'must not be negative')),
    }),
  ),
  filter: nullable(
    z.object({
      segments: nullable(
        listInput(
          z.object({
            segmentId: idInput<SegmentId>('SegmentDefinition'),
            segmentNs: nullable(nonEmpty(100)).transform((namespace) => namespace ?? 'ups'),
            statuses: optional(
              listInput(
                z.enum(segmentMembershipStatuses).exclude(['UNKNOWN'], 'must be REALIZED, EXISTING or EXITED'),
                { maximum: 10, empty: 'must name at least one status, or be omitted' },
              ),
            ),
          }),
          { maximum: maxSegments, empty: 'must name at least one segment, or be omitted to export every profile' },
        ),
      ),
      segmentQualificationTime: nullable(
        z
          .object({ startTime: nullable(dateInput), endTime: nullable(dateInput) })
          .superRefine(ordered<QualificationTime>('startTime', 'endTime')),
      ),
      fromIngestTimestamp: nullable(dateInput),
      emptyProfiles: nullable(z.boolean()),
    }),
  ),
  eventList: nullable(
    z
      .object({
        fields: nullable(fieldPathsInput),
        fromIngestTimestamp: nullable(dateInput),
        toIngestTimestamp: nullable(dateInput),
      })
      .superRefine(ordered<IngestWindow>('fromIngestTimestamp', 'toIngestTimestamp')),
  ),
  destination: z.object({
    target: z.object({
      datasetId: optional(idInput<DatasetId>('Dataset')),
      newDataset: optional(createDatasetInput),
    }),
    segmentPerBatch: nullable(z.boolean()),
  }),
  schemaName: nullable(nonEmpty(200)),
  evaluateSegments: nullable(z.boolean()),
  // Absent from the text that is compared with that of an earlier version for the same key.
  waitForBatch: optional(z.boolean()),
  idempotencyKey: idempotencyKeyInput,
  skipChecks: nullable(z.boolean()),
});
type CreateExportJob = Omit<z.output<typeof createExportJobInput>, 'idempotencyKey' | 'skipChecks'>;

const CreateExportJobPayload = builder
  .objectRef<{ readonly created: ExportJob; readonly replayed: boolean }>('CreateExportJobPayload')
  .implement({
    description: 'The export job was accepted. Watch it with `exportJobChanged`.',
    fields: (t) => ({
      exportJob: t.expose('created', { type: ExportJobRef, description: 'The job.' }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True when the idempotency key had created this job before, and nothing was created now.',
      }),
    }),
  });

builder.mutationField('createExportJob', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each', readsOf: { Dataset: ['schemaRef'] } },
    type: CreateExportJobPayload,
    nullable: true,
    description: 'Starts an export into an existing dataset or a new one.',
    errors: mutationErrors(ConflictError),
    args: { input: t.arg({ type: CreateExportJobInput, required: true, description: 'What to export.' }) },
    resolve: (_, args, ctx) => {
      const { idempotencyKey, skipChecks, ...input } = parseInput(createExportJobInput, args.input, 'input');
      return createOnce(ctx, {
        operation: 'createExportJob',
        key: idempotencyKey,
        input,
        create: async (starting) => {
          if (skipChecks !== true) await checkExportJob(ctx, input);
          return await createExportJob(ctx, input, starting);
        },
        find: (id) => ctx.loaders.exportJob.load(platformId<ExportJobId>(id)),
      });
    },
  }),
);

type WriteContext = Pick<GatewayContext, 'writes' | 'loaders' | 'watch' | 'logger' | 'clock' | 'once'>;

const datasetIdPath = 'input.destination.target.datasetId';
const newDatasetPath = 'input.destination.target.newDataset';

/** @throws {InvalidInputError} the export could not work */
async function checkExportJob(ctx: WriteContext, { destination, filter, mergePolicy }: CreateExportJob): Promise<void> {
  const { datasetId, newDataset } = destination.target;
  const schemaId = newDataset?.schemaRef?.id ?? unionProfileSchema;
  if (schemaId !== unionProfileSchema) {
    const path = `${newDatasetPath}.schemaRef.id`;
    throw new InvalidInputError([{ path, message: 'is not the union profile schema' }]);
  }
  const segments = (filter?.segments ?? [])
    .map(({ segmentId, segmentNs }, index) => ({
      id: segmentId,
      segmentNs,
      path: `input.filter.segments.${index}.segmentId`,
    }))
    // Other systems own the segments of other namespaces.
    .filter(({ segmentNs }) => segmentNs.toLowerCase() === 'ups');
  await runChecks(ctx, [
    ...(datasetId === undefined ? [] : [datasetCheck(ctx, datasetId, datasetIdPath)]),
    ...(segments.length === 0 ? [] : [segmentsCheck(ctx, segments)]),
    ...(mergePolicy === null ? [] : [mergePolicyCheck(ctx, mergePolicy.id, 'input.mergePolicy.id')]),
  ]);
}

/** @param starting called before the export is sent, and after everything that creates no export */
async function createExportJob(
  ctx: WriteContext,
  input: CreateExportJob,
  starting: () => Promise<void>,
): Promise<ExportJob> {
  const { datasetId, newDataset } = input.destination.target;
  if (datasetId !== undefined) {
    await starting();
    return await startExportJob(ctx, input, datasetId);
  }
  // The input has exactly one target.
  if (newDataset === undefined) throw new InvalidInputError([{ path: datasetIdPath, message: 'is missing' }]);
  const dataset = await createDataset(ctx, newDataset).catch((error: unknown) => {
    throw newDatasetFailure(error);
  });
  try {
    await starting();
    return await startExportJob(ctx, input, dataset.id);
  } catch (error) {
    // A dataset with an idempotency key of its own serves the next attempt.
    if (newDataset.idempotencyKey === undefined) await removeUnusedDataset(ctx, dataset.id, error);
    throw error instanceof InvalidInputError ? withPath(error, datasetIdPath, newDatasetPath) : error;
  }
}

/**
 * The error of an export whose dataset could not be created. No export was created, whatever the outcome for the dataset
 * is, so that the idempotency key of the export stays free.
 */
function newDatasetFailure(error: unknown): unknown {
  if (error instanceof InvalidInputError) return withPath(error, 'input', newDatasetPath);
  if (!(error instanceof OutcomeUnknownError)) return error;
  return new OutcomeUnknownError({
    message: `No export job was created. Whether the new dataset was created is unknown: ${error.message}`,
    cause: error,
  });
}

/** The same error for an argument that the client named in another place. */
function withPath({ issues, message, upstream }: InvalidInputError, from: string, to: string): InvalidInputError {
  const moved = issues.map((issue) =>
    issue.path.startsWith(from) ? { ...issue, path: to + issue.path.slice(from.length) } : issue,
  );
  return new InvalidInputError(moved, upstream === null ? {} : { message, upstream });
}

async function startExportJob(ctx: WriteContext, input: CreateExportJob, datasetId: DatasetId): Promise<ExportJob> {
  const filter = input.filter;
  const job: NewExportJob = {
    fields: input.fields,
    schemaName: input.schemaName ?? '_xdm.context.profile',
    mergePolicy: input.mergePolicy,
    filter:
      filter === null
        ? null
        : {
            // Said explicitly: the platform's own default has changed between its versions.
            segments:
              filter.segments?.map(({ statuses, ...segment }) => ({
                ...segment,
                statuses: statuses ?? ['REALIZED', 'EXISTING'],
              })) ?? null,
            segmentQualificationTime: filter.segmentQualificationTime,
            fromIngestTimestamp: filter.fromIngestTimestamp,
            emptyProfiles: filter.emptyProfiles ?? false,
          },
    eventList: input.eventList,
    datasetId,
    segmentPerBatch: input.destination.segmentPerBatch ?? false,
    evaluateSegments: input.evaluateSegments ?? false,
    waitForBatch: input.waitForBatch ?? false,
  };
  const created = await ctx.writes.exportJobs.create(job);
  ctx.watch.exportJobs.nudge();
  ctx.loaders.exportJob.prime(created);
  return created;
}

/**
 * Removes a dataset that was created for an export, if no export was created: the next attempt creates another one. A
 * dataset that a job may write into stays.
 */
async function removeUnusedDataset(ctx: WriteContext, id: DatasetId, reason: unknown): Promise<void> {
  if (mayHaveHappened(reason)) return;
  try {
    await ctx.writes.datasets.delete(id);
  } catch (error) {
    ctx.logger.warn({ err: error, datasetId: id }, 'the dataset made for a refused export could not be removed');
  }
}
