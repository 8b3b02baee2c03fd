import type { MergePolicyRef } from './export-job.ts';
import type { SegmentId } from './ids.ts';

export const evaluationMethods = ['BATCH', 'CONTINUOUS', 'SYNCHRONOUS'] as const;
export type EvaluationMethod = (typeof evaluationMethods)[number];

/** A segment, defined by an expression over profiles. */
export interface SegmentDefinition {
  readonly id: SegmentId;
  readonly name: string | null;
  readonly description: string | null;
  readonly expression: { readonly type: string; readonly format: string; readonly value: string } | null;
  readonly mergePolicy: MergePolicyRef | null;
  /** The enabled evaluation methods. */
  readonly evaluation: readonly EvaluationMethod[];
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

export interface SegmentDefinitionFilter {
  /** Part of the name, ignoring case. */
  readonly nameContains?: string | undefined;
}

/**
 * Whether a namespace contains segments of the platform, which have definitions there. The case of a namespace varies.
 */
export const isPlatformNamespace = (namespace: string): boolean => namespace.toLowerCase() === 'ups';
