import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a browser sent the request for a page that may not use this server. The origin of such a page is neither the
 * server's own nor a trusted one. A page can make its visitor's browser connect to a server that only the visitor's
 * machine can reach. Clients other than browsers send none of these headers.
 * @param trusts whether pages of this origin (`https://app.example.com`) may use the server
 */
export function isFromForeignPage(
  { origin, host, 'sec-fetch-site': site, 'sec-fetch-mode': mode }: IncomingHttpHeaders,
  trusts: (origin: string) => boolean,
): boolean {
  if (origin !== undefined) return !trusts(origin) && (!URL.canParse(origin) || new URL(origin).host !== host);
  // Browsers send no Origin with a GET in the mode `no-cors`. Following a link is permitted, because the page cannot
  // read the response.
  return (site === 'cross-site' || site === 'same-site') && mode !== 'navigate';
}
