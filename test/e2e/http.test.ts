import { request as httpRequest } from 'node:http';
import { type DocumentNode, getOperationAST, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startPlatform } from '../support/platform.ts';
import { ListExportJobsDocument } from './operations.generated.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  gateway = await startGateway({ platform, env: { CORS_ORIGINS: 'https://app.example' } });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const ask = '{"query":"{ viewer { authMode } }"}';
const json = { 'content-type': 'application/json' };

describe('the endpoints of the gateway', () => {
  it('report that it is alive and ready, and its metrics', async () => {
    await gateway.query(ListExportJobsDocument, {});
    const [health, ready, metrics] = await Promise.all(
      ['/healthz', '/readyz', '/metrics'].map((path) => fetch(gateway.url + path)),
    );
    expect([health?.status, await health?.text()]).toEqual([200, 'ok\n']);
    expect([ready?.status, await ready?.text()]).toEqual([
      200,
      '{"status":"ready","dependencies":[{"name":"access token","state":"ok","reason":null}]}\n',
    ]);
    expect(metrics?.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await metrics?.text();
    expect(text).toMatch(/^aep_upstream_requests_total\{service="export",method="GET",status="200"\} [1-9]/m);
    expect(text).toMatch(/^aep_watch_subscribers\{kind="export-jobs"\} 0$/m);
    expect(text).toMatch(/^process_cpu_seconds_total /m);
  });

  it.each(['/', '/graphqlx', '/graphql/', '/favicon.ico', '/files', '/..%2f'])('return 404 at %s', async (path) => {
    expect((await fetch(gateway.url + path)).status).toBe(404);
  });

  it('add a request id to every response, the caller’s own if it is harmless', async () => {
    const [own, made, harmful] = await Promise.all(
      ['abc-123', '', 'a b"<c>'].map((id) =>
        fetch(`${gateway.url}/healthz`, { headers: id === '' ? {} : { 'x-request-id': id } }),
      ),
    );
    expect(own?.headers.get('x-request-id')).toBe('abc-123');
    expect(made?.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(harmful?.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('are open only to pages of allowed origins', async () => {
    const allowed = (origin: string) =>
      fetch(gateway.graphqlUrl, { method: 'POST', headers: { ...json, origin }, body: ask }).then((response) =>
        response.headers.get('access-control-allow-origin'),
      );
    expect(await allowed('https://app.example')).toBe('https://app.example');
    expect(await allowed('https://evil.example')).not.toBe('https://evil.example');
    expect(await allowed('https://evil.example')).not.toBe('*');
  });
});

/** Sends a request with the given header Host, which `fetch` does not permit. */
const askHost = (url: string, host: string, more: Readonly<Record<string, string>> = json) =>
  new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
    const headers = { ...more, host };
    const request = httpRequest(url, { method: 'POST', headers, agent: false }, (response) => {
      response.toArray().then((chunks) => {
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() });
      }, reject);
    });
    request.on('error', reject);
    request.end(ask);
  });

describe('a request', () => {
  it.each(['127.0.0.1:99999', '[::1', 'a b', '@', '\u00c4'])('for the host "%s" is rejected', async (host) => {
    const { status, text } = await askHost(gateway.graphqlUrl, host);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST', retryable: false } }] });
  });

  it('for a name of this machine, or the public one, is served', async () => {
    await using named = await startGateway({ platform, env: { PUBLIC_URL: 'https://gateway.example/exports' } });
    for (const host of ['localhost', '[::1]:80', '127.0.0.2:4000', 'gateway.example', 'GATEWAY.example']) {
      expect((await askHost(named.graphqlUrl, host)).status).toBe(200);
    }
  });

  it.each(['evil.example', 'evil.example:4000', '10.0.0.1', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'for %s, a name that a page has pointed at this machine, is rejected in the mode without credentials',
    async (host) => {
      for (const path of ['/graphql', '/graphql/stream', '/files/x', '/metrics', '/healthz']) {
        const { status, text } = await askHost(gateway.url + path, host);
        expect([path, status, text]).toEqual([path, 421, expect.stringContaining('not served here')]);
      }
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket', origin: `http://${host}` };
      expect((await askHost(gateway.graphqlUrl, host, upgrade)).status).toBe(421);
    },
  );

  it('for any name is served in modes in which callers send a credential', async () => {
    const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url };
    await using open = await startGateway({ platform, env });
    for (const host of ['gateway.example:443', '10.0.0.1', 'my_service']) {
      expect((await askHost(open.graphqlUrl, host)).status).toBe(401);
    }
  });
});

describe('a request body', () => {
  const tooLarge = JSON.stringify({ query: '{ viewer { authMode } }', padding: 'x'.repeat(1_000_000) });

  it('that is too large is rejected with 413, by its announced and by its real length', async () => {
    const announced = await fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body: tooLarge });
    expect(announced.status).toBe(413);
    expect(await announced.json()).toMatchObject({
      errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE', retryable: false } }],
    });

    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(gateway.graphqlUrl, { method: 'POST', headers: json, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      // The gateway stops reading and closes the connection, which the client may report as an error after the
      // response.
      request.on('error', reject);
      request.write(tooLarge.slice(0, 600_000));
      request.write(tooLarge.slice(600_000));
    });
    expect(status).toBe(413);
    expect((await gateway.send('{ viewer { authMode } }')).data).toEqual({ viewer: { authMode: 'EMBEDDED' } });
  });

  it('that just fits is read', async () => {
    const comment = ` #${'x'.repeat(1_000_000 - ask.length - ' #'.length)}`;
    const body = ask.replace(' }"}', ` }${comment}"}`);
    expect(body.length).toBe(1_000_000);
    const response = await fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body });
    expect(await response.json()).toEqual({ data: { viewer: { authMode: 'EMBEDDED' } } });
  });

  it.each(['', '{', 'null', '[]', '"text"', '{"query":1}', '{"query":"{ viewer { authMode } }","variables":1}'])(
    'of %s is rejected as malformed',
    async (body) => {
      const response = await fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body });
      expect(response.status).toBe(400);
      expect(await response.text()).not.toMatch(/Internal error|Unexpected error|node_modules/);
    },
  );
});

describe('over GET', () => {
  it('queries are executed and mutations are not', async () => {
    const query = new URLSearchParams({ query: '{ viewer { authMode } }' });
    const response = await fetch(`${gateway.graphqlUrl}?${query}`, { headers: { accept: 'application/json' } });
    expect(await response.json()).toEqual({ data: { viewer: { authMode: 'EMBEDDED' } } });
    const before = platform.requests.length;
    const mutation = new URLSearchParams({ query: 'mutation { deleteDataset(id: "x") { __typename } }' });
    expect((await fetch(`${gateway.graphqlUrl}?${mutation}`)).status).toBe(405);
    expect(platform.requests.length).toBe(before);
  });
});

describe('URL parameters', () => {
  it.each(['variables', 'extensions'])('are rejected if they are not JSON: %s', async (name) => {
    const query = new URLSearchParams({ query: '{ viewer { authMode } }', [name]: '{' });
    const response = await fetch(`${gateway.graphqlUrl}?${query}`, { headers: { accept: 'application/json' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
  });
});

describe('introspection', () => {
  it('is executed unless it is turned off', async () => {
    const query = '{ __schema { queryType { name } } }';
    expect((await gateway.send(query)).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
    await using closed = await startGateway({ platform, env: { INTROSPECTION: 'false' } });
    const { errors, data } = await closed.send(query);
    expect([data, errors.length > 0]).toEqual([null, true]);
    expect((await closed.send('{ viewer { authMode } }')).errors).toEqual([]);
  });
});

describe('GraphiQL', () => {
  const page = (from: Gateway) =>
    fetch(from.graphqlUrl, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });

  it('is served to browsers in one page that loads nothing from other hosts', async () => {
    const response = await page(gateway);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await response.text()).not.toMatch(/<(script|link)[^>]+(src|href)="?(https?:)?\/\//);
  });

  it('cannot be shown in a frame of another page, which could make its visitor send an operation', async () => {
    const { headers } = await page(gateway);
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('fits the screen of a phone', async () => {
    const html = await (await page(gateway)).text();
    const [head] = html.split('</head>', 1);
    expect(head).toMatch(/<meta name="viewport" content="width=device-width[^"]*"/);
  });

  it('is not served if it is turned off', async () => {
    await using closed = await startGateway({ platform, env: { GRAPHIQL: 'false' } });
    expect((await page(closed)).headers.get('content-type')).not.toMatch(/html/);
  });

  it('explains each example in lines that fit next to the response, with names of existing tabs', async () => {
    const examples = examplesIn(await (await page(gateway)).text());
    const comments = examples.map((text) => text.split('\n').filter((line) => line.startsWith('#')));
    for (const lines of comments) expect(lines.length).toBeGreaterThan(0);
    expect(comments.flat().filter((line) => line.length > 60)).toEqual([]);
    // GraphiQL names a tab after its operation, and ends the subscription of a tab that is closed.
    const mutation = examples.findIndex((text) => text.includes('mutation CreateExport'));
    expect(comments[mutation]?.join(' ')).toMatch(/WatchExportJobs.* second browser window/);
    expect(examples.some((text) => text.includes('subscription WatchExportJobs'))).toBe(true);
  });

  it('opens with examples that run without changes, including subscriptions', async () => {
    const html = await (await page(gateway)).text();
    const examples = examplesIn(html);
    expect(examples.length).toBeGreaterThanOrEqual(4);
    const kinds: (string | undefined)[] = [];
    for (const text of examples) {
      const document: DocumentNode = parse(text);
      kinds.push(getOperationAST(document)?.operation);
      for (const transport of ['websocket', 'sse'] as const) {
        await using results = gateway.subscribe(document, {}, { transport });
        const response = JSON.stringify(await results.take());
        expect(response).not.toMatch(/Error"/);
        expect(response.length).toBeGreaterThan(50);
      }
    }
    expect(new Set(kinds)).toEqual(new Set(['query', 'mutation', 'subscription']));
  });
});

/** The documents of the tabs that the page opens with. */
function examplesIn(html: string): readonly string[] {
  const options = html.slice(html.lastIndexOf('renderYogaGraphiQL('));
  const found = /^\s*(\{"title".*\}),?$/m.exec(options)?.[1] ?? '{}';
  // Evaluates the documents like the script of the page.
  const parsed = JSON.parse(found) as { readonly defaultTabs?: readonly { readonly query: string }[] };
  return (parsed.defaultTabs ?? []).map(({ query }) => query);
}
