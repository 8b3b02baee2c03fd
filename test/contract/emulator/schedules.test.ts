import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/runtime/logger.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { connect, type JobPage, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';
import {
  type Children,
  type SegmentJobRecord,
  schedules,
  segmentJobs,
  segmentJobUntil,
  upsError,
} from './segmentation-client.ts';

const devDataset = '5d8a1b6e2f9c4e0018a7c301';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

interface ScheduleRecord {
  readonly id: string;
  readonly state: string;
  readonly schedule: string;
}

const body = (members: Record<string, unknown> = {}) => ({
  name: 'Made here',
  type: 'batch_segmentation',
  properties: { segments: ['*'] },
  schedule: '0 0 9 * * ?',
  ...members,
});

const create = async (client: PlatformClient, members: Record<string, unknown> = {}): Promise<ScheduleRecord> => {
  const answer = await client.send<ScheduleRecord>('POST', schedules, body(members));
  expect(answer.status).toBe(200);
  return answer.body;
};

const patch = (client: PlatformClient, id: string, path: string, value: unknown) =>
  client.send('PATCH', `${schedules}/${id}`, [{ op: 'add', path, value }]);

/** The segment jobs that a schedule has created, newest first. */
const runsOf = async (client: PlatformClient, id: string): Promise<readonly SegmentJobRecord[]> => {
  const query = new URLSearchParams({ property: `properties.scheduleId==${id}` });
  return (await client.get<Children<SegmentJobRecord>>(`${segmentJobs}?${query}`)).body.children;
};

const runs = (client: PlatformClient, id: string, count: number) =>
  eventually(async () => {
    const found = await runsOf(client, id);
    expect(found).toHaveLength(count);
    return found;
  });

describe('schedules', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let emulator: Emulator;
  let prod: PlatformClient;
  let dev: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 100, clock });
    prod = await connect(emulator.url);
    dev = await connect(emulator.url, 'dev');
  });

  afterAll(() => emulator.close());

  afterEach(async () => {
    for (const { id } of (await dev.get<Children<ScheduleRecord>>(schedules)).body.children) {
      expect(await dev.send('DELETE', `${schedules}/${id}`)).toMatchObject({ status: 204, body: undefined });
    }
  });

  it('are one in prod that runs once a day, two of the platform, and none in dev', async () => {
    const { status, body: list } = await prod.get<Children<ScheduleRecord>>(schedules);
    expect(status).toBe(200);
    expect(list).toMatchObject({
      _page: { totalCount: 3, pageSize: 3 },
      children: [
        {
          state: 'active',
          type: 'batch_segmentation',
          schedule: '0 30 23 * * ?',
          frequency: 'daily',
          properties: { segments: ['*'] },
        },
        { state: 'active', type: 'delta', frequency: 'daily' },
        { state: 'active', type: 'system', frequency: 'daily' },
      ],
      _links: { next: {} },
    });
    expect((await dev.get(schedules)).body).toEqual({
      _page: { totalCount: 0, pageSize: 0 },
      children: [],
      _links: { next: {} },
    });
  });

  it('are created inactive, read, and deleted', async () => {
    const created = await create(dev, { frequency: 'daily' });
    const seconds = Math.floor(clock.now().getTime() / 1_000);
    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      imsOrgId: '0123456789ABCDEF01234567@AdobeOrg',
      sandbox: { sandboxId: expect.any(String), sandboxName: 'dev', type: 'development', default: false },
      name: 'Made here',
      state: 'inactive',
      frequency: 'daily',
      type: 'batch_segmentation',
      schedule: '0 0 9 * * ?',
      properties: { segments: ['*'] },
      createEpoch: seconds,
      updateEpoch: seconds,
    });
    expect(await dev.get(`${schedules}/${created.id}`)).toMatchObject({ status: 200, body: created });
    expect((await prod.get(`${schedules}/${created.id}`)).status).toBe(404);
    expect((await dev.send('DELETE', `${schedules}/${created.id}`)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      expect(await dev.send(method, `${schedules}/${created.id}`)).toMatchObject(upsError(404));
    }
  });

  it.each([
    ['no name', { name: undefined }, /name/],
    ['an empty name', { name: ' ' }, /name/],
    ['an unknown type', { type: 'streaming' }, /type/],
    ['no properties', { properties: undefined }, /properties/],
    ['no segments', { properties: {} }, /segments/],
    ['an empty list of segments', { properties: { segments: [] } }, /segments/],
    ['no expression', { schedule: undefined }, /schedule/],
    ['an unknown state', { state: 'paused' }, /state/],
    ['an invalid export', { type: 'export', properties: { filter: { segments: [{}] } } }, /segmentId/],
  ])('with %s are rejected with 400', async (_, members, message) => {
    expect(await dev.send('POST', schedules, body(members))).toMatchObject(upsError(400, message));
  });

  it.each([
    ['0 0 1 * * ?', null],
    ['0 15 10 ? * MON-FRI', null],
    ['0 15 10 ? * 6L 2027-2029', null],
    ['0 0 12 LW * ?', null],
    ['0 0 12 15W * ?', null],
    ['0 15 10 ? * fri#3', null],
    ['0 11 11 11 11 ?', null],
    ['0 0 12 1/5 * ?', null],
    ['0 0/5 14 * * ?', /12 times a day/],
    ['0 0 8,20 * * ?', /2 times a day/],
    ['* * * * * ?', /86400 times a day/],
    ['0 0 1 * * *', /exactly one/],
    ['0 0 1 * *', /six fields/],
    ['0 0 25 * * ?', /hour/],
    ['0 0 1 31 2 ?', /never run/],
    ['0 0 1 * * ? 2025', /never run/],
    ['daily', /six fields/],
  ])(
    'with the expression %s are accepted if it is valid Quartz with at most one run in 24 hours',
    async (schedule, refusal) => {
      const answer = await dev.send<ScheduleRecord>('POST', schedules, body({ schedule }));
      if (refusal === null) expect(answer).toMatchObject({ status: 200, body: { schedule } });
      else expect(answer).toMatchObject(upsError(400, refusal));
    },
  );

  it('are limited to one per sandbox', async () => {
    expect(await prod.send('POST', schedules, body())).toMatchObject(upsError(400, /already/));
    await create(dev);
    expect(await dev.send('POST', schedules, body())).toMatchObject(upsError(400, /already/));
  });

  it('are changed by a JSON Patch that adds state or schedule', async () => {
    const { id } = await create(dev);
    expect(await patch(dev, id, '/state', 'active')).toMatchObject({ status: 204, body: undefined });
    expect(await patch(dev, id, '/schedule', '0 15 10 * * ?')).toMatchObject({ status: 204 });
    expect((await dev.get(`${schedules}/${id}`)).body).toMatchObject({ state: 'active', schedule: '0 15 10 * * ?' });
    expect((await patch(prod, id, '/state', 'inactive')).status).toBe(404);
  });

  it.each([
    ['another operation', [{ op: 'replace', path: '/state', value: 'active' }]],
    ['another path', [{ op: 'add', path: '/name', value: 'x' }]],
    ['another value', [{ op: 'add', path: '/state', value: 'paused' }]],
    ['an expression that runs twice a day', [{ op: 'add', path: '/schedule', value: '0 0 8,20 * * ?' }]],
    ['no operation', []],
    ['an object', { state: 'active' }],
  ])('are not changed by %s', async (_, operations) => {
    const created = await create(dev);
    expect(await dev.send('PATCH', `${schedules}/${created.id}`, operations)).toMatchObject(upsError(400));
    expect((await dev.get(`${schedules}/${created.id}`)).body).toEqual(created);
  });

  it('are not changed by POST', async () => {
    const { id } = await create(dev);
    const answer = await dev.send('POST', `${schedules}/${id}`, [{ op: 'add', path: '/state', value: 'active' }]);
    expect(answer).toMatchObject(upsError(405));
    expect(answer.headers.get('allow')).toBe('GET, PATCH, DELETE');
  });
});

/** Resolves when the schedule of prod has had its run at a time. */
const nightlyRun = async ({ url }: Emulator, due: number) => {
  const prod = await connect(url);
  await eventually(async () => {
    const { body: jobs } = await prod.get<Children<SegmentJobRecord>>(`${segmentJobs}?limit=1`);
    expect(jobs.children[0]?.requestId).toMatch(new RegExp(`-${due}$`));
  });
};

describe('the run of a schedule', () => {
  let clock: FakeClock;
  let directory: string;

  beforeEach(async () => {
    clock = new FakeClock('2026-11-02T08:00:00Z');
    directory = await mkdtemp(join(tmpdir(), 'aep-schedules-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const start = () => startEmulator({ profiles: 50, clock, directory });

  it('happens at the times of its expression, day after day, while the schedule is active', async () => {
    await using emulator = await start();
    let client = await connect(emulator.url, 'dev');
    const { id } = await create(client, { state: 'active', properties: { segments: [goldTier] } });
    await clock.advanceBy(hourMs - 1);
    expect(await runsOf(client, id)).toEqual([]);

    await clock.advanceBy(1);
    const [first] = await runs(client, id, 1);
    expect(first).toMatchObject({
      source: 'scheduler',
      requestId: `${id}-${Date.UTC(2026, 10, 2, 9)}`,
      properties: { scheduleId: id, runId: expect.any(String) },
      segments: [{ segmentId: goldTier }],
      creationTime: Date.UTC(2026, 10, 2, 9),
    });
    expect(await segmentJobUntil(client, clock, String(first?.id))).toMatchObject({ status: 'SUCCEEDED' });

    // 08:00 of the next day, with a token of that day.
    await clock.advanceBy(Date.UTC(2026, 10, 3, 8) - clock.now().getTime());
    client = await connect(emulator.url, 'dev');
    await patch(client, id, '/schedule', '0 15 10 * * ?');
    await clock.advanceBy(2 * hourMs + hourMs / 4 - 1);
    expect(await runsOf(client, id)).toHaveLength(1);
    await clock.advanceBy(1);
    const [second] = await runs(client, id, 2);
    expect(second?.requestId).toBe(`${id}-${Date.UTC(2026, 10, 3, 10, 15)}`);

    await patch(client, id, '/state', 'inactive');
    // Runs happen one after the other, so earlier runs have happened when the nightly run of prod is found.
    for (const night of [Date.UTC(2026, 10, 3, 23, 30), Date.UTC(2026, 10, 4, 23, 30)]) {
      await clock.advanceBy(night - clock.now().getTime());
      await nightlyRun(emulator, night);
    }
    expect(await runsOf(await connect(emulator.url, 'dev'), id)).toHaveLength(2);
  });

  it('happens after a restart as well, and a run missed meanwhile is made up for once', async () => {
    const first = await start();
    const { id } = await create(await connect(first.url, 'dev'), { state: 'active' });
    await first.close();
    await using second = await start();
    const client = await connect(second.url, 'dev');
    await clock.advanceBy(hourMs);
    await runs(client, id, 1);
    await second.close();

    await clock.advanceBy(3 * dayMs);
    await using third = await start();
    const [missed] = await runs(await connect(third.url, 'dev'), id, 2);
    expect(missed?.requestId).toBe(`${id}-${Date.UTC(2026, 10, 3, 9)}`);
    await clock.advanceBy(dayMs);
    await runs(await connect(third.url, 'dev'), id, 3);
  });

  it('happens for the seeded schedule of prod', async () => {
    await using emulator = await start();
    const client = await connect(emulator.url);
    const { children } = (await client.get<Children<ScheduleRecord>>(schedules)).body;
    const id = String(children[0]?.id);
    const before = (await runsOf(client, id)).length;
    await clock.advanceBy(15.5 * hourMs);
    const [newest] = await runs(client, id, before + 1);
    expect(newest?.requestId).toBe(`${id}-${Date.UTC(2026, 10, 2, 23, 30)}`);
  });

  it.each([
    ['the request in its properties', { destination: { datasetId: devDataset }, fields: 'person', segments: ['*'] }, 5],
    ['only segments, into the oldest dataset that accepts exports', { segments: [goldTier] }, null],
  ])('creates an export of %s', async (_, properties, profiles) => {
    await using emulator = await start();
    const client = await connect(emulator.url, 'dev');
    const { id } = await create(client, { type: 'export', state: 'active', properties });
    await clock.advanceBy(hourMs);
    const job = await eventually(async () => {
      const [newest] = (await client.get<JobPage>('/data/core/ups/export/jobs?limit=1')).body.records;
      expect(newest).toMatchObject({ requestId: `${id}-${Date.UTC(2026, 10, 2, 9)}` });
      return newest;
    });
    const done = await runUntil(client, clock, Number(job?.id));
    expect(done).toMatchObject({
      status: 'SUCCEEDED',
      source: 'scheduler',
      properties: { scheduleId: id, runId: expect.any(String) },
      destination: { dataSetId: devDataset },
    });
    if (profiles !== null) expect(done.metrics.totalExportedProfileCounter).toBe(profiles);
    else expect(done).toMatchObject({ filter: { segments: [{ segmentId: goldTier }] } });
  });

  it('is skipped and logged once when the job cannot be created', async () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'warn', destination: { write: (line) => lines.push(line) } });
    await using emulator = await startEmulator({ profiles: 50, clock, directory, logger });
    const client = await connect(emulator.url, 'dev');
    const { id } = await create(client, {
      type: 'export',
      state: 'active',
      properties: { destination: { datasetId: prodDataset } },
    });
    const newest = async () => (await client.get<JobPage>('/data/core/ups/export/jobs?limit=1')).body.records[0]?.id;
    const before = await newest();
    await clock.advanceBy(hourMs);
    // The next schedule, in the other sandbox, still has its run.
    await clock.advanceBy(14.5 * hourMs);
    await nightlyRun(emulator, Date.UTC(2026, 10, 2, 23, 30));
    expect(await newest()).toBe(before);
    expect(lines).toEqual([expect.stringContaining(`Dataset ${prodDataset} is unknown`)]);
    expect((await client.get(`${schedules}/${id}`)).body).toMatchObject({ state: 'active' });
  });
});

describe('schedules, with quirks', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');

  it('are unlimited, paged, and changed by POST', async () => {
    const quirks = { oneSchedulePer: 'nothing', postUpdatesSchedule: true } as const;
    await using emulator = await startEmulator({ profiles: 20, clock, quirks });
    const client = await connect(emulator.url);
    const second = await create(client, { name: 'Second' });
    const { body: page } = await client.get<Children<ScheduleRecord>>(`${schedules}?limit=1`);
    expect(page).toMatchObject({
      _page: { totalCount: 4, pageSize: 1, next: '1' },
      _links: { next: { href: '/config/schedules?limit=1&start=1' } },
    });
    const { body: next } = await client.get<Children<ScheduleRecord>>(`${schedules}?limit=1&start=3`);
    expect(next.children).toEqual([second]);
    expect(next._links).toEqual({ next: {} });

    const operations = [{ op: 'add', path: '/state', value: 'active' }];
    expect((await client.send('POST', `${schedules}/${second.id}`, operations)).status).toBe(204);
    expect((await client.get(`${schedules}/${second.id}`)).body).toMatchObject({ state: 'active' });
  });

  it('are limited to one for the whole organization', async () => {
    await using emulator = await startEmulator({ profiles: 20, clock, quirks: { oneSchedulePer: 'organization' } });
    const dev = await connect(emulator.url, 'dev');
    expect(await dev.send('POST', schedules, body())).toMatchObject(upsError(400, /already/));
  });
});
