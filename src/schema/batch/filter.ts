import { z } from 'zod';
import { type BatchFilter, type BatchStatus, batchStatuses } from '../../domain/batch.ts';
import type { DatasetId } from '../../domain/ids.ts';
import { builder } from '../builder.ts';
import { describedEnum } from '../common/enum.ts';
import { idInput } from '../common/global-id.ts';
import { dateInput, listInput, nullable, optional, parseInput } from '../common/input.ts';

export const BatchStatusRef = describedEnum<BatchStatus>(
  'BatchStatus',
  'Status of a batch on its way into the data lake.',
  {
    LOADING: 'Its data is being written.',
    LOADED: 'Its data is written and waits to be promoted.',
    QUEUED: 'Waiting for a worker of the platform.',
    PROCESSING: 'The platform is processing it.',
    STAGING: 'Its data is being staged.',
    STAGED: 'Its data is staged and not yet visible.',
    RETRYING: 'The platform is retrying the promotion.',
    STALLED: 'The promotion is stuck. The batch has not ended, and the platform may resume it.',
    ACTIVE: 'Its data can be read.',
    SUCCESS: 'Its data can be read.',
    FAILED: 'It failed; `errors` contains the reasons.',
    ABORTED: 'Its writer cancelled it.',
    ABANDONED: 'Its writer never completed it.',
    INACTIVE: 'It was active, and was reverted or has expired.',
    ARCHIVED: 'It was moved to the archive.',
    RETAINED: 'It has ended and is retained.',
    DELETED: 'Deleted.',
    UNKNOWN: 'A status that the gateway does not know; `rawStatus` contains it.',
  },
);

export const BatchFilterInput = builder.inputType('BatchFilter', {
  description: 'Conditions on batches; all of them must hold.',
  fields: (t) => ({
    statuses: t.field({
      type: [BatchStatusRef],
      description:
        'Only batches with one of these statuses. If UNKNOWN is among them, the gateway filters the list itself and reads up to 1,000 batches for one page.',
    }),
    datasetId: t.id({ description: 'Only batches of the dataset with this global id or platform id.' }),
    createdAfter: t.field({ type: 'DateTime', description: 'Only entries that were created after this time.' }),
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
