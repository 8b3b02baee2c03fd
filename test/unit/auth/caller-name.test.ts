import { describe, expect, it } from 'vitest';
import { nameOfCredential, nameOfSubject } from '../../../src/auth/caller-name.ts';
import { nameInPlatformToken } from '../../../src/auth/name-in-platform-token.ts';

const technicalAccount = '0123456789ABCDEF01234567@techacct.adobe.com';
const tokenOf = (claims: object) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

describe('the name in a token of the platform', () => {
  it.each<[string, string, string | null]>([
    ['its user', tokenOf({ user_id: technicalAccount, client_id: 'app' }), technicalAccount],
    ['its client without a user', tokenOf({ client_id: 'app', sub: 'ignored' }), 'app'],
    ['null if it names neither', tokenOf({ user_id: 7, sub: 'ignored' }), null],
    ['null if it is no JWT', 'opaque', null],
  ])('is %s', (_, token, name) => {
    expect(nameInPlatformToken(token)).toBe(name);
  });

  it('is a digest instead of an e-mail address', () => {
    expect(nameInPlatformToken(tokenOf({ user_id: 'jane.doe@example.com' }))).toMatch(/^sha256:[\w-]{22}$/);
  });
});

describe('the name of a caller in log lines', () => {
  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['the subject of its token', { sub: 'A1B2@AdobeID', client_id: 'app' }, 'A1B2@AdobeID'],
    ['its client if it has no subject', { client_id: 'app', azp: 'other' }, 'app'],
    ['its authorized party if it has neither', { sub: '', azp: 'other' }, 'other'],
    ['a subject of a machine', { sub: 'x7Yz@clients' }, 'x7Yz@clients'],
    ['an id of Adobe for a technical account', { sub: technicalAccount }, technicalAccount],
    [
      'an id of Adobe for a person',
      { sub: '0123456789ABCDEF01234567@0123456789abcdef01234567.e' },
      '0123456789ABCDEF01234567@0123456789abcdef01234567.e',
    ],
    ['no name at all', {}, 'unnamed'],
  ])('is %s', (_, claims, name) => {
    expect(nameOfSubject(claims)).toBe(name);
  });

  it.each([
    ['an e-mail address', 'jane.doe@example.com'],
    ['an e-mail address with a tag', 'Jane+x@mail.example.co.uk'],
    ['an e-mail address at the domain of technical accounts', 'jane.doe@techacct.adobe.com'],
    ['a name of a person', 'Jane Doe'],
    ['a line break', 'a\n{"level":"info"}'],
    ['a long text', 'x'.repeat(129)],
  ])('is a digest instead of %s', (_, sub) => {
    const name = nameOfSubject({ sub });
    expect(name).toMatch(/^sha256:[\w-]{22}$/);
    expect(nameOfSubject({ sub })).toBe(name);
    expect(nameOfSubject({ sub: `${sub}.` })).not.toBe(name);
  });

  it('is a part of the fingerprint of its own credential', () => {
    expect(nameOfCredential('0123456789abcdefghijklmnopqrstuvwxyzABCDEFG')).toBe('credential:0123456789abcdefghijkl');
  });
});
