import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeySet } from '../../../src/auth/jwks.ts';
import { verifyToken } from '../../../src/auth/verify-token.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startStub } from '../../support/platform.ts';
import { startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts';
import { uncountedCredentials } from '../../support/uncounted-metrics.ts';

let clock: FakeClock;
let issuer: TokenIssuer;
let verify: (token: string, url?: string) => Promise<unknown>;

const logger = { info: () => {}, warn: () => {} };

beforeEach(async () => {
  clock = new FakeClock();
  issuer = await startTokenIssuer({ clock });
  const trust = (url: string) => ({
    ...issuer,
    keys: createKeySet({ url, clock, metrics: uncountedCredentials, logger }),
  });
  const trusted = trust(issuer.jwksUrl);
  verify = (token, url) => verifyToken(token, url === undefined ? trusted : trust(url), clock);
});
afterEach(() => issuer[Symbol.asyncDispose]());

describe('a token that names no key', () => {
  const unnamed = { namesKey: false };

  it('is checked with every key of the issuer', async () => {
    await issuer.addKey();
    await issuer.addKey();
    for (const keyId of ['key-1', 'key-2', 'key-3']) {
      expect(await verify(await issuer.sign({}, { ...unnamed, keyId }))).toMatchObject({ sub: 'somebody' });
    }
    expect(issuer.reads).toBe(1);
  });

  it('is rejected for its claims by the key that signed it, whichever that is', async () => {
    await issuer.addKey();
    for (const keyId of ['key-1', 'key-2']) {
      const sign = (claims: object, expiresInSeconds = 60) =>
        issuer.sign({ ...claims }, { ...unnamed, keyId, expiresInSeconds });
      await expect(verify(await sign({ aud: 'others' }))).rejects.toMatchObject({ claim: 'aud' });
      await expect(verify(await sign({}, -31))).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
    }
  });

  it('is rejected when another issuer signed it, with one or several keys', async () => {
    await using stranger = await startTokenIssuer({ clock });
    const strange = await stranger.sign({ iss: issuer.issuer }, unnamed);
    await expect(verify(strange)).rejects.toThrow('signature verification failed');
    await issuer.addKey();
    await clock.advanceBy(30_000);
    await expect(verify(strange)).rejects.toThrow('signature verification failed');
    expect(issuer.reads).toBe(2);
  });

  it.each([1, 2])('is checked with a key that is newer than those in memory, of which there are %i', async (count) => {
    for (let index = 1; index < count; index += 1) await issuer.addKey();
    await verify(await issuer.sign({}, unnamed));
    await issuer.addKey();
    const token = await issuer.sign({}, unnamed);
    await expect(verify(token)).rejects.toThrow('signature verification failed');
    await clock.advanceBy(30_000);
    await verify(token);
    expect(issuer.reads).toBe(2);
  });

  it('is checked although other keys of the issuer cannot be used', async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk: JWK = await exportJWK(publicKey);
    // A key of 1,024 bits, which is too short, and an empty one.
    const short = { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(128, 0xf1).toString('base64url') };
    await using stub = await startStub((_, response) => {
      response.end(JSON.stringify({ keys: [short, { kty: 'RSA', n: '', e: '' }, jwk] }));
    });
    const claims = { iss: issuer.issuer, aud: issuer.audience, exp: Math.floor(clock.now().getTime() / 1_000) + 60 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    expect(await verify(token, stub.url)).toMatchObject(claims);
  });
});

it('a token that names its key is checked only with this key', async () => {
  await issuer.addKey();
  await verify(await issuer.sign({}, { keyId: 'key-1' }));
  const [, payload, signature] = (await issuer.sign({}, { keyId: 'key-2' })).split('.');
  const [header] = (await issuer.sign({}, { keyId: 'key-1' })).split('.');
  await clock.advanceBy(30_000);
  await expect(verify(`${header}.${payload}.${signature}`)).rejects.toThrow('signature verification failed');
  expect(issuer.reads).toBe(1);
});
