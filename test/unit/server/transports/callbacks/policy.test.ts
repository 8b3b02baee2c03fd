import { describe, expect, it } from 'vitest';
import { createCallbackPolicy } from '../../../../../src/server/transports/callbacks/policy.ts';

const inner = [{ address: '10.0.0.0', prefix: 8, family: 'ipv4' }] as const;

describe('a callback URL', () => {
  it.each<[entry: string, url: string]>([
    ['https://router.example.com', 'https://router.example.com/1'],
    ['https://router.example.com', 'https://ROUTER.example.com:443/?x=1'],
    ['https://router.example.com/callback', 'https://router.example.com/callback'],
    ['https://router.example.com/callback/', 'https://router.example.com/callback/1'],
    ['http://router.svc:4000/callback', 'http://router.svc:4000/callback/1'],
    ['http://*.router.svc:4000', 'http://pod-1.router.svc:4000/callback'],
    ['http://*.router.svc:4000', 'http://a.b.router.svc:4000/callback'],
    ['http://*:4000/callback', 'http://10.1.2.3:4000/callback/1'],
    ['http://*:4000/callback', 'http://10.1.2.3:4000/callback/2f4a5c1e-0b7d-4c5e-9d53-0c2b8b3f7a10'],
    ['http://*:4000/callback', 'http://10.1.2.3:4000/callback/..a..'],
    ['http://*:4000/a/b', 'http://10.1.2.3:4000/a/b/c~_=+@:-.'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000/callback'],
    ['http://[::1]:4000', 'http://[::1]:4000/callback'],
  ])('is allowed by %s: %s', (entry, url) => {
    expect(createCallbackPolicy({ urls: [entry], networks: inner }).allowsUrl(new URL(url))).toBe(true);
  });

  it.each<[entry: string, url: string]>([
    ['https://router.example.com', 'http://router.example.com/callback'],
    ['http://router.example.com', 'https://router.example.com/callback'],
    ['https://router.example.com', 'https://router.example.com:8443/callback'],
    ['https://router.example.com', 'https://router.example.com.evil.example/callback'],
    ['https://router.example.com', 'https://router.example.com@evil.example/callback'],
    ['https://router.example.com', 'https://user@router.example.com/callback'],
    ['https://router.example.com', 'https://:secret@router.example.com/callback'],
    ['https://router.example.com', 'https://router.example.com/callback#x'],
    ['https://router.example.com', 'https://router.example.com./callback'],
    ['https://router.example.com/callback', 'https://router.example.com/callbacks'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/../admin'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/%2e%2e/admin'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/..%2fadmin'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/..%5Cadmin'],
    ['https://router.example.com', 'https://router.example.com/callback/1'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/'],
    ['https://router.example.com/callback', 'https://router.example.com/callback//x'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/x/'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/x/y'],
    ['https://router.example.com/callback', 'https://router.example.com//callback/x'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/..;/x'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/..;'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/x;y=z'],
    ['https://router.example.com/callback', 'https://router.example.com/callback;x/y'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/%252e%252e%252fx'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/%252e%252e'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/x%2e%2e'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/a%00b'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/a%0d%0ab'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/%61'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/a%'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/..\\x'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/x\\y'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/...'],
    ['https://router.example.com/callback', 'https://router.example.com/callback/\u00e4'],
    ['https://router.example.com/callback', 'https://router.example.com/CALLBACK/1'],
    ['https://*.example.com', 'https://example.com/callback'],
    ['https://*.example.com', 'https://evilexample.com/callback'],
    ['http://*:4000', 'http://router.svc:4000/callback'],
    ['http://*:4000', 'http://11.0.0.1:4000/callback'],
    ['http://*:4000', 'http://[::1]:4000/callback'],
    ['http://router.svc:4000', 'http://10.1.2.3:4000/callback'],
    // Other ways to write an address: they are read before they are compared.
    ['http://*:4000', 'http://2130706433:4000/callback'],
    ['http://*:4000', 'http://0177.0.0.1:4000/callback'],
    ['http://*:4000', 'http://0x7f.1:4000/callback'],
    ['http://*:4000', 'http://127.1:4000/callback'],
    ['http://*:4000', 'http://[::ffff:127.0.0.1]:4000/callback'],
    ['http://*:4000', 'http://169.254.169.254:4000/callback'],
  ])('is refused by %s: %s', (entry, url) => {
    expect(createCallbackPolicy({ urls: [entry], networks: inner }).allowsUrl(new URL(url))).toBe(false);
  });

  it('every callback URL is rejected if none is configured', () => {
    expect(createCallbackPolicy({ urls: [], networks: inner }).allowsUrl(new URL('http://10.0.0.1/'))).toBe(false);
  });
});

describe('an address of a name', () => {
  const { allowsAddress } = createCallbackPolicy({ urls: ['https://router.example.com'], networks: [] });

  it.each(['8.8.8.8', '172.15.255.255', '172.32.0.0', '100.128.0.0', '192.169.0.1', '2600::1', '2a00:1450::8a'])(
    'is public: %s',
    (address) => {
      expect(allowsAddress('router.example.com', address)).toBe(true);
    },
  );

  const special = [
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.8', '192.0.2.1', '192.88.99.1', '192.168.0.1', '198.19.0.1'],
    ...['198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '64:ff9b::7f00:1', '100::1', '2001::1'],
    ...['2001:db8::1', '2002:7f00:1::', '3fff::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%lo', 'ff02::1'],
    ...['', 'localhost', '127.1', 'router.example.com'],
  ];
  it.each(special)('is none of the Internet: %s', (address) => {
    expect(allowsAddress('router.example.com', address)).toBe(false);
  });

  it('a private address is allowed if it is configured, also as an IPv4-mapped IPv6 address', () => {
    const { allowsAddress: allows } = createCallbackPolicy({
      urls: ['http://router.svc'],
      networks: [...inner, { address: 'fd00::', prefix: 8, family: 'ipv6' }],
    });
    const addresses = ['10.255.0.1', '::ffff:10.0.0.1', 'fd12::1', '11.0.0.0', '127.0.0.1', 'fc00::1'];
    expect(addresses.map((address) => allows('router.svc', address))).toEqual([true, true, true, true, false, false]);
  });

  it('a loopback address is allowed only for localhost', () => {
    expect(['127.0.0.1', '::1', '10.0.0.1'].map((each) => allowsAddress('localhost', each))).toEqual([
      true,
      true,
      false,
    ]);
    expect(allowsAddress('localhost.example.com', '127.0.0.1')).toBe(false);
  });
});
