import { containsText } from './contains-text.ts';
import type { Dataset } from './dataset.ts';

export interface DatasetFilter {
  /** Exact name. */
  readonly name?: string | undefined;
  /** Part of the name, ignoring case. */
  readonly nameContains?: string | undefined;
  readonly schemaId?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  readonly updatedAfter?: Date | undefined;
}

/** Whether a dataset meets all conditions. The times are exclusive. */
export const matchesDatasetFilter = (
  { name, schemaRef, createdAt, updatedAt }: Dataset,
  filter: DatasetFilter,
): boolean =>
  (filter.name === undefined || name === filter.name) &&
  (filter.nameContains === undefined || containsText(name, filter.nameContains)) &&
  (filter.schemaId === undefined || schemaRef?.id === filter.schemaId) &&
  (filter.createdAfter === undefined || (createdAt !== null && createdAt > filter.createdAfter)) &&
  (filter.createdBefore === undefined || (createdAt !== null && createdAt < filter.createdBefore)) &&
  (filter.updatedAfter === undefined || (updatedAt !== null && updatedAt > filter.updatedAfter));
