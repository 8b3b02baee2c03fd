/** A lone surrogate, which a JSON escape can contain but UTF-8 cannot. */
const loneSurrogate = /\p{Surrogate}/u;
const surrogateEscape = /\\u[dD][89a-fA-F]/;

/** Value of JSON text; undefined when the text is not JSON, or contains a string that UTF-8 cannot represent. */
export function parseJson(text: string): unknown {
  try {
    // A reviver is slow, so it is used only for text with such an escape.
    return surrogateEscape.test(text) ? JSON.parse(text, checkStrings) : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkStrings(name: string, value: unknown): unknown {
  if (loneSurrogate.test(name) || (typeof value === 'string' && loneSurrogate.test(value)))
    throw new SyntaxError('A string contains a lone surrogate.');
  return value;
}
