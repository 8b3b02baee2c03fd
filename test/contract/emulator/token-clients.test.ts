import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, organization } from './platform-client.ts';

/** Replayed requests of published clients to the token service. */
describe('a client of the token service', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await startEmulator({ clock });
  });

  afterAll(() => emulator.close());

  const credential = { client_id: 'emulator', client_secret: 'emulator' };
  const grant = { ...credential, grant_type: 'client_credentials' };
  const post = async (path: string, fields: Record<string, string>, headers = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const response = await fetch(new URL(`/ims${path}`, emulator.url), { method: 'POST', headers, body: form });
    return { status: response.status, body: await response.json() };
  };
  const claimsOf = (token: string) => JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString());
  const newToken = async () => {
    const { body } = await post('/token/v2', { ...grant, org_id: organization, scope: 'openid,AdobeID' });
    return String(body.access_token);
  };

  it('sends the credential as multipart form data, and reads the claims of the token', async () => {
    const claims = claimsOf(await newToken());
    expect(claims).toMatchObject({
      type: 'access_token',
      client_id: 'emulator',
      as: 'ims-na1',
      scope: 'openid,AdobeID',
    });
    expect(Number(claims.created_at) + Number(claims.expires_in)).toBe(clock.now().getTime() + 86_399_000);
  });

  it('sends the credential only in the query, without a body', async () => {
    const query = new URLSearchParams({ ...grant, scope: 'openid,session' });
    const response = await fetch(new URL(`/ims/token/v2?${query}`, emulator.url), { method: 'POST' });
    expect(await response.json()).toMatchObject({ token_type: 'bearer', expires_in: 86_399 });
  });

  it.each([
    ['without a client', { grant_type: 'client_credentials', scope: 'openid' }, 'invalid_client'],
    ['without a field', {}, 'unsupported_grant_type'],
  ])('is rejected for a form %s', async (_, fields, error) => {
    expect(await post('/token/v2', fields)).toMatchObject({ status: 400, body: { error } });
  });

  it('has its token validated, and invalidates it', async () => {
    const token = await newToken();
    const validate = async (asked: string) =>
      (
        await post(
          '/validate_token/v1',
          { type: 'access_token', client_id: 'emulator' },
          { authorization: `Bearer ${asked}` },
        )
      ).body;
    expect(await validate(token)).toEqual({ valid: true });
    const inQuery = new URLSearchParams({ type: 'access_token', client_id: 'emulator', token });
    const byGet = await fetch(new URL(`/ims/validate_token/v1?${inQuery}`, emulator.url));
    expect(await byGet.json()).toEqual({ valid: true });
    const other = new URLSearchParams({ type: 'access_token', client_id: 'other', token });
    const ofOther = await fetch(new URL(`/ims/validate_token/v1?${other}`, emulator.url));
    expect(await ofOther.json()).toMatchObject({ valid: false });

    const ending = { token_type: 'access_token', token, cascading: 'all' };
    expect(await post('/invalidate_token/v2', { ...ending, ...credential, client_secret: 'x' })).toMatchObject({
      status: 400,
    });
    expect((await post('/invalidate_token/v2', { ...ending, ...credential })).status).toBe(200);
    expect(await validate(token)).toEqual({ valid: false, reason: 'bad_signature' });
    const { status } = await (await connect(emulator.url)).get('/data/core/ups/export/jobs', {
      authorization: `Bearer ${token}`,
    });
    expect(status).toBe(401);
  });

  it.each(['/validate_token/v1', '/invalidate_token/v2'])('is rejected by %s without a token', async (path) => {
    expect(await post(path, credential)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});
