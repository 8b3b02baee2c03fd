import { z } from 'zod';
import { type BatchStatus, batchStatuses } from '../domain/batch.ts';
import type { BatchFilter } from '../domain/batch-filter.ts';
import type { DatasetId } from '../domain/ids.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { idInput } from './global-id.ts';
import { dateInput, listInput, nullable, optional, parseInput } from './input.ts';

export const BatchStatusRef = describedEnum<BatchStatus>(
  'BatchStatus',
  'Where a batch is on its way into the data lake.',
  {
    LOADING: 'Being written.',
    LOADED: 'Written, waiting to be promoted.',
    QUEUED: 'Waiting for a worker.',
    PROCESSING: 'Being processed.',
    STAGING: 'Being staged.',
    STAGED: 'Staged, not yet visible.',
    RETRYING: 'Promotion is being tried again.',
    STALLED: 'Promotion was given up for now: stuck, not ended.',
    ACTIVE: 'Its data can be read.',
    SUCCESS: 'Its data can be read.',
    FAILED: 'It failed; see its errors.',
    ABORTED: 'Its writer stopped it.',
    ABANDONED: 'Its writer never completed it.',
    INACTIVE: 'It was active, and has been reverted or has expired.',
    ARCHIVED: 'Moved to the archive.',
    RETAINED: 'Kept after its end.',
    DELETED: 'Deleted.',
    UNKNOWN: 'A status that the gateway does not know; `rawStatus` holds it.',
  },
);

export const BatchFilterInput = builder.inputType('BatchFilter', {
  description: 'Conditions on batches; all of them must hold.',
  fields: (t) => ({
    statuses: t.field({
      type: [BatchStatusRef],
      description: 'One of these statuses. With UNKNOWN, the gateway reads the list, up to 1,000 batches for one page.',
    }),
    datasetId: t.id({ description: 'Batches of this dataset. Global id or platform id.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Created after this time.' }),
  }),
});

const batchFilterInput = z.object({
  filter: nullable(
    z.object({
      statuses: optional(listInput(z.enum(batchStatuses), { maximum: 20, empty: 'must name at least one status' })),
      datasetId: optional(idInput<DatasetId>('Dataset')),
      createdAfter: optional(dateInput),
    }),
  ),
});

/** @throws {InvalidInputError} on paths below `filter` */
export const parseBatchFilter = (filter: unknown): BatchFilter | null =>
  parseInput(batchFilterInput, { filter }).filter;
