import type { DatasetId, MergePolicyId } from './ids.ts';

/** How the fragments of a person become one profile. */
export interface MergePolicy {
  readonly id: MergePolicyId;
  readonly name: string | null;
  readonly version: number | null;
  readonly isDefault: boolean;
  /** `none` or `pdg` */
  readonly identityGraph: string | null;
  /** `timestampOrdered` or `dataSetPrecedence` */
  readonly attributeMerge: string | null;
  /** Which dataset wins, the first one first; null where time decides. */
  readonly datasetPrecedence: readonly DatasetId[] | null;
  readonly updatedAt: Date | null;
}
