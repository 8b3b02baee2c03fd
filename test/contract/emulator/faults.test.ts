import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import {
  connect,
  exportBody,
  type JobPage,
  newToken,
  type PlatformClient,
  prodDataset,
  runUntil,
} from './platform-client.ts';
import { type Children, evaluate, type SegmentJobRecord, segmentJobs } from './segmentation-client.ts';

const jobs = '/data/core/ups/export/jobs';
const datasets = '/data/foundation/catalog/dataSets';
const admin = '/__admin/faults';
const latencyMs = 5_000;

/** Jobs of these tests stay NEW, so that only faults sleep on the clock. */
const newMs = [3_600_000, 3_600_000] as const;
const clock = new FakeClock('2026-11-02T08:00:00Z');
let emulator: Emulator;
let client: PlatformClient;
let file: string;

beforeAll(async () => {
  emulator = await startEmulator({ profiles: 200, clock, pace: { newMs } });
  client = await connect(emulator.url);
  const { destination } = await runUntil(client, clock, (await client.export()).id);
  file = `/data/foundation/export/files/${destination.batchId}-1?path=part-00000.parquet`;
});

beforeEach(() => emulator.clearRequests());

afterEach(() => emulator.faults.clear());

afterAll(() => emulator.close());

const newestJob = async () => (await client.get<JobPage>(`${jobs}?limit=1`)).body.records[0]?.id;

/** Sends a create without expecting a response, and returns whether a job was created. */
const createThatBreaks = async () => {
  const before = await newestJob();
  await expect(client.send('POST', jobs, exportBody())).rejects.toThrow();
  return (await newestJob()) !== before;
};

const statuses = () => emulator.requests.map(({ method, status }) => `${method} ${status}`);

/** Sends a request and waits until it pauses on the clock because of a fault. */
const paused = async (request: () => Promise<unknown>) => {
  const others = clock.pending();
  const answer = request();
  // The caller handles the rejection, possibly after it happens.
  answer.catch(() => undefined);
  await clock.sleeping(others + 1);
  return { answer, others };
};

describe('the admin endpoint for faults', () => {
  const door = async (method: string, body?: unknown) => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(new URL(admin, emulator.url), { method, ...content });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  };

  it('accepts a script, returns it with its defaults and hits, and removes it', async () => {
    const fault = { kind: 'status', status: 503 };
    const complete = {
      match: { path: jobs, writesOnly: false, readsOnly: false },
      after: 1,
      times: null,
      probability: 1,
      fault: { ...fault, body: 'called' },
    };
    const script = { seed: 7, rules: [{ match: { path: jobs }, after: 1, fault }] };
    expect(await door('PUT', script)).toMatchObject({
      status: 200,
      body: { seed: 7, rules: [{ ...complete, hits: 0 }] },
    });
    expect([(await client.get(jobs)).status, (await client.get(jobs)).status]).toEqual([200, 503]);
    expect(await door('GET')).toMatchObject({ status: 200, body: { seed: 7, rules: [{ ...complete, hits: 1 }] } });
    expect(emulator.faults.hits).toEqual([1]);
    expect((await door('DELETE')).status).toBe(204);
    expect(await door('GET')).toMatchObject({ body: { seed: null, rules: [] } });
    expect((await client.get(jobs)).status).toBe(200);
  });

  it('rejects invalid scripts and other methods', async () => {
    const refused = await door('PUT', { rules: [{ fault: { kind: 'meteor' } }] });
    expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('rules.0.fault.kind') } });
    expect(await door('PUT')).toMatchObject({ status: 400 });
    const post = await door('POST', {});
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, PUT, DELETE']);
  });

  it('is neither recorded nor affected by faults', async () => {
    emulator.faults.set({ rules: [{ fault: { kind: 'reset', when: 'before' } }] });
    expect((await door('GET')).status).toBe(200);
    expect(emulator.requests).toEqual([]);
  });
});

describe('latency', () => {
  it('delays a request before it is carried out', async () => {
    emulator.faults.set({ rules: [{ times: 1, fault: { kind: 'latency', ms: latencyMs } }] });
    const { answer } = await paused(() => client.get(jobs));
    expect(emulator.requests).toEqual([]);
    await clock.advanceBy(latencyMs);
    expect(await answer).toMatchObject({ status: 200 });
  });

  it('delays a response after the request was carried out', async () => {
    const before = await newestJob();
    const fault = { kind: 'latency', ms: latencyMs, when: 'after-apply' } as const;
    emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault }] });
    const others = clock.pending();
    const answer = client.send('POST', jobs, exportBody());
    // The created job also sleeps.
    await clock.sleeping(others + 2);
    expect(await newestJob()).not.toBe(before);
    await clock.advanceBy(latencyMs);
    expect(await answer).toMatchObject({ status: 200 });
  });

  it('ends without a trace when the caller disconnects', async () => {
    const before = await newestJob();
    emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault: { kind: 'latency', ms: latencyMs } }] });
    const leaving = new AbortController();
    const { answer, others } = await paused(() =>
      client.fetch(jobs, {
        method: 'POST',
        body: JSON.stringify(exportBody()),
        headers: { 'content-type': 'application/json' },
        signal: leaving.signal,
      }),
    );
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => expect(statuses()).toContain('POST 0'));
    expect(clock.pending()).toBe(others);
    expect(await newestJob()).toBe(before);
  });
});

describe('a scripted status', () => {
  it.each([
    ['called', 503, { requestId: expect.any(String), status: 503, errors: { 503: [{ code: 'UPAPI-113500-503' }] } }],
    ['gateway', 429, { error_code: '429050', message: 'Too Many Requests' }],
    ['ups', 500, { status: 500, errors: { 500: [{ code: 'UPAPI-113500-500' }] } }],
    ['data-access', 502, { status: 502, report: {}, 'error-chain': [{ errorCode: 'DAS-1000-502' }] }],
    ['catalog', 500, { status: 500, title: 'InternalServerErrorError', detail: 'Internal Server Error' }],
    ['profile-access', 500, { statusCode: '500', message: expect.any(String), cause: expect.any(String) }],
    ['profile-access', 429, [{ statusCode: '429', retryAfterMs: '500' }]],
    ['etag', 412, { errorMessage: expect.any(String) }],
    ['ims', 400, { error: 'invalid_request', error_description: 'Bad Request' }],
    ['empty', 503, undefined],
  ] as const)(
    'uses the error format %s with %i, and the request is not carried out',
    async (body, status, expected) => {
      const before = await newestJob();
      emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault: { kind: 'status', status, body } }] });
      const answer = await client.send('POST', jobs, exportBody());
      expect(answer.status).toBe(status);
      expect(answer.headers.get('retry-after')).toBeNull();
      if (expected === undefined) expect(answer.body).toBeUndefined();
      else expect(answer.body).toMatchObject(expected);
      expect(await newestJob()).toBe(before);
    },
  );

  it('returns Retry-After, needs no credential and has no body for HEAD', async () => {
    const fault = { kind: 'status', status: 429, retryAfterSeconds: 3 } as const;
    emulator.faults.set({ rules: [{ fault }] });
    const response = await fetch(new URL(file, emulator.url), { method: 'HEAD' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
  });
});

describe('a reset', () => {
  it('before the request is carried out creates no job', async () => {
    emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault: { kind: 'reset', when: 'before' } }] });
    expect(await createThatBreaks()).toBe(false);
    expect(statuses()).toContain('POST 0');
  });

  it('after the request was carried out creates the job and sends no byte of the response', async () => {
    emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault: { kind: 'reset', when: 'after-apply' } }] });
    const before = await newestJob();
    await expect(client.fetch(jobs, postOf(exportBody()))).rejects.toThrow();
    expect(await newestJob()).not.toBe(before);
    expect(statuses()).toContain('POST 0');
  });

  it('during the body creates the job and sends half of the response', async () => {
    emulator.faults.set({ rules: [{ match: { writesOnly: true }, fault: { kind: 'reset', when: 'during-body' } }] });
    const before = await newestJob();
    const response = await client.fetch(jobs, postOf(exportBody()));
    expect(response.status).toBe(200);
    const { bytes, ended } = await readAsFarAsPossible(response);
    expect(ended).toBe(false);
    expect(bytes).toBe(Math.floor(Number(response.headers.get('content-length')) / 2));
    expect(await newestJob()).not.toBe(before);
    expect(statuses()).toContain('POST 200');
  });

  it('during the body breaks a file in the middle', async () => {
    emulator.faults.set({ rules: [{ match: {}, times: 1, fault: { kind: 'reset', when: 'during-body' } }] });
    const response = await client.fetch(file);
    const { bytes, ended } = await readAsFarAsPossible(response);
    expect([response.status, ended]).toEqual([200, false]);
    expect(bytes).toBe(Math.floor(Number(response.headers.get('content-length')) / 2));
  });

  it('during the body of a response without one breaks before the response', async () => {
    emulator.faults.set({ rules: [{ match: { method: 'HEAD' }, fault: { kind: 'reset', when: 'during-body' } }] });
    await expect(client.fetch(file, { method: 'HEAD' })).rejects.toThrow();
  });
});

describe('bad JSON', () => {
  it('is the first half of the response, with a matching length', async () => {
    const whole = await (await client.fetch(`${datasets}/${prodDataset}`)).text();
    emulator.faults.set({ rules: [{ fault: { kind: 'truncate' } }] });
    const text = await (await client.fetch(`${datasets}/${prodDataset}`)).text();
    expect(text).toBe(whole.slice(0, Math.floor(whole.length / 2)));
    expect(() => JSON.parse(text)).toThrow();
  });

  it('is an HTML page with a JSON content type', async () => {
    emulator.faults.set({ rules: [{ fault: { kind: 'invalidJson' } }] });
    const response = await client.fetch(jobs);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.text()).toMatch(/^<html>/);
  });
});

describe('a drip', () => {
  const drip = { kind: 'drip', chunkBytes: 100, everyMs: 1_000 } as const;

  it.each([
    ['JSON', () => jobs],
    ['files', () => file],
  ])('sends %s completely, one chunk at a time', async (_, path) => {
    const whole = await (await client.fetch(path())).arrayBuffer();
    emulator.faults.set({ rules: [{ fault: { ...drip, chunkBytes: Math.ceil(whole.byteLength / 4) } }] });
    let ended = false;
    const { answer, others } = await paused(() =>
      client
        .fetch(path())
        .then((response) => response.arrayBuffer())
        .finally(() => {
          ended = true;
        }),
    );
    for (const _piece of [1, 2, 3, 4]) {
      await clock.sleeping(others + 1);
      expect(ended).toBe(false);
      await clock.advanceBy(drip.everyMs);
    }
    expect(await answer).toEqual(whole);
    expect(clock.pending()).toBe(others);
  });

  it('ends when the caller disconnects', async () => {
    emulator.faults.set({ rules: [{ fault: drip }] });
    const leaving = new AbortController();
    const { answer, others } = await paused(() =>
      client.fetch(jobs, { signal: leaving.signal }).then((response) => response.text()),
    );
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => expect(clock.pending()).toBe(others));
  });

  it('ends when the emulator closes, and so does latency', async () => {
    const still = new FakeClock('2026-11-02T08:00:00Z');
    const other = await startEmulator({ profiles: 20, clock: still });
    const otherClient = await connect(other.url);
    const others = still.pending();
    other.faults.set({ rules: [{ times: 1, fault: drip }, { fault: { kind: 'latency', ms: latencyMs } }] });
    const answers = Promise.allSettled([otherClient.get(jobs), otherClient.get(jobs)]);
    await still.sleeping(others + 2);
    await other.close();
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await eventually(() => expect(still.pending()).toBe(0));
  });
});

describe('expired tokens', () => {
  it('are rejected from the affected request on; a new token is valid', async () => {
    emulator.faults.set({ rules: [{ match: { path: jobs }, times: 1, fault: { kind: 'expireTokens' } }] });
    const expired = { status: 401, body: { error_code: '401013' } };
    expect(await client.get(jobs)).toMatchObject(expired);
    expect(await client.get(datasets)).toMatchObject(expired);
    const authorization = `Bearer ${await newToken(emulator.url)}`;
    expect((await client.get(jobs, { authorization })).status).toBe(200);
    client = await connect(emulator.url);
  });
});

describe('an unknown status', () => {
  const unknown = { kind: 'unknownStatus', value: 'HIBERNATING' } as const;

  it('replaces the status of every job, alone, in lists and in bulk reads', async () => {
    const { id } = await evaluate(client, 'a');
    emulator.faults.set({ rules: [{ fault: unknown }] });
    const exports = (await client.get<JobPage>(jobs)).body.records;
    expect(new Set(exports.map(({ status }) => status))).toEqual(new Set(['HIBERNATING']));
    expect(await client.job(exports[0]?.id ?? 0)).toMatchObject({ status: 'HIBERNATING' });
    const listed = (await client.get<Children<SegmentJobRecord>>(segmentJobs)).body.children;
    expect(new Set(listed.map(({ status }) => status))).toEqual(new Set(['HIBERNATING']));
    const { body } = await client.send('POST', `${segmentJobs}/bulk-get`, { ids: [{ id }] });
    expect(body).toMatchObject({ results: { [id]: { status: 'HIBERNATING' } } });
  });

  it('replaces the status of one job only', async () => {
    const id = (await newestJob()) ?? 0;
    emulator.faults.set({ rules: [{ fault: { ...unknown, id } }] });
    const { records } = (await client.get<JobPage>(jobs)).body;
    expect(records.filter(({ status }) => status === 'HIBERNATING').map((job) => job.id)).toEqual([id]);
    expect(await client.get(`${jobs}/1`)).toMatchObject({ status: 404, body: { status: 404 } });
  });
});

describe('a vanished job', () => {
  it('is 404 like an unknown job, for reads and cancels, and is missing in lists', async () => {
    const { id } = await client.export();
    const never = (await client.get<{ errors: object }>(`${jobs}/1`)).body;
    emulator.faults.set({ rules: [{ fault: { kind: 'vanish', id } }] });
    const gone = await client.get<{ errors: object }>(`${jobs}/${id}`);
    expect(gone.status).toBe(404);
    expect(JSON.stringify(gone.body.errors)).toBe(JSON.stringify(never.errors).replace(/job 1 /, `job ${id} `));
    expect((await client.send('DELETE', `${jobs}/${id}`)).status).toBe(404);
    const { records, page } = (await client.get<JobPage>(`${jobs}?limit=5`)).body;
    expect(records.map((job) => job.id)).not.toContain(id);
    expect([records.length, page.pageSize]).toEqual([4, 4]);
    emulator.faults.clear();
    expect((await client.job(id)).status).toBe('NEW');
  });

  it('is an error in a bulk read, which is 404 when no other job was requested', async () => {
    const kept = await evaluate(client, 'a');
    const lost = await evaluate(client, 'a');
    emulator.faults.set({ rules: [{ fault: { kind: 'vanish', id: lost.id } }] });
    const bulk = (...ids: readonly string[]) =>
      client.send('POST', `${segmentJobs}/bulk-get`, { ids: ids.map((id) => ({ id })) });
    expect(await bulk(kept.id, lost.id)).toMatchObject({
      status: 207,
      body: { results: { [kept.id]: { id: kept.id }, [lost.id]: { errors: { 404: [{}] } } } },
    });
    expect((await bulk(lost.id)).status).toBe(404);
    const { children } = (await client.get<Children<SegmentJobRecord>>(segmentJobs)).body;
    expect(children.map(({ id }) => id)).toEqual(expect.arrayContaining([kept.id]));
    expect(children.map(({ id }) => id)).not.toContain(lost.id);
  });

  it('still requires a credential', async () => {
    emulator.faults.set({ rules: [{ fault: { kind: 'vanish', id: 24_001 } }] });
    expect((await fetch(new URL(`${jobs}/24001`, emulator.url))).status).toBe(403);
  });
});

function postOf(body: unknown): RequestInit {
  return { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

/** Number of bytes of a body that arrive, and whether it ends without an error. */
async function readAsFarAsPossible(response: Response): Promise<{ readonly bytes: number; readonly ended: boolean }> {
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) bytes += chunk.length;
    return { bytes, ended: true };
  } catch {
    return { bytes, ended: false };
  }
}
