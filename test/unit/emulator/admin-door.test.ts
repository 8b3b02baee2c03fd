import { describe, expect, it } from 'vitest';
import { AdminDoor, isLoopback } from '../../../src/emulator/admin/door.ts';
import { faultsEndpoint } from '../../../src/emulator/admin/faults.ts';
import { Faults } from '../../../src/emulator/faults/faults.ts';
import { createTokenCheck } from '../../../src/emulator/http/admin-access.ts';

const others = ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1', '12.7.0.1', '1270.0.0.1', undefined];
const token = '0123456789abcdef';

const doorWith = (adminToken: string | undefined) =>
  new AdminDoor([faultsEndpoint(new Faults())], createTokenCheck(adminToken));

const request = (method: string, remoteAddress: string | undefined, authorization?: string) => ({
  method,
  path: '/__admin/faults',
  query: new URLSearchParams(),
  remoteAddress,
  authorization,
  body: () => (method === 'PUT' ? Promise.reject(new Error('read')) : Promise.resolve(undefined)),
});

describe('the admin endpoints', () => {
  it.each(others)('reject callers from %s, without reading the body', async (address) => {
    for (const method of ['PUT', 'GET', 'DELETE', 'PATCH']) {
      expect(await doorWith(undefined).answer(request(method, address))).toMatchObject({ status: 403 });
      for (const authorization of ['Bearer undefined', 'Bearer ', `Bearer ${token}`]) {
        expect(await doorWith(undefined).answer(request(method, address, authorization))).toMatchObject({
          status: 403,
        });
      }
    }
  });

  it.each(others)('accept callers from %s with the admin token, and with no similar one', async (address) => {
    const door = doorWith(token);
    expect(await door.answer(request('GET', address, `Bearer ${token}`))).toMatchObject({ status: 200 });
    for (const wrong of [undefined, '', token, `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`]) {
      expect(await door.answer(request('GET', address, wrong)), wrong).toMatchObject({ status: 403 });
    }
  });

  it('require no token of callers on this machine', async () => {
    expect(await doorWith(token).answer(request('GET', '127.0.0.1'))).toMatchObject({ status: 200 });
  });

  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('accept callers from %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each(['constructor', 'toString', '__proto__', 'TRACE'])('do not allow the method %s', async (method) => {
    expect(await doorWith(undefined).answer(request(method, '::1'))).toMatchObject({
      status: 405,
      headers: { allow: 'GET, PUT, DELETE' },
    });
  });
});
