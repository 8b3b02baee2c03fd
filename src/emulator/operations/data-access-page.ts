import { PlatformError } from '../errors.ts';
import type { Call } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';

/** Default and maximum number of entries on a page. */
const maximumLimit = 100;

/** An entry of a Data Access list, and the name with which `start` can select it. */
export interface DataAccessEntry {
  readonly name: string;
  readonly entry: JsonObject;
}

/**
 * One page of entries, with absolute links. `start` is a row offset, or the name of the first entry of the page.
 * @throws {PlatformError} 400 when `limit` or `start` is malformed
 */
export function dataAccessPage(
  { query, origin, path }: Pick<Call, 'query' | 'origin' | 'path'>,
  entries: readonly DataAccessEntry[],
): JsonObject {
  const limit = limitOf(query);
  const start = startOf(query, entries);
  const hasMore = start + limit < entries.length;
  const isWhole = !hasMore && start === 0;
  return {
    data: entries.slice(start, start + limit).map(({ entry }) => entry),
    _page: { limit, count: entries.length },
    // A list with a single page has no links.
    _links: isWhole
      ? undefined
      : {
          next: hasMore ? { href: `${origin}${path}?start=${start + limit}&limit=${limit}` } : undefined,
          page: { href: `${origin}${path}?start={start}&limit={limit}`, templated: true },
        },
  };
}

/** Origin of absolute links, such as `http://127.0.0.1:4010`. The platform includes the port in its own origin. */
export function linkOrigin(requestOrigin: string, { linkOrigin }: Pick<EmulatorQuirks, 'linkOrigin'>): string {
  return linkOrigin === 'platform' ? 'https://platform.adobe.io:443' : requestOrigin;
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return maximumLimit;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1 || Number(text) > maximumLimit) {
    throw invalid(`limit must be between 1 and ${maximumLimit}`);
  }
  return Number(text);
}

function startOf(query: URLSearchParams, entries: readonly DataAccessEntry[]): number {
  const text = query.get('start');
  if (text === null) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const index = entries.findIndex(({ name }) => name === text);
  if (index < 0) throw invalid(`start names no entry: ${text}`);
  return index;
}

function invalid(message: string): PlatformError {
  return new PlatformError(400, 'DAS-1000-400', message);
}
