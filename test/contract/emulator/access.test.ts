import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, exportBody, newToken, organization, PlatformClient } from './platform-client.ts';

const jobs = '/data/core/ups/export/jobs';

describe('access to the platform', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  /** Sends the request with some headers changed, or removed (null). */
  const withHeaders = (changes: Readonly<Record<string, string | null>>) =>
    new PlatformClient(
      emulator.url,
      Object.fromEntries(
        Object.entries({ ...client.headers, ...changes }).flatMap(([name, value]) =>
          value === null ? [] : [[name, value]],
        ),
      ),
    );

  const everything = { authorization: null, 'x-api-key': null, 'x-gw-ims-org-id': null, 'x-sandbox-name': 'nowhere' };

  // Each row fixes the problem of the previous row, so the table shows the order of the checks.
  it.each([
    ['no token', everything, 403, '403010'],
    ['a foreign token', { ...everything, authorization: 'Bearer foreign' }, 401, '401013'],
    ['no bearer token', { ...everything, authorization: 'Basic eDp5' }, 401, '401013'],
    ['no api key', { ...everything, authorization: 'valid' }, 403, '403000'],
    ['a foreign api key', { ...everything, authorization: 'valid', 'x-api-key': 'foreign' }, 403, '403003'],
    ['no organization', { ...everything, authorization: 'valid', 'x-api-key': 'emulator' }, 400, '400003'],
    ['a malformed organization', { 'x-gw-ims-org-id': 'me', 'x-sandbox-name': 'nowhere' }, 403, '403027'],
    [
      'a foreign organization',
      { 'x-gw-ims-org-id': '00000000000000000000AAAA@AdobeOrg', 'x-sandbox-name': 'nowhere' },
      403,
      '403025',
    ],
  ] as const)('is rejected by the API gateway with %s', async (_, changes, status, code) => {
    const valid = client.headers['authorization'] ?? '';
    const authorization = 'authorization' in changes ? changes.authorization : valid;
    const caller = withHeaders({ ...changes, authorization: authorization === 'valid' ? valid : authorization });
    expect(await caller.get('/data/nowhere')).toMatchObject({
      status,
      body: { error_code: code, message: expect.any(String) },
    });
  });

  it('rejects an unknown sandbox before a wrong content type, and that before an unknown route', async () => {
    const text = { 'content-type': 'text/plain' };
    const elsewhere = await client.send('POST', '/data/nowhere', {}, { ...text, 'x-sandbox-name': 'nowhere' });
    expect(elsewhere).toMatchObject({
      status: 403,
      body: { type: expect.stringContaining('SMS-2074-403'), status: 403 },
    });
    const nowhere = '/data/foundation/catalog/nowhere';
    expect(await client.send('POST', nowhere, {}, text)).toMatchObject({ status: 400 });
    expect(await client.send('POST', nowhere, {})).toMatchObject({ status: 404 });
    expect(await client.send('POST', '/data/nowhere', {})).toMatchObject({ status: 404 });
  });

  it('falls back to prod without a sandbox, or rejects the request if configured', async () => {
    expect((await withHeaders({ 'x-sandbox-name': null }).get(`${jobs}/24001`)).status).toBe(200);
    await using strict = await startEmulator({ profiles: 20, clock, quirks: { defaultSandbox: null } });
    const { 'x-sandbox-name': _, ...headers } = (await connect(strict.url)).headers;
    expect((await new PlatformClient(strict.url, headers).get(`${jobs}/24001`)).status).toBe(400);
  });

  it('needs no sandbox header for sandboxes, and ignores it', async () => {
    const answer = await withHeaders({ 'x-sandbox-name': 'nowhere' }).get('/data/foundation/sandbox-management/');
    expect(answer).toMatchObject({
      status: 200,
      body: {
        sandboxes: [
          { name: 'prod', type: 'production', isDefault: true },
          { name: 'dev', type: 'development' },
        ],
      },
    });
    expect(JSON.stringify(answer.body)).not.toContain('"id"');
  });

  it('ends when the token expires', async () => {
    const own = new FakeClock('2026-11-02T08:00:00Z');
    await using short = await startEmulator({ profiles: 20, clock: own, quirks: { tokenLifetimeSeconds: 60 } });
    const caller = await connect(short.url);
    await own.advanceBy(59_999);
    expect((await caller.get(jobs)).status).toBe(200);
    await own.advanceBy(1);
    expect(await caller.get(jobs)).toMatchObject({ status: 401, body: { error_code: '401013' } });
  });

  describe('by a token', () => {
    const fields = {
      grant_type: 'client_credentials',
      client_id: 'emulator',
      client_secret: 'emulator',
      scope: 'openid',
    };
    const ask = async (path: string, form: Record<string, string>) => {
      const response = await fetch(new URL(path, emulator.url), { method: 'POST', body: new URLSearchParams(form) });
      return { status: response.status, body: await response.json() };
    };

    it('is issued for the credential in the body or in the query', async () => {
      const expected = {
        status: 200,
        body: {
          access_token: expect.stringMatching(/^eyJhbGciOi[\w-]+\.[\w-]+\.emulator-token-[\w-]{128}$/),
          token_type: 'bearer',
          expires_in: 86_399,
        },
      };
      expect(await ask('/ims/token/v3', fields)).toEqual(expected);
      expect(await ask(`/ims/token/v2?${new URLSearchParams(fields)}`, {})).toEqual(expected);
    });

    it('is issued for each secret of the client, and for no other secret', async () => {
      await using rotating = await startEmulator({ profiles: 20, clock, clientSecrets: ['old one', 'new one'] });
      const statusOf = async (secret: string) => {
        const form = new URLSearchParams({ ...fields, client_secret: secret });
        return (await fetch(new URL('/ims/token/v3', rotating.url), { method: 'POST', body: form })).status;
      };
      expect(await Promise.all(['old one', 'new one', 'emulator', ''].map(statusOf))).toEqual([200, 200, 400, 400]);
    });

    it.each([
      [{ grant_type: 'password' }, 'unsupported_grant_type'],
      [{ client_id: 'me' }, 'invalid_client'],
      [{ client_secret: 'guess' }, 'invalid_client'],
      [{ scope: '' }, 'invalid_scope'],
    ])('is rejected with %j', async (change, error) => {
      expect(await ask('/ims/token/v3', { ...fields, ...change })).toEqual({
        status: 400,
        body: { error, error_description: expect.any(String) },
      });
    });
  });

  it.each([
    ['GET', '/data/core/ups/export/nothing', 404, { errors: { 404: [{ code: expect.any(String) }] }, status: 404 }],
    [
      'GET',
      '/data/foundation/catalog/nothing',
      404,
      { title: 'NotFoundError', detail: expect.any(String), status: 404 },
    ],
    ['GET', '/data/foundation/export/nothing', 404, { 'error-chain': [expect.anything()], status: 404 }],
    ['DELETE', jobs, 405, { errors: { 405: [expect.anything()] } }],
    ['PUT', '/data/foundation/catalog/batches', 405, { title: 'MethodNotAllowedError' }],
    ['GET', '/data/core/ups/export/jobs/%ff', 400, { status: 400 }],
    ['GET', '/data/core/ups/export/jobs/24001x', 404, { status: 404 }],
  ])('responds to %s %s with %i in the error format of the service', async (method, path, status, body) => {
    expect(await client.send(method, path)).toMatchObject({ status, body });
  });

  it('lists the methods of a route in the response to a wrong method', async () => {
    const { headers } = await client.send('PATCH', jobs, {});
    expect(headers.get('allow')).toBe('GET, POST');
  });

  it('rejects malformed and oversized bodies, and keeps serving', async () => {
    const post = (body: string) =>
      client.fetch(jobs, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    expect((await post('{"destination":')).status).toBe(400);
    expect((await post('')).status).toBe(400);
    expect((await post('[]')).status).toBe(400);
    expect((await post(`"${'x'.repeat(1_100_000)}"`)).status).toBe(413);
    expect((await client.send('POST', jobs, exportBody())).status).toBe(200);
  });

  it('omits error bodies if configured, except those of the API gateway', async () => {
    await using terse = await startEmulator({ profiles: 20, clock, quirks: { emptyErrorBodies: true } });
    const caller = await connect(terse.url);
    expect(await caller.get(`${jobs}/1`)).toMatchObject({ status: 404, body: undefined });
    expect(await caller.get(jobs, { authorization: 'Bearer foreign' })).toMatchObject({
      status: 401,
      body: { error_code: '401013' },
    });
  });

  it('records the answered requests', async () => {
    emulator.clearRequests();
    await client.get(`${jobs}?limit=1`);
    await client.get(`${jobs}/1`);
    expect(emulator.requests).toMatchObject([
      { method: 'GET', path: `${jobs}?limit=1`, status: 200 },
      { method: 'GET', path: `${jobs}/1`, status: 404 },
    ]);
    await newToken(emulator.url);
    expect(emulator.requests.at(-1)).toMatchObject({ method: 'POST', path: '/ims/token/v3', status: 200 });
  });

  it('accepts every spelling of the organization header', async () => {
    expect(
      (await withHeaders({ 'x-gw-ims-org-id': organization.toLowerCase().replace('adobeorg', 'AdobeOrg') }).get(jobs))
        .status,
    ).toBe(200);
  });
});

describe('sandboxes', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  const path = '/data/foundation/sandbox-management/sandboxes';

  it('are listed with limit and offset together, and with a URI template as next link', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock });
    const client = await connect(emulator.url);
    for (const alone of ['limit=1', 'offset=1']) {
      expect(await client.get(`${path}?${alone}`)).toMatchObject({
        status: 400,
        body: { title: expect.stringContaining('together') },
      });
    }
    expect((await client.get(`${path}?limit=x&offset=0`)).status).toBe(400);
    expect((await client.get(`${path}?limit=1&offset=0`)).body).toMatchObject({
      sandboxes: [{ name: 'prod' }],
      _page: { limit: 1, count: 1 },
      _links: { next: { href: expect.stringContaining('{offset}'), templated: true } },
    });
    expect((await client.get(`${path}?limit=1&offset=1`)).body).toMatchObject({ sandboxes: [{ name: 'dev' }] });
    expect((await client.get(`${path}?property=type==development`)).body).toMatchObject({
      sandboxes: [{ name: 'dev' }],
    });
    expect((await client.get(`${path}/nowhere`)).status).toBe(404);
  });

  it('share no data', async () => {
    await using emulator = await startEmulator({ profiles: 200, clock });
    const [prod, dev] = [await connect(emulator.url), await connect(emulator.url, 'dev')];
    const everything = async (client: PlatformClient) => {
      const jobList = await client.get<{ records: readonly { id: number; destination: { batchId?: string } }[] }>(
        `${jobs}?limit=1000`,
      );
      const batches = await client.get<Record<string, unknown>>('/data/foundation/catalog/batches?limit=100');
      return {
        jobs: jobList.body.records.map(({ id }) => id),
        batches: Object.keys(batches.body),
      };
    };
    const [ofProd, ofDev] = [await everything(prod), await everything(dev)];
    expect(ofProd.jobs).toHaveLength(60);
    expect(ofDev.jobs).toHaveLength(12);
    expect(ofProd.jobs.filter((id) => ofDev.jobs.includes(id))).toEqual([]);
    expect(ofProd.batches.filter((id) => ofDev.batches.includes(id))).toEqual([]);
    for (const id of ofProd.jobs.slice(0, 3)) {
      expect((await dev.get(`${jobs}/${id}`)).status).toBe(404);
      expect((await dev.send('DELETE', `${jobs}/${id}`)).status).toBe(404);
    }
    const [batch] = ofProd.batches;
    expect((await dev.get(`/data/foundation/catalog/batches/${batch}`)).status).toBe(404);
    expect((await dev.get(`/data/foundation/export/batches/${batch}/files`)).status).toBe(404);
    expect((await dev.send('POST', jobs, exportBody())).status).toBe(404);
  });
});
