import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { checkPreconditions } from '../downloads/preconditions.ts';
import { chooseEncoding, type Encoding, encodings } from './encoding.ts';
import { type ConsoleAsset, type ConsoleFiles, isMissing } from './files.ts';

/** What the page must know before a person signs in. Everybody can read it. */
export interface ConsoleSettings {
  readonly authMode: 'embedded' | 'passthrough' | 'service';
  /** Whether `/graphql` serves GraphiQL. */
  readonly graphiql: boolean;
  /** Headers without a default, so that each caller must send them. */
  readonly required: readonly ('x-api-key' | 'x-gw-ims-org-id')[];
}

/** Serves a path of the console. @returns null if it is another path */
export type ServeConsole = (
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | undefined | null;

/**
 * The page loads only files of the gateway and calls only the gateway. `'self'` of `connect-src` includes its WebSocket.
 * Scripts and styles in the page itself are not executed, and no other page can show it in a frame.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headersOfAll = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const headersOfPage = {
  ...headersOfAll,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  // The browser asks each time whether the page has changed, because the page names the current files.
  'cache-control': 'no-cache',
} as const;

/** Name of the element of the page that contains the settings. */
const settingsName = 'console-settings';

/** Suffixes of the files by encoding. */
const suffixes = { br: '.br', gzip: '.gz', identity: '' } as const satisfies Record<Encoding, string>;

/**
 * Serves the console: one page for all its paths, and the files that the page loads. Paths of requests are only looked
 * up in the list of the build, and never become paths of files.
 */
export function createConsole(files: ConsoleFiles, settings: ConsoleSettings): ServeConsole {
  const page = withSettings(files.page, settings);
  const headers = { ...headersOfPage, etag: `"${createHash('sha256').update(page).digest('base64url').slice(0, 22)}"` };
  const assets = new Map(Object.entries(files.assets));
  const isPage = (path: string): boolean =>
    files.pages.some((known) => path === known || (known.length > 1 && known.endsWith('/') && path.startsWith(known)));

  return (path, request, response) => {
    const asset = assets.get(path);
    if (asset === undefined && !isPage(path)) return null;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { ...headersOfAll, allow: 'GET, HEAD', 'content-length': 0 }).end();
      return undefined;
    }
    if (asset !== undefined) return sendAsset(files, path, asset, request, response);
    const isKnown = checkPreconditions(request.headers, { etag: headers.etag, lastModified: null }) === 'not-modified';
    if (isKnown) response.writeHead(304, headers).end();
    else response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(page) }).end(page);
    return undefined;
  };
}

async function sendAsset(
  files: ConsoleFiles,
  path: string,
  { type, hash, bytes }: ConsoleAsset,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const available = encodings.filter((encoding) => bytes[encoding] !== undefined);
  const encoding = chooseEncoding(request.headers['accept-encoding'], available);
  const etag = `"${hash}${suffixes[encoding]}"`;
  const headers: OutgoingHttpHeaders = {
    ...headersOfAll,
    'content-type': type,
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'accept-encoding',
    etag,
    ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
  };
  if (checkPreconditions(request.headers, { etag, lastModified: null }) === 'not-modified') {
    response.writeHead(304, headers).end();
    return;
  }
  if (request.method === 'HEAD') {
    response.writeHead(200, { ...headers, 'content-length': bytes[encoding] }).end();
    return;
  }
  const content = await files.read(`${path}${suffixes[encoding]}`).catch((error: unknown) => {
    // A new build has replaced the files since the start.
    if (isMissing(error)) return null;
    throw error;
  });
  if (content === null) response.writeHead(404, { ...headersOfAll, 'content-length': 0 }).end();
  else response.writeHead(200, { ...headers, 'content-length': content.length }).end(content);
}

/** Adds the settings to the head of the page, as JSON in an attribute. */
function withSettings(page: string, settings: ConsoleSettings): string {
  const content = JSON.stringify(settings).replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return page.replace('</head>', () => `<meta name="${settingsName}" content="${content}">\n</head>`);
}
