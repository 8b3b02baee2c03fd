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

function bounds(field: 'created' | 'updated', { after, from, to }: TimeBounds = {}): string[] {
  return [
    ...(after === undefined ? [] : [`${field}>${after.getTime()}`]),
    ...(from === undefined ? [] : [`${field}>=${from.getTime()}`]),
    ...(to === undefined ? [] : [`${field}<=${to.getTime()}`]),
  ];
}

/** Adds a filter for exactly this name. */
export function filterByName(query: URLSearchParams, name: string): void {
  // In the simple form a comma separates alternatives and `!` negates.
  if (name.includes(',') || name.startsWith('!')) query.append('property', `name==${name}`);
  else query.set('name', name);
}
