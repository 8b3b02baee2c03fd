import type { SegmentId } from '../../domain/ids.ts';
import type { SegmentDefinition } from '../../domain/segment-definition.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeSegmentDefinition, decodeSegmentDefinitions } from '../wire/segment-definition.ts';
import { bulkGet } from './bulk-get.ts';
import type { BulkResult } from './bulk-read.ts';
import { decodeContextOf, nullIfNotFound, type PlatformClient } from './client.ts';
import type { Counted } from './collection.ts';
import { countDisorder } from './list-order.ts';
import { throwOnlyErrors } from './list-rows.ts';

export interface SegmentDefinitionsApi {
  /**
   * One upstream call. `page` starts at 0, and `next` is null on the last page. A row may be returned twice. If the
   * platform counts its pages from 1, the second page repeats the first one, so that a page without new rows is not yet
   * the end.
   */
  list(options: {
    readonly limit: number;
    readonly page?: number;
    /** @default creationTime, newest first */
    readonly orderBy?: SegmentDefinitionOrder | undefined;
  }): Promise<Counted & { readonly definitions: readonly SegmentDefinition[]; readonly next: number | null }>;
  /** Reads in bulk, with one upstream call per 100 ids. */
  getMany(ids: readonly SegmentId[]): Promise<BulkResult<SegmentId, SegmentDefinition>>;
}

/** The platform may ignore the order. It compares names in its own collation. */
export interface SegmentDefinitionOrder {
  readonly field: 'creationTime' | 'updateTime' | 'name';
  readonly direction: 'asc' | 'desc';
}

const root = '/data/core/ups/segment/definitions';
const service = 'segmentation';

const newestFirst = { field: 'creationTime', direction: 'desc' } as const satisfies SegmentDefinitionOrder;

/** Segment definitions. A list omits and counts unusable ones, which have no id or are errors. */
export function createSegmentDefinitionsApi(client: PlatformClient): SegmentDefinitionsApi {
  const context = decodeContextOf(client.metrics, 'SegmentDefinition');

  return {
    list: async ({ limit, page = 0, orderBy = newestFirst }) => {
      const { field, direction } = orderBy;
      const query = new URLSearchParams({ limit: String(limit), sort: `${field}:${direction}` });
      if (page > 0) query.set('page', String(page));
      const what = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
      // A page after the last page may be empty or a 404.
      const request = page > 0 ? { ...what, subject: String(page) } : what;
      const response = await nullIfNotFound(client.call(request));
      if (response === null) return { definitions: [], next: null, total: null };
      const decoded = decodeSegmentDefinitions(response.json, { page, limit }, context);
      if (decoded === null) throw unreadableResponse(request, response, 'It contains no list of segment definitions.');
      throwOnlyErrors(request, response, decoded, { isFirst: page === 0, limit });
      const { entities, next, total } = decoded;
      if (field !== 'name') {
        const keyOf = ({ createdAt, updatedAt }: SegmentDefinition) =>
          field === 'creationTime' ? createdAt : updatedAt;
        countDisorder(entities, { direction, keyOf }, context);
      }
      return { definitions: entities, next, total };
    },

    getMany: (ids) =>
      bulkGet(client, {
        service,
        path: `${root}/bulk-get`,
        ids,
        invalidEntityMessage: 'It contains something that is not a segment definition.',
        decode: (value) => decodeSegmentDefinition(value, context),
      }),
  };
}
