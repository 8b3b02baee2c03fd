import { z } from 'zod';
import { type ExportJobStatus, exportJobStatuses } from '../domain/export-job.ts';
import type { ExportJobFilter } from '../domain/export-job-filter.ts';
import type { DatasetId, SegmentId } from '../domain/ids.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { idInput } from './global-id.ts';
import { dateInput, optional, parseInput } from './input.ts';

export const ExportJobStatusRef = describedEnum<ExportJobStatus>('ExportJobStatus', 'How far an export job is.', {
  NEW: 'Accepted, not begun.',
  QUEUED: 'Waiting for a worker.',
  PROCESSING: 'Exporting.',
  CANCELLING: 'Marked for cancelling, not stopped yet.',
  CANCELLED: 'Stopped before its end. Terminal.',
  SUCCEEDED: 'Done; its batches can be read. Terminal.',
  FAILED: 'Ended without result; see its errors. Terminal.',
  UNKNOWN: 'A status that the gateway does not know; `rawStatus` holds it. Not terminal.',
});

export const ExportJobFilterInput = builder.inputType('ExportJobFilter', {
  description: 'Which export jobs. All conditions must hold.',
  fields: (t) => ({
    statuses: t.field({ type: [ExportJobStatusRef], description: 'In one of these.' }),
    datasetId: t.id({ description: 'Written into this dataset.' }),
    segmentId: t.id({ description: 'Exporting members of this segment.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created later than this.' }),
    createdBefore: t.field({ type: 'DateTime', description: 'Created before this.' }),
  }),
});

const exportJobFilterInput = z.object({
  filter: z
    .object({
      statuses: optional(z.array(z.enum(exportJobStatuses)).min(1, 'must name at least one status')),
      datasetId: optional(idInput<DatasetId>('Dataset')),
      segmentId: optional(idInput<SegmentId>('SegmentDefinition')),
      createdAfter: optional(dateInput),
      createdBefore: optional(dateInput),
    })
    .nullish()
    .transform((filter) => filter ?? null),
});

/** @throws {InvalidInputError} on paths below `filter` */
export const parseExportJobFilter = (filter: unknown): ExportJobFilter | null =>
  parseInput(exportJobFilterInput, { filter }).filter;
