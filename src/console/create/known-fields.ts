import type { KnownFieldsQuery } from '../operations.generated.ts';

/**
 * Fields of profiles, from the newest exports: the columns of their files are paths of the union schema. Sorted, and empty
 * before the first export.
 */
export function knownFields(data: KnownFieldsQuery | undefined): readonly string[] {
  const columns = (data?.batches?.nodes ?? [])
    .filter(({ dataset }) => dataset?.isUnionProfileDataset === true)
    .flatMap(({ files }) => files?.nodes[0]?.columns ?? []);
  // Parts of maps and lists cannot be selected alone.
  const paths = columns.map(({ name, type }) => (/^(array|map)</.test(type) ? (name.split('.')[0] ?? name) : name));
  return [...new Set(paths)].sort();
}
