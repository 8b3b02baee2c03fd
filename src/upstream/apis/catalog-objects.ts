import { ForbiddenError, NotFoundError, PlatformError, UpstreamUnreadableError } from '../../errors.ts';
import type { BoundClient, FindRejectedInput, PlatformRequest, UpstreamResponse } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { encodedSegment, isPathSegment } from '../http/path-segment.ts';
import type { DecodeContext } from '../wire/decode-context.ts';
import { readEntryError } from '../wire/entry-error.ts';
import { asRecord } from '../wire/readers.ts';
import { decodeRows } from '../wire/rows.ts';
import { readEntries } from './bulk-entries.ts';
import { type BulkCollector, type BulkLimits, type BulkResult, maxAlone, readInBulk } from './bulk-read.ts';
import { type CatalogObject, type CatalogPage, catalogPage, UnusableRow } from './catalog-page.ts';
import { type CatalogOrder, catalogListQuery, newestFirst } from './catalog-query.ts';
import { countDisorder } from './list-order.ts';
import { throwOnlyErrors } from './list-rows.ts';

const root = '/data/foundation/catalog';

/** Maximum number of ids in one path. Catalog returns no more objects than that. */
const maxIdsPerCall = 100;
/** Number of newest objects among which one that can be read is looked up. */
const lookupSize = 5;
/** Maximum number of characters of all ids in one path, for ids that are longer than usual. */
const maxIdCharactersPerCall = 4_000;

type CatalogType = 'dataSets' | 'batches';

/** Decodes an object. Catalog returns a map from id to object for every read, also for a read of one object. */
type Decode<Value> = (id: string, value: unknown) => Value;

/**
 * One page of a list, in the requested order. A row that is an error or no object is omitted and counted, so that it
 * does not hide the others.
 * @throws {GatewayError} the call failed, or there are only errors in place of objects
 */
export async function listObjects<Value extends CatalogObject>(
  client: BoundClient,
  options: {
    readonly type: CatalogType;
    readonly query: URLSearchParams;
    readonly orderBy: CatalogOrder;
    /** Finds the argument that a rejection of the query is about. */
    readonly input?: FindRejectedInput;
    readonly decode: Decode<Value>;
    readonly context: DecodeContext;
  },
): Promise<CatalogPage<Value>> {
  const { type, query, orderBy, input, decode, context } = options;
  const request = readOf(`${root}/${type}?${query}`, { input });
  const response = await client.call(request);
  const map = mapIn(request, response);
  const listed: (Value | UnusableRow)[] = [];
  const decodeRow = ([id, value]: readonly [string, unknown]) => {
    const isObject = asRecord(value) !== null;
    const object = isObject && readEntryError(value) === null ? decode(id, value) : null;
    if (object === null) context.anomaly(isObject ? 'error' : 'not-an-object');
    listed.push(object ?? new UnusableRow(id));
    return object;
  };
  throwOnlyErrors(
    request,
    response,
    decodeRows(Object.entries(map), decodeRow, ([, value]) => value),
    { isFirst: !query.has('start'), limit: Number(query.get('limit')) },
  );
  // The keys of the map are in the requested order, which an object keeps unless a key looks like an array index.
  const rows = Object.keys(map).some(isArrayIndex) ? listed.toSorted(comparing(orderBy)) : listed;
  const { field, direction } = orderBy;
  // Names cannot be checked, because the collation of the platform is not known.
  if (field !== 'name') {
    const keyOf = ({ createdAt, updatedAt }: CatalogObject) => (field === 'created' ? createdAt : updatedAt);
    countDisorder(rows, { direction, keyOf }, context);
  }
  return catalogPage(rows);
}

/** Options of a read by id. */
export interface CatalogReadOptions<Field> extends BulkLimits {
  /** Fields to request; all others are null. @default every field */
  readonly fields?: ReadonlySet<Field> | undefined;
}

interface GetOptions<Value> {
  readonly type: CatalogType;
  readonly properties: readonly string[];
  readonly decode: Decode<Value>;
  readonly context: DecodeContext;
}

/**
 * Reads objects by id, with one call for each chunk of ids.
 *
 * It is not known whether Catalog omits unknown ids, or responds 404 because of one of them. After a 404 for more than
 * four ids, one call looks up an object that exists, and further calls for several ids name it too. If Catalog omits
 * unknown ids, these calls show all of them, with three additional calls for a chunk. Otherwise the parts with a 404 are
 * split again, and one unknown id among 100 costs 15 additional calls. Ids that are left when no split is left are read
 * alone, so that the result does not depend on the limit. A chunk of n ids costs at most `n + 4 + 2 * maxSplits` calls.
 */
export function getObjects<Id extends string, Value extends CatalogObject>(
  client: BoundClient,
  { type, properties, decode, context }: GetOptions<Value>,
  ids: readonly Id[],
  limits?: BulkLimits,
): Promise<BulkResult<Id, Value>> {
  const chunks = chunksOf(ids);
  let lookup: Promise<string | null> | null = null;
  let existingId: string | null = null;
  const notFound = async (chunk: readonly Id[], namesExisting: boolean, collector: BulkCollector<Id, Value>) => {
    if (chunk.length === 1) return;
    // One of the other ids does not exist.
    if (namesExisting) return collector.readParts(chunk);
    if (chunk.length <= maxAlone) return collector.readAlone(chunk);
    if (lookup === null) {
      collector.calls += 1;
      lookup = findExistingId(client, type);
    }
    existingId = await lookup;
    if (existingId === null) collector.readAlone(chunk);
    else collector.readHalves(chunk);
  };
  return readInBulk<Id, Value>(
    chunks,
    (chunk, collector) => {
      const subject = chunk.join(',');
      // A whole chunk may have no room for another id.
      const added = existingId === null || chunk.length === 1 || chunks.includes(chunk) ? null : existingId;
      const requested = added === null || chunk.some((id) => id === added) ? chunk : [...chunk, added];
      const query = `limit=${requested.length}&properties=${encodedList(properties)}`;
      const path = `${root}/${type}/${requested.map(encodedSegment).join(',')}?${query}`;
      const request = readOf(path, { subject });
      return client.call(request).then(
        (response) => {
          readEntries(collector, mapIn(request, response, requested), {
            request,
            response,
            ids: chunk,
            invalidEntityMessage: 'It is not an object.',
            decode: (id, value) => {
              if (asRecord(value) !== null) return decode(id, value);
              context.anomaly('not-an-object');
              return null;
            },
          });
        },
        (error: unknown) => {
          if (!(error instanceof NotFoundError)) throw error;
          return notFound(chunk, added !== null, collector);
        },
      );
    },
    limits,
  );
}

/**
 * Id of an object that exists; null if the list shows none, or if its failure does not concern reads by id.
 * @throws {GatewayError} the failure concerns all calls, so that each of many further ones would fail too
 */
async function findExistingId(client: BoundClient, type: CatalogType): Promise<string | null> {
  const request = readOf(
    `${root}/${type}?${catalogListQuery({ limit: lookupSize, orderBy: newestFirst, properties: ['created'] })}`,
  );
  try {
    const objects = Object.entries(mapIn(request, await client.call(request)));
    return objects.find(([id, value]) => isPathSegment(id) && readEntryError(value) === null)?.[0] ?? null;
  } catch (error) {
    const concernsList =
      error instanceof ForbiddenError || error instanceof PlatformError || error instanceof UpstreamUnreadableError;
    if (concernsList && error.retryAfterMs === null) return null;
    throw error;
  }
}

/**
 * Reads one object; null if the platform does not have it.
 * @throws {GatewayError} the call failed, or its response contains an error instead of the object
 */
export async function getObject<Value extends CatalogObject>(
  client: BoundClient,
  options: GetOptions<Value>,
  id: string,
): Promise<Value | null> {
  const { found, failed } = await getObjects(client, options, [id]);
  if (failed[0] !== undefined) throw failed[0].error;
  return found[0] ?? null;
}

/** Encoded lists of properties. Reads of one document share their list. */
const knownLists = new WeakMap<readonly string[], string>();

function encodedList(properties: readonly string[]): string {
  const known = knownLists.get(properties);
  if (known !== undefined) return known;
  const encoded = encodeURIComponent(properties.join(','));
  knownLists.set(properties, encoded);
  return encoded;
}

/** Distinct ids that can be sent, in chunks that fit into a path. */
function chunksOf<Id extends string>(ids: readonly Id[]): readonly (readonly Id[])[] {
  const chunks: Id[][] = [];
  let current: Id[] = [];
  let characters = 0;
  for (const id of new Set(ids)) {
    if (!isPathSegment(id)) continue;
    const length = encodedSegment(id).length + 1;
    if (current.length === maxIdsPerCall || (current.length > 0 && characters + length > maxIdCharactersPerCall)) {
      chunks.push(current);
      current = [];
      characters = 0;
    }
    current.push(id);
    characters += length;
  }
  if (current.length > 0) chunks.push(current);
  return chunks;
}

/** Requests a compressed response, because Catalog supports it and its objects compress well. */
const readOf = (path: string, { subject, input }: Pick<PlatformRequest, 'subject' | 'input'> = {}) =>
  ({
    service: 'catalog',
    method: 'GET',
    path,
    effect: 'read',
    compressed: true,
    subject,
    input,
  }) as const satisfies PlatformRequest;

/** @param ids ids whose values are checked separately */
function mapIn(
  request: PlatformRequest,
  response: UpstreamResponse,
  ids: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  // An empty list stands for an empty map.
  if (Array.isArray(response.json) && response.json.length === 0) return {};
  const map = asRecord(response.json);
  // A string or a number is a property of some other object. Null may stand for an object that does not exist.
  const isMap = map !== null && Object.keys(map).every((id) => typeof map[id] === 'object' || ids.includes(id));
  if (!isMap) throw unreadableResponse(request, response, 'It is not a map of objects.');
  return map;
}

const isArrayIndex = (key: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(key);

/** Compares by the field of an order; objects without it come last. */
function comparing({ field, direction }: CatalogOrder) {
  const sign = direction === 'asc' ? 1 : -1;
  const keyOf = (value: CatalogObject): string | number | null => {
    switch (field) {
      case 'created':
        return value.createdAt?.getTime() ?? null;
      case 'updated':
        return value.updatedAt?.getTime() ?? null;
      case 'name':
        return value.name ?? null;
    }
  };
  return (left: CatalogObject, right: CatalogObject): number => {
    const [a, b] = [keyOf(left), keyOf(right)];
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return a < b ? -sign : sign;
  };
}
