import { describe, expect, it } from 'vitest';
import { embeddedAuthentication, passthroughAuthentication } from '../../../src/context/authenticate.ts';
import { parseTenant } from '../../../src/domain/tenant.ts';
import { InvalidInputError, UnauthenticatedError } from '../../../src/errors.ts';
import type { Credential } from '../../../src/upstream/platform-api.ts';

const org = '0123456789ABCDEF01234567@AdobeOrg';
const otherOrg = 'FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg';
const headersOf = (headers: Readonly<Record<string, string>>) => (name: string) => headers[name] ?? null;
const credential: Credential = { fingerprint: 'own', headers: async () => ({}) };

describe('in embedded mode', () => {
  const tenant = parseTenant(org, 'prod');
  if (tenant === null) throw new Error('not a tenant');
  const authenticate = embeddedAuthentication(credential, tenant);

  it('everybody uses the credential of the gateway', () => {
    expect(authenticate(headersOf({ authorization: 'Bearer theirs' }))).toEqual({ tenant, credential });
  });

  it('a caller may choose organization and sandbox', () => {
    const chosen = headersOf({ 'x-gw-ims-org-id': otherOrg, 'x-sandbox-name': 'dev' });
    expect(authenticate(chosen).tenant).toEqual({ org: otherOrg, sandbox: 'dev' });
  });

  it.each(['', 'Prod', 'dev/../prod', 'dev\r\nx-api-key: y', '-dev'])('%j is refused as a sandbox', (sandbox) => {
    expect(() => authenticate(headersOf({ 'x-sandbox-name': sandbox }))).toThrow(InvalidInputError);
  });
});

describe('in passthrough mode', () => {
  const authenticate = (
    headers: Readonly<Record<string, string>>,
    defaults: { readonly defaultOrg?: string | null; readonly defaultApiKey?: string | null } = {},
  ) => {
    const given: unknown[] = [];
    const caller = passthroughAuthentication({
      defaultOrg: org,
      defaultSandbox: 'prod',
      defaultApiKey: null,
      ...defaults,
      createCredential: (options) => {
        given.push(options);
        return credential;
      },
    })(headersOf(headers));
    return { caller, given };
  };
  const complete = { authorization: 'Bearer token', 'x-api-key': 'key' };

  it('the credential of the caller is used, and nothing else', () => {
    const { caller, given } = authenticate({ ...complete, 'x-sandbox-name': 'dev' }, { defaultApiKey: 'ours' });
    expect(given).toEqual([{ authorization: 'Bearer token', apiKey: 'key' }]);
    expect(caller).toEqual({ tenant: { org, sandbox: 'dev' }, credential });
  });

  it('the configured API key stands in for one that is missing', () => {
    expect(authenticate({ authorization: 'bearer  token' }, { defaultApiKey: 'ours' }).given).toEqual([
      { authorization: 'bearer  token', apiKey: 'ours' },
    ]);
  });

  it.each([undefined, '', 'token', 'Basic dXNlcg==', 'Bearer', 'Bearer ', 'xBearer token'])(
    'the Authorization header %j is no credential',
    (authorization) => {
      const headers = { 'x-api-key': 'key', ...(authorization === undefined ? {} : { authorization }) };
      expect(() => authenticate(headers)).toThrow(UnauthenticatedError);
    },
  );

  it('a request without an API key is refused where none is configured', () => {
    expect(() => authenticate({ authorization: 'Bearer token' })).toThrow(UnauthenticatedError);
  });

  it('a request has to name its organization where none is configured', () => {
    expect(() => authenticate(complete, { defaultOrg: null })).toThrow(InvalidInputError);
    const named = authenticate({ ...complete, 'x-gw-ims-org-id': otherOrg }, { defaultOrg: null });
    expect(named.caller.tenant).toEqual({ org: otherOrg, sandbox: 'prod' });
  });

  it('who brings no credential learns nothing about the rest of the request', () => {
    expect(() => authenticate({ 'x-gw-ims-org-id': 'nonsense' })).toThrow(UnauthenticatedError);
  });

  it('no error repeats what a header held', () => {
    const secret = { authorization: 'Basic c2VjcmV0', 'x-gw-ims-org-id': 'secret' };
    expect(() => authenticate(secret)).toThrow(/^(?!.*(secret|c2Vj))/);
    expect(() => authenticate({ ...complete, 'x-gw-ims-org-id': 'secret' })).toThrow(/^(?!.*secret)/);
  });
});
