import { mapBounded } from '../../runtime/map-bounded.ts';
import type { BoundClient, FindRejectedInput, PlatformRequest, UpstreamResponse } from '../http/call.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { encodedSegment, isPathSegment } from '../http/path-segment.ts';
import type { DecodeContext } from '../wire/decode-context.ts';
import { readEntryError } from '../wire/entry-error.ts';
import { asRecord } from '../wire/readers.ts';
import type { CatalogOrder } from './catalog-query.ts';
import { nullForNotFound } from './client.ts';
import { countDisorder } from './list-order.ts';

const root = '/data/foundation/catalog';

/** Maximum number of ids in one path. Catalog returns no more objects than that. */
const maxIdsPerCall = 100;
/** Maximum number of characters of all ids in one path, for ids that are longer than usual. */
const maxIdCharactersPerCall = 4_000;
/** Maximum number of concurrent calls of one read that needs several. */
const concurrency = 4;

type CatalogType = 'dataSets' | 'batches';

interface CatalogObject {
  readonly id: string;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
  readonly name?: string | null;
}

/** Decodes an object. Catalog returns a map from id to object for every read, also for a read of one object. */
type Decode<Value> = (id: string, value: unknown) => Value;

/** One page of a list, in the requested order. It contains every object of the response. */
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
): Promise<readonly Value[]> {
  const { type, query, orderBy, input, decode, context } = options;
  const request = { ...readOf(`${root}/${type}?${query}`), ...(input === undefined ? {} : { input }) };
  const response = await client.call(request);
  const map = mapIn(request, response);
  const values = Object.entries(map).map(([id, value]) => decode(id, orThrow(request, response, value)));
  // The keys of the map are in the requested order, which an object keeps unless a key looks like an array index.
  const rows = Object.keys(map).some(isArrayIndex) ? values.toSorted(comparing(orderBy)) : values;
  const { field, direction } = orderBy;
  // Names cannot be checked, because the collation of the platform is not known.
  if (field !== 'name') {
    const keyOf = ({ createdAt, updatedAt }: Value) => (field === 'created' ? createdAt : updatedAt);
    countDisorder(rows, { direction, keyOf }, context);
  }
  return rows;
}

/**
 * The objects that the platform has, in any order.
 * @throws an error that the response contains instead of an object, unless it is a 404
 */
export function getObjects<Value extends CatalogObject>(
  client: BoundClient,
  options: {
    readonly type: CatalogType;
    readonly ids: readonly string[];
    readonly properties: readonly string[];
    readonly decode: Decode<Value>;
  },
): Promise<readonly Value[]> {
  const { type, ids, properties, decode } = options;
  const read = (chunk: readonly string[]): Promise<readonly Value[] | null> => {
    const subject = chunk.join(',');
    const query = `limit=${chunk.length}&properties=${encodedList(properties)}`;
    const path = `${root}/${type}/${chunk.map(encodedSegment).join(',')}?${query}`;
    const request = { ...readOf(path), subject };
    return client.call(request).then((response) => {
      const map = mapIn(request, response);
      // Objects of the response that were not requested are ignored.
      const values: Value[] = [];
      for (const id of chunk) {
        const value = Object.hasOwn(map, id) ? (map[id] ?? null) : null;
        const failure = value === null ? null : readEntryError(value);
        if (value === null || failure?.status === notFound) continue;
        if (failure !== null) throw errorFromEntry(request, response, failure, response.reading.observedAt);
        values.push(decode(id, value));
      }
      return values;
    }, nullForNotFound);
  };
  const chunks = chunksOf(ids);
  const [only] = chunks;
  // Most reads need one call, for which the rest would cost more than the call.
  if (chunks.length === 1 && only?.length === 1) return read(only).then((values) => values ?? []);
  return readChunks(chunks, read);
}

/** Reads all chunks, and each id of a chunk that was not found on its own. */
async function readChunks<Value>(
  chunks: readonly (readonly string[])[],
  read: (chunk: readonly string[]) => Promise<readonly Value[] | null>,
): Promise<readonly Value[]> {
  const found = await mapBounded(chunks, concurrency, read);
  // One unknown id may turn the response for the whole chunk into a 404, so that each id is requested separately.
  const unsettled = chunks.filter((chunk, index) => found[index] === null && chunk.length > 1).flat();
  const foundAlone = unsettled.length === 0 ? [] : await mapBounded(unsettled, concurrency, (id) => read([id]));
  return [...found, ...foundAlone].flatMap((values) => values ?? []);
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
function chunksOf(ids: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let current: string[] = [];
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
const readOf = (path: string) =>
  ({ service: 'catalog', method: 'GET', path, effect: 'read', compressed: true }) as const satisfies PlatformRequest;

function mapIn(request: PlatformRequest, response: UpstreamResponse): Readonly<Record<string, unknown>> {
  // An empty list stands for an empty map.
  if (Array.isArray(response.json) && response.json.length === 0) return {};
  const map = asRecord(response.json);
  // A string or a number is a property of some other object. Null may stand for an object that does not exist.
  const isMap = map !== null && Object.values(map).every((value) => typeof value === 'object');
  if (!isMap) throw unreadableResponse(request, response, 'It is not a map of objects.');
  return map;
}

const notFound = 404;

/** @throws the error that the response contains instead of an object */
function orThrow(request: PlatformRequest, response: UpstreamResponse, value: unknown): unknown {
  const failure = readEntryError(value);
  if (failure === null) return value;
  throw errorFromEntry(request, response, failure, response.reading.observedAt);
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
