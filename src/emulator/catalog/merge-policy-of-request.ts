import { seededMergePolicies } from './population.ts';

/**
 * Merge policy of a request, in its latest version if the request names no version. Without a policy it is the default
 * policy, which is also the policy of every seeded segment. An unknown policy is kept; the job that names it fails.
 */
export function mergePolicyFor({
  mergePolicy,
}: {
  readonly mergePolicy: { readonly id: string; readonly version: number | null } | null;
}): { id: string; version: number } {
  const known = seededMergePolicies.find((policy) => (mergePolicy ? policy.id === mergePolicy.id : policy.default));
  const id = mergePolicy?.id ?? known?.id;
  if (id === undefined) throw new Error('No merge policy is the default.');
  return { id, version: mergePolicy?.version ?? known?.version ?? 1 };
}
