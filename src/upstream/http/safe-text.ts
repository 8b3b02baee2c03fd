/** Maximum length of a platform text in a message to a client, in characters. */
export const maxTextLength = 500;

const bearer = /\b(bearer|basic)\s+[\w\-.~+/]{8,}=*/gi;
const jwt = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;
/** A secret with its name: `client_secret=…`, `"access_token":"…"`. */
const namedSecret =
  /\b((?:access|refresh|id|user|session)[_-]?token|client[ _-]?secret|password|(?:x-)?api[_-]?key|(?:set-)?cookie|authorization)(["']?\s*[=:]\s*["']?)(?!(?:bearer|basic)\s)[^\s"'&,;)}\]]{6,}/gi;
// The query and the userinfo of a URL may contain a signature or a token.
const urlSecrets = /\b(https?:\/\/)(?:[^\s/?#@]*@)?([^\s?#"'<>]*)(?:[?#][^\s"'<>]*)?/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Elements whose content is not for people. */
const hiddenElement = /<(script|style)\b[^<>]*>[^<]*(?:<\/\1\s*>)?/gi;
/**
 * HTML tags, comments, and any tag with an attribute. Other text in angle brackets stays, because messages contain Java
 * types in this form (`ArrayList<java.lang.Object>`).
 */
const tag =
  /<(?:!--[^<>]*|!doctype[^<>]*|\/?(?:a|abbr|b|body|br|center|code|div|em|font|form|h[1-6]|head|hr|html|i|iframe|img|input|li|link|meta|object|ol|p|pre|small|span|strong|svg|table|tbody|td|th|title|tr|u|ul)(?:[\s/][^<>]*)?|[a-z][\w-]*\s[^<>]*=[^<>]*)>/gi;
const entities: ReadonlyMap<string, string> = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&#39;', "'"],
  ['&apos;', "'"],
  ['&nbsp;', ' '],
]);
const entity = /&(?:amp|lt|gt|quot|#39|apos|nbsp);/g;

/**
 * Sanitizes a text of the platform for clients and logs. The result is one line of bounded length, without markup,
 * tokens and URL queries.
 */
export function safeText(text: string, maxLength: number = maxTextLength): string {
  const line = withoutMarkup(
    text
      // Text beyond this length cannot be part of the result, so that the patterns need not search it.
      .slice(0, maxLength * 4)
      .replace(controls, ' '),
  )
    .replace(bearer, '$1 [removed]')
    .replace(jwt, '[removed]')
    .replace(namedSecret, '$1$2[removed]')
    .replace(urlSecrets, '$1$2')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

function withoutMarkup(text: string): string {
  // Character entities are decoded only in text with markup.
  if (text.search(tag) < 0 && text.search(hiddenElement) < 0) return text;
  return (
    text
      .replace(hiddenElement, ' ')
      .replace(tag, ' ')
      .replace(entity, (name) => entities.get(name) ?? name)
      // The line before can turn encoded markup into markup.
      .replace(tag, ' ')
  );
}

/** The title of a page, or the message of an error in XML. */
const pageTitle = /<(?:title|message)\b[^<>]*>([^<]{1,500})/i;
/** Maximum number of characters of a page that are searched for its title. */
const maxSearchedLength = 16_384;

/** The title of an HTML page (usually of a proxy), or the message of an XML error. Null if it has none. */
export const titleOfPage = (page: string): string | null =>
  pageTitle.exec(page.slice(0, maxSearchedLength))?.[1]?.trim() || null;

/** A text as a sentence, so that another sentence can follow it. */
export const sentence = (text: string): string => (/[.!?\u2026]["')\]]?$/.test(text) ? text : `${text}.`);
