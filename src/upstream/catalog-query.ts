import type { DatasetListOptions, TimeBounds } from './platform-api.ts';

type OrderField = NonNullable<DatasetListOptions['orderBy']>['field'];

export interface CatalogOrder {
  readonly field: OrderField;
  readonly direction: 'asc' | 'desc';
}

/** Lists shift under paging by row offset unless they are in some order; newest first is what people look for. */
export const newestFirst: CatalogOrder = { field: 'created', direction: 'desc' };

export interface CatalogListQuery {
  readonly limit: number;
  readonly start?: number | undefined;
  readonly orderBy: CatalogOrder;
  readonly properties: readonly string[];
  readonly created?: TimeBounds | undefined;
  readonly updated?: TimeBounds | undefined;
}

/** The query of a Catalog list. `limit` and `properties` are always sent: an unfiltered answer can reach gigabytes. */
export function catalogListQuery({ limit, start, orderBy, properties, created, updated }: CatalogListQuery) {
  const query = new URLSearchParams({
    limit: String(limit),
    orderBy: `${orderBy.direction}:${orderBy.field}`,
    properties: properties.join(','),
  });
  if (start !== undefined && start > 0) query.set('start', String(start));
  for (const expression of [...bounds('created', created), ...bounds('updated', updated)]) {
    query.append('property', expression);
  }
  return query;
}

function bounds(field: 'created' | 'updated', { after, before, from, to }: TimeBounds = {}): string[] {
  return [
    ...(after === undefined ? [] : [`${field}>${after.getTime()}`]),
    ...(before === undefined ? [] : [`${field}<${before.getTime()}`]),
    ...(from === undefined ? [] : [`${field}>=${from.getTime()}`]),
    ...(to === undefined ? [] : [`${field}<=${to.getTime()}`]),
  ];
}

/**
 * Whether a text is itself in a filter of Catalog, in which `*`, `,`, `!` and other characters have a meaning. The platform
 * has no way to quote them, so that such a text is not sent: the list is read without this filter, and compared.
 */
export const isPlainText = (text: string): boolean =>
  /^[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N} _.-]*[\p{L}\p{M}\p{N}_.-])?$/u.test(text);
