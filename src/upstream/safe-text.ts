/** Characters of platform text that a client gets to see at most. */
export const maxTextLength = 500;

const bearer = /\b(bearer|basic)\s+[\w\-.~+/]{8,}=*/gi;
const jwt = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g;
// The query of a URL may hold a signature or a token, and so may the part before its host.
const urlSecrets = /\b(https?:\/\/)(?:[^\s/?#@]*@)?([^\s?#"'<>]*)(?:[?#][^\s"'<>]*)?/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Text of the platform made fit for clients and logs: one line, of bounded length, without tokens and URL queries. */
export function safeText(text: string, maxLength: number = maxTextLength): string {
  const line = text
    // Nothing beyond this can reach the result, and the patterns need not look at it.
    .slice(0, maxLength * 4)
    .replace(controls, ' ')
    .replace(bearer, '$1 [removed]')
    .replace(jwt, '[removed]')
    .replace(urlSecrets, '$1$2')
    .trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}
