import { type PageLink, readLink } from './link.ts';
import { asRecord, readInteger, readText, readTotal } from './readers.ts';

/** A page of a list whose rows are called children. */
export interface ChildrenPage<Entity> {
  readonly entities: readonly Entity[];
  /** Rows of the answer, those without use included. */
  readonly rows: number;
  /** The link to the next page; null if there is none, or none with a position. */
  readonly link: PageLink | null;
  /** The start of the next page, as the page itself states it. */
  readonly pageNext: string | null;
  /** Rows of the whole list as the platform reports them; null if it reports no such count. */
  readonly total: number | null;
}

/**
 * The envelope of schedules, segment jobs and merge policies: `{children, _page, _links: {next}}`. Null when the answer
 * is no such list. Nothing is decided by the counts in `_page`, because the platform has returned wrong ones.
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
    entities: children.flatMap((value: unknown) => decode(value) ?? []),
    rows: children.length,
    link: link?.templated === true ? null : link,
    pageNext: readText(next) ?? readInteger(next)?.toString() ?? null,
    total: readTotal(page?.totalCount, children.length),
  };
}

/**
 * The numeric `start` of the page after this one: what its link says, else what the page says, else one more where the
 * page is full. Whether `start` counts pages or rows differs between descriptions of the platform; one more is right for
 * pages, and for rows repeats some and loses none. Null on the last page.
 */
export function nextStart(page: ChildrenPage<unknown>, start: number, limit: number): number | null {
  if (page.rows === 0) return null;
  const named = [page.link?.query.get('start'), page.pageNext].map(readInteger).find((next) => (next ?? 0) > start);
  return named ?? (page.link !== null || page.rows >= limit ? start + 1 : null);
}
