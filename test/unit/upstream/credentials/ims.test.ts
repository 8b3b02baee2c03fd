import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { GatewayCredentialError, UpstreamTimeoutError } from '../../../../src/errors.ts';
import { type ClientCredential, createClientCredential } from '../../../../src/upstream/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { MetricsRecorder, type Respond, sendJson, silence, startStub } from '../platform-stub.ts';

const { signal } = new AbortController();
const hourMs = 3_600_000;

/** Gives out `token-1`, `token-2`, … */
function tokens(expiresIn: unknown = 86_399): Respond {
  let issued = 0;
  return (_request, response) => {
    issued += 1;
    sendJson(response, 200, { access_token: `token-${issued}`, token_type: 'bearer', expires_in: expiresIn });
  };
}

function credentialAt(imsUrl: string, clock: FakeClock, metrics = new MetricsRecorder()): ClientCredential {
  return createClientCredential({
    imsUrl,
    clientId: 'client',
    clientSecret: 's3cr3t-value',
    scopes: ['openid', 'AdobeID'],
    clock,
    metrics,
    failed: () => {},
  });
}

const authorizations = async (responses: readonly ReturnType<ClientCredential['headers']>[]) =>
  new Set((await Promise.all(responses)).map((headers) => new Headers(headers ?? {}).get('authorization')));

describe('a client credential', () => {
  it('requests a token with the client credentials grant, and provides the token and the client id', async () => {
    await using stub = await startStub(tokens());
    await using credential = credentialAt(stub.url, new FakeClock());
    expect(await credential.headers(signal)).toEqual({ authorization: 'Bearer token-1', 'x-api-key': 'client' });
    const [request] = stub.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/ims/token/v3' });
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client',
      client_secret: 's3cr3t-value',
      scope: 'openid,AdobeID',
    });
  });

  it('requests one token for any number of concurrent and later calls', async () => {
    await using stub = await startStub(tokens());
    await using credential = credentialAt(stub.url, new FakeClock());
    const calls = Array.from({ length: 50 }, () => credential.headers(new AbortController().signal));
    expect(await authorizations(calls)).toEqual(new Set(['Bearer token-1']));
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    expect(stub.requests).toHaveLength(1);
  });

  it('replaces a rejected token once, whatever number of calls report it', async () => {
    await using stub = await startStub(tokens());
    await using credential = credentialAt(stub.url, new FakeClock());
    await credential.headers(signal);
    const calls = Array.from({ length: 10 }, () => credential.headers(signal, 'Bearer token-1'));
    expect(await authorizations(calls)).toEqual(new Set(['Bearer token-2']));
    expect(await credential.headers(signal, 'Bearer token-1')).toMatchObject({ authorization: 'Bearer token-2' });
    expect(stub.requests).toHaveLength(2);
  });

  it('renews its token in the background five minutes before the expiry, and uses the current token in the meantime', async () => {
    await using stub = await startStub(tokens(3_600));
    const clock = new FakeClock();
    const metrics = new MetricsRecorder();
    await using credential = credentialAt(stub.url, clock, metrics);
    await credential.headers(signal);
    await clock.advanceBy(hourMs - 300_001);
    await credential.headers(signal);
    expect(stub.requests).toHaveLength(1);
    await clock.advanceBy(1);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    await metrics.ended(2);
    // The end of the token that is replaced: by then the new one is needed, and there.
    await clock.advanceBy(300_000);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-2' });
    expect(stub.requests).toHaveLength(2);
  });

  it('continues to use a token when its early renewal fails, and tries again after a pause', async () => {
    const responses = [tokens(3_600), (_: unknown, response: Parameters<Respond>[1]) => sendJson(response, 503, {})];
    await using stub = await startStub((request, response) => (responses.shift() ?? tokens(3_600))(request, response));
    const clock = new FakeClock();
    const metrics = new MetricsRecorder();
    await using credential = credentialAt(stub.url, clock, metrics);
    await credential.headers(signal);
    await clock.advanceBy(hourMs - 300_000);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    await metrics.ended(2);
    await clock.advanceBy(9_999);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    // A renewal in flight would have one.
    expect(clock.pending('deadline')).toBe(0);
    await clock.advanceBy(1);
    await credential.headers(signal);
    await stub.received(3);
  });

  it.each([
    { expiresIn: 86_399, unit: 'seconds' },
    { expiresIn: 86_399_992, unit: 'milliseconds' },
    { expiresIn: '86399', unit: 'seconds in a string' },
  ])('decodes a lifetime of $expiresIn as $unit (#40)', async ({ expiresIn }) => {
    await using stub = await startStub(tokens(expiresIn));
    const clock = new FakeClock();
    await using credential = credentialAt(stub.url, clock);
    await credential.headers(signal);
    await clock.advanceBy(23 * hourMs);
    await credential.headers(signal);
    expect(stub.requests).toHaveLength(1);
    await clock.advanceBy(hourMs);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-2' });
  });

  it.each([400, 401, 403])(
    'fails with GATEWAY_CREDENTIAL, without the secret, when the token service responds with %i',
    async (status) => {
      await using stub = await startStub((_request, response) =>
        sendJson(response, status, { error: 'invalid_client', error_description: 'invalid client_secret parameter' }),
      );
      await using credential = credentialAt(stub.url, new FakeClock());
      const failure = await credential.headers(signal).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(GatewayCredentialError);
      expect(failure).toMatchObject({ retryable: true, upstream: { service: 'ims', status, code: 'invalid_client' } });
      expect(inspect(failure, { depth: null })).not.toContain('s3cr3t');
    },
  );

  it.each(['opaque-token-0001', { token: 'opaque-token-0001', title: 'opaque-token-0001' }])(
    'reports no content of a response without a token, because it may be a token in another form: %j',
    async (body) => {
      await using stub = await startStub((_request, response) => sendJson(response, 200, body));
      await using credential = credentialAt(stub.url, new FakeClock());
      const failure = await credential.headers(signal).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
      expect(inspect(failure, { depth: null })).not.toContain('opaque');
    },
  );

  it.each([
    ['text that is not JSON', (response: Parameters<Respond>[1]) => response.writeHead(200).end('<html>')],
    ['a body without a token', (response: Parameters<Respond>[1]) => sendJson(response, 200, {})],
  ])('fails as unreachable after %s, so that no call treats it as its own response', async (_, respond) => {
    await using stub = await startStub((_request, response) => void respond(response));
    await using credential = credentialAt(stub.url, new FakeClock());
    await expect(credential.headers(signal)).rejects.toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      retryable: true,
      upstream: { service: 'ims' },
    });
  });

  it('shares one pause after a failure, and recovers without a call', async () => {
    const responses: Respond[] = [
      (_request, response) => sendJson(response, 429, {}, { 'retry-after': '3' }),
      (_request, response) => sendJson(response, 200, { token_type: 'bearer' }),
      (_request, response) => sendJson(response, 200, { access_token: 'broken\r\nx: y', expires_in: 1 }),
      tokens(),
    ];
    await using stub = await startStub((request, response) => responses.shift()?.(request, response));
    const [clock, metrics] = [new FakeClock(), new MetricsRecorder()];
    await using credential = credentialAt(stub.url, clock, metrics);
    for (let call = 0; call < 5; call += 1) {
      await expect(credential.headers(signal)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 3_000 });
    }
    expect(stub.requests).toHaveLength(1);
    expect(credential.isReady).toBe(false);
    await clock.advanceBy(2_999);
    expect(stub.requests).toHaveLength(1);
    await clock.advanceBy(1);
    await metrics.ended(2);
    // Pauses of half a second and of a second are short enough to wait for.
    const third = credential.headers(signal).catch((error: unknown) => error);
    await clock.tick();
    expect(await third).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    const fourth = credential.headers(signal);
    await clock.tick();
    expect(await fourth).toMatchObject({ authorization: 'Bearer token-1' });
    expect(stub.requests).toHaveLength(4);
    expect(credential.isReady).toBe(true);
    await clock.advanceBy(60_000);
    expect(stub.requests).toHaveLength(4);
  });

  it('doubles the pause with each consecutive failure, up to 30 seconds', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 400, { error: 'invalid_client' }));
    const [clock, metrics] = [new FakeClock(), new MetricsRecorder()];
    await using credential = credentialAt(stub.url, clock, metrics);
    await credential.headers(signal).catch(() => {});
    expect(credential.isReady).toBe(false);
    const startMs = clock.now().getTime();
    const times: number[] = [];
    for (let request = 2; request <= 10; request += 1) {
      await clock.tick();
      await metrics.ended(request);
      times.push(clock.now().getTime() - startMs);
    }
    const pauses = times.map((time, index) => time - (times[index - 1] ?? 0));
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('replaces rejected replacements after growing pauses of up to 30 seconds', async () => {
    await using stub = await startStub(tokens());
    const clock = new FakeClock();
    await using credential = credentialAt(stub.url, clock);
    await credential.headers(signal);
    const replace = (number: number) => credential.headers(signal, `Bearer token-${number}`);
    expect(await replace(1)).toMatchObject({ authorization: 'Bearer token-2' });
    let number = 2;
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      await clock.advanceBy(pauseMs - 1);
      for (let call = 0; call < 10; call += 1) expect(await replace(number)).toBeNull();
      expect(stub.requests).toHaveLength(number);
      await clock.advanceBy(1);
      expect(await replace(number)).toMatchObject({ authorization: `Bearer token-${number + 1}` });
      number += 1;
    }
    await clock.advanceBy(60_000);
    expect(await replace(number)).toMatchObject({ authorization: `Bearer token-${number + 1}` });
    await clock.advanceBy(1_000);
    expect(await replace(number + 1)).toMatchObject({ authorization: `Bearer token-${number + 2}` });
  });

  it('continues to use the rejected token for other calls until the new one has arrived', async () => {
    const give = tokens();
    let respondNow = () => {};
    await using stub = await startStub((request, response) => {
      if (stub.requests.length === 1) give(request, response);
      else respondNow = () => void give(request, response);
    });
    await using credential = credentialAt(stub.url, new FakeClock());
    await credential.headers(signal);
    const replaced = credential.headers(signal, 'Bearer token-1');
    await stub.received(2);
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    respondNow();
    expect(await replaced).toMatchObject({ authorization: 'Bearer token-2' });
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-2' });
  });

  it('repeats a failed replacement after the pause of its failure, for which calls wait', async () => {
    const give = tokens();
    const responses: Respond[] = [give, (_, response) => sendJson(response, 503, {})];
    await using stub = await startStub((request, response) => (responses.shift() ?? give)(request, response));
    const clock = new FakeClock();
    await using credential = credentialAt(stub.url, clock);
    await credential.headers(signal);
    await expect(credential.headers(signal, 'Bearer token-1')).rejects.toMatchObject({ upstream: { status: 503 } });
    expect(await credential.headers(signal)).toMatchObject({ authorization: 'Bearer token-1' });
    const waiting = credential.headers(signal, 'Bearer token-1');
    await clock.advanceBy(249);
    expect(stub.requests).toHaveLength(2);
    await clock.advanceBy(1);
    expect(await waiting).toMatchObject({ authorization: 'Bearer token-2' });
    expect(stub.requests).toHaveLength(3);
    expect(await credential.headers(signal, 'Bearer token-2')).toBeNull();
  });

  it('fails at once with the failure of a replacement whose pause is long, and recovers without a call', async () => {
    const retryAfter = { 'retry-after': '5' };
    const give = tokens();
    const responses: Respond[] = [give, (_, response) => sendJson(response, 429, {}, retryAfter)];
    await using stub = await startStub((request, response) => (responses.shift() ?? give)(request, response));
    const [clock, metrics] = [new FakeClock(), new MetricsRecorder()];
    await using credential = credentialAt(stub.url, clock, metrics);
    await credential.headers(signal);
    for (let call = 0; call < 3; call += 1) {
      await expect(credential.headers(signal, 'Bearer token-1')).rejects.toMatchObject({ upstream: { status: 429 } });
    }
    // The platform rejects the token, and there is no other.
    expect(credential.isReady).toBe(false);
    await clock.advanceBy(4_999);
    expect(stub.requests).toHaveLength(2);
    await clock.advanceBy(1);
    await metrics.ended(3);
    expect(credential.isReady).toBe(true);
  });

  it('is ready before its start, and after its start from its first token on', async () => {
    const give = tokens();
    let respondNow = () => {};
    await using stub = await startStub((request, response) => {
      respondNow = () => void give(request, response);
    });
    await using credential = credentialAt(stub.url, new FakeClock());
    expect(credential.isReady).toBe(true);
    const started = credential.start();
    await stub.received(1);
    expect(credential.isReady).toBe(false);
    respondNow();
    await started;
    expect(credential.isReady).toBe(true);
    await credential.headers(signal);
    expect(stub.requests).toHaveLength(1);
  });

  it('lets a caller leave without ending the request that other callers wait for', async () => {
    let respondNow = () => {};
    const give = tokens();
    await using stub = await startStub((request, response) => {
      respondNow = () => void give(request, response);
    });
    await using credential = credentialAt(stub.url, new FakeClock());
    const leaving = new AbortController();
    const reason = new Error('The caller left.');
    const left = expect(credential.headers(leaving.signal)).rejects.toBe(reason);
    const stayed = credential.headers(signal);
    await stub.received(1);
    leaving.abort(reason);
    await left;
    respondNow();
    expect(await stayed).toMatchObject({ authorization: 'Bearer token-1' });
    expect(stub.requests).toHaveLength(1);
  });

  it('waits at most ten seconds for a token', async () => {
    await using stub = await startStub(silence);
    const clock = new FakeClock();
    await using credential = credentialAt(stub.url, clock);
    const failure = expect(credential.headers(signal)).rejects.toBeInstanceOf(UpstreamTimeoutError);
    await stub.received(1);
    await clock.advanceBy(10_000);
    await failure;
  });

  it('can be closed during a request for a token, and leaves no deadline', async () => {
    await using stub = await startStub(silence);
    const clock = new FakeClock();
    const credential = credentialAt(stub.url, clock);
    const failure = expect(credential.headers(signal)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await stub.received(1);
    await credential[Symbol.asyncDispose]();
    await failure;
    expect(clock.pending('deadline')).toBe(0);
  });

  it('closes its connections when it is closed', async () => {
    await using stub = await startStub(tokens());
    const credential = credentialAt(stub.url, new FakeClock());
    await credential.headers(signal);
    expect(stub.connections).toBe(1);
    await credential[Symbol.asyncDispose]();
    // Connections that are kept alive would close later by themselves.
    await eventually(() => expect(stub.connections).toBe(0), { patienceMs: 2_000 });
  });

  it('has a fingerprint that is equal for equal clients and contains no secret', () => {
    const at = (clientSecret: string, clientId = 'client') =>
      createClientCredential({
        imsUrl: 'http://127.0.0.1:1',
        clientId,
        clientSecret,
        scopes: [],
        clock: new FakeClock(),
        metrics: new MetricsRecorder(),
        failed: () => {},
      }).fingerprint;
    expect(at('s3cr3t-value')).toBe(at('s3cr3t-value'));
    expect(at('s3cr3t-value')).not.toBe(at('s3cr3t-value', 'other'));
    expect(at('s3cr3t-value')).not.toContain('s3cr3t');
  });
});
