import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookForSecrets, plantedSecret, SecretSearch, searchAnswersOf, takeLeaks } from '../support/secrets.ts';

/** One or more secrets of each kind that tests know. */
const secrets: readonly (readonly [kind: string, secret: string])[] = [
  ['a planted one', plantedSecret('some')],
  ['a token of the emulator', `emulator-token-${'x'.repeat(128)}`],
  ['a JWT', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln'],
];

describe('the search for secrets', () => {
  it.each(secrets)('finds %s at any position, including headers, JSON, URLs and base64', (_, secret) => {
    const base64 = (before: string) => Buffer.from(`${before}${secret}`).toString('base64url');
    const written = [
      secret,
      `Authorization: Bearer ${secret}\r\n`,
      JSON.stringify({ text: JSON.stringify({ secret }) }),
      new URLSearchParams({ secret }).toString(),
      ...['', 'a', 'ab', 'abc', 'client:'].map(base64),
    ];
    for (const text of written) expect(new SecretSearch().look(`before ${text} after`), text).not.toBeNull();
  });

  it.each(secrets)('finds %s that is written in chunks, however they are split', (_, secret) => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat({ max: 20 }), { minLength: 1 }), (before, lengths) => {
        const text = before + secret;
        const search = new SecretSearch();
        let found: string | null = null;
        for (let from = 0, piece = 0; from < text.length; piece += 1) {
          const length = 1 + (lengths[piece % lengths.length] ?? 0);
          found ??= search.look(text.slice(from, from + length));
          from += length;
        }
        expect(found).not.toBeNull();
      }),
    );
  });

  it('finds nothing in text that only resembles a secret', () => {
    const innocent = 'planted-tree emulator-tokens eyJ client=emulator ZW11bGF0b3I6ZW11bGF0b3I= Bearer none';
    expect(new SecretSearch().look(innocent)).toBeNull();
  });

  it('reports the location of a secret once', () => {
    lookForSecrets('a log', `{"token":"${plantedSecret('some')}"}`);
    expect(takeLeaks()).toEqual([expect.stringMatching(/^a log: \{"token":"planted-secret-some-/)]);
    expect(takeLeaks()).toEqual([]);
  });

  it('searches the responses of a server until it is disposed, because its port may be reused', async () => {
    const server = createServer((_request, response) => response.end(plantedSecret('some')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // The assertion holds because a server that listens on a port has an AddressInfo.
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const search = searchAnswersOf({ name: 'a server', url });
    await (await fetch(url)).text();
    expect(takeLeaks()).toEqual([expect.stringMatching(/^an answer of a server: /)]);
    search[Symbol.dispose]();
    await (await fetch(url)).text();
    expect(takeLeaks()).toEqual([]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
