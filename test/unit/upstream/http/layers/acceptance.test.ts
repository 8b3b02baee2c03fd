import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../../src/domain/ids.ts';
import { parseTenant } from '../../../../../src/domain/tenant.ts';
import { ForbiddenError, UnauthenticatedError } from '../../../../../src/errors.ts';
import type { Caller } from '../../../../../src/upstream/caller.ts';
import { AcceptedCredentials } from '../../../../../src/upstream/http/layers/acceptance.ts';
import { createPassthroughCredential } from '../../../../../src/upstream/index.ts';
import { caller, clientCredential, connectTo, type Respond, sendJson, startStub } from '../../platform-stub.ts';

const { signal } = new AbortController();
const credentialOf = (token: string) =>
  createPassthroughCredential({ authorization: `Bearer ${token}`, apiKey: 'key' });
const callerIn = (org: string, sandbox: string, token = 't-1'): Caller => {
  const tenant = parseTenant(`${org.repeat(24)}@AdobeOrg`, sandbox);
  if (tenant === null) throw new Error('This is no tenant.');
  return { tenant, credential: credentialOf(token) };
};
const id = platformId<never>('7');
const refused: Respond = (_request, response) =>
  sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' });
const forbidden: Respond = (_request, response) => sendJson(response, 403, {});
const empty: Respond = (_request, response) => sendJson(response, 200, { records: [], page: {}, link: {} });

describe('a credential', () => {
  it('is accepted after a successful response, in each sandbox of that organization and in no other organization', async () => {
    await using stub = await startStub(empty);
    await using client = connectTo(stub.url);
    const { upstream } = client;
    const at = (target: Caller) => upstream.connect(target, { signal }).exportJobs.list({ limit: 1 });
    expect(upstream.isAccepted(callerIn('A', 'prod'))).toBe(false);
    await at(callerIn('A', 'prod'));
    expect(upstream.isAccepted(callerIn('A', 'prod'))).toBe(true);
    expect(upstream.isAccepted(callerIn('A', 'dev'))).toBe(true);
    expect(upstream.isAccepted(callerIn('B', 'prod'))).toBe(false);
    expect(upstream.isAccepted(callerIn('A', 'prod', 't-2'))).toBe(false);
  });

  it.each<[string, number]>([
    ['forbidden', 403],
    ['limited', 429],
    ['failing', 500],
    ['malformed', 400],
  ])('is not accepted by a response that is %s', async (_, status) => {
    await using stub = await startStub((_request, response) => sendJson(response, status, {}));
    await using client = connectTo(stub.url);
    await client.api.exportJobs.get(id).catch(() => {});
    expect(stub.requests).toHaveLength(1);
    expect(client.upstream.isAccepted(caller())).toBe(false);
  });

  it('is accepted by a response about the request itself', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 404, {}));
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.get(id)).toBeNull();
    expect(client.upstream.isAccepted(caller())).toBe(true);
  });

  it('counts as rejected until it is accepted', () => {
    const accepted = new AcceptedCredentials();
    accepted.reject(caller());
    expect([accepted.has(caller()), accepted.wasRejected(caller())]).toEqual([false, true]);
    accepted.accept(caller());
    expect([accepted.has(caller()), accepted.wasRejected(caller())]).toEqual([true, false]);
  });

  it('is no longer accepted after a rejection', async () => {
    const responses = [empty, refused];
    await using stub = await startStub((request, response) => responses.shift()?.(request, response));
    await using client = connectTo(stub.url);
    await client.api.exportJobs.list({ limit: 1 });
    expect(client.upstream.isAccepted(caller())).toBe(true);
    await client.api.exportJobs.list({ limit: 1 }).catch(() => {});
    expect(client.upstream.isAccepted(caller())).toBe(false);
  });

  it('of the gateway is always accepted', async () => {
    await using credential = clientCredential('http://127.0.0.1:1');
    await using client = connectTo('http://127.0.0.1:1');
    expect(client.upstream.isAccepted(caller(credential))).toBe(true);
    await client.upstream.prove(caller(credential), { signal });
  });
});

describe('a proof of a credential', () => {
  it('takes one read for all concurrent calls, and none afterwards', async () => {
    await using stub = await startStub(empty);
    await using client = connectTo(stub.url);
    await Promise.all([1, 2, 3].map(() => client.upstream.prove(caller(), { signal })));
    await client.upstream.prove(caller(), { signal });
    expect(stub.requests).toHaveLength(1);
    expect(client.upstream.isAccepted(caller())).toBe(true);
  });

  it('fails for a credential that the platform rejects, after one read each time', async () => {
    await using stub = await startStub(refused);
    await using client = connectTo(stub.url);
    for (const requests of [1, 2]) {
      await expect(client.upstream.prove(caller(), { signal })).rejects.toBeInstanceOf(UnauthenticatedError);
      expect(stub.requests).toHaveLength(requests);
    }
  });

  it('tries other reads if the platform forbids the first, and fails when all are forbidden', async () => {
    const responses = [forbidden, forbidden, empty];
    await using stub = await startStub((request, response) => (responses.shift() ?? forbidden)(request, response));
    await using client = connectTo(stub.url);
    await client.upstream.prove(caller(), { signal });
    expect(new Set(stub.requests.map(({ path }) => path)).size).toBe(3);
    const other = caller(credentialOf('t-2'));
    await expect(client.upstream.prove(other, { signal })).rejects.toBeInstanceOf(ForbiddenError);
    expect(client.upstream.isAccepted(other)).toBe(false);
  });

  it('ends with its signal', async () => {
    await using stub = await startStub(() => {});
    await using client = connectTo(stub.url);
    const leaving = new AbortController();
    const proof = expect(client.upstream.prove(caller(), { signal: leaving.signal })).rejects.toThrow('left');
    await stub.received(1);
    leaving.abort(new Error('left'));
    await proof;
  });
});

describe('the set of accepted credentials', () => {
  it('keeps the ten thousand last used ones', () => {
    const accepted = new AcceptedCredentials();
    const first = callerIn('A', 'prod', 'first');
    accepted.accept(first);
    for (let index = 0; index < 9_999; index += 1) accepted.accept(callerIn('A', 'prod', `t${index}`));
    accepted.accept(first);
    accepted.accept(callerIn('A', 'prod', 'one-more'));
    expect(accepted.size).toBe(10_000);
    expect(accepted.has(first)).toBe(true);
    expect(accepted.has(callerIn('A', 'prod', 't0'))).toBe(false);
    expect(accepted.has(callerIn('A', 'prod', 't1'))).toBe(true);
  });
});
