import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDownloadLinks, type DownloadLinks } from '../../../src/context/download-links.ts';
import type { DownloadFormat } from '../../../src/domain/batch.ts';
import { platformId } from '../../../src/domain/ids.ts';
import { parseTenant } from '../../../src/domain/tenant.ts';
import { ForbiddenError, InvalidInputError } from '../../../src/errors.ts';
import type { Caller, Credential } from '../../../src/upstream/caller.ts';
import { createPassthroughCredential } from '../../../src/upstream/index.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Any character, lone surrogates included. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

const ttlMs = 60_000;
const publicUrl = 'http://gateway.test/base';
const file = { fileId: platformId<never>('file-1'), name: 'part-0.parquet', sizeBytes: 10 };

const own: Credential = {
  fingerprint: 'own',
  owner: 'gateway',
  headers: async () => ({ authorization: 'Bearer own' }),
};
const ofCaller = (secret: string): Credential =>
  createPassthroughCredential({ authorization: `Bearer ${secret}`, apiKey: 'key-of-client' });
const callerOf = (
  credential: Credential,
  { org = '0123456789ABCDEF01234567@AdobeOrg', sandbox = 'prod' } = {},
): Caller => {
  const tenant = parseTenant(org, sandbox);
  if (tenant === null) throw new Error(`not a tenant: ${org} ${sandbox}`);
  return { tenant, credential };
};
const linksWith = (
  ownCredential: Credential | null,
  clock = new FakeClock(),
  secret: string | Uint8Array = 'k'.repeat(32),
) => createDownloadLinks({ clock, secret, ttlMs, ownCredential, createCallerCredential: createPassthroughCredential });

/** Returns the part of a new link after `/files/`. */
async function pathOf(
  links: DownloadLinks,
  caller: Caller,
  of: typeof file = file,
  format: DownloadFormat = 'ORIGINAL',
): Promise<string> {
  const url = await links.linkTo(caller, of, publicUrl).url(format);
  const prefix = `${publicUrl}/files/`;
  expect(url.startsWith(prefix)).toBe(true);
  return url.slice(prefix.length);
}
const tokenIn = (path: string) => path.split('/')[0] ?? '';
const nameIn = (path: string) => path.slice(path.indexOf('/'));

async function opens(links: DownloadLinks, path: string): Promise<boolean> {
  try {
    await links.open(path);
    return true;
  } catch (error) {
    if (error instanceof ForbiddenError) return false;
    throw error;
  }
}

describe('a download link', () => {
  it.each([
    ['the gateway', own, own],
    ['the caller', null, ofCaller('secret')],
  ] as const)(
    'contains file, tenant and credential of %s, whatever the names contain',
    async (_, ownCredential, used) => {
      const text = fc.string({ unit: codeUnit });
      const links = linksWith(ownCredential);
      const caller = callerOf(used, { sandbox: 'dev' });
      await fc.assert(
        fc.asyncProperty(text, text, async (fileId, name) => {
          const path = await pathOf(links, caller, { fileId: platformId(fileId), name, sizeBytes: 10 });
          expect(new URL(`${publicUrl}/files/${path}`).href).toBe(`${publicUrl}/files/${path}`);
          const opened = await links.open(path);
          expect([opened.file, opened.caller.tenant]).toEqual([{ fileId, name }, caller.tenant]);
          expect(opened.caller.credential.fingerprint).toBe(used.fingerprint);
        }),
      );
    },
  );

  it('ends with the name of the file, so that clients save it under that name', async () => {
    const links = linksWith(own);
    const names = [
      ['part-0.parquet', 'part-0.parquet'],
      ['folder/a/part 1.parquet', 'part%201.parquet'],
      ["it's (1)*.parquet", 'it%27s%20%281%29%2A.parquet'],
      ['é.parquet', '%C3%A9.parquet'],
      ['..', 'file'],
      ['', 'file'],
      ['\ud800.csv', '_.csv'],
    ] as const;
    for (const [name, last] of names) {
      const path = await pathOf(links, callerOf(own), { ...file, name });
      expect(nameIn(path)).toBe(`/${last}`);
      expect(await links.open(path)).toMatchObject({ file: { name } });
    }
  });

  it('is rejected when any one of its characters is changed', async () => {
    const links = linksWith(own);
    const path = await pathOf(links, callerOf(own));
    const alphabet = [...'ABCabc019-_.=/é'];
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: path.length - 1 }), fc.constantFrom(...alphabet), async (position, character) => {
        fc.pre(path[position] !== character);
        expect(await opens(links, path.slice(0, position) + character + path.slice(position + 1))).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    // The last character of each part has bits that decoding ignores, so another character can encode the same bytes.
    const parts = tokenIn(path).split('.');
    for (const [index, part] of parts.entries()) {
      for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
        const token = parts.with(index, part.slice(0, -1) + last).join('.');
        expect(await opens(links, token)).toBe(last === part.at(-1));
      }
    }
  });

  it('is rejected when it is cut, extended, mixed with another or invented', async () => {
    const links = linksWith(own);
    const path = await pathOf(links, callerOf(own));
    const token = tokenIn(path);
    const other = tokenIn(await pathOf(links, callerOf(own)));
    const parts = token.split('.');
    const mixed = parts.map((_, index) => parts.with(index, other.split('.')[index] ?? '').join('.'));
    const made = [
      '',
      '.',
      '..',
      'a.b',
      '/',
      `${token}.`,
      `${token}=`,
      `.${token}`,
      `${token}${token}`,
      'x'.repeat(50_000),
    ];
    const named = [`${token}/`, `${token}/other.parquet`, `${path}/`, `${path}/x`, `${token}/%E0%A4%A`, `/${path}`];
    const wholeJwe = [`${Buffer.from('{"enc":"A256GCM","alg":"dir"}').toString('base64url')}..${token}`];
    const cut = Array.from({ length: token.length }, (_, length) => token.slice(0, length));
    for (const each of [...mixed, ...made, ...named, ...wholeJwe, ...cut])
      expect(await opens(links, each), each).toBe(false);
    await fc.assert(fc.asyncProperty(fc.string({ unit: codeUnit }), async (text) => !(await opens(links, text))));
    for (const each of [path, token]) expect(await opens(links, each)).toBe(true);
  });

  it('is rejected by a gateway with another secret, and accepted by all with the same one', async () => {
    const clock = new FakeClock();
    const path = await pathOf(linksWith(own, clock, 'a'.repeat(32)), callerOf(own));
    expect(await opens(linksWith(own, clock, 'b'.repeat(32)), path)).toBe(false);
    expect(await opens(linksWith(own, clock, new Uint8Array(32)), path)).toBe(false);
    expect(await opens(linksWith(own, clock, 'a'.repeat(32)), path)).toBe(true);
  });

  it('works until its expiry and not a millisecond longer', async () => {
    for (const start of ['2030-01-01T00:00:00.000Z', '2030-01-01T00:00:00.001Z', '2030-01-01T00:00:00.999Z']) {
      const clock = new FakeClock(start);
      const links = linksWith(own, clock);
      const link = links.linkTo(callerOf(own), file, publicUrl);
      // Time passes, because the expiry belongs to the link and not to the time at which its URL is read.
      await clock.advanceBy(7);
      const path = (await link.url('ORIGINAL')).slice(`${publicUrl}/files/`.length);
      expect(link.expiresAt.getTime()).toBe(new Date(start).getTime() + ttlMs);
      expect((await links.open(path)).expiresAt).toEqual(link.expiresAt);
      await clock.advanceBy(ttlMs - 8);
      expect(await opens(links, path)).toBe(true);
      await clock.advanceBy(1);
      expect(await opens(links, path)).toBe(false);
    }
  });

  it('has a unique id', async () => {
    const links = linksWith(own);
    const paths = await Promise.all(Array.from({ length: 20 }, () => pathOf(links, callerOf(own))));
    const ids = await Promise.all(paths.map(async (path) => (await links.open(path)).id));
    expect(new Set(ids).size).toBe(20);
    expect((await links.open(paths[0] ?? '')).id).toBe(ids[0]);
  });
});

describe('a download link of a caller with its own credential', () => {
  const alice = ofCaller('secret-of-alice');
  const bob = ofCaller('the-secret-of-bob');

  it('returns the credential on every gateway with the same secret, and hides its whole content', async () => {
    const clock = new FakeClock();
    const path = await pathOf(linksWith(null, clock), callerOf(alice));
    const readable = tokenIn(path)
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    for (const hidden of ['secret', 'Bearer', 'key-of-client', alice.fingerprint, 'prod', 'AdobeOrg', 'file-1']) {
      expect([path, ...readable].join()).not.toContain(hidden);
    }
    const { caller } = await linksWith(null, clock).open(path);
    expect(caller.tenant).toEqual(callerOf(alice).tenant);
    expect(caller.credential.fingerprint).toBe(alice.fingerprint);
    const { signal } = new AbortController();
    expect(await caller.credential.headers(signal)).toEqual(await alice.headers(signal));
  });

  it('keeps callers, organizations and sandboxes separate', async () => {
    const links = linksWith(null);
    const callers = [
      callerOf(alice),
      callerOf(bob),
      callerOf(alice, { sandbox: 'dev' }),
      callerOf(alice, { org: '999999999999999999999999@AdobeOrg' }),
    ];
    for (const caller of callers) {
      const opened = await links.open(await pathOf(links, caller));
      expect(opened.caller.tenant).toEqual(caller.tenant);
      expect(opened.caller.credential.fingerprint).toBe(caller.credential.fingerprint);
    }
  });

  it('is rejected by a gateway that needs the credential if it contains none', async () => {
    const clock = new FakeClock();
    expect(await opens(linksWith(null, clock), await pathOf(linksWith(own, clock), callerOf(own)))).toBe(false);
    // In the opposite case, the gateway uses its own credential.
    const { caller } = await linksWith(own, clock).open(await pathOf(linksWith(null, clock), callerOf(alice)));
    expect(caller.credential).toBe(own);
  });

  it.each([
    ['ORIGINAL', 'part-0.parquet'],
    ['CSV', 'part-0.csv'],
    ['NDJSON', 'part-0.ndjson'],
  ] as const)('has the format %s, which nobody can change', async (format, name) => {
    const links = linksWith(own);
    const path = await pathOf(links, callerOf(own), { ...file, name: 'folder/part-0.parquet' }, format);
    expect(nameIn(path)).toBe(`/${name}`);
    expect((await links.open(path)).format).toBe(format);
    await expect(links.open(`${tokenIn(path)}/part-0.txt`)).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('is rejected when the token is too long for a URL', async () => {
    const links = linksWith(null);
    const long = await pathOf(links, callerOf(ofCaller('x'.repeat(8_500))));
    expect(long.length).toBeLessThan(12_500);
    expect((await links.open(long)).caller.credential.fingerprint).toBe(ofCaller('x'.repeat(8_500)).fingerprint);
    const { url, expiresAt } = links.linkTo(callerOf(ofCaller('x'.repeat(10_000))), file, publicUrl);
    await expect(url('CSV')).rejects.toBeInstanceOf(InvalidInputError);
    expect(expiresAt).toBeInstanceOf(Date);
  });
});
