import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a browser sent the request for a page that may not use this server: its origin is neither the server's own nor
 * a trusted one. Such a page can make its reader's browser connect to a server that only the reader's machine can reach.
 * Clients other than browsers send none of these headers.
 * @param trusts whether pages of this origin (`https://app.example.com`) may use the server
 */
export function isFromForeignPage(
  { origin, host, 'sec-fetch-site': site, 'sec-fetch-mode': mode }: IncomingHttpHeaders,
  trusts: (origin: string) => boolean,
): boolean {
  if (origin !== undefined) return !trusts(origin) && (!URL.canParse(origin) || new URL(origin).host !== host);
  // Browsers send no Origin with a GET in the mode `no-cors`. A reader who follows a link is no use by the page.
  return (site === 'cross-site' || site === 'same-site') && mode !== 'navigate';
}
