import { describe, expect, it } from 'vitest';
import { callerHeadersOf, connectionHeaders } from '../../../src/context/request-headers.ts';

const upgrade = (name: string) => (name === 'x-sandbox-name' ? 'from-upgrade' : null);

describe('the headers of a connection', () => {
  it('are the members of connectionParams, in any case', () => {
    const headers = connectionHeaders({ Authorization: 'Bearer a', 'X-API-Key': 'key' }, upgrade);
    expect([headers('authorization'), headers('x-api-key')]).toEqual(['Bearer a', 'key']);
  });

  it('may be nested under "headers", as routers send them; the top wins', () => {
    const params = {
      headers: { Authorization: 'Bearer nested', 'X-Gw-Ims-Org-Id': 'org' },
      authorization: 'Bearer top',
    };
    const headers = connectionHeaders(params, upgrade);
    expect([headers('authorization'), headers('x-gw-ims-org-id')]).toEqual(['Bearer top', 'org']);
  });

  it.each([
    ['as Apollo Router wraps them', { connectionParams: { headers: { Authorization: 'Bearer a' } } }],
    ['as Apollo Router wraps flat ones', { connectionParams: { authorization: 'Bearer a' } }],
    ['as Hive Router copies headers', { 'user-agent': 'hive', authorization: 'Bearer a', 'x-request-id': '1' }],
    ['as Hive Gateway is told to fill them in', { authorization: 'Bearer a', 'x-sandbox-name': '' }],
    ['as Cosmo passes on what a client sent', { extensions: { initialPayload: { Authorization: 'Bearer a' } } }],
    ['as Cosmo passes on headers of the upgrade', { extensions: { upgradeHeaders: { Authorization: ['Bearer a'] } } }],
  ])('are found in the envelopes of federation routers, %s', (_, params) => {
    expect(connectionHeaders(params, upgrade)('authorization')).toBe('Bearer a');
  });

  it('are not looked for without end, nor where nobody puts them', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['headers'] = cyclic;
    for (const params of [
      cyclic,
      { headers: { headers: { headers: { headers: { authorization: 'deep' } } } } },
      { other: { authorization: 'elsewhere' } },
      { authorization: ['two', 'values'] },
      { authorization: 7, headers: null, connectionParams: 'text' },
      [{ authorization: 'in a list' }],
      'authorization',
      null,
    ]) {
      expect(connectionHeaders(params, upgrade)('authorization')).toBeNull();
    }
  });

  it('are looked up in the upgrade request where connectionParams has none', () => {
    expect(connectionHeaders({}, upgrade)('x-sandbox-name')).toBe('from-upgrade');
    expect(connectionHeaders({ 'x-sandbox-name': 'dev' }, upgrade)('x-sandbox-name')).toBe('dev');
    expect(connectionHeaders({}, upgrade)('authorization')).toBeNull();
  });

  it('are those that say who calls, and no others', () => {
    const headers = connectionHeaders({ cookie: 'x', headers: { host: 'y' } }, upgrade);
    expect([headers('cookie'), headers('host'), headers('headers')]).toEqual([null, null, null]);
  });

  it('are texts: anything else counts as absent', () => {
    const headers = connectionHeaders(
      { authorization: { toString: 'x' }, 'x-sandbox-name': 5, 'x-api-key': null },
      upgrade,
    );
    expect([headers('authorization'), headers('x-sandbox-name'), headers('x-api-key')]).toEqual([
      null,
      'from-upgrade',
      null,
    ]);
  });

  it.each([undefined, null, 'text', 5, [], { headers: null }, { headers: 'text' }])(
    'are those of the upgrade request when connectionParams is %j',
    (params) => {
      const headers = connectionHeaders(params, upgrade);
      expect([headers('x-sandbox-name'), headers('authorization')]).toEqual(['from-upgrade', null]);
    },
  );
});

describe('the headers that say who calls', () => {
  it('are kept as they were, without the others', () => {
    const sent = new Map([
      ['authorization', 'Bearer a'],
      ['cookie', 'session'],
    ]);
    const headers = callerHeadersOf((name) => sent.get(name) ?? null);
    sent.set('authorization', 'Bearer b');
    expect(['authorization', 'x-api-key', 'cookie'].map(headers)).toEqual(['Bearer a', null, null]);
  });

  it('are none where none were sent', () => {
    expect(callerHeadersOf(() => null)('authorization')).toBe(null);
  });
});
