/** `from` and `to` are inclusive, `after` and `before` exclusive. */
export interface TimeBounds {
  readonly after?: Date | undefined;
  readonly before?: Date | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface CatalogOrder {
  readonly field: 'created' | 'updated' | 'name';
  readonly direction: 'asc' | 'desc';
}

/** Default order. Paging by row offset needs a fixed order. */
export const newestFirst: CatalogOrder = { field: 'created', direction: 'desc' };

export interface CatalogListQuery {
  readonly limit: number;
  readonly start?: number | undefined;
  readonly orderBy: CatalogOrder;
  readonly properties: readonly string[];
  readonly created?: TimeBounds | undefined;
  readonly updated?: TimeBounds | undefined;
}

/**
 * The query of a Catalog list. `limit` and `properties` are always sent, because an unlimited response can reach
 * gigabytes.
 */
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
 * Whether a filter of Catalog takes a text verbatim. `*`, `,`, `!` and other characters have a meaning there and cannot
 * be quoted. A text with such characters is not sent; the gateway then compares the rows of the unfiltered list.
 */
export const isPlainText = (text: string): boolean =>
  /^[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N} _.-]*[\p{L}\p{M}\p{N}_.-])?$/u.test(text);
