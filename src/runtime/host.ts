/** What a request says about the host that it is for, in its header Host. */
export interface NamedHost {
  /** Without its port. */
  readonly hostname: string;
  /** With its port, where one is told. */
  readonly host: string;
}

/** Whether the gateway answers requests that name this host. */
export type ServesHost = (named: NamedHost) => boolean;

/** A name or an address, and a port where one is told: of anything else no URL can be made, or one of another host. */
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

/** Null: the header names no host. */
function parseHost(header: string): NamedHost | null {
  const url = `http://${header}`;
  if (!hostPattern.test(header) || !URL.canParse(url)) return null;
  const { hostname, host } = new URL(url);
  return { hostname, host };
}
