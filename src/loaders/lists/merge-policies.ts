import type { MergePolicy } from '../../domain/merge-policy.ts';
import type { MergePoliciesApi } from '../../upstream/apis/merge-policies.ts';
import { listAfterPage } from '../pagination/after-page.ts';
import { type Connection, type PageOptions, readConnection } from '../pagination/connection.ts';

/**
 * Merge policies, by name.
 * @throws {InvalidInputError} `after` is not a cursor of this connection
 */
export function readMergePolicies(
  api: Pick<MergePoliciesApi, 'list'>,
  { first, after }: PageOptions,
): Promise<Connection<MergePolicy>> {
  const list = listAfterPage<MergePolicy, string>({
    name: 'mergePolicies',
    idOf: ({ id }) => id,
    first: '',
    isStart: (value) => typeof value === 'string',
    readRows: async ({ start, limit }) => {
      const { policies, next, total } = await api.list({ limit, start: start === '' ? undefined : start });
      return { rows: policies, next, total };
    },
  });
  return readConnection(list, { first, after });
}
