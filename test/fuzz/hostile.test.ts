import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayProcess, startProcess } from '../support/gateway-process.ts';
import { type Stub, startStub } from '../support/platform.ts';

/**
 * Hostile clients in front of a gateway with 512 MB of heap. After each attack the same process still serves a
 * legitimate caller, and no response was large.
 */

/** Every call of this organization fails. */
const failing = 'AAAAAAAAAAAAAAAAAAAAAAAA@AdobeOrg';
/** Every call of this organization hangs until the test releases it. */
const stuck = 'CCCCCCCCCCCCCCCCCCCCCCCC@AdobeOrg';
/** Every call of this organization succeeds. */
const healthy = 'BBBBBBBBBBBBBBBBBBBBBBBB@AdobeOrg';
/** Token that the platform of this test accepts for each organization. */
const acceptedToken = 'accepted-token';

const hanging = new Set<ServerResponse>();

function answer(request: IncomingMessage, response: ServerResponse): void {
  const send = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.headers.authorization !== `Bearer ${acceptedToken}`) {
    send(401, { error_code: '401013', message: 'Oauth token is not valid' });
  } else if (request.headers['x-gw-ims-org-id'] === failing) {
    send(500, {});
  } else if (request.headers['x-gw-ims-org-id'] === stuck) {
    hanging.add(response);
  } else {
    send(200, { records: [], page: {}, link: { next: '' } });
  }
}

let platform: Stub;
let gateway: GatewayProcess;
let url: string;

beforeAll(async () => {
  platform = await startStub(answer);
  gateway = startProcess(
    {
      PORT: '0',
      LOG_LEVEL: 'error',
      EMULATOR_PROFILES: '',
      AUTH_MODE: 'passthrough',
      AEP_BASE_URL: platform.url,
      AEP_IMS_URL: platform.url,
      UPSTREAM_CALLS_PER_SECOND: '20',
      UPSTREAM_TIMEOUT_MS: '8000',
    },
    ['--max-old-space-size=512', 'dist/main.js'],
  );
  url = `${await gateway.ready()}/graphql`;
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
});

interface Caller {
  readonly token?: string;
  readonly org?: string;
}

async function post(body: object, { token, org = healthy }: Caller = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': 'key',
      'x-gw-ims-org-id': org,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, length: text.length, code: /"code":"(\w+)"/.exec(text)?.[1] ?? null };
}

const listing = { query: '{ exportJobs(first: 1) { nodes { id } } }' };
const legitimate = { token: acceptedToken };
const served = { status: 200, code: null };

/** Runs a task for each number below `count`, `width` of them at a time. */
async function each(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
}

const largestResponse = 64 * 1024;

describe('a gateway with 512 MB of heap', () => {
  it('serves its callers after 600 anonymous and 200 unproven documents of 1 MB', async () => {
    await each(800, 6, async (index) => {
      const query = `{ __typename } #${index}`.padEnd(950_000, index % 2 === 0 ? 'x' : '\u00e9').slice(0, 480_000);
      const token = index < 600 ? {} : { token: `invented-${index}` };
      const { length } = await post({ query: index % 3 === 0 ? query.slice(1) : query }, token);
      expect(length).toBeLessThan(largestResponse);
    });
    expect(await post(listing, legitimate)).toMatchObject(served);
  });

  it('serves its callers while six introspection bombs are sent at once', async () => {
    const types = Array.from({ length: 90 }, (_, index) => `a${index}: types { ...t }`).join(' ');
    const query = `{ __schema { ${types} } } fragment t on __Type {
      name description fields { name description args { name description type { name } } } }`;
    const bombs = Array.from({ length: 6 }, () => post({ query }, legitimate));
    expect(await post(listing, legitimate)).toMatchObject(served);
    for (const bomb of await Promise.all(bombs)) {
      expect(bomb.code).toBe('INVALID_INPUT');
      expect(bomb.length).toBeLessThan(largestResponse);
    }
  });

  it('rejects long lists and values with short errors', async () => {
    const profile =
      'query ($f: [String!]) { profile(identity: { namespace: "a", value: "b" }, fields: $f) { entityId } }';
    const dataset =
      'mutation ($i: CreateDatasetInput!) { createDataset(input: $i) { __typename ... on Error { message } } }';
    const segments =
      'mutation ($i: CreateSegmentJobInput!) { createSegmentJob(input: $i) { __typename ... on Error { message } } }';
    const many = <Value>(length: number, value: (index: number) => Value) =>
      Array.from({ length }, (_, index) => value(index));
    const requests = [
      { query: profile, variables: { f: many(240_000, () => '') } },
      { query: profile, variables: { f: many(200_000, () => 1) } },
      { query: profile, variables: { f: ['x'.repeat(900_000)] } },
      { query: dataset, variables: { i: { name: 'x', tags: many(30_000, () => ({ name: 'a', values: ['b'] })) } } },
      { query: dataset, variables: { i: { name: 'x'.repeat(900_000) } } },
      { query: segments, variables: { i: { segmentIds: many(60_000, (index) => `s${index}`) } } },
      { query: segments, variables: { i: { segmentIds: many(60_000, () => null) } } },
      { query: `query (${many(400, (index) => `$v${index}: Int`).join(' ')}) { __typename }`, variables: {} },
      { query: `{ ${many(1_500, (index) => `nope${index}`).join(' ')} }` },
      { query: '{ exportJob(id: "1") { id } }', operationName: 'x'.repeat(900_000) },
      { query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', variables: { ids: many(100_000, () => 'Nope:1') } },
    ];
    for (const request of requests) {
      const { length, code } = await post(request, legitimate);
      expect([Object.keys(request), length < largestResponse]).toEqual([Object.keys(request), true]);
      expect(code === null || code !== 'INTERNAL_SERVER_ERROR').toBe(true);
    }
    expect(await post(listing, legitimate)).toMatchObject(served);
  });

  it('serves its callers while 120 invented tokens name the same organization', async () => {
    let attacks = true;
    const attackers = Array.from({ length: 120 }, async (_, index) => {
      // Bounded in case the legitimate caller is never served.
      for (let round = 0; attacks && round < 40; round += 1) await post(listing, { token: `invented-${index}` });
    });
    for (let round = 0; round < 20; round += 1) expect(await post(listing, legitimate)).toMatchObject(served);
    attacks = false;
    await Promise.all(attackers);
  });

  it('serves an organization while every call of another one fails', async () => {
    await each(60, 6, async () => void (await post(listing, { token: acceptedToken, org: failing })));
    for (let round = 0; round < 20; round += 1) expect(await post(listing, legitimate)).toMatchObject(served);
  });

  it('serves an organization while every call of another one hangs', async () => {
    const calls = Array.from({ length: 100 }, (_, index) =>
      post({ query: `query q${index} { exportJob(id: "${index}") { id } }` }, { token: acceptedToken, org: stuck }),
    );
    await platform.asked('/export/jobs/');
    for (let round = 0; round < 10; round += 1) expect(await post(listing, legitimate)).toMatchObject(served);
    // Calls that still wait in the gateway arrive later, and end by the gateway's deadline.
    for (const response of hanging) response.writeHead(404).end();
    await Promise.all(calls);
  });
});
