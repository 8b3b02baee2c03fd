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
  /** Rows and bytes at `measuredAt`: the platform counts from time to time. */
  readonly recordCount: number | null;
  readonly sizeBytes: number | null;
  readonly measuredAt: Date | null;
  readonly lastBatchId: BatchId | null;
  readonly lastSuccessfulBatchId: BatchId | null;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

/** What of a dataset can be asked for on its own. Its id always comes. */
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
