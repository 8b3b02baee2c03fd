/** Half of a surrogate pair, which an escape in JSON can contain and UTF-8 cannot. */
const loneSurrogate = /\p{Surrogate}/u;
const surrogateEscape = /\\u[dD][89a-fA-F]/;

/** The value of JSON text; undefined when it is no JSON, or has a string that UTF-8 cannot represent. */
export function parseJson(text: string): unknown {
  try {
    // A reviver is slow, so that only text with such an escape has one.
    return surrogateEscape.test(text) ? JSON.parse(text, checkStrings) : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkStrings(name: string, value: unknown): unknown {
  if (loneSurrogate.test(name) || (typeof value === 'string' && loneSurrogate.test(value)))
    throw new SyntaxError('A string has half of a surrogate pair.');
  return value;
}
