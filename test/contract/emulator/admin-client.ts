/** Answer of an admin endpoint. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; null when it is empty. */
  readonly body: unknown;
}

/** Calls the admin endpoint with this path below `/__admin`. */
export async function callAdmin(
  emulator: { readonly url: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<AdminAnswer> {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const response = await fetch(new URL(`/__admin${path}`, emulator.url), { method, ...content });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}
