import { PlatformError, upsCodes } from '../errors.ts';
import { type Call, json, type Operation } from '../http/operation.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import { bulkGet } from './bulk-get.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';
import { segmentDefinitionRecord } from './segment-definition-record.ts';
import { boolean, type FieldOrder, fieldOrders, integer } from './ups-query.ts';

/** Chosen values, because neither limit is documented. Clients assume a maximum of 100. */
const limits = { default: 100, maximum: 100 } as const;

const sortFields = ['creationTime', 'updateTime', 'name', 'internalId', 'id'] as const;
type SortField = (typeof sortFields)[number];

/** `GET /segment/definitions` with `start` (rows), `limit`, `page`, `sort` and `evaluationInfo.continuous.enabled`. */
export const listSegmentDefinitions: Operation = async ({ query, sandbox }, { store, quirks }) => {
  const { segmentDefinitionsFirstPage: firstPage } = quirks;
  const limit = Math.min(integer(query, 'limit', 1) ?? limits.default, limits.maximum);
  const page = integer(query, 'page', firstPage) ?? firstPage;
  const skip = integer(query, 'start', 0) ?? (page - firstPage) * limit;
  const continuous = boolean(query, 'evaluationInfo.continuous.enabled');
  const orders = fieldOrders(query, sortFields) ?? [{ field: 'creationTime', direction: 'desc' } as const];

  const definitions = (await store.segmentDefinitions.list(sandbox))
    .filter(({ evaluation }) => continuous === null || evaluation.continuous === continuous)
    .toSorted((a, b) => compare(a, b, orders));
  const segments = definitions.slice(skip, skip + limit);
  const embedded = await embeddedSandbox(sandbox, store);
  const hasMore = skip + segments.length < definitions.length;
  const [order] = orders;
  const next = new URLSearchParams(query);
  next.delete('start');
  next.set('page', String(firstPage + Math.floor(skip / limit) + 1));
  return json({
    segments: segments.map((definition) => segmentDefinitionRecord(definition, embedded, quirks)),
    page: {
      totalCount: definitions.length,
      totalPages: Math.ceil(definitions.length / limit),
      sortField: order?.field,
      sort: order?.direction,
      pageSize: segments.length,
      limit,
    },
    // Observed lists have no link, although they have more pages.
    link: hasMore && quirks.recordFields === 'documented' ? { next: `/segment/definitions?${next}` } : {},
  });
};

/** `GET /segment/definitions/{id}` */
export const getSegmentDefinition: Operation = async (call, { store, quirks }) => {
  const definition = await findSegmentDefinition(call, store);
  return json(segmentDefinitionRecord(definition, await embeddedSandbox(call.sandbox, store), quirks));
};

/** `POST /segment/definitions/bulk-get` */
export const bulkGetSegmentDefinitions: Operation = (call, { store, quirks }) =>
  bulkGet(call, { code: upsCodes.unknownSegment, kind: 'Segment definition' }, async (ids) => {
    const definitions = await store.segmentDefinitions.findMany(call.sandbox, ids);
    const sandbox = await embeddedSandbox(call.sandbox, store);
    return new Map(definitions.map((each) => [each.id, segmentDefinitionRecord(each, sandbox, quirks)]));
  });

/** @throws {PlatformError} 404 */
export async function findSegmentDefinition(
  { parameters, sandbox }: Call,
  { segmentDefinitions }: Pick<PlatformRecords, 'segmentDefinitions'>,
): Promise<SegmentDefinition> {
  const id = parameters['segmentId'] ?? '';
  const [definition] = await segmentDefinitions.findMany(sandbox, [id]);
  if (definition === undefined) {
    throw new PlatformError(404, upsCodes.unknownSegment, `Segment definition ${id} does not exist.`);
  }
  return definition;
}

function compare(a: SegmentDefinition, b: SegmentDefinition, orders: readonly FieldOrder<SortField>[]): number {
  for (const { field, direction } of orders) {
    const [left, right] = [sortKey(a, field), sortKey(b, field)];
    const order = left < right ? -1 : left > right ? 1 : 0;
    if (order !== 0) return direction === 'asc' ? order : -order;
  }
  return 0;
}

/**
 * Sort key of a definition; all values of one field have the same type. The internal id represents creation order,
 * because the platform does not return its own internal id.
 */
function sortKey(definition: SegmentDefinition, field: SortField): string | number {
  return field === 'internalId' ? definition.creationTime : definition[field];
}
