import { LRUCache } from 'lru-cache';

/** The host that a request names in its header Host. */
export interface NamedHost {
  /** Without its port. */
  readonly hostname: string;
  /** With its port, if the header has one. */
  readonly host: string;
}

/** Whether the gateway answers requests that name this host. */
export type ServesHost = (named: NamedHost) => boolean;

/** A name or an address, and an optional port. Any other text makes no URL, or the URL of another host. */
const hostPattern = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i;

/**
 * Why a request is refused for its header Host; null: it is not. A name that leads here and is not served is that of a page
 * which has made its own name lead here, to use a gateway that only its reader's machine can reach (DNS rebinding).
 */
export function refusalOfHost(
  header: string | undefined,
  servesHost: ServesHost,
): { readonly status: 400 | 421; readonly message: string } | null {
  if (header === undefined) return null;
  const named = parseHost(header);
  if (named === null) return { status: 400, message: 'The header Host does not name a host.' };
  return servesHost(named) ? null : { status: 421, message: 'The header Host names a host that is not served here.' };
}

/** Hosts that requests name: a few values, again and again. */
const known = new LRUCache<string, NamedHost>({ max: 100 });

/** Null: the header names no host. */
function parseHost(header: string): NamedHost | null {
  const named = known.get(header) ?? readHost(header);
  if (named !== null) known.set(header, named);
  return named;
}

function readHost(header: string): NamedHost | null {
  const url = `http://${header}`;
  if (!hostPattern.test(header) || !URL.canParse(url)) return null;
  const { hostname, host } = new URL(url);
  return { hostname, host };
}

/** Hosts of a URL that stand for every address of a machine. Another machine cannot connect to them. */
const unspecifiedHosts: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

/**
 * URL at which a caller reaches this server, without a trailing slash: the configured URL, else the address on which the
 * server listens. A server that listens on every address, as in a container, takes the host that the caller's request
 * names, which is the only address that is known to work for that caller.
 * @param header the header `Host` of the request; null when it had none
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
