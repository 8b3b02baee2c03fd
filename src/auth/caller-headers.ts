import { InvalidInputError } from '../errors.ts';

/** Returns a header of the caller by its lower-case name; null: it is absent or not text. */
export type RequestHeaders = (name: string) => string | null;

/** Headers that identify the caller, over HTTP and as members of `connectionParams` over WebSocket. */
const callerHeaders = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];

/**
 * The headers that identify the caller, and the host that the caller uses for this gateway, because links begin with
 * it. A client cannot send the host in `connectionParams`.
 */
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

/**
 * This function is separate, because closures of one call share their scope, and the result must not keep the request
 * in memory.
 */
const headersIn =
  (kept: ReadonlyMap<string, string>): RequestHeaders =>
  (name) =>
    kept.get(name) ?? null;

/**
 * Members of `connectionParams` in which federation routers pass headers on. Apollo Router wraps its parameters in
 * another `connectionParams`; others use `headers`. Cosmo put the parameters of its client into `extensions`, until it
 * moved these members to each operation: https://cosmo-docs.wundergraph.com/router/subscriptions-migration. The gateway
 * does not read them from an operation, because a client can write anything there. Headers that Cosmo propagates arrive
 * with the upgrade request, and callers with other headers have sockets of their own.
 */
const envelopes = ['headers', 'connectionParams', 'initialPayload', 'upgradeHeaders', 'extensions'];
/** Maximum nesting depth of envelopes. */
const maxDepth = 4;

/**
 * Marks a member that is not text. It must not count as absent, because the request would then be executed in the
 * default sandbox although its client named another one.
 */
const notText = Symbol('not a text');

/**
 * Headers of a WebSocket connection. A header of the upgrade request takes precedence over the same name in
 * `connectionParams`, because a router sets the former while its client writes the latter. A client must not override
 * the sandbox, the organization or the credential that its router sets. Browsers cannot set headers of the upgrade
 * request.
 *
 * `connectionParams` names headers in any case, at the top or in the envelopes of federation routers. The outermost
 * name takes precedence. Reading a member that is not text throws InvalidInputError.
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
    // Routers in Go represent each header as a list.
    const text: unknown = Array.isArray(value) && value.length < 2 ? value[0] : value;
    if (!callerHeaders.includes(header) || found.has(header) || text === null || text === undefined) continue;
    found.set(header, typeof text === 'string' ? text : notText);
  }
  if (depth === maxDepth) return;
  for (const envelope of envelopes) {
    for (const [name, value] of members) if (name === envelope) collect(value, depth + 1, found);
  }
}
