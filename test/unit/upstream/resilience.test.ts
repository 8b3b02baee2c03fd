import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExportJobId, platformId } from '../../../src/domain/ids.ts';
import { GatewayError, RateLimitedError, UpstreamTimeoutError, UpstreamUnreachableError } from '../../../src/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  clientCredential,
  connectTo,
  passthrough,
  type Respond,
  sendJson,
  silence,
  startStub,
  type TestClient,
} from './platform-stub.ts';

/** How the rules of single flight, deadline, retry, token, circuit and budget work together, over real connections. */

const job = { id: 7, status: 'NEW', jobType: 'BATCH', creationTime: 1, updateTime: 1, destination: { datasetId: 'd' } };
const id = platformId<ExportJobId>('7');
const ids = (count: number) => Array.from({ length: count }, (_, index) => platformId<ExportJobId>(String(index)));

const good: Respond = (_request, response) => sendJson(response, 200, job);
const status =
  (code: number, headers = {}): Respond =>
  (_request, response) =>
    sendJson(response, code, {}, headers);
const broken: Respond = (_request, response) => response.destroy();

/** Responds with these in turn; the last is repeated. */
function inTurn(...responses: readonly Respond[]): Respond {
  let turn = 0;
  return (request, response) => {
    const respond = responses[Math.min(turn, responses.length - 1)] ?? good;
    turn += 1;
    return respond(request, response);
  };
}

/** A credential that needs no proof. */
const proven = { ...passthrough, owner: 'gateway' } as const;
const resilient = { maxAttempts: 4, random: () => 0.5 };
const elapsedMs = ({ clock }: TestClient) => clock.now().getTime() - new FakeClock().now().getTime();
const nothingLeft = ({ clock }: TestClient) => {
  expect(clock.pending()).toBe(0);
  expect(clock.pending('deadline')).toBe(0);
};

describe('a read', () => {
  it.each([
    { what: 'one 429 with Retry-After', fault: status(429, { 'retry-after': '2' }), waits: 2_125 },
    { what: 'one 503', fault: status(503), waits: 125 },
    { what: 'one broken connection', fault: broken, waits: 125 },
  ])('succeeds after $what', async ({ fault, waits }) => {
    await using stub = await startStub(inTurn(fault, good));
    await using client = connectTo(stub.url, resilient);
    expect(await client.clock.runUntil(client.api.exportJobs.get(id))).toMatchObject({ id: '7' });
    expect(stub.requests).toHaveLength(2);
    expect(elapsedMs(client)).toBe(waits);
    nothingLeft(client);
  });

  it('reports the time at which its successful attempt was sent, even to later callers', async () => {
    let respond = () => {};
    const later: Respond = (request, response) => {
      respond = () => void good(request, response);
    };
    await using stub = await startStub(inTurn(status(503), later));
    await using client = connectTo(stub.url, resilient);
    const { clock } = client;
    const first = client.api.exportJobs.get(id);
    await clock.tick();
    await stub.received(2);
    const sentMs = elapsedMs(client);
    expect(sentMs).toBeGreaterThan(0);
    await clock.advanceBy(1_000);
    const second = client.api.exportJobs.get(id);
    await clock.advanceBy(1_000);
    respond();
    const times = { requestedAt: new Date(clock.now().getTime() - 2_000), observedAt: clock.now() };
    expect(await Promise.all([first, second])).toMatchObject([times, times]);
    expect(stub.requests).toHaveLength(2);
  });

  it('has one request id for all attempts', async () => {
    await using stub = await startStub(inTurn(status(503), status(503), good));
    await using client = connectTo(stub.url, resilient);
    await client.clock.runUntil(client.api.exportJobs.get(id));
    expect(new Set(stub.requests.map(({ headers }) => headers['x-request-id'])).size).toBe(1);
  });

  it('succeeds if one of its four attempts does, and otherwise fails with the last failure', async () => {
    const faults = {
      limited: status(429, { 'retry-after': '1' }),
      down: status(503),
      lost: status(504),
      broken,
      good,
    } as const;
    const script = fc.array(fc.constantFrom(...(Object.keys(faults) as (keyof typeof faults)[])), {
      minLength: 4,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(script, async (names) => {
        await using stub = await startStub(inTurn(...names.map((name) => faults[name])));
        await using client = connectTo(stub.url, resilient);
        const outcome = await client.clock.runUntil(client.api.exportJobs.get(id).catch((error: unknown) => error));
        const attempts = names.includes('good') ? names.indexOf('good') + 1 : 4;
        expect(stub.requests).toHaveLength(attempts);
        const last = names.at(-1);
        if (names.includes('good')) expect(outcome).toMatchObject({ id: '7' });
        else if (last === 'limited') expect(outcome).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1_000 });
        else expect(outcome).toMatchObject({ code: last === 'broken' ? 'UPSTREAM_UNREACHABLE' : 'PLATFORM_ERROR' });
        nothingLeft(client);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ['silence', silence],
    ['silence after a 503', inTurn(status(503), silence)],
    ['a refused connection', null],
    ['only 503 responses', status(503)],
    ['only 429 responses with a pause of eight seconds', status(429, { 'retry-after': '8' })],
    ['a broken connection each time', broken],
  ])('fails with a typed error within its thirty seconds after %s', async (_, respond) => {
    await using stub = await startStub(respond ?? silence);
    if (respond === null) await stub[Symbol.asyncDispose]();
    await using client = connectTo(stub.url, resilient);
    const failure = client.api.exportJobs.get(id).catch((error: unknown) => error);
    const isSilent = respond !== null && respond !== broken && _.includes('silence');
    if (isSilent) {
      // Nothing sleeps while the platform is silent: only the deadline ends it.
      if (_ !== 'silence') await client.clock.tick();
      await stub.received(_ === 'silence' ? 1 : 2);
      await client.clock.advanceBy(30_000 - elapsedMs(client));
    }
    const error = await client.clock.runUntil(failure);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ retryable: true, upstream: { service: 'export' } });
    if (isSilent) expect(error).toBeInstanceOf(UpstreamTimeoutError);
    expect(elapsedMs(client)).toBeLessThanOrEqual(30_000);
    nothingLeft(client);
  });

  it('fails at once if the platform requests a pause beyond the deadline', async () => {
    await using stub = await startStub(inTurn(status(503), status(429, { 'retry-after': '30' })));
    await using client = connectTo(stub.url, resilient);
    await expect(client.clock.runUntil(client.api.exportJobs.get(id))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 30_000,
    });
    expect(elapsedMs(client)).toBe(125);
    nothingLeft(client);
  });

  it('uses a new token between its attempts, and succeeds despite a short outage of the token service', async () => {
    let issued = 0;
    const token: Respond = (_request, response) => {
      issued += 1;
      sendJson(response, 200, { access_token: `token-${issued}`, expires_in: 86_399 });
    };
    await using ims = await startStub(inTurn(status(503), token));
    await using stub = await startStub(inTurn(status(503), status(401), status(503), good));
    const clock = new FakeClock();
    await using credential = clientCredential(ims.url, clock);
    await using client = connectTo(stub.url, { ...resilient, credential, clock });
    expect(await client.clock.runUntil(client.api.exportJobs.get(id))).toMatchObject({ id: '7' });
    expect(stub.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
      'Bearer token-2',
    ]);
  });
});

describe('equal reads', () => {
  it('share one call with its retries, also with a poll that began before them', async () => {
    await using stub = await startStub(inTurn(status(503), status(429), good));
    await using client = connectTo(stub.url, resilient);
    const reads = Array.from({ length: 50 }, (_, index) => (index === 0 ? client.poll : client.api).exportJobs.get(id));
    const jobs = await client.clock.runUntil(Promise.all(reads));
    expect(new Set(jobs.map((found) => found?.id))).toEqual(new Set(['7']));
    expect(stub.requests).toHaveLength(3);
    expect(client.metrics.sharedCalls).toHaveLength(49);
  });

  it('share one deadline, which a later caller does not extend', async () => {
    await using stub = await startStub(inTurn(silence, good));
    await using client = connectTo(stub.url, resilient);
    const first = client.api.exportJobs.get(id).catch((error: unknown) => error);
    await stub.received(1);
    await client.clock.advanceBy(29_000);
    const late = client.api.exportJobs.get(id).catch((error: unknown) => error);
    await client.clock.advanceBy(1_000);
    expect(await first).toBeInstanceOf(UpstreamTimeoutError);
    expect(await late).toBeInstanceOf(UpstreamTimeoutError);
    expect(await client.api.exportJobs.get(id)).toMatchObject({ id: '7' });
    expect(stub.requests).toHaveLength(2);
  });

  it('are cancelled at the platform when the last caller leaves, and not before', async () => {
    let givenUp = () => {};
    const closed = new Promise<void>((resolve) => {
      givenUp = resolve;
    });
    await using stub = await startStub((_request, response) => void response.on('close', givenUp));
    const leaving = new AbortController();
    await using client = connectTo(stub.url, { ...resilient, signal: leaving.signal });
    const both = Promise.allSettled([client.poll.exportJobs.get(id), client.api.exportJobs.get(id)]);
    await stub.received(1);
    leaving.abort(new Error('Both left.'));
    expect((await both).map(({ status: outcome }) => outcome)).toEqual(['rejected', 'rejected']);
    await closed;
    expect(stub.requests).toHaveLength(1);
    nothingLeft(client);
  });
});

describe('a service that fails', () => {
  it('receives no call during the pause, unlike other services, and recovers with its first response', async () => {
    let down = true;
    const respond: Respond = (request, response) => {
      if (request.path.includes('catalog')) return sendJson(response, 200, {});
      return down ? sendJson(response, 503, {}) : sendJson(response, 200, job);
    };
    await using stub = await startStub(respond);
    await using client = connectTo(stub.url, resilient);
    const read = (job: ExportJobId) => client.api.exportJobs.get(job).catch((error: unknown) => error);
    // Three reads with four attempts each: the tenth failure opens the circuit.
    await client.clock.runUntil(Promise.all(ids(3).map(read)));
    const before = stub.requests.length;
    const refused = await read(id);
    expect(refused).toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true, upstream: { status: null } });
    expect(refused).toBeInstanceOf(UpstreamUnreachableError);
    expect(stub.requests).toHaveLength(before);
    expect(await client.api.datasets.list({ limit: 1 })).toEqual({ objects: [], rows: [] });

    down = false;
    await client.clock.advanceBy(8_000);
    expect(await read(id)).toMatchObject({ id: '7' });
    const results = await Promise.all(ids(20).map(read));
    expect(results.every((result) => !(result instanceof Error))).toBe(true);
    expect(client.metrics.circuitChanges).toEqual([
      { service: 'export', open: true },
      { service: 'export', open: false },
    ]);
  });

  it('causes no failed read if it fails only once for each of many concurrent reads', async () => {
    const failed = new Set<string>();
    await using stub = await startStub(({ path }, response) => {
      const first = !failed.has(path);
      failed.add(path);
      return first ? response.destroy() : sendJson(response, 200, job);
    });
    await using client = connectTo(stub.url, { ...resilient, random: Math.random });
    const reads = Promise.all(ids(50).map((each) => client.api.exportJobs.get(each)));
    expect((await client.clock.runUntil(reads)).every((found) => found !== null)).toBe(true);
    nothingLeft(client);
  });
});

describe('a tenant with many calls', () => {
  it('is served at its rate, interactive calls first', async () => {
    await using stub = await startStub(good);
    await using client = connectTo(stub.url, { ...resilient, credential: proven, callsPerSecond: 5 });
    const polls = ids(5).map((each) => client.poll.exportJobs.get(platformId(`poll-${each}`)));
    const pages = ids(5).map((each) => client.api.exportJobs.get(platformId(`page-${each}`)));
    await client.clock.runUntil(Promise.all([...polls, ...pages]));
    expect(elapsedMs(client)).toBe(1_000);
    // The polls found room at once; the pages came later and waited.
    expect(client.metrics.budgetWaits).toEqual(
      [0.2, 0.4, 0.6, 0.8, 1].map((seconds) => ({ priority: 'interactive', seconds, granted: true })),
    );
    const more = [client.poll.exportJobs.get(platformId('poll')), client.api.exportJobs.get(platformId('page'))];
    await client.clock.runUntil(Promise.all(more));
    expect(client.metrics.budgetWaits.slice(5).map(({ priority }) => priority)).toEqual(['interactive', 'poll']);
    nothingLeft(client);
  });

  it('receives RATE_LIMITED if there is no room before the deadline, without an effect on other calls', async () => {
    await using stub = await startStub(good);
    await using client = connectTo(stub.url, {
      ...resilient,
      credential: proven,
      callsPerSecond: 1,
      callTimeoutMs: 1_500,
    });
    const reads = ids(4).map((each) => client.api.exportJobs.get(each).catch((error: unknown) => error));
    await client.clock.tick();
    await client.clock.advanceBy(500);
    const results = await Promise.all(reads);
    expect(results.map((result) => result instanceof RateLimitedError)).toEqual([false, false, true, true]);
    expect(results.at(-1)).toMatchObject({ retryable: true, upstream: { status: null } });
    expect(stub.requests).toHaveLength(2);
    nothingLeft(client);
  });

  it('beyond the rate of the platform slows down until every call has succeeded', async () => {
    // The platform takes ten calls a second.
    let windowAt = -1;
    let taken = 0;
    const clock: { current: FakeClock | null } = { current: null };
    await using stub = await startStub((_request, response) => {
      const second = Math.floor((clock.current?.now().getTime() ?? 0) / 1_000);
      if (second !== windowAt) [windowAt, taken] = [second, 0];
      taken += 1;
      return taken > 10 ? sendJson(response, 429, {}, { 'retry-after': '1' }) : sendJson(response, 200, job);
    });
    await using client = connectTo(stub.url, { maxAttempts: 4, random: Math.random });
    clock.current = client.clock;
    const reads = Promise.all(ids(40).map((each) => client.api.exportJobs.get(each)));
    expect((await client.clock.runUntil(reads)).every((found) => found !== null)).toBe(true);
    expect(stub.requests.length).toBeLessThan(120);
    nothingLeft(client);
  });
});

describe('writes', () => {
  it('are sent once after any failure, and a cancellation again only when it was not sent at first', async () => {
    for (const fault of [status(503), status(429), broken]) {
      await using stub = await startStub(inTurn(fault, good));
      await using client = connectTo(stub.url, resilient);
      await expect(client.clock.runUntil(client.api.exportJobs.cancel(id))).rejects.toBeInstanceOf(GatewayError);
      expect(stub.requests).toHaveLength(1);
    }
    const stub = await startStub(good);
    await stub[Symbol.asyncDispose]();
    await using client = connectTo(stub.url, resilient);
    await expect(client.clock.runUntil(client.api.exportJobs.cancel(id))).rejects.toBeInstanceOf(
      UpstreamUnreachableError,
    );
    expect(client.metrics.calls).toHaveLength(4);
  });
});
