import { z } from 'zod';
import { type ExportJobStatus, exportJobStatuses } from '../domain/export-job.ts';
import type { ExportJobFilter } from '../domain/export-job-filter.ts';
import type { DatasetId, MergePolicyId, SegmentId } from '../domain/ids.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { idInput } from './global-id.ts';
import { dateInput, listInput, optional, parseInput } from './input.ts';

export const ExportJobStatusRef = describedEnum<ExportJobStatus>('ExportJobStatus', 'How far an export job is.', {
  NEW: 'Accepted, not begun.',
  QUEUED: 'Waiting for a worker.',
  PROCESSING: 'Exporting.',
  CANCELLING: 'Marked for cancelling, not stopped yet.',
  CANCELLED: 'Stopped before its end. Terminal.',
  SUCCEEDED:
    'The export is done. Its batches are readable when they are ACTIVE or SUCCESS, which can be later. Terminal.',
  FAILED: 'Ended without result; see its errors. Terminal.',
  UNKNOWN:
    'A status that the gateway does not know; `rawStatus` holds it. Terminal only if `metrics.totalTime.endedAt` is known.',
});

export const ExportJobFilterInput = builder.inputType('ExportJobFilter', {
  description:
    'Conditions on export jobs; all of them must hold. A single status of NEW, SUCCEEDED and FAILED and the times of creation are cheap. For the others the gateway reads the list, up to 1,000 jobs for one page.',
  fields: (t) => ({
    statuses: t.field({ type: [ExportJobStatusRef], description: 'One of these statuses.' }),
    datasetId: t.id({ description: 'Jobs that write into this dataset. Global id or platform id.' }),
    segmentId: t.id({ description: 'Jobs that export members of this segment. Global id or platform id.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created after this time.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this time.' }),
    updatedAfter: t.field({ type: 'DateTime', description: 'Changed after this time.' }),
    mergePolicyId: t.id({ description: 'Jobs that name this merge policy. Global id or platform id.' }),
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
    })
    .nullish()
    .transform((filter) => filter ?? null),
});

/** @throws {InvalidInputError} on paths below `filter` */
export const parseExportJobFilter = (filter: unknown): ExportJobFilter | null =>
  parseInput(exportJobFilterInput, { filter }).filter;
