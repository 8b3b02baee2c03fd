import { describe, expect, it } from 'vitest';
import { callerHeadersOf, connectionHeaders } from '../../../src/auth/caller-headers.ts';
import { isCollected } from '../../support/garbage.ts';

const upgrade = (name: string) => (name === 'x-sandbox-name' ? 'from-upgrade' : null);

describe('the headers of a connection', () => {
  it('are the members of connectionParams, in any case', () => {
    const headers = connectionHeaders({ Authorization: 'Bearer a', 'X-API-Key': 'key' }, upgrade);
    expect([headers('authorization'), headers('x-api-key')]).toEqual(['Bearer a', 'key']);
  });

  it('may be nested under "headers", as routers send them, but the top level takes precedence', () => {
    const params = {
      headers: { Authorization: 'Bearer nested', 'X-Gw-Ims-Org-Id': 'org' },
      authorization: 'Bearer top',
    };
    const headers = connectionHeaders(params, upgrade);
    expect([headers('authorization'), headers('x-gw-ims-org-id')]).toEqual(['Bearer top', 'org']);
  });

  const none = {};
  const bearer = { Authorization: 'Bearer a' };
  it.each<[router: string, params: unknown, upgraded: Readonly<Record<string, string>>]>([
    // Without custom parameters the router sends its token under another name, in addition to the header.
    ['Apollo Router', { connectionParams: { token: 'Bearer a' } }, { authorization: 'Bearer a' }],
    ['Apollo Router with parameters of a plugin', { connectionParams: { authorization: 'Bearer a' } }, none],
    ['Apollo Router with headers of a plugin', { connectionParams: { headers: bearer } }, none],
    ['Cosmo, which propagates headers', {}, { authorization: 'Bearer a' }],
    ['Cosmo, for a client that sent it in its own connection_init', bearer, none],
    [
      'Cosmo before its overhaul of subscriptions, for a client that sent it in its own connection_init',
      {
        ...bearer,
        extensions: { upgradeHeaders: {}, upgradeQueryParams: {}, initialPayload: bearer },
      },
      none,
    ],
    [
      'Cosmo before its overhaul, for a client that sent it as a header of its upgrade request',
      {
        extensions: { upgradeHeaders: bearer, upgradeQueryParams: { token: 'x' } },
      },
      none,
    ],
    [
      'Cosmo of then, its headers being lists',
      { extensions: { upgradeHeaders: { Authorization: ['Bearer a'] } } },
      none,
    ],
    ['Cosmo of then, where only the extensions hold it', { extensions: { initialPayload: bearer } }, none],
    ['Hive Gateway with connectionParams', bearer, none],
    ['Hive Gateway with configured values', { authorization: 'Bearer a', 'x-sandbox-name': '' }, none],
    ['Hive Router that copies headers', { 'user-agent': 'hive', authorization: 'Bearer a', 'x-request-id': '1' }, none],
    ['Hive Gateway with headers in them', { headers: bearer }, none],
    ['Hive Router, which propagates headers', none, { authorization: 'Bearer a' }],
  ])('are found as %s sends them', (_, params, upgraded) => {
    expect(connectionHeaders(params, (name) => upgraded[name] ?? null)('authorization')).toBe('Bearer a');
  });

  it('are searched for only to a limited depth, and only in known members', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['headers'] = cyclic;
    for (const params of [
      cyclic,
      { headers: { headers: { headers: { headers: { authorization: 'deep' } } } } },
      { other: { authorization: 'elsewhere' } },
      { authorization: null, headers: null, connectionParams: 'text' },
      { authorization: [] },
      [{ authorization: 'in a list' }],
      'authorization',
      null,
    ]) {
      expect(connectionHeaders(params, upgrade)('authorization')).toBeNull();
    }
  });

  const everyHeader = ['authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'];
  const sentByClient = Object.fromEntries(everyHeader.map((name) => [name.toUpperCase(), 'from-client']));
  it.each<[place: string, params: unknown]>([
    ['at the top', sentByClient],
    ['under headers', { headers: sentByClient }],
    ['in the envelope of Apollo Router', { connectionParams: sentByClient }],
    ['in the envelope of Apollo Router, under headers', { connectionParams: { headers: sentByClient } }],
    ['in the envelope of Cosmo', { extensions: { initialPayload: sentByClient } }],
    ['as the upgrade headers that Cosmo reports', { extensions: { upgradeHeaders: sentByClient } }],
    ['everywhere', { ...sentByClient, headers: sentByClient, extensions: { initialPayload: sentByClient } }],
  ])('of the upgrade request take precedence over those that the client names %s', (_, params) => {
    const pinned = (name: string) => `pinned ${name}`;
    const headers = connectionHeaders(params, pinned);
    expect(everyHeader.map(headers)).toEqual(everyHeader.map(pinned));
    for (const name of everyHeader) {
      const onlyOne = connectionHeaders(params, (asked) => (asked === name ? 'pinned' : null));
      expect(everyHeader.map(onlyOne)).toEqual(everyHeader.map((asked) => (asked === name ? 'pinned' : 'from-client')));
    }
  });

  it('come from connectionParams if the upgrade request has none', () => {
    expect(connectionHeaders({}, upgrade)('x-sandbox-name')).toBe('from-upgrade');
    expect(connectionHeaders({ authorization: 'Bearer a' }, upgrade)('authorization')).toBe('Bearer a');
    expect(connectionHeaders({}, upgrade)('authorization')).toBeNull();
  });

  it('are only those that identify the caller', () => {
    const headers = connectionHeaders({ cookie: 'x', headers: { host: 'y' } }, upgrade);
    expect([headers('cookie'), headers('host'), headers('headers')]).toEqual([null, null, null]);
  });

  it.each([{ toString: 'x' }, 7, true, ['two', 'values'], [7]])(
    'must be strings, so %j is rejected unless the upgrade request has the header',
    (value) => {
      const headers = connectionHeaders({ authorization: value, 'X-Sandbox-Name': value, 'x-api-key': null }, upgrade);
      expect(() => headers('authorization')).toThrow('authorization: the member of connection_init must be a string');
      expect([headers('x-sandbox-name'), headers('x-api-key')]).toEqual(['from-upgrade', null]);
    },
  );

  it.each([undefined, null, 'text', 5, [], { headers: null }, { headers: 'text' }])(
    'are those of the upgrade request when connectionParams is %j',
    (params) => {
      const headers = connectionHeaders(params, upgrade);
      expect([headers('x-sandbox-name'), headers('authorization')]).toEqual(['from-upgrade', null]);
    },
  );
});

describe('the headers that identify the caller', () => {
  it('are kept unchanged, without the others', () => {
    const sent = new Map([
      ['authorization', 'Bearer a'],
      ['cookie', 'session'],
    ]);
    const headers = callerHeadersOf((name) => sent.get(name) ?? null);
    sent.set('authorization', 'Bearer b');
    expect(['authorization', 'x-api-key', 'cookie'].map(headers)).toEqual(['Bearer a', null, null]);
  });

  it('do not keep their request in memory', async () => {
    const read = () => {
      const request = { headers: new Map([['authorization', 'Bearer a']]) };
      return { headers: callerHeadersOf((name) => request.headers.get(name) ?? null), request: new WeakRef(request) };
    };
    const { headers, request } = read();
    expect([await isCollected(request), headers('authorization')]).toEqual([true, 'Bearer a']);
  });

  it('are empty if none were sent', () => {
    expect(callerHeadersOf(() => null)('authorization')).toBe(null);
  });
});
