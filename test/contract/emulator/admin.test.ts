import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { callAdmin } from './admin-client.ts';
import { connect, type JobRecord, newToken, type PlatformClient } from './platform-client.ts';
import { type Children, type SegmentJobRecord, segmentJobs } from './segmentation-client.ts';

const jobs = '/data/core/ups/export/jobs';

describe('the admin endpoints', () => {
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ pace: 'fast', quirks: { unknownDatasetStatus: 400 } });
    client = await connect(emulator.url);
  });
  afterAll(() => emulator.close());

  const admin = (method: string, path: string, body?: unknown) => callAdmin(emulator, method, path, body);

  it('are listed, and unknown paths below /__admin do not reach the platform', async () => {
    expect(await admin('GET', '')).toMatchObject({
      status: 200,
      body: {
        endpoints: expect.arrayContaining([
          { path: '/__admin/reset', methods: ['POST'], summary: expect.any(String) },
          { path: '/__admin/requests', methods: ['GET', 'DELETE'], summary: expect.any(String) },
        ]),
      },
    });
    expect(await admin('GET', '/nothing')).toMatchObject({ status: 404, body: { status: 404 } });
    const wrong = await admin('PUT', '/reset');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  });

  describe('for the pace', () => {
    it('change it by name or by stage, and restore the pace of the start', async () => {
      const fast = (await admin('GET', '/pace')).body;
      expect(fast).toMatchObject({ stages: { newMs: [1, 3] } });
      expect((await admin('PUT', '/pace', { pace: 'slow' })).body).toMatchObject({
        stages: { newMs: [5_000, 15_000] },
      });
      const stages = { newMs: [0, 3] };
      expect((await admin('PUT', '/pace', { stages })).body).toMatchObject({
        stages: { newMs: [0, 3], exportingMs: [1_500, 4_500] },
      });
      expect((await admin('DELETE', '/pace')).status).toBe(204);
      expect((await admin('GET', '/pace')).body).toEqual(fast);
    });

    it('take effect at the next job', async () => {
      await admin('PUT', '/pace', { stages: { newMs: [86_400_000, 86_400_000] } });
      const waiting = await client.export();
      await admin('DELETE', '/pace');
      const { id } = await client.export();
      let job = await client.job(id);
      while (job.status !== 'SUCCEEDED') job = await client.job(id);
      expect((await client.job(waiting.id)).status).toBe('NEW');
    });

    it.each([
      {},
      { pace: 'quick' },
      { stages: { oldMs: [1, 2] } },
      { stages: { newMs: [2, 1] } },
      { stages: { newMs: [-1, 1] } },
      3,
    ])('reject %j', async (body) => {
      expect((await admin('PUT', '/pace', body)).status).toBe(400);
    });
  });

  describe('for quirks', () => {
    const cancelled = async () => (await client.send('DELETE', `${jobs}/${(await client.export()).id}`)).status;

    it('change the named quirks from the next request on, and restore those of the start', async () => {
      expect(await cancelled()).toBe(204);
      const changed = await admin('PATCH', '/quirks', { cancelReply: 'json', entitiesPerSecond: 1 });
      expect(changed).toMatchObject({ status: 200, body: { cancelReply: 'json', unknownDatasetStatus: 400 } });
      expect(await cancelled()).toBe(200);
      const entities = '/data/core/ups/access/entities?schema.name=_xdm.context.profile&entityId=x&entityIdNS=Email';
      const statuses = [await client.get(entities), await client.get(entities)].map(({ status }) => status);
      expect(statuses).toContain(429);
      expect((await admin('DELETE', '/quirks')).status).toBe(204);
      expect(await cancelled()).toBe(204);
      expect((await admin('GET', '/quirks')).body).toMatchObject({ cancelReply: 'empty', unknownDatasetStatus: 400 });
    });

    it.each([
      [{ cancelReplies: 'json' }, /cancelReplies/],
      [{ cancelReply: 'xml', unknownDatasetStatus: 500 }, /cancelReply: .*; unknownDatasetStatus: /],
      [[], /quirks: /],
    ])('reject %j', async (body, message) => {
      expect(await admin('PATCH', '/quirks', body)).toMatchObject({
        status: 400,
        body: { message: expect.stringMatching(message) },
      });
    });
  });

  describe('for requests', () => {
    it('list received requests with identifying data and without credentials', async () => {
      await admin('DELETE', '/requests');
      await client.get(`${jobs}?limit=1`, { 'x-request-id': 'mine' });
      await fetch(new URL('/ims/token/v3?client_secret=hush&scope=a', emulator.url), { method: 'POST' });
      await fetch(new URL('/ims/token/v3?client%5Fsecret=hush', emulator.url), { method: 'POST' });
      const { body } = await admin('GET', '/requests');
      const common = { number: expect.any(Number), time: expect.stringMatching(/^\d{4}-.*Z$/) };
      expect(body).toEqual({
        total: 3,
        requests: [
          { ...common, method: 'GET', path: jobs, query: 'limit=1', status: 200, requestId: 'mine', sandbox: 'prod' },
          {
            ...{ ...common, method: 'POST', path: '/ims/token/v3', query: 'client_secret=***&scope=a', status: 400 },
            ...{ requestId: expect.any(String), sandbox: null },
          },
          expect.objectContaining({ query: 'client_secret=***' }),
        ],
      });
      expect(JSON.stringify(emulator.requests)).not.toContain('hush');
    });

    it('filter by number, time, path and method, and bound the result', async () => {
      await admin('DELETE', '/requests');
      for (const limit of [1, 2, 3]) await client.get(`${jobs}?limit=${limit}`);
      await newToken(emulator.url);
      const found = async (query: string) =>
        ((await admin('GET', `/requests${query}`)).body as { requests: { number: number; path: string }[] }).requests;
      const all = await found('');
      expect(all).toHaveLength(4);
      expect(await found(`?since=${all[1]?.number}`)).toEqual(all.slice(2));
      expect(await found('?since=2999-01-01T00:00:00Z')).toEqual([]);
      expect(await found('?since=2020-01-01T00:00:00Z')).toEqual(all);
      expect(await found('?path=/ims')).toEqual(all.slice(3));
      expect(await found('?method=get&limit=2')).toEqual(all.slice(1, 3));
      for (const query of ['?since=yesterday', '?limit=0', '?limit=10001', '?path=ims', '?until=1']) {
        expect((await admin('GET', `/requests${query}`)).status, query).toBe(400);
      }
    });
  });

  it('cannot move a clock that the starting program supplies', async () => {
    await using stepped = await startEmulator({ clock: new FakeClock() });
    expect(stepped.clock).toBeNull();
    for (const method of ['GET', 'POST', 'PUT']) {
      expect(await callAdmin(stepped, method, '/clock', method === 'GET' ? undefined : {})).toMatchObject({
        status: 409,
      });
    }
  });
});

describe('an emulator with the admin token', () => {
  const adminToken = '0123456789abcdef';

  it('accepts requests of other hosts with the token, but none from browser pages', async () => {
    await using emulator = await startEmulator({ host: '0.0.0.0', adminToken });
    const url = `http://127.0.0.1:${new URL(emulator.url).port}/__admin/requests`;
    const { request } = await import('node:http');
    const status = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        request(url, { headers, agent: false }, (response) => resolve(response.resume().statusCode))
          .on('error', reject)
          .end();
      });
    const host = 'emulator:4010';
    expect(await status({ host })).toBe(421);
    expect(await status({ host, authorization: 'Bearer 0123456789abcdeX' })).toBe(421);
    expect(await status({ host, authorization: `Bearer ${adminToken}` })).toBe(200);
    expect(await status({ host, authorization: `Bearer ${adminToken}`, origin: 'https://evil.example' })).toBe(403);
  });
});

describe('the clock of an emulator', () => {
  const end = async (client: PlatformClient, id: number) => (await client.job(id)).status;

  it('stands still until it is moved, and then runs the jobs and schedules that became due', async () => {
    await using emulator = await startEmulator({ time: { startsAt: new Date('2026-01-01T00:00:00Z'), rate: 0 } });
    const client = await connect(emulator.url);
    const admin = (method: string, body?: unknown) => callAdmin(emulator, method, '/clock', body);
    expect((await admin('GET')).body).toEqual({ now: '2026-01-01T00:00:00.000Z', rate: 0 });
    const { id, creationTime } = await client.export();
    expect(creationTime).toBe(Date.parse('2026-01-01T00:00:00Z'));

    expect((await admin('POST', { advanceMs: 100 })).body).toEqual({ now: '2026-01-01T00:00:00.100Z', rate: 0 });
    expect(await end(client, id)).toBe('NEW');
    expect((await admin('POST', { advanceMs: 60_000 })).status).toBe(200);
    expect(await end(client, id)).toBe('SUCCEEDED');
    const { updateTime } = (await client.job(id)) as JobRecord & { updateTime: number };
    expect(updateTime - creationTime).toBeLessThan(10_000);

    const laterRuns = async () => {
      // Tokens expire by the same clock.
      const { body } = await (await connect(emulator.url)).get<Children<SegmentJobRecord>>(`${segmentJobs}?limit=100`);
      return body.children
        .filter((job) => job.creationTime > creationTime)
        .map((job) => `${job.status} ${new Date(job.creationTime).toISOString()}`)
        .toSorted();
    };
    expect(await laterRuns()).toEqual([]);
    await admin('POST', { advanceTo: '2026-01-03T12:00:00Z' });
    expect(await laterRuns()).toEqual(['SUCCEEDED 2026-01-01T23:30:00.000Z', 'SUCCEEDED 2026-01-02T23:30:00.000Z']);
  });

  it('reaches its target time while clients keep creating jobs, which start afterwards', async () => {
    await using emulator = await startEmulator({ pace: 'fast', profiles: 10 });
    const client = await connect(emulator.url);
    const { id } = await client.export();
    let isMoving = true;
    const moved = callAdmin(emulator, 'POST', '/clock', { advanceMs: 3_600_000 }).finally(() => {
      isMoving = false;
    });
    const begin = async (): Promise<number> => {
      const { creationTime } = await client.export();
      return isMoving ? begin() : creationTime;
    };
    const last = await Promise.all(Array.from({ length: 12 }, begin));
    expect((await moved).status).toBe(200);
    expect(Math.min(...last)).toBeGreaterThanOrEqual((await client.job(id)).creationTime + 3_600_000);
  });

  it('can run faster, and can change its rate', async () => {
    await using emulator = await startEmulator({ time: { rate: 60 } });
    const client = await connect(emulator.url);
    const { id } = await client.export();
    const started = performance.now();
    while ((await end(client, id)) !== 'SUCCEEDED');
    const { creationTime, updateTime } = (await client.job(id)) as JobRecord & { updateTime: number };
    expect(updateTime - creationTime).toBeGreaterThan(performance.now() - started);
    expect((await callAdmin(emulator, 'PUT', '/clock', { rate: 0 })).body).toMatchObject({ rate: 0 });
    const stopped = emulator.clock?.now();
    expect((await client.export()).creationTime).toBe(stopped?.getTime());
    expect(emulator.clock?.now()).toEqual(stopped);
  });

  it.each([
    {},
    { advanceMs: -1 },
    { advanceMs: 32 * 86_400_000 },
    { advanceTo: 'tomorrow' },
    { advanceTo: '2020-01-01T00:00:00Z' },
    { advanceTo: '2999-01-01T00:00:00Z' },
  ])('is not moved by %j', async (body) => {
    await using emulator = await startEmulator({ profiles: 20 });
    expect((await callAdmin(emulator, 'POST', '/clock', body)).status).toBe(400);
    expect((await callAdmin(emulator, 'PUT', '/clock', body)).status).toBe(400);
  });
});
