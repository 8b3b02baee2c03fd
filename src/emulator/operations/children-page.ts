import type { JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import { integer } from './ups-query.ts';

/** The requested range of a list. */
export interface ChildrenRange {
  readonly start: number;
  readonly limit: number;
  /** Number of rows before the range. */
  readonly skip: number;
}

/** @throws {PlatformError} 400 when `start` or `limit` is not an integer within its bounds */
export function childrenRange(
  query: URLSearchParams,
  limits: { readonly default: number; readonly maximum: number },
  { childrenStart }: Pick<EmulatorQuirks, 'childrenStart'>,
): ChildrenRange {
  const limit = Math.min(integer(query, 'limit', 1) ?? limits.default, limits.maximum);
  const start = integer(query, 'start', 0) ?? 0;
  return { start, limit, skip: childrenStart === 'page' ? start * limit : start };
}

export interface ChildrenList {
  /** Path relative to the base of the profile service, for the link to the next page. */
  readonly path: string;
  /** Parameters of the request, which the link repeats. */
  readonly query: URLSearchParams;
  /** Whether `_page` also contains the start of the next page, because scripts use only this value. */
  readonly hasNextInPage: boolean;
}

/** Formats a list of schedules or segment jobs: `{_page, children, _links}`. */
export function childrenPage(
  children: readonly JsonObject[],
  totalCount: number,
  { start, limit, skip }: ChildrenRange,
  { path, query, hasNextInPage }: ChildrenList,
  { childrenStart }: Pick<EmulatorQuirks, 'childrenStart'>,
): JsonObject {
  const hasMore = skip + children.length < totalCount && children.length > 0;
  const next = String(childrenStart === 'page' ? start + 1 : start + children.length);
  const link = new URLSearchParams(query);
  link.set('start', next);
  link.set('limit', String(limit));
  return {
    _page: { totalCount, pageSize: children.length, next: hasMore && hasNextInPage ? next : undefined },
    children,
    _links: { next: hasMore ? { href: `${path}?${link}` } : {} },
  };
}
