/** Looks up a header of the caller, by its lower-case name; null when it is absent or is not text. */
export type RequestHeaders = (name: string) => string | null;

/** The headers that say who calls, over HTTP and as members of `connectionParams` over WebSocket. */
const callerHeaders = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];

const none: RequestHeaders = () => null;

/** The headers that say who calls, without the request that they came with: for connections that outlive it by far. */
export function callerHeadersOf(headers: RequestHeaders): RequestHeaders {
  const found = callerHeaders.flatMap((name) => {
    const value = headers(name);
    return value === null ? [] : [[name, value] as const];
  });
  if (found.length === 0) return none;
  const kept = new Map(found);
  return (name) => kept.get(name) ?? null;
}

/**
 * Members of `connectionParams` under which federation routers pass headers on: Apollo Router wraps what it was given in
 * another `connectionParams`, others nest it under `headers`. Cosmo put there what its client had sent as `extensions`,
 * with the headers of that client's upgrade, until it moved them to each operation:
 * https://cosmo-docs.wundergraph.com/router/subscriptions-migration. Of an operation they are not read: what its router
 * propagates comes with the upgrade, other callers over other sockets, and `extensions` are whatever a client writes.
 */
const envelopes = ['headers', 'connectionParams', 'initialPayload', 'upgradeHeaders', 'extensions'];
/** How deep envelopes may lie in each other. */
const maxDepth = 4;

/**
 * Headers of a WebSocket connection. A header of the upgrade request wins over the same name in `connectionParams`,
 * because a router sets the former while its client writes the latter: a router that pins the sandbox, the organization
 * or the credential must not be overridden by its client. Browsers cannot set headers of the upgrade request.
 *
 * `connectionParams` names headers in any case, at the top or in the envelopes of federation routers; the outermost
 * name counts.
 */
export function connectionHeaders(connectionParams: unknown, upgrade: RequestHeaders): RequestHeaders {
  const found = new Map<string, string>();
  collect(connectionParams, 1, found);
  return found.size === 0 ? upgrade : (name) => upgrade(name) ?? found.get(name) ?? null;
}

function collect(source: unknown, depth: number, found: Map<string, string>): void {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return;
  const members = Object.entries(source);
  for (const [name, value] of members) {
    const header = name.toLowerCase();
    // Routers in Go keep each header as a list.
    const text: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
    if (callerHeaders.includes(header) && typeof text === 'string' && !found.has(header)) found.set(header, text);
  }
  if (depth === maxDepth) return;
  for (const envelope of envelopes) {
    for (const [name, value] of members) if (name === envelope) collect(value, depth + 1, found);
  }
}
