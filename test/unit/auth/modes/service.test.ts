import { createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../../../src/auth/authenticator.ts';
import type { KeySet } from '../../../../src/auth/jwks.ts';
import { type ServiceOptions, serviceAuthenticator } from '../../../../src/auth/modes/service.ts';
import {
  ForbiddenError,
  InvalidInputError,
  TokenExpiredError,
  UnauthenticatedError,
  UpstreamUnreachableError,
} from '../../../../src/errors.ts';
import type { Credential } from '../../../../src/upstream/caller.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const org = '0123456789ABCDEF01234567@AdobeOrg';
const otherOrg = 'FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg';
const issuer = 'https://issuer.example';
const audience = 'exports';
const credential: Credential = { fingerprint: 'own', owner: 'gateway', headers: async () => ({}) };
const clock = new FakeClock();
const nowSeconds = Math.floor(clock.now().getTime() / 1_000);

let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let strange: typeof keys;
let options: ServiceOptions;
let rejected: string[];

beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true });
  strange = await generateKeyPair('RS256');
  const jwk = await exportJWK(keys.publicKey);
  options = {
    credential,
    trusted: { keys: keySetOf(createLocalJWKSet({ keys: [{ ...jwk, kid: 'k', use: 'sig' }] })), issuer, audience },
    claims: { organization: 'organization', sandboxes: 'sandboxes', scopes: 'scope' },
    onlyOrg: null,
    defaultSandbox: 'prod',
    clock,
    rejections: { add: (reason) => void rejected.push(reason) },
  };
});
beforeEach(() => {
  rejected = [];
});

/** Creates a key set that never changes. */
const keySetOf = (find: KeySet['find']): KeySet => ({ find, refresh: async () => false, isReady: true });

const good = {
  iss: issuer,
  aud: audience,
  sub: 'somebody',
  exp: nowSeconds + 600,
  organization: org,
  sandboxes: ['prod', 'dev'],
  scope: 'exports:read exports:write exports:data',
};
const sign = (claims: Readonly<Record<string, unknown>> = {}, key = keys.privateKey, alg = 'RS256') =>
  new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg, kid: 'k' }).sign(key);

const authenticate = async (
  token: string,
  headers: Readonly<Record<string, string>> = {},
  changed: Partial<ServiceOptions> = {},
): Promise<Session> => {
  const all: Readonly<Record<string, string>> = { authorization: `Bearer ${token}`, ...headers };
  return serviceAuthenticator({ ...options, ...changed })((name) => all[name] ?? null);
};

describe('a token', () => {
  it('names the caller, its tenant and its rights', async () => {
    expect(await authenticate(await sign())).toEqual({
      tenant: { org, sandbox: 'prod' },
      credential,
      principal: JSON.stringify(['jwt', issuer, 'somebody', org]),
      loggedAs: 'somebody',
      platformUser: null,
      allowedSandboxes: ['prod', 'dev'],
      canRead: true,
      canWrite: true,
      canReadData: true,
      expiresAt: new Date((good.exp + 30) * 1_000),
    });
  });

  it('may be valid for longer than a Date can represent', async () => {
    const { expiresAt } = await authenticate(await sign({ exp: Number.MAX_SAFE_INTEGER }));
    expect(expiresAt?.getTime()).toBeGreaterThan(Date.parse('+200000-01-01T00:00:00Z'));
  });

  const secretOf = (text: string) => new TextEncoder().encode(text);
  const rows: readonly (readonly [what: string, reason: string, make: () => string | Promise<string>])[] = [
    ['of another issuer', 'issuer', () => sign({ iss: 'https://evil.example' })],
    ['for another audience', 'audience', () => sign({ aud: 'other' })],
    ['for several audiences without this one', 'audience', () => sign({ aud: ['a', 'b'] })],
    ['without an end', 'no expiry', () => sign({ exp: undefined })],
    ['that begins later', 'not valid yet', () => sign({ nbf: nowSeconds + 60 })],
    ['signed by another issuer', 'signature', () => sign({}, strange.privateKey)],
    ['without a signature', 'algorithm', () => new UnsecuredJWT(good).encode()],
    [
      'signed with the public key as a secret',
      'algorithm',
      async () =>
        new SignJWT(good)
          .setProtectedHeader({ alg: 'HS256', kid: 'k' })
          .sign(secretOf(await exportSPKI(keys.publicKey))),
    ],
    [
      'signed with the secret of a guess',
      'algorithm',
      () => new SignJWT(good).setProtectedHeader({ alg: 'HS256' }).sign(secretOf('x'.repeat(32))),
    ],
    [
      'with other claims under the same signature',
      'signature',
      async () => {
        const [header, , signature] = (await sign()).split('.');
        const claims = Buffer.from(JSON.stringify({ ...good, organization: otherOrg })).toString('base64url');
        return `${header}.${claims}.${signature}`;
      },
    ],
    ['that is none', 'malformed', () => 'a.b.c'],
    ['that is a word', 'malformed', () => 'secret'],
    ['that is endless', 'too long', () => 'x'.repeat(20_000)],
  ];
  it.each(rows)('is rejected %s, and only the log contains the reason: %s', async (_, reason, make) => {
    const token = await make();
    const refused = await authenticate(token).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UnauthenticatedError);
    expect(String(refused)).not.toContain(token);
    expect(String(refused)).toMatch(/is not valid|must hold a bearer token/);
    expect(rejected).toEqual([reason]);
  });

  it.each([undefined, '', 'Basic x', 'Bearer', 'Bearer a b'])(
    'is not found in the header %j',
    async (authorization) => {
      const headers = (name: string) => (name === 'authorization' ? (authorization ?? null) : null);
      await expect(serviceAuthenticator(options)(headers)).rejects.toBeInstanceOf(UnauthenticatedError);
    },
  );

  it('expires half a minute after its end, which is the tolerated clock difference', async () => {
    const token = await sign({ exp: nowSeconds - 29 });
    await authenticate(token);
    await expect(authenticate(await sign({ exp: nowSeconds - 31 }))).rejects.toBeInstanceOf(TokenExpiredError);
    await authenticate(await sign({ nbf: nowSeconds + 29 }));
  });

  it('may have 16,384 characters', async () => {
    const ofLength = async (length: number): Promise<string> => {
      const [header = '', , signature = ''] = (await sign()).split('.');
      const payload = 'a'.repeat(length - header.length - signature.length - 2);
      return `${header}.${payload}.${signature}`;
    };
    await expect(authenticate(await ofLength(16_384))).rejects.toThrow('is not valid');
    await expect(authenticate(await ofLength(16_385))).rejects.toThrow('must hold a bearer token');
    expect(rejected).toEqual(['signature', 'too long']);
  });

  it('is not the caller’s fault if it cannot be checked', async () => {
    const unreadable = async () => {
      throw new UpstreamUnreachableError({ message: 'No keys.' });
    };
    const trusted = { ...options.trusted, keys: keySetOf(unreadable) };
    await expect(authenticate(await sign(), {}, { trusted })).rejects.toBeInstanceOf(UpstreamUnreachableError);
    expect(rejected).toEqual([]);
  });
});

describe('a request beyond the rights of its token', () => {
  it.each([
    ['no organization', { organization: undefined }, {}],
    ['an organization that is no text', { organization: [org] }, {}],
    ['no sandboxes', { sandboxes: undefined }, {}],
    ['an empty list of sandboxes', { sandboxes: [] }, {}],
    ['sandboxes that are no list', { sandboxes: { prod: true } }, {}],
    ['a sandbox that is no text', { sandboxes: [null, 1] }, {}],
    ['several sandboxes, none of which is the default', { sandboxes: ['dev', 'test'] }, {}],
    ['another sandbox than the request', {}, { 'x-sandbox-name': 'stage' }],
    ['a sandbox whose name only begins like it', { sandboxes: 'production' }, { 'x-sandbox-name': 'prod' }],
    ['another organization than the request', {}, { 'x-gw-ims-org-id': otherOrg }],
  ])('is forbidden: %s', async (_, claims, headers) => {
    await expect(authenticate(await sign(claims), headers)).rejects.toBeInstanceOf(ForbiddenError);
    expect(rejected).toEqual([expect.stringMatching(/^(?:organization|sandbox)$/)]);
  });

  it('is forbidden for every organization except the one that is served, if there is one', async () => {
    await authenticate(await sign(), {}, { onlyOrg: org });
    await expect(authenticate(await sign(), {}, { onlyOrg: otherOrg })).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('is rejected if the token names an invalid tenant', async () => {
    await expect(authenticate(await sign({ organization: 'acme' }))).rejects.toBeInstanceOf(InvalidInputError);
    const header = { 'x-sandbox-name': '../prod' };
    await expect(authenticate(await sign({ sandboxes: ['../prod'] }), header)).rejects.toBeInstanceOf(
      InvalidInputError,
    );
  });

  it.each([
    ['a header with capitals', {}, { 'x-sandbox-name': 'PROD' }, 'x-sandbox-name: the header must be up to 256'],
    ['an empty header', {}, { 'x-sandbox-name': '' }, 'x-sandbox-name: the header is empty'],
    ['a header that is no organization', {}, { 'x-gw-ims-org-id': 'acme' }, 'x-gw-ims-org-id: the header must be'],
    ['another sandbox', {}, { 'x-sandbox-name': 'stage' }, 'name the sandbox of the header x-sandbox-name.'],
    ['no sandbox', { sandboxes: [] }, {}, 'The token names no sandbox.'],
    ['several sandboxes', { sandboxes: ['a', 'b'] }, {}, 'Name one of them in the header x-sandbox-name.'],
    [
      'a claim that is no organization',
      { organization: 'acme' },
      {},
      'the claim organization of the token must be up to 64',
    ],
    ['a claim that is no sandbox', { sandboxes: 'PROD' }, {}, 'the claim sandboxes of the token must be up to 256'],
  ])('is rejected with an explanation: %s', async (_, claims, headers, message) => {
    await expect(authenticate(await sign(claims), headers)).rejects.toThrow(message);
  });

  it('needs a bearer token', async () => {
    const send = (authorization: string | null) =>
      serviceAuthenticator(options)((name) => (name === 'authorization' ? authorization : null));
    await expect(send(null)).rejects.toThrow('The header Authorization is missing.');
    await expect(send('')).rejects.toThrow('The header Authorization is empty.');
    await expect(send('Basic x')).rejects.toThrow('must hold a bearer token of the issuer: Bearer, a space');
  });

  it.each([
    ['exports:read', true, false],
    ['exports:write', false, true],
    ['openid exports:read  exports:write', true, true],
    [['exports:read', 7], true, false],
    [['exports:read exports:write'], true, true],
    [['openid', ' exports:write  exports:write '], false, true],
    ['', false, false],
    [undefined, false, false],
    ['EXPORTS:READ exports:readonly exports', false, false],
    [{ 'exports:read': true }, false, false],
  ])('has the rights of the scopes %j', async (scope, canRead, canWrite) => {
    expect(await authenticate(await sign({ scope }))).toMatchObject({ canRead, canWrite, canReadData: false });
  });

  it('may read the contents of files only with the scope exports:data', async () => {
    const scope = 'exports:data';
    expect(await authenticate(await sign({ scope }))).toMatchObject({ canRead: false, canReadData: true });
  });
});

describe('the sandbox of a request', () => {
  it.each([
    ['the one of the header', ['prod', 'dev'], { 'x-sandbox-name': 'dev' }, 'dev'],
    ['the only one of the token', ['dev'], {}, 'dev'],
    ['the default one of several', ['dev', 'prod'], {}, 'prod'],
    ['one of a text with spaces', 'dev  prod', { 'x-sandbox-name': 'dev' }, 'dev'],
    ['the only one that the token names twice', ['dev', 'dev'], {}, 'dev'],
    ['the only one of a text that names it twice', 'dev dev', {}, 'dev'],
    ['the default one of several in one element', ['dev prod'], {}, 'prod'],
  ])('is %s', async (_, sandboxes, headers, sandbox) => {
    const { tenant } = await authenticate(await sign({ sandboxes }), headers);
    expect(tenant).toEqual({ org, sandbox });
  });

  it('comes from the configured claims', async () => {
    const claims = { organization: 'org', sandboxes: 'https://example.com/sandboxes', scopes: 'scp' };
    const token = await sign({
      organization: undefined,
      sandboxes: ['prod'],
      scope: 'exports:write',
      org,
      'https://example.com/sandboxes': ['dev'],
      scp: ['exports:read'],
    });
    expect(await authenticate(token, {}, { claims })).toMatchObject({
      tenant: { org, sandbox: 'dev' },
      canRead: true,
      canWrite: false,
      canReadData: false,
    });
  });

  it('comes from nested claims', async () => {
    const claims = {
      organization: 'https://example\\.com/aep.organization',
      sandboxes: 'resource_access.exports.sandboxes',
      scopes: 'realm_access.roles',
    };
    const token = await sign({
      'https://example.com/aep': { organization: otherOrg },
      resource_access: { exports: { sandboxes: ['dev'] } },
      realm_access: { roles: ['offline_access', 'exports:read'] },
    });
    expect(await authenticate(token, {}, { claims })).toMatchObject({
      tenant: { org: otherOrg, sandbox: 'dev' },
      allowedSandboxes: ['dev'],
      canRead: true,
      canWrite: false,
      canReadData: false,
    });
  });
});

describe('a caller', () => {
  it('has a principal of bounded length, even if its name is long, and a unique one', async () => {
    const principals = await Promise.all(
      ['a', 'b'].map(async (end) => (await authenticate(await sign({ sub: `${'x'.repeat(4_000)}${end}` }))).principal),
    );
    expect(new Set(principals).size).toBe(2);
    for (const principal of principals) expect(principal.length).toBeLessThan(100);
  });
});
