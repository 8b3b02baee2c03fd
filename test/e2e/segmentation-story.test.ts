import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, startPlatform, startSteppedPlatform } from '../support/platform.ts';
import { readProfile } from '../support/platform-reading.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import {
  CancelSegmentJobDocument,
  CreateScheduleDocument,
  type CreateScheduleInput,
  CreateSegmentJobDocument,
  DeleteScheduleDocument,
  ReadProfileDocument,
  ReadSchedulesDocument,
  ReadSegmentJobsDocument,
  UpdateScheduleDocument,
  WatchSchedulesDocument,
  type WatchSchedulesSubscription,
  WatchSegmentJobsDocument,
  type WatchSegmentJobsSubscription,
} from './operations.generated.ts';

const start = '2026-11-02T08:00:00Z';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const definitions = '/data/core/ups/segment/definitions';

type Client = Pick<Gateway, 'query'>;
const jobEvent = ({ segmentJobChanged }: WatchSegmentJobsSubscription) => segmentJobChanged;
const scheduleEvent = (data: WatchSchedulesSubscription | null) => data?.scheduleChanged;

async function startSegmentJob(gateway: Client, segmentIds: string[]) {
  const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input: { segmentIds } });
  if (createSegmentJob.__typename !== 'CreateSegmentJobPayload')
    throw new Error(`No job was made: ${JSON.stringify(createSegmentJob)}`);
  return createSegmentJob.segmentJob;
}

async function createSchedule(gateway: Client, input: CreateScheduleInput) {
  const { createSchedule: answer } = await gateway.query(CreateScheduleDocument, { input });
  if (answer.__typename !== 'CreateSchedulePayload') throw new Error(`No schedule was made: ${JSON.stringify(answer)}`);
  return answer.schedule;
}

async function define(rest: RestClient, name: string, value: string): Promise<string> {
  const { status, body } = await rest.send<{ readonly id: string }>('POST', definitions, {
    name,
    schema: { name: '_xdm.context.profile' },
    expression: { type: 'PQL', format: 'pql/text', value },
  });
  expect(status).toBe(200);
  return body.id;
}

describe('a schedule', () => {
  it('is created, activated, changed, runs at its time, is deactivated and deleted, and watchers receive each step', async () => {
    const stages = new FakeClock(start);
    await using platform = await startSteppedPlatform({ clock: stages, profiles: 60 });
    await using running = await startGateway({ platform });
    // The sandbox without a schedule.
    const headers = { 'x-sandbox-name': 'dev' };
    const gateway: Client = { query: (document, variables) => running.query(document, variables, headers) };
    await using schedules = running.subscribe(WatchSchedulesDocument, {}, { headers });
    await using jobs = running.subscribe(WatchSegmentJobsDocument, {}, { headers, transport: 'sse' });
    // The feed of a sandbox without schedules begins without events. A schedule that is created before its first
    // reading is not emitted as new.
    const firstEvent = schedules.take();
    await eventually(async () => expect(await running.metric('aep_watch_rounds_total')).toBeGreaterThanOrEqual(2));

    const created = await createSchedule(gateway, {
      name: 'Every morning',
      type: 'BATCH_SEGMENTATION',
      schedule: '0 0 10 * * ?',
      segmentIds: [`SegmentDefinition:${goldTier}`],
    });
    const { id } = created;
    expect(created).toMatchObject({
      name: 'Every morning',
      type: 'BATCH_SEGMENTATION',
      state: 'INACTIVE',
      schedule: '0 0 10 * * ?',
      segmentIds: [goldTier],
      nextRuns: [],
      recentRuns: [],
      createdAt: '2026-11-02T08:00:00.000Z',
    });
    expect(scheduleEvent(await firstEvent)).toMatchObject({ kind: 'CREATED', schedule: { id, state: 'INACTIVE' } });

    const change = async (input: { state?: 'ACTIVE' | 'INACTIVE'; schedule?: string }) => {
      const { updateSchedule } = await gateway.query(UpdateScheduleDocument, { id, input });
      expect(updateSchedule).toMatchObject({ __typename: 'UpdateSchedulePayload', schedule: { id, ...input } });
      expect(scheduleEvent(await schedules.take())).toMatchObject({ kind: 'CHANGED', schedule: { id, ...input } });
    };
    await change({ state: 'ACTIVE' });
    await change({ schedule: '0 0 9 * * ?' });

    await stages.advanceBy(hourMs - 1);
    const before = await gateway.query(ReadSchedulesDocument, { first: 1 });
    expect(before.page.nodes).toMatchObject([{ id, recentRuns: [] }]);
    await stages.advanceBy(1);
    // At its time the schedule starts a segment job, which is emitted like any other.
    const [begun] = (await jobs.until((data) => jobEvent(data).kind === 'CREATED')).slice(-1).map(jobEvent);
    const run = begun?.job;
    expect(run).toMatchObject({
      source: 'scheduler',
      schedule: { id },
      status: 'NEW',
      segments: [{ segmentId: goldTier }],
    });
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED']) {
      await stages.tick();
      const received = await jobs.until(
        ({ segmentJobChanged: { job } }) => job?.id === run?.id && job?.status === status,
      );
      expect(received.map(jobEvent).at(-1)).toMatchObject({ kind: 'CHANGED', job: { id: run?.id, status } });
    }
    const after = await gateway.query(ReadSchedulesDocument, { first: 1 });
    expect(after.page.nodes).toMatchObject([{ id, recentRuns: [{ id: run?.id }] }]);

    await change({ state: 'INACTIVE' });
    await stages.advanceBy(dayMs);
    expect((await gateway.query(ReadSchedulesDocument, { first: 1 })).page.nodes[0]?.recentRuns).toHaveLength(1);

    const { deleteSchedule } = await gateway.query(DeleteScheduleDocument, { id });
    expect(deleteSchedule).toEqual({ __typename: 'DeleteSchedulePayload', deletedId: id });
    expect(scheduleEvent(await schedules.take())).toMatchObject({ kind: 'REMOVED', schedule: { id } });
    // The job that it started remains, but no longer has the id of its schedule.
    const { page } = await gateway.query(ReadSegmentJobsDocument, { first: 1 });
    expect(page.nodes).toMatchObject([{ id: run?.id, source: 'scheduler', schedule: null }]);
    for (const gone of [
      (await gateway.query(DeleteScheduleDocument, { id })).deleteSchedule,
      (await gateway.query(UpdateScheduleDocument, { id, input: { state: 'ACTIVE' } })).updateSchedule,
    ])
      expect(gone).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
  });
});

describe('schedules', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let gateway: Gateway;
  const clock = new FakeClock(start);
  const dev = { 'x-sandbox-name': 'dev' };

  beforeAll(async () => {
    platform = await startPlatform({ profiles: 40, clock });
    gateway = await startGateway({ platform, clock });
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  const input = { name: 'Another', type: 'BATCH_SEGMENTATION', schedule: '0 0 1 * * ?' } as const;

  it('exist one at a time, so a second one is a conflict', async () => {
    const { createSchedule: answer } = await gateway.query(CreateScheduleDocument, { input });
    expect(answer).toMatchObject({ __typename: 'ConflictError', code: 'CONFLICT' });
  });

  it.each([
    ['0 0 * * * ?', /24 times a day/],
    ['0 0/30 9 * * ?', /2 times a day/],
    ['* * * * * ?', /86400 times a day/],
    ['0 0 1 * *', /not a Quartz cron expression/],
    ['0 0 1 * * MON', /not a Quartz cron expression/],
    ['0 0 25 * * ?', /not a Quartz cron expression/],
    ['every morning', /not a Quartz cron expression/],
  ])('with %j are rejected before a call to the platform', async (schedule, message) => {
    platform.clearRequests();
    const [known] = (await gateway.query(ReadSchedulesDocument, { first: 1 })).page.nodes;
    const asked = platform.requests.length;
    const created = await gateway.query(CreateScheduleDocument, { input: { ...input, schedule } });
    const changed = await gateway.query(UpdateScheduleDocument, { id: known?.id ?? '', input: { schedule } });
    for (const answer of [created.createSchedule, changed.updateSchedule])
      expect(answer).toMatchObject({
        __typename: 'InvalidInputError',
        code: 'INVALID_INPUT',
        issues: [{ path: 'input.schedule', message: expect.stringMatching(message) }],
      });
    expect(platform.requests).toHaveLength(asked);
  });

  // 2 November 2026 is a Monday. The expected runs follow Quartz's documentation.
  it.each([
    ['0 30 23 * * ?', ['2026-11-02T23:30', '2026-11-03T23:30', '2026-11-04T23:30']],
    ['0 0 7 * * ?', ['2026-11-03T07:00', '2026-11-04T07:00', '2026-11-05T07:00']],
    ['0 0 12 ? * SAT-MON', ['2026-11-02T12:00', '2026-11-07T12:00', '2026-11-08T12:00']],
    ['0 15 10 L * ?', ['2026-11-30T10:15', '2026-12-31T10:15', '2027-01-31T10:15']],
    ['0 15 10 LW * ?', ['2026-11-30T10:15', '2026-12-31T10:15', '2027-01-29T10:15']],
    ['0 15 10 ? * 6L', ['2026-11-27T10:15', '2026-12-25T10:15', '2027-01-29T10:15']],
    ['0 15 10 ? * 6#3', ['2026-11-20T10:15', '2026-12-18T10:15', '2027-01-15T10:15']],
    ['0 0 0 1W * ?', ['2026-12-01T00:00', '2027-01-01T00:00', '2027-02-01T00:00']],
    ['0 0 6 29 FEB ? 2028', ['2028-02-29T06:00']],
  ])('with %s run next at %j, and never while inactive', async (schedule, runs) => {
    const { id, nextRuns } = await inDev({ ...input, schedule, state: 'ACTIVE' });
    expect(nextRuns).toEqual(runs.map((run) => `${run}:00.000Z`));
    const { updateSchedule } = await gateway.query(UpdateScheduleDocument, { id, input: { state: 'INACTIVE' } }, dev);
    expect(updateSchedule).toMatchObject({ schedule: { schedule, state: 'INACTIVE', nextRuns: [] } });
    await gateway.query(DeleteScheduleDocument, { id }, dev);
  });

  it('apply to all segments when none are named', async () => {
    const { id, segmentIds } = await inDev(input);
    expect(segmentIds).toEqual(['*']);
    await gateway.query(DeleteScheduleDocument, { id }, dev);
  });

  const inDev = (schedule: CreateScheduleInput) =>
    createSchedule({ query: (document, variables) => gateway.query(document, variables, dev) }, schedule);
});

describe('a segment job', () => {
  const stages = new FakeClock(start);
  let platform: Awaited<ReturnType<typeof startPlatform>>;
  let gateway: Gateway;
  let rest: RestClient;

  beforeAll(async () => {
    platform = await startSteppedPlatform({ clock: stages, profiles: 60 });
    gateway = await startGateway({ platform });
    rest = await connectRest(platform);
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  /**
   * Advances the stages until the job has ended, and returns the statuses that a watcher received, from first to last.
   */
  async function watchToTheEnd(id: string) {
    await using events = gateway.subscribe(WatchSegmentJobsDocument, { ids: [id] });
    const first = await events.take();
    const rest = await stages.runUntil(events.rest());
    return [...(first === null ? [] : [first]), ...rest].map(jobEvent);
  }

  it('is watched from NEW to SUCCEEDED, every status once and in order, and the stream completes', async () => {
    const job = await startSegmentJob(gateway, [goldTier]);
    expect(job).toMatchObject({ status: 'NEW', isTerminal: false, source: 'api', errors: [] });
    expect(job.metrics).toMatchObject({ totalTime: { endedAt: null }, totalProfiles: null });
    await using events = gateway.subscribe(WatchSegmentJobsDocument, { ids: [job.id] });
    expect(jobEvent((await events.take()) ?? fail())).toMatchObject({ kind: 'SNAPSHOT', job: { status: 'NEW' } });
    let previousStatus = 'NEW';
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED']) {
      await stages.tick();
      const seen = await events.until(({ segmentJobChanged }) => segmentJobChanged.job?.status === status);
      expect(seen.map(jobEvent)).toEqual([expect.objectContaining({ kind: 'CHANGED', previousStatus })]);
      previousStatus = status;
    }
    expect(await events.take()).toBeNull();
    const { page } = await gateway.query(ReadSegmentJobsDocument, { first: 1 });
    const [ended] = page.nodes;
    expect(ended).toMatchObject({
      id: job.id,
      isTerminal: true,
      metrics: { totalTime: { durationMs: 3_000 }, totalProfiles: expect.any(Number) },
      segments: [{ segmentId: goldTier, definition: { name: 'Gold tier' }, profileCount: expect.any(Number) }],
    });
    const [segment] = ended?.segments ?? [];
    const inside = segment?.profilesByStatus.filter(({ status }) => status !== 'EXITED') ?? [];
    expect(inside.reduce((sum, { count }) => sum + count, 0)).toBe(segment?.profileCount);
    expect(segment?.profileCount).toBeGreaterThan(0);
    expect(segment?.profilesByNamespace.length).toBeGreaterThan(0);
  });

  it('makes a person a member, keeps the membership, and ends it, according to the segment’s expression', async () => {
    const person = await somebodyWithPoints();
    const identity = { namespace: 'CRMID', value: person.value };
    const segmentId = await define(rest, 'Moving', `loyalty.points >= ${person.points}`);
    const membership = async () =>
      (await gateway.query(ReadProfileDocument, { identity })).profile?.segmentMemberships.find(
        (each) => each.segmentId === segmentId,
      );
    expect(await membership()).toBeUndefined();

    const realizedBy = await startSegmentJob(gateway, [segmentId]);
    const evaluated = (await watchToTheEnd(realizedBy.id)).at(-1);
    expect(evaluated?.job).toMatchObject({ status: 'SUCCEEDED', segments: [{ segmentId }] });
    const realized = await membership();
    expect(realized).toMatchObject({
      namespace: 'ups',
      definition: { id: `SegmentDefinition:${segmentId}`, name: 'Moving' },
      status: 'REALIZED',
      lastQualificationTime: stages.now().toISOString(),
    });

    await watchToTheEnd((await startSegmentJob(gateway, [segmentId])).id);
    expect(await membership()).toMatchObject({ status: 'EXISTING' });

    await rest.send('PATCH', `${definitions}/${segmentId}`, {
      expression: { type: 'PQL', format: 'pql/text', value: `loyalty.points > ${person.points}` },
    });
    const exiting = await startSegmentJob(gateway, [segmentId]);
    await watchToTheEnd(exiting.id);
    expect(await membership()).toMatchObject({
      status: 'EXITED',
      lastQualificationTime: stages.now().toISOString(),
    });
  });

  async function somebodyWithPoints() {
    for (let index = 1; index <= 60; index += 1) {
      const value = `CRM-${String(index).padStart(9, '0')}`;
      const profile = await readProfile(rest, { namespace: 'CRMID', value });
      const loyalty = profile?.entity['loyalty'];
      if (typeof loyalty === 'object' && loyalty !== null && 'points' in loyalty && typeof loyalty.points === 'number')
        return { value, points: loyalty.points };
    }
    throw new Error('Nobody has points.');
  }

  it('is cancelled before it changes anything, and its watchers receive that', async () => {
    const job = await startSegmentJob(gateway, ['*']);
    await using events = gateway.subscribe(WatchSegmentJobsDocument, { ids: [job.id] });
    await events.take();
    const { cancelSegmentJob } = await gateway.query(CancelSegmentJobDocument, { id: job.id });
    expect(cancelSegmentJob).toMatchObject({
      __typename: 'CancelSegmentJobPayload',
      segmentJob: { id: job.id, status: 'CANCELLING' },
    });
    expect(jobEvent((await events.take()) ?? fail())).toMatchObject({ kind: 'CHANGED', job: { status: 'CANCELLING' } });
    await stages.tick();
    expect((await events.rest()).map(jobEvent)).toMatchObject([
      { kind: 'CHANGED', previousStatus: 'CANCELLING', job: { status: 'CANCELLED', isTerminal: true } },
    ]);
    const again = await gateway.query(CancelSegmentJobDocument, { id: job.id });
    expect(again.cancelSegmentJob).toMatchObject({ __typename: 'ConflictError', code: 'CONFLICT' });
    const unknown = await gateway.query(CancelSegmentJobDocument, { id: 'SegmentJob:nothing' });
    expect(unknown.cancelSegmentJob).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
  });

  it('of an expression that the platform cannot parse ends FAILED and reports the position', async () => {
    const segmentId = await define(rest, 'Not understood', 'loyalty.tier = "gold" and\n  loyalty.points soundsLike 3');
    const received = await watchToTheEnd((await startSegmentJob(gateway, [segmentId])).id);
    const { job } = received.at(-1) ?? fail();
    expect(job?.status).toBe('FAILED');
    expect(job?.errors).toEqual([{ message: expect.stringContaining('line 2, column 18') }]);
  });

  it('is created once for one idempotency key', async () => {
    const input = { segmentIds: [goldTier], idempotencyKey: 'the same' };
    const [one, other] = [
      await gateway.query(CreateSegmentJobDocument, { input }),
      await gateway.query(CreateSegmentJobDocument, { input }),
    ].map(({ createSegmentJob }) => createSegmentJob);
    expect(one).toMatchObject({ __typename: 'CreateSegmentJobPayload', replayed: false });
    expect(other).toMatchObject({
      replayed: true,
      segmentJob: { id: one && 'segmentJob' in one && one.segmentJob.id },
    });
    const another = { input: { ...input, segmentIds: ['*'] } };
    expect((await gateway.query(CreateSegmentJobDocument, another)).createSegmentJob).toMatchObject({
      __typename: 'ConflictError',
    });
  });
});

function fail(): never {
  throw new Error('The stream has completed.');
}
