import { decodeProtectedHeader, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeySet } from '../../../src/context/key-set.ts';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startStub } from '../../support/platform.ts';
import { startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts';

let issuer: TokenIssuer;
let clock: FakeClock;
let warnings: unknown[];
let find: (token: string) => Promise<unknown>;

beforeEach(async () => {
  clock = new FakeClock();
  issuer = await startTokenIssuer({ clock });
  warnings = [];
  const keys = createKeySet({
    url: issuer.jwksUrl,
    clock,
    logger: { warn: (...values: unknown[]) => void warnings.push(values) },
  });
  find = async (token) => {
    const [protectedHeader = '', payload = '', signature = ''] = token.split('.');
    const jws: FlattenedJWSInput = { protected: protectedHeader, payload, signature };
    // The issuer signs with an `alg`, which is all that the type asks for.
    return await keys(decodeProtectedHeader(token) as JWTHeaderParameters, jws);
  };
});
afterEach(() => issuer[Symbol.asyncDispose]());

const minutes = (count: number) => count * 60_000;

describe('the keys of an issuer', () => {
  it('are read when the first token comes, once for all that wait, and then kept', async () => {
    const token = await issuer.sign();
    expect(issuer.reads).toBe(0);
    await Promise.all([find(token), find(token), find(token)]);
    await find(token);
    expect(issuer.reads).toBe(1);
  });

  it('are read again for a token whose key is not among them', async () => {
    await find(await issuer.sign());
    await clock.advanceBy(30_000);
    await issuer.addKey();
    const token = await issuer.sign();
    await Promise.all([find(token), find(token)]);
    expect(issuer.reads).toBe(2);
  });

  it('are not read again by tokens that name keys nobody has, until they cool down', async () => {
    const stranger = await startTokenIssuer({ clock });
    await using _ = stranger;
    await stranger.addKey();
    const strange = await stranger.sign();
    await find(await issuer.sign());
    for (let index = 0; index < 5; index += 1) await expect(find(strange)).rejects.toThrow(/no applicable key/);
    expect(issuer.reads).toBe(1);
    await clock.advanceBy(30_000);
    for (let index = 0; index < 5; index += 1) await expect(find(strange)).rejects.toThrow(/no applicable key/);
    expect(issuer.reads).toBe(2);
  });

  it('are read again when they are old, so that a withdrawn one stops working', async () => {
    const token = await issuer.sign();
    await find(token);
    await issuer.addKey();
    issuer.withdrawKey('key-1');
    await clock.advanceBy(minutes(10) - 1);
    await find(token);
    await clock.advanceBy(1);
    await expect(find(token)).rejects.toThrow(/no applicable key/);
    expect(issuer.reads).toBe(2);
  });

  it('are used on for a day when they cannot be read again, and asked for twice a minute at most', async () => {
    const token = await issuer.sign();
    await find(token);
    issuer.setAvailable(false);
    await clock.advanceBy(minutes(10));
    await find(token);
    await find(token);
    expect(issuer.reads).toBe(2);
    expect(warnings).toHaveLength(1);
    await clock.advanceBy(minutes(24 * 60 - 10) - 1);
    await find(token);
    await clock.advanceBy(1);
    await expect(find(token)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    issuer.setAvailable(true);
    await find(token);
  });

  it('are not looked for where the answer points to', async () => {
    await using redirecting = await startStub((_, response) => {
      response.writeHead(302, { location: issuer.jwksUrl }).end();
    });
    const keys = createKeySet({ url: redirecting.url, clock, logger: { warn: () => {} } });
    const [protectedHeader = '', payload = '', signature = ''] = (await issuer.sign()).split('.');
    const found = keys({ alg: 'ES256', kid: 'key-1' }, { protected: protectedHeader, payload, signature });
    await expect(found).rejects.toBeInstanceOf(UpstreamUnreachableError);
    expect(issuer.reads).toBe(0);
  });

  it('that could not be read at all are read when the next token comes', async () => {
    issuer.setAvailable(false);
    const token = await issuer.sign();
    await expect(find(token)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    issuer.setAvailable(true);
    await find(token);
    expect(issuer.reads).toBe(2);
  });
});
