import { asRecord, readText } from './readers.ts';

/**
 * A link to the next page. Its address is never requested, because it may be relative to another address than this API,
 * have a port, or begin with `@`. Only parameters of its query are used, in a request to the configured host.
 */
export interface PageLink {
  readonly query: URLSearchParams;
  /** Whether its query contains placeholders. The link then shows that there is a next page, but not its start. */
  readonly templated: boolean;
}

/**
 * The link, as text or as an object with an `href`. Null at the end of a list: absent, null, `""`, `{}`, or a blank
 * `href`.
 */
export function readLink(value: unknown): PageLink | null {
  const link = asRecord<'href' | 'templated'>(value);
  const href = readText(link === null ? value : link.href);
  if (href === null) return null;
  const question = href.indexOf('?');
  return {
    query: new URLSearchParams(question < 0 ? '' : href.slice(question + 1)),
    templated: link?.templated === true,
  };
}
