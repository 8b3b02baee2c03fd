import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import type { ProfileQuery } from '../../../../src/domain/profile.ts';
import { PlatformError, RateLimitedError, UpstreamUnreadableError } from '../../../../src/errors.ts';
import { connectTo, type ReceivedRequest, type Respond, sendJson, startStub } from '../platform-stub.ts';

const query = (value: string, rest: Partial<ProfileQuery> = {}): ProfileQuery => ({
  namespace: 'email',
  value,
  fields: null,
  mergePolicyId: null,
  ...rest,
});
const [jane, john, kim] = [query('jane'), query('john'), query('kim')];

interface Lookup {
  readonly identities: readonly { readonly entityId: string; readonly entityIdNS: { readonly code: string } }[];
}
const lookupOf = ({ body }: ReceivedRequest): Lookup => JSON.parse(body);
const askedOf = (request: ReceivedRequest): string[] => lookupOf(request).identities.map(({ entityId }) => entityId);

/** The entries of these people, which name their identities unless they are `discreet`. */
const people = (names: readonly string[], { discreet = false } = {}) =>
  Object.fromEntries(
    names.map((name) => [
      `xid-${name}`,
      {
        entityId: `xid-${name}`,
        sources: ['1000'],
        entity: { name, ...(discreet ? {} : { identityMap: { Email: [{ id: name }] } }) },
        lastModifiedAt: '2018-08-28T20:57:24Z',
      },
    ]),
  );
const emptyProfile = { sources: [''], entity: {}, lastModifiedAt: '1970-01-01T00:00:00Z' };
const tooMany = { message: 'Unprocessable', cause: 'Too many related identities', statusCode: '422' };

const answering =
  (bodyFor: (names: readonly string[]) => unknown, status = 200): Respond =>
  (request, response) =>
    sendJson(response, status, bodyFor(askedOf(request)));

describe('profiles', () => {
  it('are looked up by one POST, keyed by ids of the platform, and returned in the order of the queries (#30)', async () => {
    await using stub = await startStub(answering(() => ({ ...people(['john', 'jane']), 'xid-0': emptyProfile })));
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([kim, jane, john, jane])).toMatchObject([
      null,
      { entityId: 'xid-jane', attributes: { name: 'jane' } },
      { entityId: 'xid-john', lastModifiedAt: new Date('2018-08-28T20:57:24Z') },
      { entityId: 'xid-jane' },
    ]);
    expect(stub.requests).toMatchObject([{ method: 'POST', path: '/data/core/ups/access/entities' }]);
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toEqual({
      schema: { name: '_xdm.context.profile' },
      identities: ['kim', 'jane', 'john'].map((entityId) => ({ entityId, entityIdNS: { code: 'email' } })),
    });
    expect(client.metrics.calls).toMatchObject([{ service: 'profiles', method: 'POST' }]);
    expect(client.metrics.anomalies).toEqual([]);
  });

  it('cost no call for an empty list of identities', async () => {
    await using stub = await startStub(answering(() => ({})));
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([])).toEqual([]);
    expect(stub.requests).toHaveLength(0);
  });

  it('are grouped by fields, sent as a list, and by merge policy (#13)', async () => {
    await using stub = await startStub(answering((names) => people(names)));
    await using client = connectTo(stub.url);
    const fields = ['person.name', 'identityMap'];
    const mergePolicyId = platformId<NonNullable<ProfileQuery['mergePolicyId']>>('mpid1');
    const found = await client.api.profiles.getMany([
      jane,
      query('jane', { fields }),
      query('john', { fields: [...fields] }),
      query('jane', { fields, mergePolicyId }),
      kim,
    ]);
    expect(found).toMatchObject(['jane', 'jane', 'john', 'jane', 'kim'].map((name) => ({ entityId: `xid-${name}` })));
    const bodies: object[] = stub.requests.map(({ body }) => JSON.parse(body));
    expect(bodies).toHaveLength(3);
    expect(bodies).toContainEqual(
      expect.objectContaining({ identities: [expect.anything(), expect.anything()], fields }),
    );
    expect(bodies).toContainEqual(
      expect.objectContaining({ identities: [expect.anything()], fields, mergePolicyId: 'mpid1' }),
    );
    expect(bodies).toContainEqual({ schema: expect.anything(), identities: [expect.anything(), expect.anything()] });
  });

  it('are requested in chunks of 100', async () => {
    await using stub = await startStub(answering((names) => people(names)));
    await using client = connectTo(stub.url);
    const names = Array.from({ length: 130 }, (_, index) => `person-${index}`);
    const found = await client.api.profiles.getMany(names.map((name) => query(name)));
    expect(found).toMatchObject(names.map((name) => ({ entityId: `xid-${name}` })));
    expect(stub.requests.map((request) => askedOf(request).length).toSorted()).toEqual([100, 30]);
  });

  it('are requested separately if the response does not name their identities', async () => {
    await using stub = await startStub(answering((names) => people(names, { discreet: true })));
    await using client = connectTo(stub.url);
    const fields = ['name'];
    const queries = ['jane', 'john'].map((name) => query(name, { fields }));
    expect(await client.api.profiles.getMany(queries)).toMatchObject([
      { entityId: 'xid-jane' },
      { entityId: 'xid-john' },
    ]);
    expect(stub.requests.map((request) => askedOf(request).toSorted()).toSorted()).toEqual([
      ['jane'],
      ['jane', 'john'],
      ['john'],
    ]);
  });

  it('are all unknown when the response is a 404', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 404, { statusCode: '404' }));
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([jane, john])).toEqual([null, null]);
    expect(stub.requests).toHaveLength(1);
  });

  it('may fail separately within a success (#22)', async () => {
    const responses: Respond[] = [
      (_request, response) =>
        sendJson(response, 207, [
          { xid: 'xid-0', error: tooMany },
          ...Object.values(people(['john'])),
          { xid: 'x', ...emptyProfile },
        ]),
    ];
    await using stub = await startStub((request, response) => responses.shift()?.(request, response));
    await using client = connectTo(stub.url);
    const [first, second] = await client.api.profiles.getMany([jane, john]);
    expect(first).toMatchObject({
      constructor: PlatformError,
      message: 'The platform (profiles) responded with 422: Unprocessable: Too many related identities',
      upstream: { service: 'profiles', status: 422 },
    });
    expect(second).toMatchObject({ entityId: 'xid-john' });
  });

  it('are requested separately if failures do not name their identities (#22)', async () => {
    await using stub = await startStub((request, response) => {
      const names = askedOf(request);
      if (names.length === 1 && names[0] !== 'jane') sendJson(response, 200, people(names));
      else sendJson(response, 207, [{ xid: 'xid-0', error: tooMany }]);
    });
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([jane, john, kim])).toMatchObject([
      { code: 'PLATFORM_ERROR', status: 422 },
      { entityId: 'xid-john' },
      { entityId: 'xid-kim' },
    ]);
    expect(stub.requests).toHaveLength(4);
  });

  it('are unknown if the failure within a success is a 404 (#22)', async () => {
    await using stub = await startStub(answering(() => [{ xid: 'x', error: { statusCode: '404' } }], 207));
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([jane])).toEqual([null]);
  });

  it('do not fail because one of them has too many identities', async () => {
    await using stub = await startStub((request, response) => {
      const names = askedOf(request);
      if (names.includes('jane')) sendJson(response, 422, tooMany);
      else sendJson(response, 200, people(names));
    });
    await using client = connectTo(stub.url);
    const [first, second] = await client.api.profiles.getMany([jane, john]);
    expect(first).toMatchObject({ constructor: PlatformError, status: 422 });
    expect(second).toMatchObject({ entityId: 'xid-john' });
  });

  it('have the failure of their own call, whose body may be a list of strings (#31)', async () => {
    await using stub = await startStub((request, response) => {
      if (JSON.parse(request.body).fields === undefined) sendJson(response, 200, people(askedOf(request)));
      else {
        const refusal = { message: 'Too many requests', cause: 'Quota', retryAfterMs: '500', statusCode: '429' };
        sendJson(response, 429, [refusal]);
      }
    });
    await using client = connectTo(stub.url);
    const found = await client.api.profiles.getMany([
      jane,
      query('john', { fields: ['a'] }),
      query('kim', { fields: ['a'] }),
    ]);
    const refused = {
      constructor: RateLimitedError,
      retryAfterMs: 500,
      upstream: { service: 'profiles', status: 429 },
    };
    expect(found).toMatchObject([{ entityId: 'xid-jane' }, refused, refused]);
  });

  it.each(['odd', 7, null])('are unreadable when the response is %j', async (body) => {
    await using stub = await startStub(answering(() => body));
    await using client = connectTo(stub.url);
    expect(await client.api.profiles.getMany([jane])).toMatchObject([{ constructor: UpstreamUnreadableError }]);
  });

  it('are cancelled with the reason of the signal', async () => {
    await using stub = await startStub(() => {});
    const leaving = new AbortController();
    await using client = connectTo(stub.url, { signal: leaving.signal });
    const asked = client.api.profiles.getMany([jane]);
    await stub.received(1);
    const reason = new Error('The caller left.');
    leaving.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  it('are not named in an error', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 403, { message: 'No.' }));
    await using client = connectTo(stub.url);
    const [error] = await client.api.profiles.getMany([query('jane@example.com')]);
    expect(JSON.stringify([error, String(error)])).not.toContain('jane');
  });
});
