/** Maximum length of a text that is searched, and of a term, in characters. */
const maxLength = 2_000;

/**
 * A term with a digit, an inner punctuation mark or camel case, or in capitals only. It occurs in no sentence by
 * chance.
 */
const telling = /\d|\S[^\p{L}]\S|\p{Ll}\p{Lu}|^[\p{Lu}_]{3,}$/u;
const wordCharacter = /[\p{L}\p{N}_-]/u;
/** Text before and after a plain word that is used as a name. */
const before =
  /(?:["'`/.[]|\b(?:invalid|missing|unknown|unsupported|required|field|property|parameter|attribute|value (?:of|for))\s+["'`]?)$/i;
const after =
  /^["'`]?\s*(?::|\b(?:must|should|has to|may not be|is (?:required|missing|invalid|malformed|empty|too|not (?:a )?valid)))/i;

/**
 * Whether a message mentions a whole term as a name. An id, a path or a word in camel case is always a name. A plain
 * word (`schedule`, `name`) is a name only in quotes, or next to a rule (`name must be unique`).
 */
export function mentions(message: string, term: string): boolean {
  const text = message.slice(0, maxLength);
  if (term === '' || term.length > maxLength) return false;
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    const [left, right] = [text.slice(0, at), text.slice(at + term.length)];
    if (isPart(left.at(-1)) || isPart(right[0])) continue;
    if (telling.test(term) || before.test(left.slice(-40)) || after.test(right.slice(0, 40))) return true;
  }
  return false;
}

const isPart = (character: string | undefined): boolean => character !== undefined && wordCharacter.test(character);
