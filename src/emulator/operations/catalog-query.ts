import type { JsonObject, JsonValue } from '../json.ts';
import { badRequest } from './catalog-errors.ts';
import { type Predicate, parsePropertyExpression, parseSimpleFilter, parseTags } from './catalog-filter.ts';

/** Default number of objects on a page. */
const defaultLimit = 20;
const maximumLimit = 100;
/** Maximum number of objects on a page that includes the observable schema. */
const maximumLimitWithObservableSchema = 20;
/** Maximum number of ids in a comma-separated path. */
const maximumIds = 100;

/** An object of Catalog. The document does not contain the id. */
export interface CatalogObject {
  readonly id: string;
  readonly document: JsonObject;
}

export interface CatalogQuery {
  readonly limit: number;
  readonly start: number;
  readonly orderBy: readonly { readonly field: string; readonly descending: boolean }[];
  /** Top-level fields to return; null = all fields. */
  readonly properties: readonly string[] | null;
  /** Conditions that must all hold. */
  readonly predicates: readonly Predicate[];
  /** The other parameters. A parameter is a filter when its name is the name of a field; otherwise it is ignored. */
  readonly fieldFilters: readonly { readonly field: string; readonly holds: Predicate }[];
}

/** Parameters that are not field filters. */
const reserved = new Set([
  'limit',
  'start',
  'offset',
  'orderBy',
  'sort',
  'properties',
  'property',
  'tags',
  'requestDataSource',
]);

/**
 * Parses the parameters that all Catalog lists share; `limit` and `start` may also be sent as headers.
 * @param special parameters that the caller handles itself
 * @throws {PlatformError} 400 when a parameter is out of range or malformed
 */
export function parseCatalogQuery(
  query: URLSearchParams,
  header: (name: string) => string | null,
  special: readonly string[] = [],
): CatalogQuery {
  // `offset` is the older name of the parameter.
  const start = query.get('start') ?? query.get('offset');
  const properties = parseProperties(query);
  const limit = integer('limit', query.get('limit') ?? header('limit')) ?? defaultLimit;
  const maximum = properties?.includes('observableSchema') ? maximumLimitWithObservableSchema : maximumLimit;
  if (limit < 1 || limit > maximum) throw badRequest(`limit must be between 1 and ${maximum}`);

  const simple = [...query].filter(([name]) => !reserved.has(name) && !special.includes(name));
  return {
    limit,
    start: integer('start', start ?? header('start')) ?? 0,
    orderBy: parseOrder(query.get('orderBy') ?? query.get('sort') ?? ''),
    properties,
    predicates: [...query.getAll('property').map(parsePropertyExpression), ...query.getAll('tags').flatMap(parseTags)],
    fieldFilters: simple.map(([field, value]) => ({ field, holds: parseSimpleFilter(field, value) })),
  };
}

/** Top-level fields in `properties=`; null when there are none. */
export function parseProperties(query: URLSearchParams): readonly string[] | null {
  const names = query
    .getAll('properties')
    .flatMap((list) => list.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.length === 0 ? null : names;
}

/** A kind of Catalog objects. */
export interface CatalogKind {
  /** Fields that can be used as filters even if no object has them. Fields of the objects can be used as well. */
  readonly fields: readonly string[];
  /** Converts the object to the document that is sent. Filters and orders use the complete document. */
  readonly show: (object: CatalogObject) => JsonObject;
}

/** Returns the page of a query in Catalog's format: a map from id to document, in order. */
export function runCatalogQuery(
  objects: readonly CatalogObject[],
  query: CatalogQuery,
  { fields, show }: CatalogKind,
): JsonObject {
  const isField = (name: string) =>
    fields.includes(name) || objects.some(({ document }) => Object.hasOwn(document, name));
  const filters = query.fieldFilters.filter(({ field }) => isField(field)).map(({ holds }) => holds);
  const predicates = [...query.predicates, ...filters];
  const matching = objects.filter(({ document }) => predicates.every((holds) => holds(document)));
  const ordered = query.orderBy.length === 0 ? matching : matching.toSorted((a, b) => compare(a, b, query.orderBy));
  const page = ordered.slice(query.start, query.start + query.limit);
  return asMap(
    page.map((object) => ({ id: object.id, document: show(object) })),
    query.properties,
  );
}

/** A map from id to document. With `properties`, documents contain only these fields. */
export function asMap(objects: readonly CatalogObject[], properties: readonly string[] | null): JsonObject {
  return Object.fromEntries(
    objects.map(({ id, document }) => [id, properties === null ? document : pick(document, properties)]),
  );
}

/**
 * Parses the ids of a comma-separated path.
 * @throws {PlatformError} 400 when there are more than 100
 */
export function parseIds(path: string): readonly string[] {
  const ids = [...new Set(path.split(',').map((id) => id.trim()))].filter((id) => id !== '');
  if (ids.length > maximumIds) throw badRequest(`at most ${maximumIds} ids are allowed`);
  return ids;
}

/** Parses an integer parameter; null when it is absent. @throws {PlatformError} 400 when it is not an integer */
export function integer(name: string, text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  if (!/^\d{1,15}$/.test(text.trim())) throw badRequest(`${name} must be an integer`);
  return Number(text);
}

function pick(document: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => document[name] !== undefined).map((name) => [name, document[name]]));
}

/**
 * Parses an order such as `asc:created,updated` or `name,desc:updated`. A direction applies to the field after it; the
 * default is ascending.
 */
function parseOrder(text: string): CatalogQuery['orderBy'] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const [, direction = 'asc', field = item] = /^(asc|desc):(.+)$/i.exec(item) ?? [];
      if (field.includes(':')) throw badRequest('orderBy must be a list of {field}, asc:{field} or desc:{field}');
      return { field, descending: direction.toLowerCase() === 'desc' };
    });
}

function compare(a: CatalogObject, b: CatalogObject, order: CatalogQuery['orderBy']): number {
  for (const { field, descending } of order) {
    const difference = compareValues(a.document[field], b.document[field]);
    if (difference !== 0) return descending ? -difference : difference;
  }
  // Equal objects are ordered by id, because pages must not overlap.
  return a.id < b.id ? -1 : 1;
}

function compareValues(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
