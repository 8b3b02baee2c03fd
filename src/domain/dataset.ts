import { containsText } from './contains-text.ts';
import type { BatchId, DatasetId } from './ids.ts';

/** The schema that a dataset must have before profiles can be exported into it. */
export const unionProfileSchema = 'https://ns.adobe.com/xdm/context/profile__union';

export interface Dataset {
  readonly id: DatasetId;
  readonly name: string | null;
  readonly description: string | null;
  readonly schemaRef: { readonly id: string; readonly contentType: string | null } | null;
  readonly fileFormat: string | null;
  readonly version: string | null;
  readonly state: string | null;
  readonly tags: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** Number of rows at `measuredAt`. The platform counts rows and bytes only from time to time. */
  readonly recordCount: number | null;
  readonly sizeBytes: number | null;
  readonly measuredAt: Date | null;
  readonly lastBatchId: BatchId | null;
  readonly lastSuccessfulBatchId: BatchId | null;
  /** The platform's id of the user or technical account that created it. */
  readonly createdBy: string | null;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

/** Parts of a dataset that can be requested separately. Its id is always returned. */
export type DatasetField = Exclude<keyof Dataset, 'id'>;

/** Whether exports can be written into the dataset. */
export const isUnionProfileDataset = ({ schemaRef }: Pick<Dataset, 'schemaRef'>): boolean =>
  schemaRef?.id === unionProfileSchema;

export interface NewDataset {
  readonly name: string;
  readonly description: string | null;
  readonly schemaRef: { readonly id: string; readonly contentType: string };
  readonly fileFormat: string;
  readonly tags: Dataset['tags'];
}

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
