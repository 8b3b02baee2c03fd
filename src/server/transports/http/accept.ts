import { MIMEType } from 'node:util';
import { LRUCache } from 'lru-cache';
import { listElements } from '../../../runtime/list-elements.ts';

/** The media types that a client can read, the preferred ones first. */
export type AcceptedTypes = readonly MIMEType[];

/** Parsed headers. Clients send few different values. Long values are not cached. */
const known = new LRUCache<string, AcceptedTypes>({ max: 100 });
const maxKnownLength = 500;

/**
 * Reads an `Accept` header. Types with a higher weight come first; types with weight 0 and types that cannot be read
 * are left out. Types in a character set other than UTF-8 are left out too, because every response is UTF-8.
 * @param header null accepts everything
 */
export function parseAccept(header: string | null): AcceptedTypes {
  const text = header ?? '*/*';
  const found = known.get(text);
  if (found !== undefined) return found;
  const types = readTypes(text);
  if (text.length <= maxKnownLength) known.set(text, types);
  return types;
}

function readTypes(header: string): AcceptedTypes {
  const types = [...listElements(header)].flatMap((text) => {
    try {
      return [new MIMEType(text)];
    } catch {
      return [];
    }
  });
  return types
    .filter((type) => weightOf(type) > 0 && /^utf-?8$/i.test(type.params.get('charset') ?? 'utf-8'))
    .toSorted((one, other) => weightOf(other) - weightOf(one));
}

/** RFC 9110, section 12.4.2: from 0 to 1, and 1 by default. */
function weightOf({ params }: MIMEType): number {
  const weight = Number(params.get('q') ?? 1);
  return Number.isNaN(weight) ? 1 : weight;
}

/** Whether one of the types that a client accepts includes an offered one, by its name or as a range of types. */
export const includesType = (accepted: AcceptedTypes, offered: string): boolean =>
  accepted.some((each) => includes(each, offered));

const includes = ({ type, subtype }: MIMEType, offered: string): boolean => {
  const [offeredType, offeredSubtype] = offered.split('/');
  return (type === '*' || type === offeredType) && (subtype === '*' || subtype === offeredSubtype);
};

export const eventStreamType = 'text/event-stream';
export const multipartType = 'multipart/mixed';

/** Multipart subscriptions over HTTP, version 1.0, of Apollo's clients and routers. */
export const isMultipartSubscription = ({ essence, params }: MIMEType): boolean =>
  essence === 'multipart/mixed' && params.get('subscriptionspec') === '1.0';

/** Whether a client can read the results of a subscription over HTTP. */
export const acceptsStream = (accepted: AcceptedTypes): boolean =>
  includesType(accepted, eventStreamType) || accepted.some(isMultipartSubscription);

export const jsonType = 'application/json';
export const graphqlResponseType = 'application/graphql-response+json';

type JsonType = typeof jsonType | typeof graphqlResponseType;

/** Results of `jsonTypeOf`, because a request needs it several times, and `parseAccept` returns the same lists. */
const jsonTypes = new WeakMap<AcceptedTypes, JsonType | null>();

/**
 * Media type of a JSON response. A range of types stands for `application/json`, which every client can read. Null: the
 * client reads neither.
 */
export function jsonTypeOf(accepted: AcceptedTypes): JsonType | null {
  const found = jsonTypes.get(accepted);
  if (found !== undefined) return found;
  const type = firstJsonType(accepted);
  jsonTypes.set(accepted, type);
  return type;
}

function firstJsonType(accepted: AcceptedTypes): JsonType | null {
  for (const each of accepted) {
    if (includes(each, jsonType)) return jsonType;
    if (each.essence === graphqlResponseType) return graphqlResponseType;
  }
  return null;
}
