import { describe, expect, it } from 'vitest';
import { createCors, exposedHeaders } from '../../../../src/server/http/cors.ts';
import { httpHost } from '../downloads/http-host.ts';

const origin = 'https://app.example';
const rules = { methods: ['GET', 'HEAD'], headers: ['range', 'if-range'] };

/** A host that responds with 200 to whatever is no preflight. */
const serve = (origins: readonly string[]) => {
  const cors = createCors(origins);
  return httpHost(async (request, response) => {
    if (cors.preflight(request, response, rules)) return;
    cors.allow(request, response);
    response.end();
  });
};

/** The headers of a response that concern other origins. */
const ruling = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name === 'vary' || name.startsWith('access-control-')));

const preflight = {
  origin,
  'access-control-request-method': 'GET',
  'access-control-request-headers': 'range,if-match',
};

describe('cross-origin access', () => {
  it('lets a configured origin read a response, with all headers that are exposed', async () => {
    await using host = await serve(['https://other.example', origin]);
    expect(ruling(await fetch(host.url, { headers: { origin } }))).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': exposedHeaders.join(', '),
    });
  });

  it.each(['https://evil.example', 'null', `${origin}:8443`, `${origin}.evil.example`, 'https://APP.example', ''])(
    'permits nothing to the origin "%s", and keeps caches from mixing responses',
    async (other) => {
      await using host = await serve([origin]);
      expect(ruling(await fetch(host.url, { headers: { origin: other } }))).toEqual({ vary: 'Origin' });
    },
  );

  it('permits nothing where the request names no origin', async () => {
    await using host = await serve([origin]);
    expect(ruling(await fetch(host.url))).toEqual({ vary: 'Origin' });
  });

  it('adds no header when no origin is configured', async () => {
    await using host = await serve([]);
    expect(ruling(await fetch(host.url, { headers: { origin } }))).toEqual({});
    const response = await fetch(host.url, { method: 'OPTIONS', headers: preflight });
    expect([response.status, ruling(response)]).toEqual([200, {}]);
  });

  it('permits a preflight the methods of the path and the headers that it lists', async () => {
    await using host = await serve([origin]);
    const response = await fetch(host.url, { method: 'OPTIONS', headers: preflight });
    expect(response.status).toBe(204);
    expect(ruling(response)).toEqual({
      vary: 'Origin, Access-Control-Request-Headers',
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': 'range,if-match',
      'access-control-max-age': '600',
    });
  });

  it('names the headers of the path to a preflight that lists none', async () => {
    await using host = await serve([origin]);
    const { 'access-control-request-headers': _, ...withoutList } = preflight;
    const response = await fetch(host.url, { method: 'OPTIONS', headers: withoutList });
    expect(response.headers.get('access-control-allow-headers')).toBe('range, if-range');
  });

  it('gives a preflight of another origin no permission', async () => {
    await using host = await serve([origin]);
    const response = await fetch(host.url, {
      method: 'OPTIONS',
      headers: { ...preflight, origin: 'https://evil.example' },
    });
    expect([response.status, ruling(response)]).toEqual([204, { vary: 'Origin, Access-Control-Request-Headers' }]);
  });

  it('treats OPTIONS without the headers of a preflight as any other request', async () => {
    await using host = await serve([origin]);
    const response = await fetch(host.url, { method: 'OPTIONS', headers: { origin } });
    expect([response.status, response.headers.get('access-control-allow-methods')]).toEqual([200, null]);
  });
});
