import { type PageLink, readLink } from './link.ts';
import { asRecord, readInteger, readText, readTotal } from './readers.ts';
import { type DecodedRows, decodeRows } from './rows.ts';

/** A page of a list whose rows are in `children`. */
export interface ChildrenPage<Entity> extends DecodedRows<Entity> {
  /** The link to the next page; null if there is no link with a position. */
  readonly link: PageLink | null;
  /** The start of the next page according to `_page`. */
  readonly pageNext: string | null;
  /** Number of rows of the whole list; null if the platform does not report it. */
  readonly total: number | null;
}

/**
 * The envelope of schedules, segment jobs and merge policies: `{children, _page, _links: {next}}`. Null if the response
 * is no such list. The counts in `_page` decide nothing, because the platform has returned wrong counts.
 */
export function decodeChildren<Entity>(
  json: unknown,
  decode: (value: unknown) => Entity | null,
): ChildrenPage<Entity> | null {
  const body = asRecord<'children' | '_page' | '_links'>(json);
  const children = body?.children;
  if (body === null || !Array.isArray(children)) return null;
  const link = readLink(asRecord<'next'>(body._links)?.next);
  const page = asRecord<'next' | 'totalCount'>(body._page);
  const next = page?.next;
  return {
    ...decodeRows(children, decode),
    link: link?.templated === true ? null : link,
    pageNext: readText(next) ?? readInteger(next)?.toString() ?? null,
    total: readTotal(page?.totalCount, children.length),
  };
}

/**
 * The numeric `start` of the next page: the start in the link, else the start in `_page`, else `start + 1` if the page
 * is full. The platform's documentation differs on whether `start` counts pages or rows. `start + 1` is right for
 * pages; for rows it repeats some rows and loses none. Null on the last page.
 */
export function nextStart(page: ChildrenPage<unknown>, start: number, limit: number): number | null {
  if (page.rows === 0) return null;
  const named = [page.link?.query.get('start'), page.pageNext].map(readInteger).find((next) => (next ?? 0) > start);
  return named ?? (page.link !== null || page.rows >= limit ? start + 1 : null);
}
