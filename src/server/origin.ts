import type { IncomingMessage } from 'node:http';

/**
 * Whether a browser sent the request for a page that may not use the gateway: its origin is neither the gateway's own nor
 * configured. A page can make its reader's browser connect to a gateway that only the reader's machine can reach.
 */
export function isFromForeignPage(
  { headers }: Pick<IncomingMessage, 'headers'>,
  corsOrigins: readonly string[],
): boolean {
  const { origin, host } = headers;
  if (origin !== undefined) {
    if (corsOrigins.includes(origin)) return false;
    return !URL.canParse(origin) || new URL(origin).host !== host;
  }
  // Browsers send no Origin with a simple GET in the mode `no-cors`. Following a link is no use by the page.
  const site = headers['sec-fetch-site'];
  return (site === 'cross-site' || site === 'same-site') && headers['sec-fetch-mode'] !== 'navigate';
}

/** The response to such a page. */
export const foreignPage = { status: 403, text: 'The origin of this page may not use the gateway.' } as const;
