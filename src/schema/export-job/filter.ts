import { z } from 'zod';
import { type ExportJobFilter, type ExportJobStatus, exportJobStatuses } from '../../domain/export-job.ts';
import type { DatasetId, MergePolicyId, SegmentId } from '../../domain/ids.ts';
import { builder } from '../builder.ts';
import { describedEnum } from '../common/enum.ts';
import { idInput } from '../common/global-id.ts';
import { dateInput, listInput, optional, parseInput } from '../common/input.ts';
import { isOverdueDescription } from '../common/run-fields.ts';

export const ExportJobStatusRef = describedEnum<ExportJobStatus>('ExportJobStatus', 'Status of an export job.', {
  NEW: 'The job is accepted and has not started.',
  QUEUED: 'Waiting for a worker of the platform.',
  PROCESSING: 'The export is running.',
  CANCELLING: 'The job is marked for cancelling and has not stopped yet.',
  CANCELLED: 'The job was cancelled before it was done. Terminal.',
  SUCCEEDED:
    'The export is done. Its batches are readable when they are ACTIVE or SUCCESS, which can be later. Terminal.',
  FAILED: 'The job failed; `errors` contains the reasons. Terminal.',
  UNKNOWN:
    'A status that the gateway does not know; `rawStatus` contains it. Terminal only if `metrics.totalTime.endedAt` is not null.',
});

export const ExportJobFilterInput = builder.inputType('ExportJobFilter', {
  description:
    'Conditions on export jobs; all of them must hold. The platform itself filters by the time of creation and by one status of NEW, SUCCEEDED or FAILED. For all other conditions the gateway filters the list, and reads up to 1,000 jobs for one page.',
  fields: (t) => ({
    statuses: t.field({ type: [ExportJobStatusRef], description: 'Only entries with one of these statuses.' }),
    datasetId: t.id({ description: 'Only jobs that write into the dataset with this global id or platform id.' }),
    segmentId: t.id({
      description: 'Only jobs that export members of the segment with this global id or platform id.',
    }),
    createdAfter: t.field({ type: 'DateTime', description: 'Only entries that were created after this time.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Only entries that were created before this time.' }),
    updatedAfter: t.field({ type: 'DateTime', description: 'Only entries whose last change is after this time.' }),
    mergePolicyId: t.id({ description: 'Only jobs that name the merge policy with this global id or platform id.' }),
    isOverdue: t.boolean({ description: isOverdueDescription }),
  }),
});

const exportJobFilterInput = z.object({
  filter: z
    .object({
      statuses: optional(listInput(z.enum(exportJobStatuses), { maximum: 20, empty: 'must name at least one status' })),
      datasetId: optional(idInput<DatasetId>('Dataset')),
      segmentId: optional(idInput<SegmentId>('SegmentDefinition')),
      createdAfter: optional(dateInput),
      createdBefore: optional(dateInput),
      updatedAfter: optional(dateInput),
      mergePolicyId: optional(idInput<MergePolicyId>('MergePolicy')),
      isOverdue: optional(z.boolean()),
    })
    .nullish()
    .transform((filter) => filter ?? null),
});

/** @throws {InvalidInputError} on paths below `filter` */
export const parseExportJobFilter = (filter: unknown): ExportJobFilter | null =>
  parseInput(exportJobFilterInput, { filter }).filter;
