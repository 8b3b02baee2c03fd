import type { DatasetId, MergePolicyId } from './ids.ts';

/** Rules by which the fragments of a person become one profile. */
export interface MergePolicy {
  readonly id: MergePolicyId;
  readonly name: string | null;
  readonly version: number | null;
  readonly isDefault: boolean;
  /** `none` or `pdg` */
  readonly identityGraph: string | null;
  /** `timestampOrdered` or `dataSetPrecedence` */
  readonly attributeMerge: string | null;
  /** Datasets in order of precedence, highest first; null: the latest fragment wins. */
  readonly datasetPrecedence: readonly DatasetId[] | null;
  readonly updatedAt: Date | null;
}
