import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../../src/domain/ids.ts';
import { createPassthroughCredential } from '../../../../../src/upstream/index.ts';
import type { PlatformApi } from '../../../../../src/upstream/platform-api.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { newExportJob } from '../../fixtures.ts';
import { caller, clientCredential, connectTo, type Respond, sendJson, startStub } from '../../platform-stub.ts';

const id = platformId<never>('7');
const rejected: Respond = (_request, response) =>
  sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' });
const unknown: Respond = (_request, response) => sendJson(response, 404, {});
const token: Respond = (_request, response) => sendJson(response, 200, { access_token: 'token', expires_in: 86_399 });

/** Responds to the calls of the platform in turn; the last response stays. */
function inTurn(...responses: readonly Respond[]): Respond {
  let call = 0;
  return (request, response) => {
    if (request.path.startsWith('/ims/')) return token(request, response);
    const respond = responses[Math.min(call, responses.length - 1)];
    call += 1;
    return respond?.(request, response);
  };
}
const callsOf = ({ requests }: { readonly requests: readonly { readonly path: string }[] }) =>
  requests.filter(({ path }) => !path.startsWith('/ims/')).length;

const reads: Readonly<Record<string, (api: PlatformApi) => Promise<unknown>>> = {
  'an export job': ({ exportJobs }) => exportJobs.get(id),
  'a segment job': ({ segmentJobs }) => segmentJobs.get(id),
  'a schedule': ({ schedules }) => schedules.get(id),
  'segment jobs by id': async ({ segmentJobs }) => (await segmentJobs.getMany([id])).found[0] ?? null,
  'datasets by id': async ({ datasets }) => (await datasets.getMany([id])).found[0] ?? null,
  'profiles by identity': async ({ profiles }) =>
    (await profiles.getMany([{ namespace: 'a', value: 'b', fields: null, mergePolicyId: null }]))[0],
  'a file': ({ files }) => files.read({ fileId: id, name: 'a' }),
};

describe('a transient rejection of an accepted credential', () => {
  it.each(Object.entries(reads))('does not fail a read of %s', async (_, read) => {
    await using stub = await startStub(inTurn(unknown, rejected, unknown));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await read(client.api);
    const result = read(client.api);
    await client.clock.sleeping();
    await client.clock.advanceBy(999);
    expect(callsOf(stub)).toBe(2);
    await client.clock.advanceBy(1);
    expect(await result).toBeNull();
    expect(callsOf(stub)).toBe(3);
    expect(client.metrics.retries.map(({ reason }) => reason)).toEqual(['rejected']);
  });

  it('does not fail a read that shares the response of a poll', async () => {
    let reject = () => {};
    const late: Respond = (request, response) => {
      reject = () => void rejected(request, response);
    };
    await using stub = await startStub(inTurn(unknown, late, unknown));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    const poll = client.poll.exportJobs.get(id);
    await stub.received(2);
    const read = client.api.exportJobs.get(id);
    reject();
    expect(await client.clock.runUntil(Promise.all([poll, read]))).toEqual([null, null]);
    expect(callsOf(stub)).toBe(3);
  });

  it('is counted as a call of the operation', async () => {
    await using stub = await startStub(inTurn(unknown, rejected, unknown));
    let counted = 0;
    const count = () => {
      counted += 1;
    };
    const calls = { count };
    await using client = connectTo(stub.url, { maxAttempts: 4, calls });
    await client.api.exportJobs.get(id);
    await client.clock.runUntil(client.api.exportJobs.get(id));
    expect(counted).toBe(3);
  });

  it('is final the second time, and has no further attempt', async () => {
    await using stub = await startStub(inTurn(unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    for (const calls of [3, 4, 5]) {
      await expect(client.clock.runUntil(client.api.exportJobs.get(id))).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      });
      expect(callsOf(stub)).toBe(calls);
    }
  });

  it('is final at once if the deadline leaves no time', async () => {
    await using stub = await startStub(inTurn(unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4, callTimeoutMs: 1_249 });
    await client.api.exportJobs.get(id);
    await expect(client.api.exportJobs.get(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(callsOf(stub)).toBe(2);
  });

  it('ends with the signal of its caller', async () => {
    await using stub = await startStub(inTurn(unknown, rejected));
    const controller = new AbortController();
    await using client = connectTo(stub.url, { maxAttempts: 4, signal: controller.signal });
    await client.api.exportJobs.get(id);
    const result = client.api.exportJobs.get(id);
    await client.clock.sleeping();
    const reason = new Error('The caller left.');
    controller.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(callsOf(stub)).toBe(2);
  });
});

describe('a transient rejection has no second attempt for', () => {
  it('a credential that the platform has not accepted', async () => {
    await using stub = await startStub(inTurn(rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    for (let call = 1; call <= 20; call += 1) {
      await expect(client.api.exportJobs.get(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(callsOf(stub)).toBe(call);
    }
  });

  it('another credential than the accepted one', async () => {
    await using stub = await startStub(inTurn(unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    const credential = createPassthroughCredential({ authorization: 'Bearer invented', apiKey: 'key' });
    const { signal } = new AbortController();
    const other = client.upstream.connect(caller(credential), { signal });
    await expect(other.exportJobs.get(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(callsOf(stub)).toBe(2);
  });

  it('an accepted credential of another service', async () => {
    await using stub = await startStub(inTurn(unknown, rejected, unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    for (const calls of [2, 4]) {
      await client.api.exportJobs.get(id);
      await expect(client.api.datasets.list({ limit: 1 })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(callsOf(stub)).toBe(calls);
    }
  });

  it('a poll', async () => {
    await using stub = await startStub(inTurn(unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    await expect(client.poll.exportJobs.get(id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(callsOf(stub)).toBe(2);
  });

  it.each<[string, (api: PlatformApi) => Promise<unknown>]>([
    ['a create', ({ exportJobs }) => exportJobs.create(newExportJob)],
    ['a cancel', ({ exportJobs }) => exportJobs.cancel(id)],
    ['an update', ({ schedules }) => schedules.update(id, { state: 'ACTIVE' })],
  ])('%s', async (_, write) => {
    await using stub = await startStub(inTurn(unknown, unknown, rejected));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    await client.api.schedules.get(id);
    await expect(write(client.api)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(callsOf(stub)).toBe(3);
  });

  it.each<[string, Respond, string]>([
    ['an invalid API key', (_, response) => sendJson(response, 403, { error_code: '403003' }), 'UNAUTHENTICATED'],
    ['a missing permission', (_, response) => sendJson(response, 403, {}), 'FORBIDDEN'],
  ])('%s', async (_, respond, code) => {
    await using stub = await startStub(inTurn(unknown, respond));
    await using client = connectTo(stub.url, { maxAttempts: 4 });
    await client.api.exportJobs.get(id);
    await expect(client.api.exportJobs.get(id)).rejects.toMatchObject({ code });
    expect(callsOf(stub)).toBe(2);
  });
});

describe('the credential of the gateway', () => {
  it('is renewed once in 30 seconds, and has a second attempt if it cannot be renewed', async () => {
    await using stub = await startStub(inTurn(unknown, rejected, unknown, rejected, unknown));
    const clock = new FakeClock();
    await using credential = clientCredential(stub.url, clock);
    await using client = connectTo(stub.url, { maxAttempts: 4, credential, clock });
    expect(await client.api.exportJobs.get(id)).toBeNull();
    // A new token, at once.
    expect(await client.api.exportJobs.get(id)).toBeNull();
    expect([stub.requests.length, callsOf(stub)]).toEqual([5, 3]);
    // The same token, a second later.
    expect(await clock.runUntil(client.api.exportJobs.get(id))).toBeNull();
    expect([stub.requests.length, callsOf(stub)]).toEqual([7, 5]);
    expect(client.metrics.retries.map(({ reason }) => reason)).toEqual(['rejected']);
  });

  it('has no second attempt while the platform rejects it', async () => {
    await using stub = await startStub(inTurn(rejected));
    const clock = new FakeClock();
    await using credential = clientCredential(stub.url, clock);
    await using client = connectTo(stub.url, { maxAttempts: 4, credential, clock });
    for (const calls of [2, 3, 4]) {
      await expect(client.api.exportJobs.get(id)).rejects.toMatchObject({ code: 'GATEWAY_CREDENTIAL' });
      expect(callsOf(stub)).toBe(calls);
    }
  });
});
