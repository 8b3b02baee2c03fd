import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminEndpoint } from './admin/endpoint.ts';
import { credential } from './options.ts';

/** The documentation. The relative path is valid in the sources and in `dist`, where the package has no copy of it. */
const documentation = new URL('../../src/emulator/README.md', import.meta.url);
export const documentationPath = '/README.md';

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
pre{overflow-x:auto;padding:1rem;border:1px solid}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}`;

/** The page has no script, form, frame or external content. */
const contentSecurityPolicy = [
  `default-src 'none'`,
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', vary: 'accept' };

/** Whether a request is for the start page or the documentation. */
export function isReaderRequest(method: string, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && (path === '/' || path === documentationPath);
}

/**
 * Describes the emulator to readers who open its address: HTML for browsers, text for other clients. `/README.md` is
 * the documentation.
 */
export async function answerReader(
  request: IncomingMessage,
  response: ServerResponse,
  endpoints: readonly AdminEndpoint[],
): Promise<void> {
  if (request.url?.startsWith(documentationPath)) {
    response
      .writeHead(200, { ...headers, 'content-type': 'text/plain; charset=utf-8' })
      .end(await readFile(documentation));
    return;
  }
  const base = `http://${request.headers.host ?? 'localhost'}`;
  if (request.headers.accept?.includes('text/html')) {
    response
      .writeHead(200, {
        ...headers,
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy,
      })
      .end(page(base, endpoints));
    return;
  }
  response.writeHead(200, { ...headers, 'content-type': 'text/plain; charset=utf-8' }).end(text(base));
}

const text = (base: string): string => `This is the platform emulator of aep-export-gateway.

Platform and token service: ${base}
Client id and secret:       ${credential.clientId}, ${credential.clientSecret}
Organization:               ${credential.organization}
Sandboxes:                  ${base}/data/foundation/sandbox-management/sandboxes
Admin endpoints:            ${base}/__admin
Documentation:              ${base}${documentationPath} (src/emulator/README.md of the package)
`;

const firstRequest = (base: string): string => `TOKEN=$(curl -s ${base}/ims/token/v3 \\
  -d 'grant_type=client_credentials&client_id=${credential.clientId}&client_secret=${credential.clientSecret}&scope=openid' \\
  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
curl -s '${base}/data/core/ups/export/jobs?limit=1' -H "Authorization: Bearer $TOKEN" -H 'x-api-key: ${credential.clientId}' \\
  -H 'x-gw-ims-org-id: ${credential.organization}' -H 'x-sandbox-name: prod'`;

function page(base: string, endpoints: readonly AdminEndpoint[]): string {
  const rows = endpoints.map(
    ({ path, methods, summary }) =>
      `<tr><td><code>/__admin${escaped(path)}</code></td><td>${Object.keys(methods).join(', ')}</td><td>${escaped(summary)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Platform emulator</title>
<style>${style}</style>
</head>
<body>
<h1>Platform emulator</h1>
<p>This is a stand-in for Adobe Experience Platform. It runs on this machine and holds only its own data.
<a href="${documentationPath}">Documentation</a></p>
<h2>Addresses and credential</h2>
<table>
<tr><th>Platform and token service</th><td><code>${escaped(base)}</code></td></tr>
<tr><th>Client id</th><td><code>${credential.clientId}</code></td></tr>
<tr><th>Client secret</th><td><code>${credential.clientSecret}</code></td></tr>
<tr><th>Organization</th><td><code>${credential.organization}</code></td></tr>
<tr><th>Sandbox</th><td><code>prod</code>, unless <code>EMULATOR_SEED</code> names others</td></tr>
</table>
<h2>First request</h2>
<pre><code>${escaped(firstRequest(base))}</code></pre>
<h2>Admin endpoints</h2>
<p>Callers on this machine need no credential. Other callers need the token of <code>EMULATOR_ADMIN_TOKEN</code>.</p>
<table>
${rows.join('\n')}
</table>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (value: string): string => value.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
