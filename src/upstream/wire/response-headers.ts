/** Headers of a response, by lower-case name. A header that was sent several times is a list of its values. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The value of a header that has one value. If a service and a proxy both sent it, the first value counts, as in Node's
 * own client.
 */
export function headerOf(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}

/** The value of a header that is a list. Its fields are joined (RFC 9110, section 5.3). */
export function listHeaderOf(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
