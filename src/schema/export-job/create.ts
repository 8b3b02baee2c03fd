import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import { unionProfileSchema } from '../../domain/dataset.ts';
import { type ExportJob, type NewExportJob, segmentMembershipStatuses } from '../../domain/export-job.ts';
import { defaultSchemaName } from '../../domain/export-request.ts';
import { type DatasetId, type ExportJobId, type MergePolicyId, platformId, type SegmentId } from '../../domain/ids.ts';
import { InvalidInputError, mayHaveHappened, OutcomeUnknownError } from '../../errors.ts';
import { builder } from '../builder.ts';
import { writes } from '../common/audit.ts';
import { idInput } from '../common/global-id.ts';
import { createIdempotently, idempotencyKeyInput } from '../common/idempotency.ts';
import {
  dateInput,
  fieldPathsInput,
  listInput,
  maxSegments,
  nonEmpty,
  nullable,
  optional,
  parseInput,
} from '../common/input.ts';
import { SegmentMembershipStatusRef } from '../common/job.ts';
import { CreateDatasetInput, createDataset, createDatasetInput } from '../dataset/create-input.ts';
import { CreateExportJobResult, checkExport, type StartContext, startExport, withPath } from './start.ts';

const MergePolicyReferenceInput = builder.inputType('MergePolicyReferenceInput', {
  description: 'A merge policy by its id.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Global id or platform id of the merge policy.' }),
    version: t.int({ description: 'Version of the policy; the latest by default.' }),
  }),
});

const SegmentSelectionInput = builder.inputType('SegmentSelectionInput', {
  description: 'The members of one segment.',
  fields: (t) => ({
    segmentId: t.id({ required: true, description: 'Global id or platform id of the segment.' }),
    segmentNs: t.string({ description: 'Namespace of the segment; `ups`, the namespace of the platform, by default.' }),
    statuses: t.field({
      type: [SegmentMembershipStatusRef],
      description:
        'Only members with one of these statuses. REALIZED and EXISTING by default, which are the current members.',
    }),
  }),
});

const TimeWindowInput = builder.inputType('TimeWindowInput', {
  description: 'A period of time. It is open-ended on a side whose time is null.',
  fields: (t) => ({
    startTime: t.field({ type: 'DateTime', description: 'Start of the period. Null if it has no start.' }),
    endTime: t.field({ type: 'DateTime', description: 'End of the period. Null if it has no end.' }),
  }),
});

const ExportFilterInput = builder.inputType('ExportFilterInput', {
  description: 'Conditions on the profiles to export; all of them must hold.',
  fields: (t) => ({
    segments: t.field({
      type: [SegmentSelectionInput],
      description: 'Only members of these segments; all profiles by default.',
    }),
    segmentQualificationTime: t.field({
      type: TimeWindowInput,
      description: 'Only members who qualified for the segment within this period.',
    }),
    fromIngestTimestamp: t.field({ type: 'DateTime', description: 'Only profiles that changed after this time.' }),
    emptyProfiles: t.boolean({
      description: 'True includes people who have events but no profile record; false by default.',
    }),
  }),
});

const EventListInput = builder.inputType('EventListInput', {
  description: 'Selection of the events to export with the profiles.',
  fields: (t) => ({
    fields: t.stringList({ description: 'Dotted XDM paths of the fields; all fields by default.' }),
    fromIngestTimestamp: t.field({ type: 'DateTime', description: 'Only events that were ingested after this time.' }),
    toIngestTimestamp: t.field({ type: 'DateTime', description: 'Only events that were ingested before this time.' }),
  }),
});

const ExportTargetInput = builder.inputType('ExportTargetInput', {
  description: 'Target of an export: an existing dataset, or a new dataset that is created for the export.',
  isOneOf: true,
  fields: (t) => ({
    datasetId: t.id({ description: 'Global id or platform id of a dataset that follows the union profile schema.' }),
    newDataset: t.field({ type: CreateDatasetInput, description: 'The dataset to create before the export.' }),
  }),
});

const ExportDestinationInput = builder.inputType('ExportDestinationInput', {
  description: 'Target of the export.',
  fields: (t) => ({
    target: t.field({ type: ExportTargetInput, required: true, description: 'The dataset that the export writes to.' }),
    segmentPerBatch: t.boolean({
      description: 'True writes one batch per segment. False by default, which is faster.',
    }),
  }),
});

const CreateExportJobInput = builder.inputType('CreateExportJobInput', {
  description: 'Content and target of an export.',
  fields: (t) => ({
    fields: t.stringList({
      description:
        'Dotted XDM paths of the fields to export; all fields by default. `identityMap` alone, together with an event list, exports events only.',
    }),
    mergePolicy: t.field({
      type: MergePolicyReferenceInput,
      description:
        'Merge policy by which the fragments of a profile are merged. Specify it if several segments are exported.',
    }),
    filter: t.field({ type: ExportFilterInput, description: 'Selection of the profiles; all profiles by default.' }),
    eventList: t.field({
      type: EventListInput,
      description: 'Selection of the profiles’ events. Omit it to export profiles without events.',
    }),
    destination: t.field({
      type: ExportDestinationInput,
      required: true,
      description: 'Target of the export.',
    }),
    schemaName: t.string({ description: 'Schema of the exported records; `_xdm.context.profile` by default.' }),
    evaluateSegments: t.boolean({
      description: 'True evaluates the segments as part of the export; false by default.',
    }),
    waitForBatch: t.boolean({
      description:
        'True keeps the job running until its batches are readable or have failed. By default a job can be SUCCEEDED earlier; `exportJobChanged` then reports the changes of its batches.',
    }),
    idempotencyKey: t.string({
      description:
        'Makes the request safe to repeat: for 24 hours, the same key with the same input returns the first job and creates nothing. At most 200 characters.',
    }),
    skipChecks: t.boolean({
      description:
        'True creates without checks. By default the gateway first checks that the dataset follows the union profile schema, and that the merge policy and the first 100 segments exist. Each check is one call to the platform and is made only if the input names that object. A check that cannot be carried out does not block the create.',
    }),
  }),
});

/** Rejects an end that is not later than the start, because such a period selects nothing. */
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
  // Omitted from the text that is compared for the same idempotency key.
  waitForBatch: optional(z.boolean()),
  idempotencyKey: idempotencyKeyInput,
  skipChecks: nullable(z.boolean()),
});
type CreateExportJob = Omit<z.output<typeof createExportJobInput>, 'idempotencyKey' | 'skipChecks'>;

builder.mutationField('createExportJob', (t) =>
  t.field({
    extensions: { ...writes('ExportJob', 'create'), upstreamCalls: 'each', readsOf: { Dataset: ['schemaRef'] } },
    type: CreateExportJobResult,
    nullable: true,
    description: 'Starts an export into an existing dataset or a new dataset.',
    args: {
      input: t.arg({ type: CreateExportJobInput, required: true, description: 'Content and target of the export.' }),
    },
    resolve: (_, args, ctx) => {
      const { idempotencyKey, skipChecks, ...input } = parseInput(createExportJobInput, args.input, 'input');
      return createIdempotently(ctx, {
        operation: 'createExportJob',
        entity: 'ExportJob',
        key: idempotencyKey,
        input,
        create: async (starting) => {
          if (skipChecks !== true) await checkInput(ctx, input);
          return await createExportJob(ctx, input, starting);
        },
        find: (id) => ctx.loaders.exportJob.load(platformId<ExportJobId>(id)),
      });
    },
  }),
);

type WriteContext = StartContext & Pick<GatewayContext, 'logger' | 'idempotent'>;

const datasetIdPath = 'input.destination.target.datasetId';
const newDatasetPath = 'input.destination.target.newDataset';

/**
 * @throws {InvalidInputError} the input describes an export that the platform would reject or that could never succeed
 */
async function checkInput(ctx: WriteContext, { destination, filter, mergePolicy }: CreateExportJob): Promise<void> {
  const { datasetId, newDataset } = destination.target;
  const schemaId = newDataset?.schemaRef?.id ?? unionProfileSchema;
  if (schemaId !== unionProfileSchema) {
    const path = `${newDatasetPath}.schemaRef.id`;
    throw new InvalidInputError([{ path, message: 'is not the union profile schema' }]);
  }
  const segments = filter?.segments ?? [];
  await checkExport(ctx, { datasetId: datasetId ?? null, segments, mergePolicy }, 'input.');
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
    return await startExport(ctx, requestOfInput(input, datasetId));
  }
  // The input has exactly one target.
  if (newDataset === undefined) throw new InvalidInputError([{ path: datasetIdPath, message: 'is missing' }]);
  const dataset = await createDataset(ctx, newDataset).catch((error: unknown) => {
    throw newDatasetFailure(error);
  });
  try {
    await starting();
    return await startExport(ctx, requestOfInput(input, dataset.id));
  } catch (error) {
    // A dataset with an idempotency key of its own serves the next attempt.
    if (newDataset.idempotencyKey === undefined) await removeUnusedDataset(ctx, dataset.id, error);
    throw error instanceof InvalidInputError ? withPath(error, datasetIdPath, newDatasetPath) : error;
  }
}

/**
 * The error of an export whose dataset could not be created. No export was created, whatever the outcome for the
 * dataset is, so that the idempotency key of the export stays free.
 */
function newDatasetFailure(error: unknown): unknown {
  if (error instanceof InvalidInputError) return withPath(error, 'input', newDatasetPath);
  if (!(error instanceof OutcomeUnknownError)) return error;
  return new OutcomeUnknownError({
    message: `No export job was created. Whether the new dataset was created is unknown: ${error.message}`,
    cause: error,
  });
}

/** The request of an input, in which the defaults are explicit, because they differ between versions of the platform. */
function requestOfInput(input: CreateExportJob, datasetId: DatasetId): NewExportJob {
  const { filter } = input;
  return {
    fields: input.fields,
    schemaName: input.schemaName ?? defaultSchemaName,
    mergePolicy: input.mergePolicy,
    filter:
      filter === null
        ? null
        : {
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
    ctx.logger.warn({ err: error, datasetId: id }, 'could not remove the dataset of a rejected export');
  }
}
