import { describe, expect, it } from 'vitest';
import { embeddedAuthenticator } from '../../../src/auth/modes/embedded.ts';
import { passthroughAuthenticator } from '../../../src/auth/modes/passthrough.ts';
import { parseTenant } from '../../../src/domain/tenant.ts';
import { InvalidInputError, UnauthenticatedError } from '../../../src/errors.ts';
import type { Caller, Credential } from '../../../src/upstream/caller.ts';

const org = '0123456789ABCDEF01234567@AdobeOrg';
const otherOrg = 'FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg';
const headersOf = (headers: Readonly<Record<string, string>>) => (name: string) => headers[name] ?? null;
const credential: Credential = { fingerprint: 'own', owner: 'gateway', headers: async () => ({}) };

describe('in embedded mode', () => {
  const tenant = parseTenant(org, 'prod');
  if (tenant === null) throw new Error('not a tenant');
  const authenticate = embeddedAuthenticator(credential, tenant);

  it('every caller uses the credential of the gateway and may do everything', async () => {
    expect(await authenticate(headersOf({ authorization: 'Bearer theirs' }))).toEqual({
      tenant,
      credential,
      principal: 'embedded',
      loggedAs: 'embedded',
      platformUser: null,
      allowedSandboxes: null,
      canRead: true,
      canWrite: true,
      canReadData: true,
      expiresAt: null,
    });
  });

  it('a caller may choose organization and sandbox', async () => {
    const chosen = headersOf({ 'x-gw-ims-org-id': otherOrg, 'x-sandbox-name': 'dev' });
    expect((await authenticate(chosen)).tenant).toEqual({ org: otherOrg, sandbox: 'dev' });
  });

  it.each(['', 'Prod', 'dev/../prod', 'dev\r\nx-api-key: y', '-dev'])(
    '%j is rejected as a sandbox',
    async (sandbox) => {
      await expect(authenticate(headersOf({ 'x-sandbox-name': sandbox }))).rejects.toThrow(InvalidInputError);
    },
  );
});

describe('in passthrough mode', () => {
  const authenticate = async (
    headers: Readonly<Record<string, string>>,
    defaults: { readonly defaultOrg?: string | null; readonly defaultApiKey?: string | null } = {},
  ) => {
    const given: unknown[] = [];
    const caller = await passthroughAuthenticator({
      defaultOrg: org,
      defaultSandbox: 'prod',
      defaultApiKey: null,
      ...defaults,
      createCredential: (options) => {
        given.push(options);
        return credential;
      },
      isAccepted: () => false,
    })(headersOf(headers));
    return { caller, given };
  };
  const complete = { authorization: 'Bearer token', 'x-api-key': 'key' };

  it('only the credential of the caller is used, and the platform decides', async () => {
    const { caller, given } = await authenticate({ ...complete, 'x-sandbox-name': 'dev' }, { defaultApiKey: 'ours' });
    expect(given).toEqual([{ authorization: 'Bearer token', apiKey: 'key' }]);
    expect(caller).toEqual({
      tenant: { org, sandbox: 'dev' },
      credential,
      principal: credential.fingerprint,
      loggedAs: `credential:${credential.fingerprint.slice(0, 22)}`,
      platformUser: null,
      allowedSandboxes: null,
      canRead: true,
      canWrite: true,
      canReadData: true,
      expiresAt: null,
    });
  });

  it('the configured API key replaces a missing one', async () => {
    expect((await authenticate({ authorization: 'bearer  token' }, { defaultApiKey: 'ours' })).given).toEqual([
      { authorization: 'bearer  token', apiKey: 'ours' },
    ]);
  });

  it.each([undefined, '', 'token', 'Basic dXNlcg==', 'Bearer', 'Bearer ', 'xBearer token'])(
    'the Authorization header %j is not a credential',
    async (authorization) => {
      const headers = { 'x-api-key': 'key', ...(authorization === undefined ? {} : { authorization }) };
      await expect(authenticate(headers)).rejects.toThrow(UnauthenticatedError);
    },
  );

  it('a request without an API key is rejected if none is configured', async () => {
    await expect(authenticate({ authorization: 'Bearer token' })).rejects.toThrow(UnauthenticatedError);
  });

  it('a request must name its organization if none is configured', async () => {
    await expect(authenticate(complete, { defaultOrg: null })).rejects.toThrow(InvalidInputError);
    const named = await authenticate({ ...complete, 'x-gw-ims-org-id': otherOrg }, { defaultOrg: null });
    expect(named.caller.tenant).toEqual({ org: otherOrg, sandbox: 'prod' });
  });

  const sandboxRule =
    'the header must be up to 256 lower-case letters, digits and hyphens, and not begin with a hyphen';
  const orgRule = 'the header must be up to 64 letters and digits, followed by @AdobeOrg';
  it.each<[Readonly<Record<string, string>>, readonly { readonly path: string; readonly message: string }[]]>([
    [{ 'x-sandbox-name': 'PROD' }, [{ path: 'x-sandbox-name', message: sandboxRule }]],
    [{ 'x-sandbox-name': '' }, [{ path: 'x-sandbox-name', message: 'the header is empty' }]],
    [{ 'x-gw-ims-org-id': 'ABC' }, [{ path: 'x-gw-ims-org-id', message: orgRule }]],
    [{ 'x-gw-ims-org-id': '' }, [{ path: 'x-gw-ims-org-id', message: 'the header is empty' }]],
    [
      { 'x-gw-ims-org-id': 'ABC', 'x-sandbox-name': '-a' },
      [
        { path: 'x-gw-ims-org-id', message: orgRule },
        { path: 'x-sandbox-name', message: sandboxRule },
      ],
    ],
  ])('only the header of %j is named, with its rule', async (headers, issues) => {
    await expect(authenticate({ ...complete, ...headers })).rejects.toMatchObject({ issues });
  });

  it.each([
    [{}, 'The header Authorization is missing.'],
    [{ authorization: ' ' }, 'The header Authorization is empty.'],
    [{ authorization: 'token' }, 'The header Authorization must hold a bearer token of the platform: Bearer,'],
    [{ authorization: 'Bearer token' }, 'The header x-api-key is missing.'],
  ])('the message about the credential of %j names the header', async (headers, message) => {
    await expect(authenticate(headers)).rejects.toThrow(message);
  });

  it('a caller without a credential receives no information about the rest of the request', async () => {
    await expect(authenticate({ 'x-gw-ims-org-id': 'nonsense' })).rejects.toThrow(UnauthenticatedError);
  });

  it('the name in the token of a caller is known only while the platform accepts this token', async () => {
    const claims = Buffer.from('{"user_id":"A1B2@AdobeID"}').toString('base64url');
    const accepted = new Set<Caller['credential']>();
    const caller = await passthroughAuthenticator({
      defaultOrg: org,
      defaultSandbox: 'prod',
      defaultApiKey: 'ours',
      createCredential: () => credential,
      isAccepted: (each) => accepted.has(each.credential),
    })(headersOf({ authorization: `Bearer e30.${claims}.c2ln` }));
    expect(caller.platformUser).toBeNull();
    accepted.add(credential);
    expect(caller.platformUser).toBe('A1B2@AdobeID');
    accepted.clear();
    expect(caller.platformUser).toBeNull();
  });

  describe('on a connection', () => {
    const options = { defaultOrg: org, defaultSandbox: 'prod', defaultApiKey: 'ours' };
    const connect = () => {
      const given: unknown[] = [];
      const find = passthroughAuthenticator({
        ...options,
        createCredential: (made) => {
          given.push(made);
          return { ...credential, fingerprint: JSON.stringify(made) };
        },
        isAccepted: () => false,
      });
      const connection = {};
      return { given, find: async (headers: Readonly<Record<string, string>>) => find(headersOf(headers), connection) };
    };

    it('requests with the same headers share a session, whose credential is made once', async () => {
      const { given, find } = connect();
      const first = await find(complete);
      expect(await find({ ...complete, accept: 'text/html' })).toBe(first);
      expect(given).toHaveLength(1);
    });

    it.each([
      ['authorization', 'Bearer other'],
      ['x-api-key', 'other'],
      ['x-gw-ims-org-id', otherOrg],
      ['x-sandbox-name', 'dev'],
    ])('another %s has a separate session, which does not change the first one', async (name, value) => {
      const { find } = connect();
      const [first, other, again] = [
        await find(complete),
        await find({ ...complete, [name]: value }),
        await find(complete),
      ];
      expect(again).toEqual(first);
      expect(other).not.toEqual(first);
      const { tenant, credential: used } = other;
      expect(JSON.stringify({ tenant, used })).toContain(JSON.stringify(value).slice(1, -1));
    });

    it.each(['authorization', 'x-gw-ims-org-id', 'x-sandbox-name'])(
      'a request without %s does not use the header of the previous request',
      async (name) => {
        const { find } = connect();
        const all = { ...complete, 'x-gw-ims-org-id': otherOrg, 'x-sandbox-name': 'dev' };
        const first = await find(all);
        const without = Object.fromEntries(Object.entries(all).filter(([key]) => key !== name));
        const second = await find(without).catch((error: unknown) => error);
        if (name === 'authorization') expect(second).toBeInstanceOf(UnauthenticatedError);
        else expect(second).not.toEqual(first);
      },
    );
  });

  it('no error repeats the value of a header', async () => {
    const secret = { authorization: 'Basic c2VjcmV0', 'x-gw-ims-org-id': 'secret' };
    await expect(authenticate(secret)).rejects.toThrow(/^(?!.*(secret|c2Vj))/);
    await expect(authenticate({ ...complete, 'x-gw-ims-org-id': 'secret' })).rejects.toThrow(/^(?!.*secret)/);
  });
});
