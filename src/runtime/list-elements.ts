/**
 * Maximum number of elements that are read; further ones are ignored. Anyone can send a header with thousands of them,
 * before the caller is authenticated.
 */
const maxElements = 64;

/** The elements of a header that is a list, without empty ones (RFC 9110, section 5.6.1). */
export function* listElements(header: string): Generator<string, void> {
  let count = 0;
  for (const [element] of header.matchAll(/[^\s,][^,]*/g)) {
    yield element.trim();
    count += 1;
    if (count === maxElements) return;
  }
}
