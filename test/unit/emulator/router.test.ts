import { describe, expect, it } from 'vitest';
import { createRouter, type Route } from '../../../src/emulator/http/router.ts';
import { routes } from '../../../src/emulator/routes.ts';

const operation: Route['operation'] = () => Promise.resolve({ kind: 'empty', status: 204 });
const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  service: 'ups',
  access: 'sandbox',
  operation,
});

describe('the router', () => {
  const match = createRouter([
    route('GET', '/a'),
    route('POST', '/a'),
    route('GET', '/a/:id'),
    route('GET', '/a/:id/b'),
  ]);

  it('finds routes, with or without a trailing slash', () => {
    expect(match('GET', '/a')).toMatchObject({ kind: 'found', route: { method: 'GET', path: '/a' } });
    expect(match('POST', '/a/')).toMatchObject({ kind: 'found', route: { method: 'POST', path: '/a' } });
    expect(match('GET', '/a/7/b')).toMatchObject({
      kind: 'found',
      route: { path: '/a/:id/b' },
      parameters: { id: '7' },
    });
  });

  it('decodes placeholders, and rejects those that cannot be decoded', () => {
    expect(match('GET', '/a/x%2Fy%20z')).toMatchObject({ parameters: { id: 'x/y z' } });
    expect(() => match('GET', '/a/%ff')).toThrow('percent-encoded');
  });

  it('distinguishes a wrong method from an unknown path', () => {
    expect(match('DELETE', '/a')).toMatchObject({ kind: 'wrong-method', allowed: ['GET', 'POST'] });
    expect(match('GET', '/a//b')).toMatchObject({ kind: 'unknown' });
    expect(match('GET', '/b')).toMatchObject({ kind: 'unknown' });
  });

  it('has every route of the emulator once', () => {
    const keys = routes.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
