import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../support/platform.ts';

describe('the address of the emulator', () => {
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await startEmulator();
  });
  afterAll(() => emulator.close());

  const open = async (path: string, accept: string) => {
    const response = await fetch(new URL(path, emulator.url), { headers: { accept } });
    return { response, text: await response.text() };
  };

  it('returns a page to browsers: addresses, credential, a first request and the admin endpoints', async () => {
    const { response, text } = await open('/', 'text/html,application/xhtml+xml,*/*;q=0.8');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const parts = [
      emulator.url,
      '0123456789ABCDEF01234567@AdobeOrg',
      'client_secret=emulator',
      '/__admin/reset',
      'href="/README.md"',
    ];
    for (const part of parts) expect(text).toContain(part);
  });

  it('loads nothing else, runs no script, and allows only its own style', async () => {
    const { response, text } = await open('/', 'text/html');
    expect(text).not.toMatch(/<script|<img|<link|<iframe|<form|\son\w+=|\sstyle=|src=|url\(|@import/i);
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(text) ?? [];
    const digest = createHash('sha256').update(style).digest('base64');
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('returns a short text to other clients, and serves its documentation', async () => {
    for (const accept of ['*/*', 'application/json']) {
      const { response, text } = await open('/', accept);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
      expect(text.split('\n').length).toBeLessThan(12);
      expect(text).toContain(`${emulator.url}/README.md`);
    }
    const { response, text } = await open('/README.md', '*/*');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(text).toBe(await readFile('src/emulator/README.md', 'utf8'));
    expect(emulator.requests).toEqual([]);
  });
});
