import { describe, expect, it } from 'vitest';
import { checkHostHeader, urlForCaller } from '../../../src/runtime/host-header.ts';

describe('the URL under which a caller reaches the gateway', () => {
  it('is the configured one, whatever a request names', () => {
    const urls = { configured: 'https://gateway.example/exports', listening: 'http://0.0.0.0:4000' };
    expect(urlForCaller('other.example', urls)).toBe('https://gateway.example/exports');
    expect(urlForCaller(null, urls)).toBe('https://gateway.example/exports');
  });

  it.each(['http://127.0.0.1:4000', 'http://[::1]:4000', 'http://10.0.0.7:4000', 'http://gateway:4000'])(
    'is %s if the gateway listens only there',
    (listening) => {
      expect(urlForCaller('other.example', { configured: null, listening })).toBe(listening);
    },
  );

  it.each(['http://0.0.0.0:4000', 'http://0:4000', 'http://[::]:4000', 'http://[0:0:0:0:0:0:0:0]:4000'])(
    'is the host of the request if the gateway listens on every address (%s)',
    (listening) => {
      const of = (host: string | null) => urlForCaller(host, { configured: null, listening });
      expect(of('gateway.example:8443')).toBe('http://gateway.example:8443');
      expect(of('GATEWAY.example')).toBe('http://gateway.example');
      expect(of('[2001:db8::1]:4000')).toBe('http://[2001:db8::1]:4000');
      for (const useless of [null, '', 'a b', '@evil.example', 'x/y', 'x?y', '127.0.0.1:99999']) {
        expect(of(useless)).toBe(listening);
      }
    },
  );
});

describe('a request that names a host', () => {
  const refusal = (header: string | undefined) =>
    checkHostHeader(header, ({ hostname, host }) => hostname === 'gateway.example' && host !== 'gateway.example:99');

  it.each(['gateway.example', 'gateway.example:4000', 'GATEWAY.example:80', undefined])(
    'is served if that host is served (%s)',
    (header) => {
      expect(refusal(header)).toBeNull();
    },
  );

  it.each(['other.example', 'gateway.example:99', '127.0.0.1', '[::1]:4000'])(
    'gets 421 if that host is not served (%s)',
    (header) => {
      expect(refusal(header)).toEqual({
        status: 421,
        message: 'The header Host names a host that is not served here.',
      });
    },
  );

  it.each([
    '',
    'gateway.example/path',
    'user@gateway.example',
    ' gateway.example',
    'gateway.example:4000:1',
    'gateway.example:',
    'gateway.example:70000',
    '[::1',
    '[gateway.example]',
  ])('gets 400 if that is not a host (%s)', (header) => {
    expect(refusal(header)).toEqual({ status: 400, message: 'The header Host does not name a host.' });
  });
});
