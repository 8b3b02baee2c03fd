import { asRecord, readText } from './readers.ts';

/**
 * A link to the next page. Nothing ever follows its address, which may be relative to another place than this API, have a
 * port, or begin with `@`: single parameters are taken from its query, and they go to the configured host.
 */
export interface PageLink {
  readonly query: URLSearchParams;
  /** Its query holds placeholders: it tells that there is more, but not where. */
  readonly templated: boolean;
}

/** The link, as text or as an object with an `href`. Null at the end: absent, null, `""`, `{}`, or an `href` that is blank. */
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
