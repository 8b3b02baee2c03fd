import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Stub, startStub } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';

const alpha = `${'A'.repeat(24)}@AdobeOrg`;
const beta = `${'B'.repeat(24)}@AdobeOrg`;
const tokens = { good: plantedSecret('good'), other: plantedSecret('other'), bad: plantedSecret('bad') };

const headersOf = (org: string, token: string) => ({
  authorization: `Bearer ${token}`,
  'x-api-key': 'key',
  'x-gw-ims-org-id': org,
});

const json = (response: ServerResponse, status: number, body: object) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const emptyList = (response: ServerResponse) => json(response, 200, { records: [], page: {}, link: {} });
const orgOf = ({ headers }: IncomingMessage) => headers['x-gw-ims-org-id'];
const isBy = ({ headers }: IncomingMessage, token: string) => headers.authorization === `Bearer ${token}`;

let running: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of running.reverse()) await each[Symbol.asyncDispose]();
  running = [];
});

/** A gateway in `passthrough` mode before a platform that the test controls. */
async function start(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly gateway: Gateway; readonly platform: Stub }> {
  const platform = await startStub(answer);
  running.push(platform);
  const gateway = await startGateway({
    platform,
    env: { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, ...env },
  });
  running.push(gateway);
  return { gateway, platform };
}

let queries = 0;
/** A read that no other read shares, because each has its own filter. It takes one call. */
const read = () => {
  queries += 1;
  return `{ segmentJob(id: "job-${queries}") { id } }`;
};

/** Requests of `count` concurrent clients until they are stopped. */
function flood(gateway: Gateway, count: number, headers: (client: number) => Readonly<Record<string, string>>) {
  const inFlight = new Set<AbortController>();
  let stopped = false;
  const clients = Array.from({ length: count }, async (_, client) => {
    while (!stopped) {
      const leaving = new AbortController();
      inFlight.add(leaving);
      await fetch(gateway.graphqlUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers(client) },
        body: JSON.stringify({ query: read() }),
        signal: leaving.signal,
      })
        .then((response) => response.text())
        .catch(() => {});
      inFlight.delete(leaving);
    }
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      for (const leaving of inFlight) leaving.abort();
      await Promise.all(clients);
    },
  };
}

describe('clients with invented tokens', () => {
  it.each(['the same again and again', 'another each time'])(
    'do not delay a caller that the platform has accepted, with %s',
    async (kind) => {
      const { gateway } = await start(
        (request, response) => {
          if (isBy(request, tokens.good)) json(response, 404, {});
          else json(response, 401, { error_code: '401013', message: 'Oauth token is not valid' });
        },
        { UPSTREAM_CALLS_PER_SECOND: '20' },
      );
      let made = 0;
      const tokenOf = (client: number) => {
        made += 1;
        return `${tokens.bad}-${kind.startsWith('the same') ? client : made}`;
      };
      await using _clients = flood(gateway, 120, (client) => headersOf(alpha, tokenOf(client)));
      // The first calls of the caller arrive while the others already wait.
      for (let call = 0; call < 15; call += 1) {
        const { errors } = await gateway.send(read(), {}, headersOf(alpha, tokens.good));
        expect(errors).toEqual([]);
      }
    },
  );
});

describe('an organization for which the platform fails', () => {
  it('does not affect 40 reads of another organization', async () => {
    const { gateway } = await start((request, response) => {
      if (orgOf(request) === alpha) json(response, 500, {});
      else json(response, 404, {});
    });
    await using _clients = flood(gateway, 3, () => headersOf(alpha, tokens.bad));
    const failed = async () => (await gateway.send(read(), {}, headersOf(alpha, tokens.bad))).errors[0]?.extensions;
    await eventually(async () => expect((await failed())?.['code']).toBe('UPSTREAM_UNREACHABLE'));
    for (let call = 0; call < 40; call += 1) {
      expect((await gateway.send(read(), {}, headersOf(beta, tokens.good))).errors).toEqual([]);
    }
  });
});

describe('70 calls that hang', () => {
  /** Responds to all requests except those that `hangs` selects. */
  const startHanging = (hangs: (request: IncomingMessage) => boolean) =>
    start((request, response) => {
      if ((request.url ?? '').includes('/export/jobs')) emptyList(response);
      else if (!hangs(request)) json(response, 404, {});
    });
  /** Makes the platform accept a credential, then sends the calls. */
  const hang = async (gateway: Gateway, platform: Stub, headers: Readonly<Record<string, string>>) => {
    expect((await gateway.send('{ exportJobs(first: 1) { nodes { id } } }', {}, headers)).errors).toEqual([]);
    const clients = flood(gateway, 70, () => headers);
    await eventually(() =>
      expect(platform.requests.filter((target) => target.includes('/segment/jobs')).length).toBeGreaterThan(20),
    );
    return clients;
  };

  it('of one organization do not delay another', async () => {
    const { gateway, platform } = await startHanging((request) => orgOf(request) === alpha);
    await using _clients = await hang(gateway, platform, headersOf(alpha, tokens.bad));
    for (let call = 0; call < 20; call += 1) {
      expect((await gateway.send(read(), {}, headersOf(beta, tokens.good))).errors).toEqual([]);
    }
  });

  it('of one credential do not delay another of the same organization and sandbox', async () => {
    const { gateway, platform } = await startHanging((request) => isBy(request, tokens.bad));
    await using _clients = await hang(gateway, platform, headersOf(alpha, tokens.bad));
    for (let call = 0; call < 20; call += 1) {
      expect((await gateway.send(read(), {}, headersOf(alpha, tokens.other))).errors).toEqual([]);
    }
  });
});
