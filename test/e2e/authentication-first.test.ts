import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { operationTransports, sendOver } from '../support/operation-transports.ts';
import { accessToken, platformHeaders, startPlatform } from '../support/platform.ts';
import { plantedSecret } from '../support/secrets.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let issuer: TokenIssuer;
let service: Gateway;
let passthrough: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  issuer = await startTokenIssuer();
  service = await startGateway({ platform, env: { ...issuer.env(platform), INTROSPECTION: 'true' } });
  passthrough = await startGateway({
    platform,
    env: { AUTH_MODE: 'passthrough', AEP_BASE_URL: platform.url, AEP_IMS_URL: platform.url },
  });
});
afterAll(async () => {
  await service.close();
  await passthrough.close();
  await issuer[Symbol.asyncDispose]();
  await platform.close();
});

/** Sends the head of a POST and no byte of its body, and returns the response to it. */
const responseToHead = (url: string, headers: Headers) =>
  new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
    const request = httpRequest(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': '1000', ...headers },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      response.toArray().then((chunks) => {
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() });
        request.destroy();
      }, reject);
    });
    request.flushHeaders();
  });

/** Its invalid variables would be reported with the names of the schema. */
const filtered = 'query ($filter: ExportJobFilter) { exportJobs(filter: $filter) { nodes { id } } }';

describe('a request without a credential', () => {
  it.each(['', '/stream'])('is rejected before its body has arrived: /graphql%s', async (path) => {
    for (const gateway of [service, passthrough]) {
      const { status, text } = await responseToHead(`${gateway.graphqlUrl}${path}`, {});
      expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    }
  });

  it.each(operationTransports)('receives no information about the schema over %s', async (transport) => {
    for (const query of ['{ exportJobs { nope } }', '{ __schema { queryType { name } } }']) {
      const { data, text } = await sendOver(transport, service, { query });
      expect(data).toBeNull();
      expect(text).not.toMatch(/nope|ExportJob|Query/);
    }
  });

  it('cannot send a document over a socket', async () => {
    const socket = new WebSocket(service.webSocketUrl, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    const [code] = await once(socket, 'close');
    expect(code).toBe(4403);
  });
});

describe('a caller with write access but without read access', () => {
  let headers: Headers;
  beforeAll(async () => {
    headers = bearer(await issuer.sign({ scope: 'exports:write' }));
  });

  it.each(operationTransports)('receives no messages of validation over %s', async (transport) => {
    const { code, text } = await sendOver(transport, service, { query: '{ exportJobz { id } }', headers });
    expect(code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(text).not.toMatch(/exportJob/);
  });

  it.each(operationTransports)('receives no messages about the values of variables over %s', async (transport) => {
    const { code, text } = await sendOver(transport, service, {
      query: filtered,
      variables: { filter: { nope: true } },
      headers,
    });
    expect(code).toBe('BAD_USER_INPUT');
    expect(text).not.toMatch(/ExportJobFilter|nope/);
  });

  it.each(operationTransports)('may not introspect over %s', async (transport) => {
    for (const query of ['{ __schema { queryType { name } } }', '{ t: __type(name: "Query") { name } }']) {
      const { data, code } = await sendOver(transport, service, { query, headers });
      expect([data, code]).toEqual([null, 'FORBIDDEN']);
    }
  });

  it('may read type names, as clients do in mutations', async () => {
    const { data } = await sendOver('POST', service, { query: 'mutation { __typename }', headers });
    expect(data).toEqual({ __typename: 'Mutation' });
  });
});

describe('a caller with a credential of the platform', () => {
  const introspection = '{ __schema { queryType { name } } }';

  it.each(operationTransports)(
    'introspects over %s after the platform has accepted the credential once',
    async (transport) => {
      const headers = platformHeaders(await accessToken(platform));
      platform.clearRequests();
      const first = await sendOver(transport, passthrough, { query: introspection, headers });
      expect(first.data).toEqual({ __schema: { queryType: { name: 'Query' } } });
      const calls = platform.requests.length;
      await sendOver(transport, passthrough, { query: introspection, headers });
      expect(platform.requests.length).toBe(calls);
      expect(calls).toBeLessThanOrEqual(1);
    },
  );

  it.each(operationTransports)(
    'receives no information about the schema over %s when the platform rejects it',
    async (transport) => {
      const headers = platformHeaders(plantedSecret(`invented-${transport.replaceAll(' ', '-')}`));
      const variables = { filter: { nope: true } };
      for (const query of [introspection, '{ exportJobz { id } }', '{ _service { sdl } }', filtered]) {
        const { data, code, text } = await sendOver(transport, passthrough, { query, variables, headers });
        expect([data, code]).toEqual([null, 'UNAUTHENTICATED']);
        expect(text).not.toMatch(/exportJob|queryType|ExportJobFilter/);
      }
    },
  );
});
