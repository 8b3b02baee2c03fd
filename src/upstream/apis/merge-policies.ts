import type { MergePolicyId } from '../../domain/ids.ts';
import type { MergePolicy } from '../../domain/merge-policy.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeMergePolicies, decodeMergePolicy, decodeNextPolicyStart } from '../wire/merge-policy.ts';
import { bulkGet } from './bulk-get.ts';
import type { BulkResult } from './bulk-read.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import type { Counted } from './collection.ts';
import { throwOnlyErrors } from './list-rows.ts';

export interface MergePoliciesApi {
  /** One upstream call. `start` is the opaque `next` of the previous page. */
  list(options: {
    readonly limit: number;
    readonly start?: string | undefined;
  }): Promise<Counted & { readonly policies: readonly MergePolicy[]; readonly next: string | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly MergePolicyId[]): Promise<BulkResult<MergePolicyId, MergePolicy>>;
}

const root = '/data/core/ups/config/mergePolicies';
const service = 'merge-policies';

/** Merge policies, by name. A list omits and counts unusable ones, which have no id or are errors. */
export function createMergePoliciesApi(client: PlatformClient): MergePoliciesApi {
  const context = decodeContextOf(client.metrics, 'MergePolicy');

  return {
    list: async ({ limit, start }) => {
      const query = new URLSearchParams({ limit: String(limit), orderBy: 'name' });
      if (start !== undefined) query.set('start', start);
      const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
      const response = await client.call(request);
      const page = decodeMergePolicies(response.json, context);
      if (page === null) throw unreadableResponse(request, response, 'It contains no list of merge policies.');
      throwOnlyErrors(request, response, page, { isFirst: start === undefined, limit });
      return { policies: page.entities, next: decodeNextPolicyStart(page, start), total: page.total };
    },

    getMany: (ids) =>
      bulkGet(client, {
        service,
        path: `${root}/bulk-get`,
        ids,
        invalidEntityMessage: 'It contains something that is not a merge policy.',
        decode: (value) => decodeMergePolicy(value, context),
      }),
  };
}
