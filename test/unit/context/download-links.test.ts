import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDownloadLinks, type DownloadLinks } from '../../../src/context/download-links.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { parseTenant } from '../../../src/domain/tenant.ts';
import { ForbiddenError } from '../../../src/errors.ts';
import type { Caller, Credential } from '../../../src/upstream/platform-api.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Any character, lone surrogates included. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

const ttlMs = 60_000;
const publicUrl = 'http://gateway.test';
const file = { fileId: platformId<never>('file-1'), name: 'part-0.parquet', sizeBytes: 10 };

const credentialOf = (secret: string): Credential => ({
  fingerprint: `digest-${secret.length}-${secret.at(-1)}`,
  owner: 'caller',
  headers: async () => ({ authorization: `Bearer ${secret}` }),
});
const callerOf = (credential: Credential, sandbox = 'prod'): Caller => {
  const tenant = parseTenant('0123456789ABCDEF01234567@AdobeOrg', sandbox);
  if (tenant === null) throw new Error(`not a sandbox: ${sandbox}`);
  return { tenant, credential };
};
const linksWith = (ownCredential: Credential | null, clock = new FakeClock(), secret = 'k'.repeat(32)) =>
  createDownloadLinks({ clock, secret, ttlMs, publicUrl: () => publicUrl, ownCredential });

const tokenOf = (link: string): string => {
  const prefix = `${publicUrl}/files/`;
  expect(link.startsWith(prefix)).toBe(true);
  return link.slice(prefix.length);
};
const ticketIn = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).at(-1);
const opens = (links: DownloadLinks, token: string): boolean => {
  try {
    links.open(token);
    return true;
  } catch (error) {
    if (error instanceof ForbiddenError) return false;
    throw error;
  }
};

describe('a download link', () => {
  const own = credentialOf('own');

  it('stands for the file, the tenant and the credential that it was made with, whatever the names hold', () => {
    const links = linksWith(own);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (fileId, name) => {
        const caller = callerOf(own, 'dev');
        const token = tokenOf(links.linkTo(caller, { fileId: platformId(fileId), name, sizeBytes: null }));
        expect(token).toMatch(/^[\w.-]+$/);
        expect(links.open(token)).toEqual({ caller, file: { fileId, name } });
      }),
    );
  });

  it('is refused when any one of its characters is another', () => {
    const links = linksWith(own);
    const token = tokenOf(links.linkTo(callerOf(own), file));
    const alphabet = [...'ABCabc019-_.=%é'];
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom(...alphabet), (position, character) => {
        fc.pre(token[position] !== character);
        expect(opens(links, token.slice(0, position) + character + token.slice(position + 1))).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    // The last character has bits that decoding ignores, so another one can stand for the same bytes.
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      expect(opens(links, token.slice(0, -1) + last)).toBe(last === token.at(-1));
    }
  });

  it('is refused when it is cut, lengthened or made up', () => {
    const links = linksWith(own);
    const token = tokenOf(links.linkTo(callerOf(own), file));
    const made = ['', '.', '..', 'a.b', `${token}.`, `${token}=`, `.${token}`, token.repeat(2), 'x'.repeat(10_000)];
    const cut = Array.from({ length: token.length }, (_, length) => token.slice(0, length));
    expect([...made, ...cut].filter((each) => opens(links, each))).toEqual([]);
    fc.assert(fc.property(fc.string({ unit: codeUnit }), (text) => !opens(links, text)));
  });

  it('is refused by a gateway with another secret, and accepted by one with the same', () => {
    const clock = new FakeClock();
    const token = tokenOf(linksWith(own, clock, 'a'.repeat(32)).linkTo(callerOf(own), file));
    expect(opens(linksWith(own, clock, 'b'.repeat(32)), token)).toBe(false);
    expect(opens(linksWith(own, clock, 'a'.repeat(32)), token)).toBe(true);
  });

  it('works until its time is over and not a millisecond longer', async () => {
    const clock = new FakeClock();
    const links = linksWith(own, clock);
    const token = tokenOf(links.linkTo(callerOf(own), file));
    await clock.advanceBy(ttlMs - 1);
    expect(opens(links, token)).toBe(true);
    await clock.advanceBy(1);
    expect(opens(links, token)).toBe(false);
  });
});

describe('a download link of a caller with a credential of their own', () => {
  const alice = credentialOf('secret-of-alice');
  const bob = credentialOf('the-secret-of-bob');

  it('gives the credential back and never holds it', () => {
    const links = linksWith(null);
    const link = links.linkTo(callerOf(alice), file);
    const [payload = '', signature = ''] = tokenOf(link).split('.');
    const clear = [link, Buffer.from(payload, 'base64url').toString(), Buffer.from(signature, 'base64url').toString()];
    expect(clear.join()).not.toContain('secret');
    expect(clear.join()).not.toContain(alice.fingerprint);
    expect(links.open(tokenOf(link)).caller.credential).toBe(alice);
  });

  it('keeps callers and tenants apart', () => {
    const links = linksWith(null);
    const callers = [callerOf(alice), callerOf(bob), callerOf(alice, 'dev')];
    const tokens = callers.map((caller) => tokenOf(links.linkTo(caller, file)));
    expect(tokens.map((token) => links.open(token).caller)).toEqual(callers);
    const tickets = tokens.map(ticketIn);
    expect(new Set(tickets).size).toBe(3);
  });

  it('shares one ticket with the others of the same caller, as long as it lasts', async () => {
    const clock = new FakeClock();
    const links = linksWith(null, clock);
    const ticket = () => ticketIn(tokenOf(links.linkTo(callerOf(alice), file)));
    const first = ticket();
    await clock.advanceBy(ttlMs);
    expect(ticket()).toBe(first);
    await clock.advanceBy(1);
    expect(ticket()).not.toBe(first);
  });

  it('is unknown to another gateway, which does not have the credential', () => {
    const clock = new FakeClock();
    const token = tokenOf(linksWith(null, clock).linkTo(callerOf(alice), file));
    expect(opens(linksWith(null, clock), token)).toBe(false);
  });

  it('works for its whole life, also when it was made late in the life of a ticket', async () => {
    const clock = new FakeClock();
    const links = linksWith(null, clock);
    for (let step = 0; step < 10; step += 1) {
      const token = tokenOf(links.linkTo(callerOf(alice), file));
      await clock.advanceBy(ttlMs * 0.4);
      // Somebody else's ticket is what makes old ones go.
      links.linkTo(callerOf(credentialOf(`x${step}`)), file);
      await clock.advanceBy(ttlMs * 0.59);
      expect(opens(links, token)).toBe(true);
      await clock.advanceBy(ttlMs * 0.01);
      expect(opens(links, token)).toBe(false);
    }
  });

  it('is given up, the oldest first, when 10,000 callers have come after it', () => {
    const links = linksWith(null);
    const caller = (index: number) => callerOf({ ...alice, fingerprint: String(index) });
    const token = (index: number) => tokenOf(links.linkTo(caller(index), file));
    const [first, second] = [token(0), token(1)];
    for (let index = 2; index < 10_000; index += 1) links.linkTo(caller(index), file);
    expect(opens(links, first)).toBe(true);
    const newest = token(10_000);
    expect([first, second, newest].map((each) => opens(links, each))).toEqual([false, true, true]);
    // Who comes back gets a new ticket.
    expect(opens(links, token(0))).toBe(true);
  });
});
