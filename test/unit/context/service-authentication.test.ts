import { createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/context/authenticate.ts';
import { type ServiceOptions, serviceAuthentication } from '../../../src/context/service-authentication.ts';
import {
  ForbiddenError,
  InvalidInputError,
  TokenExpiredError,
  UnauthenticatedError,
  UpstreamUnreachableError,
} from '../../../src/errors.ts';
import type { Credential } from '../../../src/upstream/platform-api.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const org = '0123456789ABCDEF01234567@AdobeOrg';
const otherOrg = 'FFFFFFFFFFFFFFFFFFFFFFFF@AdobeOrg';
const issuer = 'https://issuer.example';
const audience = 'exports';
const credential: Credential = { fingerprint: 'own', headers: async () => ({}) };
const clock = new FakeClock();
const nowSeconds = Math.floor(clock.now().getTime() / 1_000);

let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let strange: typeof keys;
let options: ServiceOptions;

beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true });
  strange = await generateKeyPair('RS256');
  const jwk = await exportJWK(keys.publicKey);
  options = {
    credential,
    keys: createLocalJWKSet({ keys: [{ ...jwk, kid: 'k', use: 'sig' }] }),
    issuer,
    audience,
    claims: { organization: 'organization', sandboxes: 'sandboxes', scopes: 'scope' },
    onlyOrg: null,
    defaultSandbox: 'prod',
    clock,
  };
});

const good = {
  iss: issuer,
  aud: audience,
  sub: 'somebody',
  exp: nowSeconds + 600,
  organization: org,
  sandboxes: ['prod', 'dev'],
  scope: 'exports:read exports:write',
};
const sign = (claims: Readonly<Record<string, unknown>> = {}, key = keys.privateKey, alg = 'RS256') =>
  new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg, kid: 'k' }).sign(key);

const authenticate = (
  token: string,
  headers: Readonly<Record<string, string>> = {},
  changed: Partial<ServiceOptions> = {},
): Promise<Session> => {
  const all: Readonly<Record<string, string>> = { authorization: `Bearer ${token}`, ...headers };
  return serviceAuthentication({ ...options, ...changed })((name) => all[name] ?? null);
};

describe('a token', () => {
  it('names the caller, its tenant and what it may do', async () => {
    expect(await authenticate(await sign())).toEqual({
      tenant: { org, sandbox: 'prod' },
      credential,
      principal: JSON.stringify(['jwt', issuer, 'somebody', org]),
      allowedSandboxes: ['prod', 'dev'],
      canRead: true,
      canWrite: true,
      expiresAt: new Date((good.exp + 30) * 1_000),
    });
  });

  it('may be good for longer than a Date can say', async () => {
    const { expiresAt } = await authenticate(await sign({ exp: Number.MAX_SAFE_INTEGER }));
    expect(expiresAt?.getTime()).toBeGreaterThan(Date.parse('+200000-01-01T00:00:00Z'));
  });

  const secretOf = (text: string) => new TextEncoder().encode(text);
  const rows: readonly (readonly [what: string, make: () => string | Promise<string>])[] = [
    ['of another issuer', () => sign({ iss: 'https://evil.example' })],
    ['for another audience', () => sign({ aud: 'other' })],
    ['for several audiences without this one', () => sign({ aud: ['a', 'b'] })],
    ['without an end', () => sign({ exp: undefined })],
    ['that begins later', () => sign({ nbf: nowSeconds + 60 })],
    ['signed by somebody else', () => sign({}, strange.privateKey)],
    ['without a signature', () => new UnsecuredJWT(good).encode()],
    [
      'signed with the public key as a secret',
      async () =>
        new SignJWT(good)
          .setProtectedHeader({ alg: 'HS256', kid: 'k' })
          .sign(secretOf(await exportSPKI(keys.publicKey))),
    ],
    [
      'signed with the secret of a guess',
      () => new SignJWT(good).setProtectedHeader({ alg: 'HS256' }).sign(secretOf('x'.repeat(32))),
    ],
    [
      'with other claims under the same signature',
      async () => {
        const [header, , signature] = (await sign()).split('.');
        const claims = Buffer.from(JSON.stringify({ ...good, organization: otherOrg })).toString('base64url');
        return `${header}.${claims}.${signature}`;
      },
    ],
    ['that is none', () => 'a.b.c'],
    ['that is a word', () => 'secret'],
    ['that is endless', () => 'x'.repeat(20_000)],
  ];
  it.each(rows)('is refused %s, without a word about it', async (_, make) => {
    const token = await make();
    const refused = await authenticate(token).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UnauthenticatedError);
    expect(String(refused)).not.toContain(token);
    expect(String(refused)).toMatch(/is not valid|must hold a bearer token/);
  });

  it.each([undefined, '', 'Basic x', 'Bearer', 'Bearer a b'])(
    'is not found in the header %j',
    async (authorization) => {
      const headers = (name: string) => (name === 'authorization' ? (authorization ?? null) : null);
      await expect(serviceAuthentication(options)(headers)).rejects.toBeInstanceOf(UnauthenticatedError);
    },
  );

  it('has ended half a minute after its end, which is how far clocks may be apart', async () => {
    const token = await sign({ exp: nowSeconds - 29 });
    await authenticate(token);
    await expect(authenticate(await sign({ exp: nowSeconds - 31 }))).rejects.toBeInstanceOf(TokenExpiredError);
    await authenticate(await sign({ nbf: nowSeconds + 29 }));
  });

  it('that nobody can check is not the caller’s fault', async () => {
    const unreadable = async () => {
      throw new UpstreamUnreachableError({ message: 'No keys.' });
    };
    await expect(authenticate(await sign(), {}, { keys: unreadable })).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });
});

describe('what a token does not allow', () => {
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
  });

  it('is every organization but the one that is served, where there is one', async () => {
    await authenticate(await sign(), {}, { onlyOrg: org });
    await expect(authenticate(await sign(), {}, { onlyOrg: otherOrg })).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('is nothing at all when it names what cannot be a tenant', async () => {
    await expect(authenticate(await sign({ organization: 'acme' }))).rejects.toBeInstanceOf(InvalidInputError);
    const header = { 'x-sandbox-name': '../prod' };
    await expect(authenticate(await sign({ sandboxes: ['../prod'] }), header)).rejects.toBeInstanceOf(
      InvalidInputError,
    );
  });

  it.each([
    ['exports:read', true, false],
    ['exports:write', false, true],
    ['openid exports:read  exports:write', true, true],
    [['exports:read', 7], true, false],
    ['', false, false],
    [undefined, false, false],
    ['EXPORTS:READ exports:readonly exports', false, false],
    [{ 'exports:read': true }, false, false],
  ])('is said by its scopes: %j', async (scope, canRead, canWrite) => {
    expect(await authenticate(await sign({ scope }))).toMatchObject({ canRead, canWrite });
  });
});

describe('the sandbox of a request', () => {
  it.each([
    ['the one of the header', ['prod', 'dev'], { 'x-sandbox-name': 'dev' }, 'dev'],
    ['the only one of the token', ['dev'], {}, 'dev'],
    ['the default one of several', ['dev', 'prod'], {}, 'prod'],
    ['one of a text with spaces', 'dev  prod', { 'x-sandbox-name': 'dev' }, 'dev'],
  ])('is %s', async (_, sandboxes, headers, sandbox) => {
    const { tenant } = await authenticate(await sign({ sandboxes }), headers);
    expect(tenant).toEqual({ org, sandbox });
  });

  it('comes from the claims that are configured', async () => {
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
    });
  });
});
