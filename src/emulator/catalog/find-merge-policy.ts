import { type SeededMergePolicy, seededMergePolicies } from './population.ts';

/** Thrown when a request names an unknown merge policy. */
export class UnknownMergePolicyError extends Error {
  override readonly name = 'UnknownMergePolicyError';
  readonly mergePolicyId: string;

  constructor(mergePolicyId: string) {
    super(`There is no merge policy with the id ${JSON.stringify(mergePolicyId)}.`);
    this.mergePolicyId = mergePolicyId;
  }
}

/**
 * @param id null = the default policy
 * @throws {UnknownMergePolicyError}
 */
export function findMergePolicy(id: string | null): SeededMergePolicy {
  const policy = seededMergePolicies.find((each) => (id === null ? each.default : each.id === id));
  if (policy === undefined) throw new UnknownMergePolicyError(id ?? 'default');
  return policy;
}
