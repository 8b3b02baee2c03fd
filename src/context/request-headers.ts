import { InvalidInputError } from '../errors.ts';

/** Looks up a header of the caller, by its lower-case name; null when it is absent or is not text. */
export type RequestHeaders = (name: string) => string | null;

/** Headers that identify the caller, over HTTP and as members of `connectionParams` over WebSocket. */
const callerHeaders = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];

/** Those, and the name that the caller has for this gateway: links begin with it. A client cannot send it as a member. */
const keptHeaders = [...callerHeaders, 'host'];

const none: RequestHeaders = () => null;

/** Copies the headers that identify the caller, so that a long connection does not keep its request in memory. */
export function callerHeadersOf(headers: RequestHeaders): RequestHeaders {
  const found = keptHeaders.flatMap((name) => {
    const value = headers(name);
    return value === null ? [] : [[name, value] as const];
  });
  return found.length === 0 ? none : headersIn(new Map(found));
}

/** Closures of one call share their scope. This function is separate, so that its result does not keep the request. */
const headersIn =
  (kept: ReadonlyMap<string, string>): RequestHeaders =>
  (name) =>
    kept.get(name) ?? null;

/**
 * Members of `connectionParams` in which federation routers pass headers on. Apollo Router wraps its parameters in another
 * `connectionParams`; others use `headers`. Cosmo put what its client had sent into `extensions`, until it moved these
 * members to each operation: https://cosmo-docs.wundergraph.com/router/subscriptions-migration. The gateway does not read
 * them from an operation, because a client can write anything there. Headers that Cosmo propagates arrive with the upgrade
 * request, and callers with other headers have sockets of their own.
 */
const envelopes = ['headers', 'connectionParams', 'initialPayload', 'upgradeHeaders', 'extensions'];
/** How deep envelopes may lie in each other. */
const maxDepth = 4;

/**
 * Stands for a member that is no text. It must not count as absent, because the request would then be executed in the
 * default sandbox although its client named another one.
 */
const notText = Symbol('not a text');

/**
 * Headers of a WebSocket connection. A header of the upgrade request wins over the same name in `connectionParams`,
 * because a router sets the former while its client writes the latter: a router that pins the sandbox, the organization
 * or the credential must not be overridden by its client. Browsers cannot set headers of the upgrade request.
 *
 * `connectionParams` names headers in any case, at the top or in the envelopes of federation routers; the outermost
 * name counts. A lookup of a member that is no text throws InvalidInputError.
 */
export function connectionHeaders(connectionParams: unknown, upgrade: RequestHeaders): RequestHeaders {
  const found = new Map<string, string | typeof notText>();
  collect(connectionParams, 1, found);
  if (found.size === 0) return upgrade;
  return (name) => {
    const value = upgrade(name) ?? found.get(name) ?? null;
    if (value !== notText) return value;
    throw new InvalidInputError([{ path: name, message: 'the member of connection_init must be a string' }]);
  };
}

function collect(source: unknown, depth: number, found: Map<string, string | typeof notText>): void {
  if (typeof source !== 'object' || source === null || Array.isArray(source)) return;
  const members = Object.entries(source);
  for (const [name, value] of members) {
    const header = name.toLowerCase();
    // Routers in Go keep each header as a list.
    const text: unknown = Array.isArray(value) && value.length < 2 ? value[0] : value;
    if (!callerHeaders.includes(header) || found.has(header) || text === null || text === undefined) continue;
    found.set(header, typeof text === 'string' ? text : notText);
  }
  if (depth === maxDepth) return;
  for (const envelope of envelopes) {
    for (const [name, value] of members) if (name === envelope) collect(value, depth + 1, found);
  }
}
