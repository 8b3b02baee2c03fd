/** Looks up a header of the caller, by its lower-case name; null when it is absent or is not text. */
export type RequestHeaders = (name: string) => string | null;

/** The headers that say who calls, over HTTP and as members of `connectionParams` over WebSocket. */
const callerHeaders = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];

/**
 * Reads `connectionParams` as headers: the names of the HTTP headers in any case, at the top or under `headers`.
 * What is not there is looked up in the headers of the upgrade request.
 */
export function connectionHeaders(connectionParams: unknown, upgrade: RequestHeaders): RequestHeaders {
  const found = new Map<string, string>();
  for (const source of [member(connectionParams, 'headers'), connectionParams]) {
    if (typeof source !== 'object' || source === null) continue;
    for (const [name, value] of Object.entries(source)) {
      const header = name.toLowerCase();
      if (callerHeaders.includes(header) && typeof value === 'string') found.set(header, value);
    }
  }
  return (name) => found.get(name) ?? upgrade(name);
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
