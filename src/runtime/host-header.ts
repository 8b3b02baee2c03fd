import { LRUCache } from 'lru-cache';

/** The host that the header Host of a request names. */
export interface NamedHost {
  /** Without its port. */
  readonly hostname: string;
  /** With its port, if the header has one. */
  readonly host: string;
}

/** Whether the gateway serves requests that name this host. */
export type IsAllowedHost = (named: NamedHost) => boolean;

/** A name or an address, and an optional port. Any other text is not a valid URL, or the URL of another host. */
const hostPattern = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i;

/**
 * Rejects unknown host names to prevent DNS rebinding: a web page could point its own domain at this machine and reach
 * the gateway through the visitor's browser.
 * @returns the rejection; null: the host is served
 */
export function checkHostHeader(
  header: string | undefined,
  isAllowedHost: IsAllowedHost,
): { readonly status: 400 | 421; readonly message: string } | null {
  if (header === undefined) return null;
  const named = parseHost(header);
  if (named === null) return { status: 400, message: 'The header Host does not name a host.' };
  return isAllowedHost(named)
    ? null
    : { status: 421, message: 'The header Host names a host that is not served here.' };
}

/** Parsed hosts. Requests name only a few values, again and again. */
const known = new LRUCache<string, NamedHost>({ max: 100 });

/** Returns null if the header does not name a host. */
function parseHost(header: string): NamedHost | null {
  const found = known.get(header);
  if (found !== undefined) return found;
  const named = readHost(header);
  if (named !== null) known.set(header, named);
  return named;
}

function readHost(header: string): NamedHost | null {
  const url = `http://${header}`;
  if (!hostPattern.test(header) || !URL.canParse(url)) return null;
  const { hostname, host } = new URL(url);
  return { hostname, host };
}

/** Hosts of a URL that mean every address of a machine. Other machines cannot connect to them. */
const unspecifiedHosts: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/**
 * URL at which a caller reaches this server, without a trailing slash. It is the configured URL, else the address on
 * which the server listens. A server that listens on every address, as in a container, uses the host in the caller's
 * request, because that is the only address that is known to work for that caller.
 * @param header the header `Host` of the request; null: it had none
 * @param listening `http://HOST:PORT`
 */
export function urlForCaller(
  header: string | null,
  { configured, listening }: { readonly configured: string | null; readonly listening: string },
): string {
  if (configured !== null) return configured;
  if (!unspecifiedHosts.has(new URL(listening).hostname)) return listening;
  const named = header === null ? null : parseHost(header);
  return named === null ? listening : `http://${named.host}`;
}
