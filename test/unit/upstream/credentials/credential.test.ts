import { describe, expect, it } from 'vitest';
import { UnauthenticatedError } from '../../../../src/errors.ts';
import { createPassthroughCredential } from '../../../../src/upstream/index.ts';

const { signal } = new AbortController();

describe('a passthrough credential', () => {
  it('has the headers of the caller, and no other headers after a rejection', async () => {
    const credential = createPassthroughCredential({ authorization: 'Bearer abc.def', apiKey: 'key' });
    expect(await credential.headers(signal)).toEqual({ authorization: 'Bearer abc.def', 'x-api-key': 'key' });
    expect(await credential.headers(signal, 'Bearer abc.def')).toBeNull();
  });

  it.each([
    'Bearer a\r\nx-evil: 1',
    'Bearer a\nb',
    '',
    ' ',
    'Bearer ü',
    'Bearer \u0000',
    `Bearer ${'a'.repeat(16_384)}`,
  ])('rejects %j, which cannot be in a header', (value) => {
    expect(() => createPassthroughCredential({ authorization: value, apiKey: 'key' })).toThrow(UnauthenticatedError);
    expect(() => createPassthroughCredential({ authorization: 'Bearer a', apiKey: value })).toThrow(
      UnauthenticatedError,
    );
  });

  it.each([
    ['', 'is empty'],
    ['a'.repeat(16_385), 'has more than 16384 characters'],
    ['ü', 'contains characters that a header cannot contain'],
  ])('reports the header that cannot contain %j, and the reason', (value, reason) => {
    expect(() => createPassthroughCredential({ authorization: 'Bearer a', apiKey: value })).toThrow(
      `The header x-api-key ${reason}.`,
    );
    expect(() => createPassthroughCredential({ authorization: value, apiKey: 'key' })).toThrow(
      `The header Authorization ${reason}.`,
    );
  });

  it('has a fingerprint that distinguishes callers and contains no secret', () => {
    const print = (authorization: string, apiKey: string) =>
      createPassthroughCredential({ authorization, apiKey }).fingerprint;
    expect(print('Bearer token', 'key')).toBe(print('Bearer token', 'key'));
    expect(new Set([print('Bearer a', 'b'), print('Bearer', 'a b'), print('Bearer a', 'c')]).size).toBe(3);
    expect(print('Bearer token', 'key')).not.toMatch(/token|key/);
  });
});
