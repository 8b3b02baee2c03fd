import { decodeProtectedHeader, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeySet, type KeySet } from '../../../src/auth/jwks.ts';
import { UpstreamUnreachableError } from '../../../src/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startStub } from '../../support/platform.ts';
import { startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts';

let issuer: TokenIssuer;
let clock: FakeClock;
let logged: unknown[];
let read: Date[];
let keys: KeySet;
let find: (token: string) => Promise<unknown>;

beforeEach(async () => {
  clock = new FakeClock();
  issuer = await startTokenIssuer({ clock });
  logged = [];
  read = [];
  keys = keysAt(issuer.jwksUrl);
  find = (token) => findIn(keys, token);
});
afterEach(() => issuer[Symbol.asyncDispose]());

const keysAt = (url: string): KeySet =>
  createKeySet({
    url,
    clock,
    metrics: { keysRead: (at) => void read.push(at) },
    logger: {
      warn: (_: unknown, message?: string) => void logged.push(`warn ${message}`),
      info: (message: unknown) => void logged.push(`info ${message}`),
    },
  });

async function findIn(set: KeySet, token: string): Promise<unknown> {
  const [protectedHeader = '', payload = '', signature = ''] = token.split('.');
  const jws: FlattenedJWSInput = { protected: protectedHeader, payload, signature };
  // The cast is safe, because the issuer signs with an `alg`, which is the only member that the type requires.
  return await set.find(decodeProtectedHeader(token) as JWTHeaderParameters, jws);
}

const minutes = (count: number) => count * 60_000;

describe('the keys of an issuer', () => {
  it('are read when the first token arrives, once for all waiting callers, and then kept', async () => {
    const token = await issuer.sign();
    expect(issuer.reads).toBe(0);
    await Promise.all([find(token), find(token), find(token)]);
    await find(token);
    expect(issuer.reads).toBe(1);
    expect(clock.pending('deadline')).toBe(0);
  });

  it('are read again for a token whose key is not among them', async () => {
    await find(await issuer.sign());
    await clock.advanceBy(30_000);
    await issuer.addKey();
    const token = await issuer.sign();
    await Promise.all([find(token), find(token)]);
    expect(issuer.reads).toBe(2);
  });

  it('are not read again for tokens with unknown keys during the cooldown', async () => {
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

  it('stay in use for a day when they cannot be read again, with at most two attempts per minute', async () => {
    const token = await issuer.sign();
    await find(token);
    issuer.setAvailable(false);
    await clock.advanceBy(minutes(10));
    await find(token);
    await find(token);
    expect(issuer.reads).toBe(2);
    await clock.advanceBy(minutes(24 * 60 - 10) - 1);
    await find(token);
    await clock.advanceBy(1);
    await expect(find(token)).rejects.toBeInstanceOf(UpstreamUnreachableError);
    issuer.setAvailable(true);
    await clock.advanceBy(5_000);
    await find(token);
  });

  it('are not read from the target of a redirect', async () => {
    await using redirecting = await startStub((_, response) => {
      response.writeHead(302, { location: issuer.jwksUrl }).end();
    });
    await expect(findIn(keysAt(redirecting.url), await issuer.sign())).rejects.toBeInstanceOf(UpstreamUnreachableError);
    expect(issuer.reads).toBe(0);
  });

  it('are read again after a pause of 5 seconds if they could not be read at all, whatever tokens arrive', async () => {
    issuer.setAvailable(false);
    const token = await issuer.sign();
    const read = () => find(token).catch((error: unknown) => error);
    expect(await read()).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryAfterMs: 5_000 });
    issuer.setAvailable(true);
    await clock.advanceBy(4_999);
    const refusals = await Promise.all(Array.from({ length: 1_000 }, read));
    expect(new Set(refusals.map((refusal) => refusal instanceof UpstreamUnreachableError))).toEqual(new Set([true]));
    expect(refusals[0]).toMatchObject({ retryAfterMs: 1 });
    expect(issuer.reads).toBe(1);
    await clock.advanceBy(1);
    await find(token);
    expect(issuer.reads).toBe(2);
  });

  it('are logged once when they cannot be read for long, and once when they can be read again', async () => {
    const token = await issuer.sign();
    issuer.setAvailable(false);
    for (let count = 0; count < 3; count += 1) {
      await expect(find(token)).rejects.toBeInstanceOf(UpstreamUnreachableError);
      await clock.advanceBy(5_000);
    }
    expect(issuer.reads).toBe(3);
    expect(logged).toEqual(['warn the keys for verifying tokens cannot be read']);
    issuer.setAvailable(true);
    await find(token);
    await clock.advanceBy(minutes(10));
    await find(token);
    expect(logged).toEqual([
      'warn the keys for verifying tokens cannot be read',
      'info the keys for verifying tokens can be read again',
    ]);
    issuer.setAvailable(false);
    await clock.advanceBy(minutes(10));
    await find(token);
    expect(logged).toHaveLength(3);
  });

  it.each([
    ['that is too long', 200],
    ['that is a failure', 500],
  ])('are not read to the end of a response %s', async (_, status) => {
    let ended = false;
    await using endless = await startStub((_request, response) => {
      response.on('close', () => {
        ended = true;
      });
      const write = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.writeHead(status, { 'content-type': 'application/json' }).on('drain', write);
      write();
    });
    await expect(findIn(keysAt(endless.url), await issuer.sign())).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await eventually(() => expect(ended).toBe(true));
  });

  it('may have 512 KiB', async () => {
    const padding = ' '.repeat(512 * 1_024 - 2 - '{"keys":[]}'.length);
    let body = '';
    await using stub = await startStub((_, response) => response.end(body));
    const token = await issuer.sign();
    body = `{"keys":[]${padding}  }`;
    await expect(findIn(keysAt(stub.url), token)).rejects.toThrow(/no applicable key/);
    body = `{"keys":[]${padding}   }`;
    await expect(findIn(keysAt(stub.url), token)).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });

  it.each(['', '[]', '{"keys":1}', 'null', '<html>'])('are not found in the response %j', async (body) => {
    await using stub = await startStub((_, response) => response.end(body));
    await expect(findIn(keysAt(stub.url), await issuer.sign())).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });

  it('are given up when they do not arrive within 5 seconds', async () => {
    await using silent = await startStub(() => {});
    const found = findIn(keysAt(silent.url), await issuer.sign());
    const refused = expect(found).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await silent.asked('/');
    await clock.advanceBy(5_000);
    await refused;
  });

  it('have the time of the last successful reading, which stays while they are used and cannot be read again', async () => {
    const token = await issuer.sign();
    issuer.setAvailable(false);
    await expect(find(token)).rejects.toThrow();
    expect(read).toEqual([]);
    issuer.setAvailable(true);
    await clock.advanceBy(5_000);
    const first = clock.now();
    await find(token);
    await clock.advanceBy(minutes(5));
    await find(token);
    issuer.setAvailable(false);
    for (const _ of [1, 2, 3]) {
      await clock.advanceBy(minutes(10));
      await find(token);
    }
    expect(read).toEqual([first]);
    issuer.setAvailable(true);
    await clock.advanceBy(minutes(10));
    const second = clock.now();
    await find(token);
    expect(read).toEqual([first, second]);
  });

  it('are read in the background when the gateway asks whether it is ready, until they can be read', async () => {
    issuer.setAvailable(false);
    for (const _ of [1, 2]) expect(keys.isReady).toBe(false);
    await eventually(() => expect(logged).toHaveLength(1));
    expect(issuer.reads).toBe(1);
    issuer.setAvailable(true);
    expect(keys.isReady).toBe(false);
    await clock.advanceBy(5_000);
    expect(keys.isReady).toBe(false);
    await eventually(() => expect(keys.isReady).toBe(true));
    expect(issuer.reads).toBe(2);
  });

  it('are not usable after 24 hours, even if the gateway receives no tokens', async () => {
    await keys.refresh();
    issuer.setAvailable(false);
    await clock.advanceBy(minutes(24 * 60) - 1);
    expect(keys.isReady).toBe(true);
    await clock.advanceBy(1);
    expect(keys.isReady).toBe(false);
  });

  it('are refreshed on demand, but not twice within 30 seconds', async () => {
    await find(await issuer.sign());
    expect(await keys.refresh()).toBe(false);
    await clock.advanceBy(29_999);
    expect(await keys.refresh()).toBe(false);
    await clock.advanceBy(1);
    expect(await Promise.all([keys.refresh(), keys.refresh()])).toEqual([true, true]);
    expect(issuer.reads).toBe(2);
  });
});
